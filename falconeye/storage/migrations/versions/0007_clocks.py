"""How the node's clock was set, so that footage of a wrong clock can be re-dated."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "clocks",
        sa.Column("id", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("offset_us", sa.BigInteger(), nullable=False),
        sa.Column("synchronised", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("shift_us", sa.BigInteger()),
        sa.Column("from_us", sa.BigInteger()),
        sa.Column("to_us", sa.BigInteger()),
    )
    op.create_table(
        "undated_steps",
        sa.Column("clock_id", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("camera_id", sa.Text(), primary_key=True, nullable=False),
        sa.Column("since_us", sa.BigInteger(), primary_key=True, nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("detail", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.add_column("runs", sa.Column("clock_id", sa.Integer()))
    op.add_column("uptimes", sa.Column("clock_id", sa.Integer()))


def downgrade() -> None:
    # Rows that were re-dated keep their right times: the release before reads them as they are.
    op.drop_column("uptimes", "clock_id")
    op.drop_column("runs", "clock_id")
    op.drop_table("undated_steps")
    op.drop_table("clocks")
