"""A person may be invited: a user without a password yet, and a link by which it is chosen."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("invitation_hash", sa.LargeBinary()))
    op.add_column("users", sa.Column("invited_until_us", sa.BigInteger()))


def downgrade() -> None:
    """Who was invited stays, and cannot sign in: their password matches nothing there either."""
    op.drop_column("users", "invited_until_us")
    op.drop_column("users", "invitation_hash")
