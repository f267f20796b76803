"""Footage: volumes, streams, runs, segments, recordings, open files, garbage."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLES = (
    "recordings",
    "garbage",
    "open_files",
    "usage",
    "fragments",
    "segments",
    "volumes",
    "inits",
    "runs",
    "streams",
)


def upgrade() -> None:
    _create_streams_and_runs()
    _create_volumes_and_inits()
    _create_segments()
    _create_file_lists()
    _create_recordings()


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)


def _create_streams_and_runs() -> None:
    op.create_table(
        "streams",
        sa.Column("id", sa.Integer(), primary_key=True, nullable=False),
        _text("camera_id"),
        _text("kind"),
        sa.UniqueConstraint("camera_id", "kind"),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), primary_key=True, nullable=False),
        _integer("stream_id"),
        _long("started_us"),
        sa.Column("ended_us", sa.BigInteger()),
        sa.Column("end_reason", sa.Text()),
    )
    op.create_index("runs_of_stream", "runs", ["stream_id", "started_us"])


def _create_volumes_and_inits() -> None:
    op.create_table(
        "volumes",
        sa.Column("id", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False, unique=True),
        _text("path"),
        _long("added_us"),
    )
    op.create_table(
        "inits",
        sa.Column("id", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False, unique=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        _text("codecs"),
        _integer("width"),
        _integer("height"),
    )


def _create_segments() -> None:
    op.create_table(
        "segments",
        _key("stream_id", sa.Integer()),
        _key("start_us", sa.BigInteger()),
        _integer("run_id"),
        _integer("volume_id"),
        _integer("wall_duration_us"),
        _integer("media_duration_90k"),
        _long("media_offset_90k"),
        _integer("size_bytes"),
        _integer("init_id"),
        _integer("named_offset_us"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fragments",
        _key("stream_id", sa.Integer()),
        _key("start_us", sa.BigInteger()),
        sa.Column("places", sa.LargeBinary(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "usage",
        _key("stream_id", sa.Integer()),
        _key("volume_id", sa.Integer()),
        _integer("segments"),
        _long("size_bytes"),
        _long("duration_us"),
        sqlite_with_rowid=False,
    )


def _create_file_lists() -> None:
    op.create_table(
        "open_files",
        _key("volume_id", sa.Integer()),
        _key("stream_id", sa.Integer()),
        _key("named_start_us", sa.BigInteger()),
        _integer("run_id"),
        sa.Column("recording_id", sa.Text()),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "garbage",
        _key("volume_id", sa.Integer()),
        _key("path", sa.Text()),
        _long("size_bytes"),
        sqlite_with_rowid=False,
    )


def _create_recordings() -> None:
    op.create_table(
        "recordings",
        _key("id", sa.Text()),
        _text("camera_id"),
        _text("camera_name"),
        _text("kind"),
        sa.Column("stream_id", sa.Integer()),
        _integer("first_run_id"),
        _integer("last_run_id"),
        _long("start_us"),
        sa.Column("end_us", sa.BigInteger()),
        _text("status"),
        _long("size_bytes"),
        _long("duration_us"),
        _integer("segments"),
        *(_flag(name) for name in ("hidden", "protected", "camera_deleted")),
        _text("node_name"),
        sa.Column("error_message", sa.Text()),
        sa.Column("external_path", sa.Text()),
    )
    op.create_index("recordings_by_start", "recordings", ["start_us"])
    op.create_index("recordings_of_camera", "recordings", ["camera_id", "start_us"])
    op.create_index("recordings_by_status", "recordings", ["status"])


def _key(name: str, kind: sa.Integer | sa.BigInteger | sa.Text) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False, nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _integer(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _long(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)
