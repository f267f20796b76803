"""Displays: screens on walls, each with an access of its own to live pictures."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "displays",
        sa.Column("id", sa.String(), primary_key=True, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), unique=True),
        sa.Column("wall_id", sa.String()),
        sa.Column("cameras", sa.JSON()),
        sa.Column("expires_at_us", sa.Integer()),
        sa.Column("created_at_us", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("paired_at_us", sa.Integer()),
        sa.Column("link_hash", sa.LargeBinary()),
        sa.Column("link_until_us", sa.Integer()),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("user_agent", sa.String(), nullable=False),
        sa.Column("is_secure", sa.Boolean(), nullable=False, server_default=sa.text("0")),
        sa.Column("last_seen_us", sa.Integer(), nullable=False),
        sa.Column("active_us", sa.Integer(), nullable=False, server_default=sa.text("0")),
    )


def downgrade() -> None:
    """The release before has no such access: every display is dark until this one comes again."""
    op.drop_table("displays")
