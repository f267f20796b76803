"""The tables of the coverage ledger: what happened, what was not recorded, and why.

Read as Core rows.
"""

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table, Text
from sqlmodel import SQLModel

_METADATA = SQLModel.metadata

coverage_steps = Table(
    "coverage_steps",
    _METADATA,
    Column("camera_id", Text, primary_key=True),
    Column("since_us", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", Text),  # `coverage.GapReason`; NULL: nothing keeps it from recording
    Column("detail", Text, nullable=False),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    _METADATA,
    Column("camera_id", Text, primary_key=True),
    Column("at_us", BigInteger, primary_key=True, autoincrement=False),
    Column("until_us", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("label", Text, nullable=False),
    sqlite_with_rowid=False,
)

uptimes = Table(
    "uptimes",
    _METADATA,
    Column("from_us", BigInteger, primary_key=True, autoincrement=False),
    Column("to_us", BigInteger, nullable=False),  # stored at most once a minute, and at the end
    Column("ended", Text),  # `coverage.GapReason` of what follows; NULL: it runs, or it crashed
    Column("clock_id", Integer),  # `clocks`; NULL: its times are right, as far as is known
    Column("step_us", BigInteger),  # how far the clock was set as it began; NULL: it was not
    sqlite_with_rowid=False,
)

clocks = Table(  # how the node's clock was set: `ledger.clocks`
    "clocks",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("boot", Text, nullable=False),  # `base.clock.boot_name`
    Column("offset_us", BigInteger, nullable=False),  # UTC - monotonic
    Column("synchronised", Boolean, nullable=False),  # NTP kept it so, at some time
    Column("state", Text, nullable=False),  # `ledger.clocks.Proof`
    Column("shift_us", BigInteger),  # what its times lack to the right ones
    Column("from_us", BigInteger),  # when it was so, in right times
    Column("to_us", BigInteger),
)

undated_steps = Table(  # steps of clocks that NTP had not set, to be moved when it does
    "undated_steps",
    _METADATA,
    Column("clock_id", Integer, primary_key=True, autoincrement=False),
    Column("camera_id", Text, primary_key=True),
    Column("since_us", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", Text),
    Column("detail", Text, nullable=False),
    sqlite_with_rowid=False,
)

deletions = Table(
    "deletions",
    _METADATA,
    Column("stream_id", Integer, primary_key=True, autoincrement=False),
    Column("from_us", BigInteger, primary_key=True, autoincrement=False),
    Column("to_us", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),  # `coverage.GapReason`
    Column("detail", Text, nullable=False),
    sqlite_with_rowid=False,
)
