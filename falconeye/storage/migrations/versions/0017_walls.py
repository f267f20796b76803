"""Saved walls."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "walls",
        sa.Column("id", sa.Text(), primary_key=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text()),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("camera_ids", sa.JSON(), nullable=False),
        sa.Column("hidden", sa.JSON(), nullable=False),
        sa.Column("size", sa.Text(), nullable=False, server_default=sa.text("'auto'")),
        sa.Column("takes_new", sa.Boolean(), nullable=False, server_default=sa.text("1")),
        sa.Column("cycle_s", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("created_at_us", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("walls")
