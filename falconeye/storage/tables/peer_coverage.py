"""The tables by which nodes tell each other of footage and gaps. Read as Core rows.

`coverage_changes` says of which times this node's own coverage has changed, and in which order. Its
triggers write it in the transaction of whoever changes the index or the ledger (recorders,
retention, a person's deletion, an index made anew, times put right), who need not know of it.
"""

# ruff: noqa: S608 - the words of the statements are our own

from typing import Final

from sqlalchemy import DDL, BigInteger, Column, Index, Integer, Table, Text, event
from sqlmodel import SQLModel

_METADATA = SQLModel.metadata

peer_nodes = Table(
    "peer_nodes",
    _METADATA,
    Column("number", Integer, primary_key=True),  # a short one for the rows below
    Column("node_id", Text, nullable=False, unique=True),
    Column("position", Text, nullable=False),  # where it goes on telling: `coverage_since`
)

peer_coverage = Table(
    "peer_coverage",
    _METADATA,
    Column("camera_id", Text, primary_key=True),
    Column("node", Integer, primary_key=True, autoincrement=False),  # `peer_nodes.number`
    Column("kind", Text, primary_key=True),  # `StreamKind` of footage, or "gap"
    Column("from_us", BigInteger, primary_key=True, autoincrement=False),
    Column("to_us", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),  # `coverage.GapReason`; "" of footage
    Column("detail", Text, nullable=False),
    sqlite_with_rowid=False,
)

coverage_changes = Table(  # at most one row for an hour of a camera: its last change
    "coverage_changes",
    _METADATA,
    # "": the row that remembers up to which number changes were forgotten
    Column("camera_id", Text, primary_key=True),
    Column("from_us", BigInteger, primary_key=True, autoincrement=False),
    Column("to_us", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Index("coverage_changes_by_seq", "seq", unique=True),
    sqlite_with_rowid=False,
)

_NOTE = "INSERT INTO coverage_changes (camera_id, from_us, to_us, seq) "
_OF_HOUR = "{at} / 3600000000 * 3600000000"
_NEXT = "(SELECT coalesce(max(seq), 0) FROM coverage_changes) + "
_AGAIN = (
    " ON CONFLICT (camera_id, from_us) DO UPDATE SET seq = excluded.seq, "
    "to_us = max(to_us, excluded.to_us);"
)


def _segment(row: str) -> str:
    """The hour that a segment begins in, and all of the segment."""
    hour = _OF_HOUR.format(at=f"{row}.start_us")
    to_us = f"max({hour} + 3600000000, {row}.start_us + {row}.wall_duration_us)"
    return (
        f"{_NOTE}SELECT camera_id, {hour}, {to_us}, {_NEXT}1 FROM streams "
        f"WHERE id = {row}.stream_id{_AGAIN}"
    )


def _step(row: str) -> str:
    """From the hour of a step to the next one: so long it is why there is nothing."""
    hour = _OF_HOUR.format(at=f"{row}.since_us")
    later = (
        "coalesce((SELECT min(since_us) FROM coverage_steps "
        f"WHERE camera_id = {row}.camera_id AND since_us > {row}.since_us), 0)"
    )
    return (
        f"{_NOTE}SELECT {row}.camera_id, {hour}, max({hour} + 3600000000, {later}), {_NEXT}1 "
        f"WHERE true{_AGAIN}"
    )


def _uptime(row: str) -> str:
    """The time before which the node did not run, or its clock did not show; of all cameras.

    Its last sign of life may be a minute older than its end.
    """
    last = f"(SELECT max(to_us) FROM uptimes WHERE from_us < {row}.from_us)"
    from_us = _OF_HOUR.format(at=f"(coalesce({last}, {row}.from_us) - 120000000)")
    return (
        f"{_NOTE}SELECT id, {from_us}, {row}.from_us + 60000000, {_NEXT}row_number() OVER () "
        "FROM (SELECT id FROM cameras UNION SELECT camera_id FROM streams) "
        f"WHERE {from_us} < {row}.from_us + 60000000{_AGAIN}"
    )


_TRIGGERS: Final = (
    ("segments", "INSERT", _segment("NEW")),
    ("segments", "DELETE", _segment("OLD")),
    (
        "segments",
        "UPDATE OF stream_id, start_us, wall_duration_us",
        f"{_segment('OLD')} {_segment('NEW')}",
    ),
    ("coverage_steps", "INSERT", _step("NEW")),
    ("coverage_steps", "DELETE", _step("OLD")),
    ("coverage_steps", "UPDATE", f"{_step('OLD')} {_step('NEW')}"),
    ("uptimes", "INSERT", _uptime("NEW")),
)
CREATE_TRIGGERS: Final = tuple(
    f"CREATE TRIGGER coverage_{table}_{when.split()[0].lower()} AFTER {when} ON {table} "
    f"BEGIN {statement} END"
    for table, when, statement in _TRIGGERS
)
# All tables are there by then: a table that a trigger names is looked for when it fires.
for _statement in CREATE_TRIGGERS:
    event.listen(
        _METADATA,
        "after_create",
        DDL(_statement),  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
    )
