"""What peers told of their footage and gaps, and what of this node's own coverage has changed."""

# ruff: noqa: S608 - the words of the statements are our own

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_NEXT = "(SELECT coalesce(max(seq), 0) FROM coverage_changes) + "
_NOTE = "INSERT INTO coverage_changes (camera_id, from_us, to_us, seq) "
_AGAIN = (
    " ON CONFLICT (camera_id, from_us) DO UPDATE SET seq = excluded.seq, "
    "to_us = max(to_us, excluded.to_us);"
)
_SEGMENT = (
    f"{_NOTE}SELECT camera_id, ROW.start_us / 3600000000 * 3600000000, "
    "max(ROW.start_us / 3600000000 * 3600000000 + 3600000000, "
    f"ROW.start_us + ROW.wall_duration_us), {_NEXT}1 FROM streams "
    f"WHERE id = ROW.stream_id{_AGAIN}"
)
_STEP = (
    f"{_NOTE}SELECT ROW.camera_id, ROW.since_us / 3600000000 * 3600000000, "
    "max(ROW.since_us / 3600000000 * 3600000000 + 3600000000, "
    "coalesce((SELECT min(since_us) FROM coverage_steps "
    "WHERE camera_id = ROW.camera_id AND since_us > ROW.since_us), 0)), "
    f"{_NEXT}1 WHERE true{_AGAIN}"
)
_BEGIN = (
    "(coalesce((SELECT max(to_us) FROM uptimes WHERE from_us < NEW.from_us), NEW.from_us) "
    "- 120000000) / 3600000000 * 3600000000"
)
_UPTIME = (
    f"{_NOTE}SELECT id, {_BEGIN}, NEW.from_us + 60000000, {_NEXT}row_number() OVER () "
    "FROM (SELECT id FROM cameras UNION SELECT camera_id FROM streams) "
    f"WHERE {_BEGIN} < NEW.from_us + 60000000{_AGAIN}"
)


def _both(statement: str) -> str:
    return f"{statement.replace('ROW.', 'OLD.')} {statement.replace('ROW.', 'NEW.')}"


_TRIGGERS = (
    ("segments", "INSERT", _SEGMENT.replace("ROW.", "NEW.")),
    ("segments", "DELETE", _SEGMENT.replace("ROW.", "OLD.")),
    ("segments", "UPDATE OF stream_id, start_us, wall_duration_us", _both(_SEGMENT)),
    ("coverage_steps", "INSERT", _STEP.replace("ROW.", "NEW.")),
    ("coverage_steps", "DELETE", _STEP.replace("ROW.", "OLD.")),
    ("coverage_steps", "UPDATE", _both(_STEP)),
    ("uptimes", "INSERT", _UPTIME),
)


def upgrade() -> None:
    op.create_table(
        "peer_nodes",
        sa.Column("number", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False, unique=True),
        sa.Column("position", sa.Text(), nullable=False),
    )
    op.create_table(
        "peer_coverage",
        sa.Column("camera_id", sa.Text(), primary_key=True, nullable=False),
        sa.Column("node", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("kind", sa.Text(), primary_key=True, nullable=False),
        sa.Column("from_us", sa.BigInteger(), primary_key=True, nullable=False),
        sa.Column("to_us", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "coverage_changes",
        sa.Column("camera_id", sa.Text(), primary_key=True, nullable=False),
        sa.Column("from_us", sa.BigInteger(), primary_key=True, nullable=False),
        sa.Column("to_us", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("coverage_changes_by_seq", "coverage_changes", ["seq"], unique=True)
    for table, when, statement in _TRIGGERS:
        op.execute(
            f"CREATE TRIGGER coverage_{table}_{when.split()[0].lower()} AFTER {when} ON {table} "
            f"BEGIN {statement} END"
        )


def downgrade() -> None:
    for table, when, _ in _TRIGGERS:
        op.execute(f"DROP TRIGGER coverage_{table}_{when.split()[0].lower()}")
    for table in ("coverage_changes", "peer_coverage", "peer_nodes"):
        op.drop_table(table)
