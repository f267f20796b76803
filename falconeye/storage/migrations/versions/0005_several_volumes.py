"""Several volumes: what each is for, and the files that are being moved between them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("volumes", sa.Column("role", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "moves",
        sa.Column("volume_id", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("path", sa.Text(), primary_key=True, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    # What is half copied is garbage; the release before knows no moves.
    op.execute(
        "INSERT OR IGNORE INTO garbage (volume_id, path, size_bytes) "
        "SELECT volume_id, path, size_bytes FROM moves"
    )
    op.drop_table("moves")
    op.drop_column("volumes", "role")
