"""How far the node's clock was set where a stretch of its life begins: seams of the time line."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("uptimes", sa.Column("step_us", sa.BigInteger()))


def downgrade() -> None:
    op.drop_column("uptimes", "step_us")
