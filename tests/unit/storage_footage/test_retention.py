"""Footage goes by its camera's rule: age and bytes, both streams, never what is protected."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.secret import Secret
from falconeye.base.times import DAY_US, HOUR_US, SECOND_US
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.checks.check import check
from falconeye.storage.segments import free_space, retention
from falconeye.storage.segments.retention import Keep, Named, SettledTime, named, total_named
from falconeye.storage.segments.segments import SegmentEnd
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.storage.stores.credentials import CredentialCipher
from falconeye.storage.tables.footage import garbage, segments, usage
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.footage import (
    CAMERA,
    GOP_90K,
    GOP_US,
    Node,
    open_node,
    rows,
    segment_fragments,
)

STEP_S = 6 * 3600
SETTLE_S = retention.SETTLE_US // SECOND_US
NO_RULE = Keep()


class Rule:
    """The node's setting, as a test changes it."""

    def __init__(self, keep: Keep = NO_RULE) -> None:
        self.now = keep

    def __call__(self) -> Keep:
        return self.now


async def settled(node: Node) -> None:
    """Let the deleter see a clock that runs on, until it relies on it."""
    await node.deleter.enforce_rules()
    node.clock.advance(SETTLE_S)


async def look(node: Node) -> None:
    """A minute passes, and the deleter looks."""
    node.clock.advance(60)
    await node.deleter.enforce_rules()


async def record_both(node: Node, index: int, start_us: int, camera_id: str = CAMERA) -> None:
    """One recording of two seconds with its substream."""
    run = 100 * index + (50 if camera_id != CAMERA else 1)
    recording = f"{camera_id[:4]}-{index}"
    await node.record(run, start_us, recording_id=recording, camera_id=camera_id, ends=True)
    await node.record(
        run + 1, start_us, recording_id=None, stream=StreamKind.SUB, camera_id=camera_id
    )


async def listed(node: Node) -> list[str]:
    found, count = await node.recordings.list(limit=1000)
    assert count == len(found)
    return sorted(recording.id for recording in found)


def files(node: Node) -> int:
    return sum(1 for _ in node.media_dir.rglob("*.mp4"))


async def assert_sound(node: Node) -> None:
    """Index, totals, recordings and files agree, and nothing waits to be unlinked."""
    assert (await check(node.database, node.volumes)).problems == []
    assert await rows(node, garbage) == []
    kept = await rows(node, segments)
    assert files(node) == len(kept)
    assert await node.recordings.footage_bytes() == sum(row.size_bytes for row in kept)
    assert sum(row.segments for row in await rows(node, usage)) == len(kept)


async def test_a_week_with_two_days_kept(tmp_path: Path, clock: FakeClock) -> None:
    node = await open_node(tmp_path, clock, keep=Rule(Keep(days=2)))
    await settled(node)
    for index in range(7 * 4):
        now_us = clock.utc_us()
        await record_both(node, index, now_us)
        clock.advance(STEP_S)
        await node.deleter.enforce_rules()
        kept = await rows(node, segments)
        oldest_us = min(row.start_us + row.wall_duration_us for row in kept)
        assert oldest_us > clock.utc_us() - 2 * DAY_US
        # and nothing that is younger: 8 steps of 6 h are 2 days
        assert len(kept) == 2 * min(index + 1, 8)
    await assert_sound(node)
    assert await listed(node) == sorted(f"{CAMERA[:4]}-{index}" for index in range(20, 28))
    gone = [recording for _, recording, kind in node.events if kind == "deleted"]
    assert gone == [f"{CAMERA[:4]}-{index}" for index in range(20)]  # each told once, in order
    await node.stop()


async def test_bytes_are_of_both_streams_and_per_camera(tmp_path: Path, clock: FakeClock) -> None:
    rule, other = Rule(), str(uuid.uuid4())
    node = await open_node(tmp_path, clock, keep=rule)
    for index in range(6):
        await record_both(node, index, START_US + index * HOUR_US)
    await record_both(node, 0, START_US, other)
    others = await node.recordings.footage_bytes(other)
    size = await node.recordings.footage_bytes(CAMERA) // 6
    await look(node)
    assert files(node) == 14  # no rule: all of it
    limit = 3 * size + size // 4  # less than a main stream's above what is to stay
    rule.now = Keep(size_bytes=limit)
    await look(node)
    assert await node.recordings.footage_bytes(CAMERA) <= limit
    left = {row.start_us for row in await rows(node, segments) if row.run_id % 100 < 50}
    assert left == {START_US + index * HOUR_US for index in (3, 4, 5)}  # the oldest went
    assert await node.recordings.footage_bytes(other) == others  # its own 3 are not reached
    await assert_sound(node)
    await node.stop()


async def test_both_bounds_at_once_delete_nothing_twice(tmp_path: Path, clock: FakeClock) -> None:
    rule = Rule()
    node = await open_node(tmp_path, clock, keep=rule)
    for index in range(6):
        await record_both(node, index, START_US + index * HOUR_US)
    size = await node.recordings.footage_bytes() // 6
    await settled(node)
    node.clock.advance(86400 + 1.5 * 3600 - SETTLE_S)  # the first two are older than a day
    rule.now = Keep(days=1, size_bytes=3 * size + size // 4)
    await node.deleter.enforce_rules()
    assert files(node) == 6  # and one more is beyond the bytes
    await assert_sound(node)
    await node.stop()


async def test_protected_footage_stays_and_takes_no_room_of_the_new(
    tmp_path: Path, clock: FakeClock
) -> None:
    rule = Rule()
    node = await open_node(tmp_path, clock, keep=rule)
    for index in range(6):
        await record_both(node, index, START_US + index * HOUR_US)
    size = await node.recordings.footage_bytes() // 6
    protected = f"{CAMERA[:4]}-0"
    await node.recordings.update(protected, {"protected": True})
    rule.now = Keep(size_bytes=2 * size + size // 4)
    await look(node)
    assert await listed(node) == [protected, f"{CAMERA[:4]}-4", f"{CAMERA[:4]}-5"]
    assert files(node) == 6  # the substream of the protected one, too
    rule.now = Keep(days=1)
    await settled(node)
    node.clock.advance(3 * 86400)
    await node.deleter.enforce_rules()
    assert await listed(node) == [protected]
    assert files(node) == 2
    await node.recordings.update(protected, {"protected": False})
    await look(node)
    assert files(node) == 0
    await assert_sound(node)
    await node.stop()


async def test_a_camera_has_its_own_rule_and_keeps_it_when_it_is_deleted(
    tmp_path: Path, clock: FakeClock
) -> None:
    rule, other = Rule(Keep(days=5)), str(uuid.uuid4())
    node = await open_node(tmp_path, clock, keep=rule)
    cameras = CameraStore(node.database, CredentialCipher([Fernet.generate_key()], "data.key"))
    for camera_id, days in ((CAMERA, 1), (other, 30)):
        config = CameraConfig(
            camera_id, "Door", Protocol.RTSP, f"rtsp://10.0.0.{days}/1", 0, 0,
            password=Secret("x"), keep_days=days,
        )  # fmt: skip
        await cameras.insert(config)
        assert (await cameras.get(camera_id)).keep_days == days
        await record_both(node, 0, START_US, camera_id)
    await settled(node)
    node.clock.advance(2 * 86400)
    await node.deleter.enforce_rules()
    assert await listed(node) == [f"{other[:4]}-0"]
    await cameras.delete(other)
    node.clock.advance(18 * 86400)
    await node.deleter.enforce_rules()
    assert await listed(node) == [f"{other[:4]}-0"]  # the node's rule would have ended it
    node.clock.advance(11 * 86400)
    await node.deleter.enforce_rules()
    assert files(node) == 0
    await assert_sound(node)
    await node.stop()


async def test_the_hour_that_is_being_recorded_goes_on(tmp_path: Path, clock: FakeClock) -> None:
    rule = Rule()
    node = await open_node(tmp_path, clock, keep=rule)
    end_us = await node.record(1, START_US)
    offset_90k = 2 * GOP_90K
    writer = node.store.create(node.start(1, end_us, offset_90k=offset_90k))
    rule.now = Keep(size_bytes=1)
    await look(node)
    assert await rows(node, segments) == []
    assert await listed(node) == ["rec-1"]
    for fragment in segment_fragments(2, offset_90k=offset_90k):
        writer.append(fragment)
    rule.now = NO_RULE
    writer.close(SegmentEnd(end_us + 2 * GOP_US, RunEnd.NODE_STOPPED))
    assert await node.store.flush(5)
    recording = await node.recordings.get("rec-1")
    assert (recording.segments, recording.start_us) == (1, end_us)
    await assert_sound(node)
    await node.stop()


async def test_a_long_backlog_is_worked_off_in_parts(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(free_space, "BATCHES_A_ROUND", 3)
    rule = Rule()
    node = await open_node(tmp_path, clock, keep=rule)
    for index in range(8):
        await node.record(index + 1, START_US + index * HOUR_US, recording_id=f"r{index}")
    rule.now = Keep(size_bytes=1)
    await look(node)
    assert files(node) == 2
    await node.deleter.enforce_rules()  # at once: there was more to do
    assert files(node) == 0
    await assert_sound(node)
    await node.stop()


async def test_a_wrong_clock_deletes_nothing(tmp_path: Path, clock: FakeClock) -> None:
    node = await open_node(tmp_path, clock, keep=Rule(Keep(days=30)))
    await record_both(node, 0, START_US)
    clock.step_utc(20 * 365 * 86400)  # a board that starts in another year
    for _ in range(SETTLE_S // 60 - 1):
        await look(node)
    assert files(node) == 2
    clock.step_utc(-20 * 365 * 86400)  # NTP has set it
    for _ in range(2 * SETTLE_S // 60):
        await look(node)
    assert files(node) == 2
    clock.advance(31 * 86400)
    await look(node)
    assert files(node) == 0
    await node.stop()


def test_a_small_step_of_the_clock_does_not_begin_the_wait_again(clock: FakeClock) -> None:
    time = SettledTime(clock, lambda: True)
    assert time.now_us() is None
    clock.advance(SETTLE_S)
    clock.step_utc(2)
    assert time.now_us() == clock.utc_us()
    clock.step_utc(7200)
    assert time.now_us() is None


async def test_a_clock_that_ntp_never_set_deletes_nothing_by_age(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    ntp = False
    node = await open_node(tmp_path, clock, keep=Rule(Keep(days=30)), is_synchronised=lambda: ntp)
    await record_both(node, 0, START_US)
    clock.step_utc(20 * 365 * 86400)  # the board's own clock was wrong, and runs on
    for _ in range(5 * SETTLE_S // 60):
        await look(node)
    assert files(node) == 2
    assert sum("no NTP" in record.message for record in caplog.records) == 1
    clock.step_utc(-20 * 365 * 86400)
    ntp = True
    await look(node)
    ntp = False  # and goes away again: the clock stays good
    clock.advance(31 * 86400)
    await look(node)
    assert files(node) == 0
    await node.stop()


async def test_the_rules_are_looked_at_once_a_minute(tmp_path: Path, clock: FakeClock) -> None:
    looked: list[int] = []

    def keep() -> Keep:
        looked.append(clock.monotonic_us())
        return NO_RULE

    node = await open_node(tmp_path, clock, keep=keep)
    for _ in range(25):
        await node.deleter.enforce_rules()
        clock.advance(5)
    assert len(looked) == 3
    await node.stop()


async def test_what_is_protected_is_looked_up_once(node: Node) -> None:
    """Not all recordings of a camera for each segment: a month took half a minute to be counted."""
    await node.record(1, ends=True)
    wanted = Named([1], 0, 1 << 62, "ann", overlapping=True)

    async def plans(connection: AsyncConnection) -> list[str]:
        asked: list[tuple[str, Any]] = []

        def note(_: object, _cursor: object, statement: str, values: Any, *_rest: object) -> None:
            asked.append((statement, values))

        event.listen(connection.sync_connection, "before_cursor_execute", note)
        await total_named(wanted, connection)
        await named(wanted, connection)
        event.remove(connection.sync_connection, "before_cursor_execute", note)
        found = []
        for statement, values in asked:
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            found.append(" ".join(str(row.detail) for row in plan))
        return [plan for plan in found if "recordings" in plan]

    made = await node.database.read(plans)
    assert len(made) == 2
    assert all("MATERIALIZE kept" in plan for plan in made)
    await node.stop()
