"""Databases of every older revision are taken over with all they hold, and go back with it."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from falconeye.config.camera import RecordMode
from falconeye.config.schedule import DAYS
from falconeye.jobs.exporting import copy_of, export_of, request_of
from falconeye.storage.checks.check import check
from falconeye.storage.index import schema
from falconeye.storage.index.data_directory import DATABASE_NAME
from falconeye.storage.stores.account_store import AccountStore
from falconeye.storage.stores.audit_store import AuditFilter, AuditStore
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.storage.stores.credentials import CredentialCipher
from falconeye.storage.stores.job_store import Job, JobState, JobStore
from falconeye.storage.stores.notice_store import NoticeStore
from falconeye.storage.stores.settings_store import SettingsStore
from falconeye.storage.tables.replicated import KINDS
from tests.clock import START_US, FakeClock
from tests.databases import HEAD, closed_database
from tests.older_rows import (
    DAY_US,
    DOOR,
    MINUTE_US,
    OLDER,
    YARD,
    Rows,
    after_migration,
    contents,
    export_result,
    insert,
    job,
    make_older,
    rows_of_the_time,
)
from tests.unit.storage_footage.footage import CAMERA, Node, open_node
from tests.unit.storage_footage.test_way_back import fill, seen

ROOT = Path(__file__).parents[3]
# What the last release at 0005 knew; anything else ended its pages in an error.
EXPORT_OF_0005 = set(export_result())
REASONS_OF_0005 = {
    "camera_offline", "camera_stopped", "recording_stopped", "recording_off", "node_stopped",
    "node_crashed", "disk_full", "disk_too_slow", "disk_error", "clock_changed", "deleted_by_age",
    "deleted_by_size", "deleted_for_room", "deleted_by_person", "file_lost", "internal", "unknown",
}  # fmt: skip
RUN_ENDS_OF_0005 = {
    "camera_offline", "camera_hole", "node_stopped", "node_crashed", "clock_changed",
    "stopped_by_user", "disk_too_slow", "disk_full", "disk_error",
}  # fmt: skip


async def recorded(tmp_path: Path, clock: FakeClock) -> tuple[Path, list[object]]:
    """Footage on the disk; the database, closed, and what a person gets of it."""
    node = await open_node(tmp_path, clock)
    await fill(node)
    await node.recordings.update("rec-1", {"protected": True})
    before = await seen(node)
    await node.stop()
    return tmp_path / "data" / DATABASE_NAME, before


def run(command: str, tmp_path: Path, *words: str) -> None:
    """`falconeye COMMAND …` as a person runs it."""
    done = subprocess.run(
        [sys.executable, "-m", "falconeye", *command.split(), *words, "--data-dir",
         str(tmp_path / "data")],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


async def all_jobs(node: Node) -> Sequence[Job]:
    """The newest first."""
    found, _ = await JobStore(node.database).list(
        owner=None, cameras=None, kinds=("export", "copy"), limit=10, offset=0
    )
    return found


async def is_read(node: Node, revision: str) -> None:
    """Every store of today reads what the older release wrote."""
    cipher = CredentialCipher([Fernet.generate_key()], "the test")
    cameras = CameraStore(node.database, cipher)
    found = {camera.id: camera for camera in await cameras.list()}
    assert cameras.left_out == frozenset()
    door, yard = found[DOOR], found[YARD]
    assert (door.audio, door.record, door.pre_roll_s) == (True, RecordMode.CONTINUOUS, 10)
    assert (yard.audio, yard.started, yard.keep_days) == (False, False, 7)
    assert yard.stopped_by == (None if revision < "0002" else "otto")
    assert (door.schedule, door.paused_by, door.privacy_schedule) == (None, None, None)
    accounts = await AccountStore(node.database).load()
    assert [(user.name, user.role) for user in accounts.users] == [
        ("Anna", "admin"), ("Otto", "viewer"),
    ]  # fmt: skip
    assert len(accounts.sessions) == len(accounts.tokens) == 1
    stored = SettingsStore(node.database, cipher)
    await stored.load()
    assert (stored.current.keep_days, stored.current.site_time_zone) == (30, "Europe/Vienna")
    entries, total = await AuditStore(node.database).list(AuditFilter(), 10, 0)
    assert (total, [entry.id for entry in entries]) == (2, [9, 7])
    notices, _ = await NoticeStore(node.database).list(limit=10)
    assert [notice.camera_name for notice in notices] == ["Door"] * (revision >= "0003")
    jobs = await all_jobs(node)
    assert [one.id for one in jobs] == (["job-2", "job-1"] if revision >= "0004" else [])
    for one in jobs:
        assert request_of(one).orders[0].camera_id == DOOR
        made = export_of(one)
        assert (made is not None) is (one.state is JobState.COMPLETE)


@pytest.mark.timeout(60)
def every_field_has_a_version(after: Rows) -> None:
    """So that other nodes can be told of what was there before there were others."""
    versions = after["replica_fields"]
    assert {(row["counter"], row["node"], row["value"]) for row in versions} == {
        (1, "node-1", None)
    }
    numbers = sorted(row["seq"] for row in versions)
    assert numbers == list(range(1, len(numbers) + 1))
    (state,) = after["replica_state"]
    assert (state["counter"], state["next_seq"]) == (1, len(numbers) + 1)
    wanted = {
        (kind.name, row[kind.id_column], field)
        for kind in KINDS.values()
        for row in after[kind.name]
        for field in ([kind.register] if kind.register else row)
        if field not in kind.local | {kind.id_column}
    }
    assert {(row["kind"], row["id"], row["field"]) for row in versions} == wanted


def is_older(table: str, row: Mapping[str, Any]) -> bool:
    """Not the version of a field that a later release has added."""
    later = {("users", "invitation_hash"), ("users", "invited_until_us")}
    return table != "replica_fields" or (row["kind"], row["field"]) not in later


@pytest.mark.parametrize("revision", OLDER)
async def test_all_of_an_older_database_is_taken_over(
    tmp_path: Path, clock: FakeClock, revision: str
) -> None:
    assert CAMERA == DOOR
    path, footage = await recorded(tmp_path, clock)
    before = await asyncio.to_thread(make_older, path, revision)
    assert before["cameras"]
    assert before["segments"]
    assert await asyncio.to_thread(schema.current_revision, path) == revision
    clock.advance(60)

    if revision == OLDER[0]:
        await asyncio.to_thread(run, "check", tmp_path, "--media-dir", str(tmp_path / "media"))
    else:  # as the command opens it; the process alone takes a second
        database = closed_database(tmp_path / "data", clock)
        await database.open()
        await database.close()

    (copy,) = (tmp_path / "data" / "backups").glob("*.sqlite3")
    assert copy.stem.endswith(f"-{revision}")
    kept = await asyncio.to_thread(contents, copy)
    after = await asyncio.to_thread(contents, path)
    if revision < "0012":
        every_field_has_a_version(after)
    else:  # a copy is another one for peers: `storage_replication/test_releases.py`
        assert kept["replica_state"][0]["incarnation"] == "copy"
        kept["replica_state"][0]["incarnation"] = ""
    assert kept == before
    for table, rows in (await asyncio.to_thread(after_migration, before, path)).items():
        found = [row for row in after[table] if is_older(table, row)]
        # Versions of later fields have numbers, too.
        left_out = {"next_seq"} if table == "replica_state" else set[str]()
        was, now = (rests({table: each}, table, without=left_out) for each in (rows, found))
        assert now == was, table
    newer = {table for table, rows in after.items() if table not in before and rows}
    assert newer == ({"replica_fields", "replica_state"} if revision < "0012" else set())
    node = await open_node(tmp_path, clock)
    assert await seen(node) == footage
    assert (await check(node.database, node.volumes)).problems == []
    await is_read(node, revision)
    await node.stop()


def rows_of_today() -> Rows:
    """What only today's release writes."""
    newer = {
        **export_result(), "sheet_name": "Door.txt", "sheet_bytes": 7, "freed_bytes": 1,
        "files": [{
            "name": "Door.mp4", "camera_id": DOOR, "camera_name": "Door", "from_us": START_US,
            "to_us": START_US + 1, "duration_us": 1, "size_bytes": 4321, "sha256": "ab" * 32,
            "codec": "hevc", "copy_of": "",
        }],
    }  # fmt: skip
    copy = {"copy_of": "job-3", "copy_of_sha256": "ab" * 32}
    week = json.dumps({day: [[0, 96]] for day in DAYS})
    known = rows_of_the_time()
    door, yard = known["cameras"]
    return {
        **known,
        "cameras": [
            {**door, "record": "event", "pre_roll_s": 20, "post_roll_s": 30, "schedule": week},
            {**yard, "started": 1, "stopped_by": None, "paused_by": "anna"},
            {**yard, "id": "camera-3", "address_key": "3", "started": 1, "stopped_by": None,
             "privacy_schedule": week},
            {**yard, "id": "camera-4", "address_key": "4", "started": 1, "stopped_by": None,
             "paused_by": "anna", "paused_until_us": START_US - 99 * DAY_US},
            # Of nodes that did not hear each other
            {**yard, "id": "camera-5", "address_key": "3", "owner_id": "node-2", "pinned": 1},
        ],
        "users": [*known["users"], {**known["users"][1], "id": "user-3"}],
        "sessions": [
            *known["sessions"],
            {**known["sessions"][0], "id": "session-2", "secret_hash": b"\3" * 32,
             "user_id": "of another node"},
        ],
        "members": [{"id": "node-2", "name": "pi-2", "certificate": "PEM", "addresses": "[]",
                     "created_at_us": START_US}],
        "events": [{"camera_id": DOOR, "at_us": START_US, "until_us": START_US + 1,
                    "kind": "motion", "label": "person"}],
        "clocks": [{"id": 3, "boot": "b", "offset_us": 0, "synchronised": 1, "state": "right",
                    "shift_us": 0, "from_us": START_US, "to_us": None}],
        "undated_steps": [{"clock_id": 3, "camera_id": DOOR, "since_us": START_US,
                           "reason": None, "detail": ""}],
        "uptimes": [{**known["uptimes"][0], "clock_id": 3}],
        "moves": [{"volume_id": 99, "path": "half/copied.mp4", "size_bytes": 5}],
        "coverage_steps": [
            *known["coverage_steps"],
            *({"camera_id": YARD, "since_us": START_US + number, "reason": reason, "detail": ""}
              for number, reason in enumerate(("paused", "outside_schedule", "outside_events"))),
            *({"camera_id": camera_id, "since_us": START_US - DAY_US, "reason": "camera_offline",
               "detail": "no answer"} for camera_id in ("camera-3", "camera-4", "camera-5")),
        ],
        "deletions": [
            *known["deletions"],
            {"stream_id": 1, "from_us": START_US - 30 * MINUTE_US,
             "to_us": START_US - 20 * MINUTE_US, "reason": "disk_removed", "detail": "/mnt/a"},
        ],
        "notices": [
            *known["notices"],
            {"id": "notice-2", "camera_id": "volume:7", "camera_name": "/mnt/a",
             "since_us": START_US, "until_us": None, "reason": "volume_missing", "detail": "",
             "sent_us": None},
        ],
        "jobs": [
            *known["jobs"],
            job(3, "complete", newer, request={"cameras": [{"id": DOOR, "name": "Door"}]}),
            job(4, "complete", {**newer, "file_name": "Copy.mp4"}, kind="copy", request=copy),
            job(5, "pending", kind="copy", request=copy),
            job(6, "complete", newer, kind="copy", request=copy),
            job(7, "complete", {"files": 3, "bytes": 9}, kind="move", camera_id="",
                ended_us=START_US, request={"subject": "/mnt/a", "shift_us": 0}),
        ],
    }  # fmt: skip


def of(rows: Rows, table: str, key: str, *names: str) -> dict[Any, Any]:
    """Some columns of a table by one of them."""
    return {
        row[key]: tuple(row[name] for name in names) if len(names) > 1 else row[names[0]]
        for row in rows[table]
    }


def rests(rows: Rows, table: str, *, without: set[str]) -> list[dict[str, Any]]:
    return sorted(
        ({name: value for name, value in row.items() if name not in without}
         for row in rows[table]),
        key=repr,
    )  # fmt: skip


def is_known_to_0005(rows: Rows) -> None:
    """As the release of 0005 reads them; what it does not know ended its pages in an error."""
    assert {row["reason"] for row in rows["deletions"]} <= REASONS_OF_0005
    assert {row["reason"] for row in rows["coverage_steps"]} - {None} <= REASONS_OF_0005
    assert {row["end_reason"] for row in rows["runs"]} - {None} <= RUN_ENDS_OF_0005
    assert {row["kind"] for row in rows["recordings"]} <= {"continuous", "manual", "imported"}
    assert {row["record"] for row in rows["cameras"]} <= {"continuous", "manual", "off"}
    assert {row["kind"] for row in rows["jobs"]} == {"export"}
    for row in rows["jobs"]:
        if row["result"] is not None:
            assert set(json.loads(row["result"])) == EXPORT_OF_0005
        asked = json.loads(row["request"])
        assert {"camera_name", "from_us", "to_us"} <= set(asked)
    assert not [row for row in rows["notices"]
                if row["until_us"] is None and row["camera_id"].startswith("volume:")]  # fmt: skip


def fill_as_today(path: Path) -> Rows:
    insert(path, rows_of_today())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE runs SET end_reason = 'event_over', clock_id = 3")
        connection.execute("UPDATE recordings SET kind = 'event' WHERE id = 'rec-2'")
    return contents(path)


def make_again(path: Path) -> None:
    """As the older release does when somebody asks it to: an export like any other."""
    with closing(sqlite3.connect(path)) as connection, connection:
        result = json.dumps({**export_result(), "sha256": "cd" * 32})
        connection.execute("UPDATE jobs SET result = ? WHERE id = 'job-6'", (result,))


def is_mapped_at_0005(at_5: Rows, at_6: Rows) -> None:
    """Values as the migration says, and no row less."""
    is_known_to_0005(at_5)
    assert set(at_6) - set(at_5) == {"events"}
    # A camera that nobody may see does not begin to be seen by a change of release.
    assert of(at_5, "cameras", "id", "started", "stopped_by", "record") == {
        DOOR: (1, None, "continuous"),
        YARD: (0, "anna", "manual"),
        "camera-3": (0, None, "manual"),
        "camera-4": (1, None, "manual"),
        "camera-5": (0, "otto", "manual"),
    }
    assert of(at_5, "jobs", "id", "state") == {
        "job-1": "complete", "job-2": "failed", "job-3": "complete", "job-4": "complete",
        "job-5": "cancelled", "job-6": "complete",
    }  # fmt: skip
    reasons = of(at_5, "deletions", "from_us", "reason", "detail")
    assert reasons[START_US - 30 * MINUTE_US] == ("deleted_by_person", "/mnt/a")
    mapped = {"cameras", "recordings", "coverage_steps", "runs", "deletions", "jobs", "notices"}
    for table in set(at_5) - mapped:
        assert at_5[table] == at_6[table], table
    for table in mapped:
        assert len(at_5[table]) == len(at_6[table]), table


async def are_jobs_back(node: Node, before: Rows) -> None:
    """What only today's release knows of an export is there again."""
    jobs = {one.id: one for one in await all_jobs(node)}
    was = of(before, "jobs", "id", "kind", "result")
    for number in (1, 3, 4):
        one = jobs[f"job-{number}"]
        kind, result = was[one.id]
        assert (one.kind, one.result) == (kind, json.loads(result))
        assert "newer" not in one.request
    assert copy_of(jobs["job-4"]) == "job-3"
    assert (jobs["job-5"].kind, jobs["job-5"].state) == ("copy", JobState.CANCELLED)
    assert (jobs["job-6"].kind, copy_of(jobs["job-6"])) == ("export", None)
    assert jobs["job-6"].result == {**export_result(), "sha256": "cd" * 32}


FOUND_CAMERAS = {  # what 0011 adds to cameras
    "device_identity", "pixel_format", "overlay", "device_controls", "endpoint_reference",
    "mac_address", "onvif_url",
}  # fmt: skip


def is_known_to_0011(today: Rows, at_11: Rows) -> None:
    """All but what nodes share; no address, name or session that it could not have."""
    newer = {
        "members", "replica_fields", "replica_state", "join_offers",
        "peer_nodes", "peer_coverage", "coverage_changes", "walls", "displays",
    }  # fmt: skip
    assert set(today) - set(at_11) == newer
    addresses = of(at_11, "cameras", "id", "address_key")
    assert (addresses["camera-3"], addresses["camera-5"]) == ("3", None)
    assert of(at_11, "users", "id", "name_key")["user-3"] == "otto user-3"
    assert list(of(at_11, "sessions", "id", "user_id").values()) == ["user-1"]
    without = {
        "cameras": {"owner_id", "pinned", "address_key"}, "sessions": {"active_us", "password_us"},
        "users": {"name_key", "invitation_hash", "invited_until_us"},
    }  # fmt: skip
    kept = {**today, "sessions": [each for each in today["sessions"] if each["id"] != "session-2"]}
    for table in at_11:
        left_out = without.get(table, set())
        before, after = (rests(each, table, without=left_out) for each in (kept, at_11))
        assert after == before, table


def is_known_to_0010(at_11: Rows, at_10: Rows) -> None:
    """All but what is known of found cameras."""
    assert set(at_11) - set(at_10) == {"ignored_candidates"}
    for table, rows in at_10.items():
        without = FOUND_CAMERAS if table == "cameras" else set()
        assert rows == rests(at_11, table, without=without), table


async def down(path: Path, clock: FakeClock, revision: str) -> Rows:
    clock.advance(60)
    await closed_database(path.parent, clock).downgrade(revision)
    return await asyncio.to_thread(contents, path)


@pytest.mark.timeout(60)
async def test_down_step_by_step_with_all_the_older_release_knows_and_up_again(
    tmp_path: Path, clock: FakeClock
) -> None:
    path, footage = await recorded(tmp_path, clock)
    today = await asyncio.to_thread(fill_as_today, path)
    at_11 = await down(path, clock, "0011")
    is_known_to_0011(today, at_11)

    at_10 = await down(path, clock, "0010")
    is_known_to_0010(at_11, at_10)

    before = await down(path, clock, "0009")
    # Jobs that it does not know, and would never forget.
    assert before == {**at_10, "jobs": [row for row in today["jobs"] if row["kind"] != "move"]}
    assert len(before["jobs"]) == len(today["jobs"]) - 1

    clock.advance(60)
    await asyncio.to_thread(run, "db downgrade", tmp_path, "0007")
    at_7 = await asyncio.to_thread(contents, path)
    assert set(before) - set(at_7) == {"protections"}  # see `test_protected_times.py`
    for table, rows in at_7.items():
        assert rows == rests(before, table, without={"step_us"}), table

    at_6 = await down(path, clock, "0006")
    assert set(at_7) - set(at_6) == {"clocks", "undated_steps"}
    for table, rows in at_6.items():
        assert rows == rests(at_7, table, without={"clock_id"}), table

    at_5 = await down(path, clock, "0005")
    is_mapped_at_0005(at_5, at_6)

    at_4 = await down(path, clock, "0004")
    assert set(at_5) - set(at_4) == {"moves"}
    assert {row["path"] for row in at_4["garbage"]} == {"of/another/disk.mp4", "half/copied.mp4"}
    for table in set(at_4) - {"garbage", "volumes"}:
        assert at_4[table] == at_5[table], table
    assert at_4["volumes"] == rests(at_5, "volumes", without={"role"})

    await asyncio.to_thread(make_again, path)
    clock.advance(60)
    node = await open_node(tmp_path, clock)
    assert len(await seen(node)) == len(footage)
    assert (await check(node.database, node.volumes)).problems == []
    await are_jobs_back(node, before)
    await node.stop()
    assert await asyncio.to_thread(schema.current_revision, path) == HEAD
