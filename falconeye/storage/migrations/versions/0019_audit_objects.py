"""An index of the audit log by what was acted on: its filter by camera read all of the log."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("audit_by_object", "audit", ["object_id"])


def downgrade() -> None:
    op.drop_index("audit_by_object", "audit")
