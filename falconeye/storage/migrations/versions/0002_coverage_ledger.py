"""The coverage ledger: what kept cameras from recording, when the node was up, what was deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "coverage_steps",
        sa.Column("camera_id", sa.Text(), primary_key=True, nullable=False),
        sa.Column("since_us", sa.BigInteger(), primary_key=True, nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("detail", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "uptimes",
        sa.Column("from_us", sa.BigInteger(), primary_key=True, nullable=False),
        sa.Column("to_us", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.Text()),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deletions",
        sa.Column("stream_id", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("from_us", sa.BigInteger(), primary_key=True, nullable=False),
        sa.Column("to_us", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.add_column("cameras", sa.Column("stopped_by", sa.String()))


def downgrade() -> None:
    op.drop_column("cameras", "stopped_by")
    for table in ("deletions", "uptimes", "coverage_steps"):
        op.drop_table(table)
