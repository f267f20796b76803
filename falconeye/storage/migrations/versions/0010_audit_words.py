"""Indexes of the audit log: what its filter offers and finds, without reading all of it.

Since then outcomes of what the node does by itself stand among the jobs.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_INDEXES = {
    "audit_by_action": "action",
    "audit_by_who": "who_name",
    "audit_by_kind": "object_kind",
}


def upgrade() -> None:
    for name, column in _INDEXES.items():
        op.create_index(name, "audit", [column])


def downgrade() -> None:
    for name in reversed(_INDEXES):
        op.drop_index(name, "audit")
    # What the node did by itself: the releases before know no such jobs.
    op.execute("DELETE FROM jobs WHERE kind NOT IN ('export', 'copy')")
