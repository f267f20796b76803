"""Databases as older releases left them: a schema made by its own revision, with rows of its time.

Footage is real: rows of files that lie on the disk are carried into the older schema.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from falconeye.base.times import SECOND_US
from falconeye.storage.index import schema
from tests.clock import START_US

OLDER: Final = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009",
    "0010",
    "0011",
    "0012",
)
Rows = dict[str, list[dict[str, Any]]]

DOOR = "0b6f2d8e-70f2-4a2f-9d43-6c3e1f6f8a11"  # has footage
YARD = "1c7a3e9f-81a3-4b30-8e54-7d4f2a7b9c22"
MINUTE_US = 60 * SECOND_US
DAY_US = 1440 * MINUTE_US

# What a column holds after the migration that adds it, where rows were there before.
ADDED: Final[Mapping[tuple[str, str], Any]] = {
    ("users", "invitation_hash"): None,
    ("users", "invited_until_us"): None,
    ("cameras", "stopped_by"): None,
    ("volumes", "role"): "",
    ("cameras", "schedule"): None,
    ("cameras", "pre_roll_s"): 10,
    ("cameras", "post_roll_s"): 10,
    ("cameras", "paused_by"): None,
    ("cameras", "paused_until_us"): None,
    ("cameras", "privacy_schedule"): None,
    ("cameras", "privacy_lifted_until_us"): None,
    ("cameras", "device_identity"): None,
    ("cameras", "pixel_format"): None,
    ("cameras", "overlay"): "none",
    ("cameras", "device_controls"): "{}",
    ("cameras", "endpoint_reference"): None,
    ("cameras", "mac_address"): None,
    ("cameras", "onvif_url"): None,
    ("cameras", "owner_id"): None,
    ("cameras", "pinned"): 0,
    ("sessions", "active_us"): 0,
    ("sessions", "password_us"): 0,
    ("runs", "clock_id"): None,
    ("uptimes", "clock_id"): None,
    ("uptimes", "step_us"): None,
}


def _camera(camera_id: str, name: str, **values: Any) -> dict[str, Any]:
    address = f"rtsp://10.0.0.9/{name.lower()}"
    return {
        "id": camera_id, "name": name, "protocol": "rtsp", "address_key": f"10.0.0.9/{name}",
        "source_url": address, "sub_url": None, "username": "admin", "password_encrypted": None,
        "device_path": None, "node_name": "pi-1", "location": "house", "resolution": None,
        "framerate": None, "transport": "tcp", "audio": 1, "record": "continuous", "started": 1,
        "stopped_by": None, "recording_stopped_by": None, "schedule": None, "pre_roll_s": 10,
        "post_roll_s": 10, "paused_by": None, "paused_until_us": None, "privacy_schedule": None,
        "privacy_lifted_until_us": None, "allow_local": 0, "keep_days": None, "keep_bytes": None,
        "metadata": json.dumps({"maker": "Acme"}), "created_at_us": START_US - DAY_US,
        "updated_at_us": START_US - DAY_US, **values,
    }  # fmt: skip


def _person(number: int, name: str, role: str, **values: Any) -> dict[str, Any]:
    return {
        "id": f"user-{number}", "name": name, "name_key": name.casefold(),
        "password_hash": f"$argon2id$v=19$m=64,t=1,p=1$c2FsdA$aGFzaA{number}", "role": role,
        "cameras": None, "live_only": 0, "expires_at_us": None, "created_at_us": START_US - DAY_US,
        "password_changed_at_us": START_US - DAY_US, **values,
    }  # fmt: skip


def export_result() -> dict[str, Any]:
    """What the first release with exports stored of one."""
    return {
        "volume": 1, "file_name": "Door.mp4", "size_bytes": 4321, "sha256": "ab" * 32,
        "sidecar_name": "Door.json", "sidecar_bytes": 99, "from_us": START_US,
        "to_us": START_US + SECOND_US, "parts": 1, "gaps": 0, "made_us": START_US + MINUTE_US,
    }  # fmt: skip


def job(number: int, state: str, result: Mapping[str, Any] | None = None, **values: Any) -> Any:
    asked = {"camera_name": "Door", "from_us": START_US, "to_us": START_US + SECOND_US}
    given = values.pop("request", {})
    return {
        "id": f"job-{number}", "kind": "export", "state": state, "camera_id": DOOR,
        "owner_kind": "user", "owner_id": "user-1", "owner_name": "Anna",
        "created_us": START_US + number, "started_us": None, "ended_us": None, "attempts": 1,
        "request": json.dumps({**asked, **given}),
        "result": None if result is None else json.dumps(result), "error": None, **values,
    }  # fmt: skip


def rows_of_the_time() -> Rows:
    """What is kept besides footage, as each table's first release knew it."""
    audit = {"who_kind": "user", "who_id": "user-1", "who_name": "Anna", "object_kind": "camera",
             "object_id": DOOR, "detail": "Door", "address": "10.0.0.7"}  # fmt: skip
    return {
        "cameras": [
            _camera(DOOR, "Door", password_encrypted=b"0123abcd:sealed"),
            _camera(YARD, "Yard", record="manual", started=0, stopped_by="otto", audio=0,
                    keep_days=7, keep_bytes=5_000_000_000),
        ],
        "users": [
            _person(1, "Anna", "admin"),
            _person(2, "Otto", "viewer", cameras=json.dumps([DOOR]), live_only=1,
                    expires_at_us=START_US + DAY_US),
        ],
        "sessions": [
            {"id": "session-1", "secret_hash": b"\1" * 32, "user_id": "user-1",
             "created_at_us": START_US - MINUTE_US, "last_seen_us": START_US,
             "address": "10.0.0.7", "user_agent": "a browser"},
        ],
        "tokens": [
            {"id": "token-1", "name": "VLC", "name_key": "vlc", "secret_hash": b"\2" * 32,
             "role": "viewer", "cameras": None, "live_only": 0, "expires_at_us": None,
             "created_at_us": START_US, "created_by": "Anna", "last_used_us": None},
        ],
        "audit": [
            {"id": 7, "at_us": START_US, "action": "camera.added", **audit},
            {"id": 9, "at_us": START_US + 1, "action": "footage.viewed", **audit},
        ],
        "settings": [
            {"key": "keep_days", "value": "30"},
            {"key": "site_time_zone", "value": '"Europe/Vienna"'},
        ],
        "node": [{"one": 1, "node_id": "node-1", "created_at_us": START_US, "boot_id": None}],
        "garbage": [{"volume_id": 99, "path": "of/another/disk.mp4", "size_bytes": 1}],
        "coverage_steps": [
            {"camera_id": DOOR, "since_us": START_US - DAY_US, "reason": "camera_offline",
             "detail": "no answer"},
            {"camera_id": DOOR, "since_us": START_US, "reason": None, "detail": ""},
            {"camera_id": YARD, "since_us": START_US - DAY_US, "reason": "camera_stopped",
             "detail": "anna"},
        ],
        "uptimes": [
            {"from_us": START_US - DAY_US, "to_us": START_US + MINUTE_US, "ended": None},
        ],
        "deletions": [
            {"stream_id": 1, "from_us": START_US - 9 * MINUTE_US, "to_us": START_US - MINUTE_US,
             "reason": "deleted_by_age", "detail": ""},
        ],
        "notices": [
            {"id": "notice-1", "camera_id": DOOR, "camera_name": "Door", "since_us": START_US,
             "until_us": START_US + MINUTE_US, "reason": "camera_offline", "detail": "no answer",
             "sent_us": None},
        ],
        "jobs": [
            job(1, "complete", export_result()),
            job(2, "failed", error="the disk is full"),
        ],
    }  # fmt: skip


def contents(path: Path) -> Rows:
    """Every row of every table, in the order of all its values."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        found: Rows = {}
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            if table != "alembic_version" and not table.startswith("sqlite_"):
                rows = connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608
                found[table] = sorted((dict(row) for row in rows), key=repr)
        return found


def columns(path: Path, table: str) -> list[str]:
    """None where there is no such table."""
    with closing(sqlite3.connect(path)) as connection:
        return [row[1] for row in connection.execute(f"PRAGMA table_info('{table}')")]


def insert(path: Path, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """What the database has a table and a column for; an `id` that is there is replaced."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, values in rows.items():
            known = columns(path, table)
            for row in values if known else ():
                kept = {name: value for name, value in row.items() if name in known}
                places = ", ".join("?" * len(kept))
                connection.execute(
                    f'INSERT OR REPLACE INTO "{table}" ({", ".join(kept)}) VALUES ({places})',  # noqa: S608
                    list(kept.values()),
                )


def make_older(path: Path, revision: str) -> Rows:
    """Turn the database at `path` into one of `revision` with the same footage; what it holds."""
    footage = contents(path)
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
    path.touch(mode=0o600)
    schema._run_alembic(path, "upgrade", revision)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL").close()
    insert(path, footage)
    insert(path, rows_of_the_time())
    return contents(path)


def after_migration(before: Rows, path: Path) -> Rows:
    """What the newest schema holds of these rows."""
    return {
        table: sorted(
            (
                {
                    name: row[name] if name in row else ADDED[table, name]
                    for name in columns(path, table)
                }
                for row in rows
            ),
            key=repr,
        )
        for table, rows in before.items()
    }
