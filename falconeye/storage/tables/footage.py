"""The tables of footage. Read as Core rows, never as ORM objects (a camera-day: 4 ms, not 190 ms).

`segments` is the hot table: `WITHOUT ROWID`, about 45 bytes a row, no path and no blob; what only
playback and download need lies in `fragments` under the same key.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)
from sqlmodel import SQLModel

_METADATA = SQLModel.metadata

streams = Table(
    "streams",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("camera_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    # Of a camera that was deleted: its own rule, which its footage keeps (`CameraStore.delete`).
    Column("keep_days", Integer),
    Column("keep_bytes", BigInteger),
    UniqueConstraint("camera_id", "kind"),
)

runs = Table(
    "runs",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("stream_id", Integer, nullable=False),
    Column("started_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger),
    Column("end_reason", Text),  # `media.runs.RunEnd`
    Column("clock_id", Integer),  # `clocks`; NULL: its times are right, as far as is known
    Index("runs_of_stream", "stream_id", "started_us"),
)

inits = Table(
    "inits",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),
    Column("data", LargeBinary, nullable=False),
    Column("codecs", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
)

volumes = Table(
    "volumes",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("uuid", Text, nullable=False, unique=True),
    Column("path", Text, nullable=False),
    Column("added_us", BigInteger, nullable=False),
    Column("role", Text, nullable=False, server_default=""),  # `volume_facts.Role`
)

segments = Table(
    "segments",
    _METADATA,
    Column("stream_id", Integer, primary_key=True, autoincrement=False),
    Column("start_us", BigInteger, primary_key=True, autoincrement=False),
    Column("run_id", Integer, nullable=False),
    Column("volume_id", Integer, nullable=False),
    Column("wall_duration_us", Integer, nullable=False),
    Column("media_duration_90k", Integer, nullable=False),
    Column("media_offset_90k", BigInteger, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("init_id", Integer, nullable=False),
    Column("named_offset_us", Integer, nullable=False),  # the file name's start - start_us
    sqlite_with_rowid=False,
)

fragments = Table(
    "fragments",
    _METADATA,
    Column("stream_id", Integer, primary_key=True, autoincrement=False),
    Column("start_us", BigInteger, primary_key=True, autoincrement=False),
    Column("places", LargeBinary, nullable=False),  # `fragment_table`
    sqlite_with_rowid=False,
)

usage = Table(
    "usage",
    _METADATA,
    Column("stream_id", Integer, primary_key=True, autoincrement=False),
    Column("volume_id", Integer, primary_key=True, autoincrement=False),
    Column("segments", Integer, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("duration_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

open_files = Table(
    "open_files",
    _METADATA,
    Column("volume_id", Integer, primary_key=True, autoincrement=False),
    Column("stream_id", Integer, primary_key=True, autoincrement=False),
    Column("named_start_us", BigInteger, primary_key=True, autoincrement=False),
    Column("run_id", Integer, nullable=False),
    Column("recording_id", Text),
    sqlite_with_rowid=False,
)

garbage = Table(
    "garbage",
    _METADATA,
    Column("volume_id", Integer, primary_key=True, autoincrement=False),
    Column("path", Text, primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

moves = Table(  # files that are being copied to this volume: `move_rows`
    "moves",
    _METADATA,
    Column("volume_id", Integer, primary_key=True, autoincrement=False),
    Column("path", Text, primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

recordings = Table(
    "recordings",
    _METADATA,
    Column("id", Text, primary_key=True),
    Column("camera_id", Text, nullable=False),
    Column("camera_name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("stream_id", Integer),  # the main stream; None for an imported one
    Column("first_run_id", Integer, nullable=False),
    Column("last_run_id", Integer, nullable=False),
    Column("start_us", BigInteger, nullable=False),
    Column("end_us", BigInteger),  # of the last closed segment
    Column("status", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("duration_us", BigInteger, nullable=False),  # media time: holes are closed up
    Column("segments", Integer, nullable=False),
    Column("hidden", Boolean, nullable=False),
    Column("protected", Boolean, nullable=False),
    Column("camera_deleted", Boolean, nullable=False),
    Column("node_name", Text, nullable=False),
    Column("error_message", Text),
    Column("external_path", Text),  # of an imported one
    Index("recordings_by_start", "start_us"),
    Index("recordings_of_camera", "camera_id", "start_us"),
    Index("recordings_by_status", "status"),
)

protections = Table(  # times of cameras of which nothing is deleted: `segments.protections`
    "protections",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("camera_id", Text, nullable=False),
    Column("from_us", BigInteger, nullable=False),
    Column("to_us", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("clock_id", Integer),  # by which it was wrong; goes once that one's footage has moved
    Index("protections_of_camera", "camera_id", "from_us"),
)
