"""The audit log may be shortened from its beginning, by an entry that says so.

Hashes of exports stay: a file that was given away years ago is checked by them.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_REFUSE = "BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END"
_PRUNED = (
    "(SELECT CAST(object_id AS INTEGER) FROM audit WHERE action = 'audit.pruned' "
    "ORDER BY id DESC LIMIT 1)"
)


def upgrade() -> None:
    op.execute("DROP TRIGGER audit_no_DELETE")
    op.execute(
        "CREATE TRIGGER audit_no_DELETE BEFORE DELETE ON audit "
        f"WHEN OLD.action = 'export.hash' OR OLD.id >= coalesce({_PRUNED}, 0) {_REFUSE}"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER audit_no_DELETE")
    op.execute(f"CREATE TRIGGER audit_no_DELETE BEFORE DELETE ON audit {_REFUSE}")
