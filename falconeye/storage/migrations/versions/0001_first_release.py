"""All tables of the first release: accounts, cameras, settings, audit log, node, footage."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROLES = "role IN ('viewer', 'operator', 'admin')"
_APPEND_ONLY = """
CREATE TRIGGER audit_no_{change} BEFORE {change} ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END
"""
_TABLES_BACKWARDS = (
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
    "node",
    "settings",
    "setup_links",
    "audit",
    "tokens",
    "sessions",
    "users",
    "cameras",
)


def upgrade() -> None:
    _create_cameras()
    _create_users()
    _create_sessions()
    _create_tokens()
    _create_audit()
    _create_settings_and_node()
    _create_streams_and_runs()
    _create_volumes_and_inits()
    _create_segments()
    _create_file_lists()
    _create_recordings()


def downgrade() -> None:
    for table in _TABLES_BACKWARDS:
        op.drop_table(table)


def _create_cameras() -> None:
    op.create_table(
        "cameras",
        sa.Column("id", sa.String(), primary_key=True, nullable=False),
        _string("name"),
        _string("protocol"),
        sa.Column("address_key", sa.String(), unique=True),
        sa.Column("source_url", sa.String()),
        sa.Column("sub_url", sa.String()),
        sa.Column("username", sa.String()),
        sa.Column("password_encrypted", sa.LargeBinary()),
        sa.Column("device_path", sa.String()),
        sa.Column("node_name", sa.String()),
        _string("location"),
        sa.Column("resolution", sa.String()),
        sa.Column("framerate", sa.Integer()),
        _string("transport"),
        sa.Column("audio", sa.Boolean(), nullable=False),
        _string("record"),
        sa.Column("started", sa.Boolean(), nullable=False),
        sa.Column("recording_stopped_by", sa.String()),
        sa.Column("allow_local", sa.Boolean(), nullable=False),
        sa.Column("keep_days", sa.Integer()),
        sa.Column("keep_bytes", sa.BigInteger()),
        sa.Column("metadata", sa.JSON(), nullable=False),
        _integer("created_at_us"),
        _integer("updated_at_us"),
    )


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String(), primary_key=True, nullable=False),
        _string("name"),
        sa.Column("name_key", sa.String(), nullable=False, unique=True),
        _string("password_hash"),
        _string("role"),
        sa.Column("cameras", sa.JSON(none_as_null=True)),
        sa.Column("live_only", sa.Boolean(), nullable=False),
        sa.Column("expires_at_us", sa.Integer()),
        _integer("created_at_us"),
        _integer("password_changed_at_us"),
        sa.CheckConstraint(_ROLES, name="user_role"),
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(), primary_key=True, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column(
            "user_id", sa.String(), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False
        ),
        _integer("created_at_us"),
        _integer("last_seen_us"),
        _string("address"),
        _string("user_agent"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])


def _create_tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(), primary_key=True, nullable=False),
        _string("name"),
        sa.Column("name_key", sa.String(), nullable=False, unique=True),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False, unique=True),
        _string("role"),
        sa.Column("cameras", sa.JSON(none_as_null=True)),
        sa.Column("live_only", sa.Boolean(), nullable=False),
        sa.Column("expires_at_us", sa.Integer()),
        _integer("created_at_us"),
        _string("created_by"),
        sa.Column("last_used_us", sa.Integer()),
        sa.CheckConstraint(_ROLES, name="token_role"),
    )


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), primary_key=True),
        _integer("at_us"),
        _string("who_kind"),
        sa.Column("who_id", sa.String()),
        _string("who_name"),
        _string("action"),
        _string("object_kind"),
        sa.Column("object_id", sa.String()),
        _string("detail"),
        _string("address"),
        sqlite_autoincrement=True,
    )
    op.create_index("audit_by_time", "audit", ["at_us"])
    for change in ("UPDATE", "DELETE"):
        op.execute(_APPEND_ONLY.format(change=change))


def _create_settings_and_node() -> None:
    op.create_table(
        "setup_links",
        sa.Column("secret_hash", sa.LargeBinary(), primary_key=True, nullable=False),
        sa.Column("boot_id", sa.String()),
        _integer("expires_at_us"),
    )
    op.create_table(
        "settings",
        sa.Column("key", sa.String(), primary_key=True, nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
    )
    op.create_table(
        "node",
        sa.Column("one", sa.Integer(), server_default=sa.text("1"), primary_key=True),
        _string("node_id"),
        _integer("created_at_us"),
        sa.Column("boot_id", sa.String()),
        sa.CheckConstraint("one = 1", name="one_node"),
    )


def _create_streams_and_runs() -> None:
    op.create_table(
        "streams",
        sa.Column("id", sa.Integer(), primary_key=True, nullable=False),
        _text("camera_id"),
        _text("kind"),
        sa.Column("keep_days", sa.Integer()),
        sa.Column("keep_bytes", sa.BigInteger()),
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


def _string(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _integer(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _long(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)
