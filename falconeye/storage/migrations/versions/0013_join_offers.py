"""Join codes that are valid now."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "join_offers",
        sa.Column("secret_hash", sa.LargeBinary(), primary_key=True, nullable=False),
        sa.Column("expires_at_us", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("join_offers")
