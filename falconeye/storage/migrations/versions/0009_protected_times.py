"""Times of cameras that a person protects."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "protections",
        sa.Column("id", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("to_us", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("clock_id", sa.Integer()),
    )
    op.create_index("protections_of_camera", "protections", ["camera_id", "from_us"])


def downgrade() -> None:
    # The release before knows whole recordings only: what has a protected time within stays whole.
    op.execute(
        "UPDATE recordings SET protected = 1 WHERE stream_id IS NOT NULL AND EXISTS ("
        "SELECT 1 FROM protections WHERE protections.camera_id = recordings.camera_id "
        "AND protections.from_us < coalesce(recordings.end_us, protections.to_us) "
        "AND protections.to_us > recordings.start_us)"
    )
    op.drop_index("protections_of_camera", "protections")
    op.drop_table("protections")
