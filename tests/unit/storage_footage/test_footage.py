"""All of it assembled, as a node opens it."""

import asyncio
import threading
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import Unavailable
from falconeye.base.memory import MemoryBudget
from falconeye.config.settings import NodeSettings
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage import footage as footage_module
from falconeye.storage.checks import rebuild
from falconeye.storage.checks.check import check
from falconeye.storage.checks.footage_names import Names, list_names
from falconeye.storage.footage import Footage
from falconeye.storage.index.database import Database
from falconeye.storage.segments import recovery
from falconeye.storage.segments.free_space import Deleter
from falconeye.storage.segments.recording_rows import RecordingStatus
from falconeye.storage.segments.retention import Keep
from falconeye.storage.segments.segment_store import FootageStore
from falconeye.storage.segments.segments import ClockState, SegmentEnd, SegmentStart
from falconeye.storage.volumes.volume import Volume
from tests.clock import START_US, FakeClock
from tests.databases import closed_database
from tests.unit.storage_footage.footage import (
    CAMERA,
    GOP_US,
    init_segment,
    read,
    segment_fragments,
)

NO_RULE = Keep()


async def opened(
    tmp_path: Path,
    clock: FakeClock,
    heard: asyncio.Queue[tuple[str, str, str]],
    keep: Keep = NO_RULE,
) -> tuple[Database, Footage]:
    database = closed_database(tmp_path / "data", clock)
    await database.open(exclusive=True)
    settings = NodeSettings(tmp_path / "data", tmp_path / "media", free_floor_bytes=0)
    footage = await Footage.open(
        database,
        settings,
        MemoryBudget(1 << 24),
        clock,
        node_name="pi-1",
        keep=lambda: keep,
        on_recording=lambda *event: heard.put_nowait(event),
    )
    return database, footage


async def test_record_stop_start_play(tmp_path: Path, clock: FakeClock) -> None:
    heard: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()
    database, footage = await opened(tmp_path, clock, heard)
    run_id = footage.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    start = SegmentStart(
        CAMERA, StreamKind.MAIN, run_id, START_US, 0, 0, ClockState.UNKNOWN, init_segment(), "rec"
    )
    writer = footage.store.create(start)
    for fragment in segment_fragments(2):
        writer.append(fragment)
    assert await heard.get() == (CAMERA, "rec", "started")
    writer.close(SegmentEnd(START_US + 2 * GOP_US, RunEnd.NODE_STOPPED))
    assert await footage.stop()
    await database.close()
    assert await heard.get() == (CAMERA, "rec", "ended")
    database, footage = await opened(tmp_path, clock, heard)
    assert footage.store.leftovers == []
    recording = await footage.recordings.get("rec")
    assert (recording.status, recording.segments) == (RecordingStatus.COMPLETED, 1)
    plan = await footage.recordings.download("rec")
    assert len(await read(plan)) == plan.length
    await footage.stop()
    await database.close()


async def test_cameras_record_while_the_index_is_made_anew(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restore, with a disk whose files take hours to read."""
    heard: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()
    database, footage = await opened(tmp_path, clock, heard)
    old_us, now_us = START_US - 100 * GOP_US, clock.utc_us()
    await record_one(footage, "old", old_us)
    assert await footage.stop()
    await lose_index(database)
    await database.close()

    goes_on = threading.Event()

    def slow(volume: Volume, without: Collection[str]) -> Names:
        assert goes_on.wait(10)
        return list_names(volume, without)

    monkeypatch.setattr(rebuild, "list_names", slow)
    database, footage = await opened(tmp_path, clock, heard)
    index, changed = footage.store.index, asyncio.Event()
    index.on_change = changed.set
    await record_one(footage, "new", now_us)
    assert footage.store.index.is_building
    with pytest.raises(Unavailable, match="try again later"):
        await footage.recordings.delete_time(CAMERA, old_us, now_us, who="ann")
    goes_on.set()
    async with asyncio.timeout(5):
        while index.share < 1 or index.is_building:
            changed.clear()
            await changed.wait()
    listed, _ = await footage.recordings.list()
    assert [(one.id, one.segments) for one in listed] == [("new", 1), ("old", 1)]
    assert (await check(database, footage.volumes)).problems == []
    await footage.stop()
    await database.close()


async def lose_index(database: Database) -> None:
    """What a backup leaves out."""
    for table in ("segments", "fragments", "usage"):
        await database.write(partial(_forget, table))
    mark = "INSERT INTO settings VALUES ('index_incomplete', 'true')"
    await database.write(lambda connection: connection.exec_driver_sql(mark))


async def test_the_guards_of_half_an_index_stay_until_nothing_deletes_any_more(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a full disk would lose at the stop what is newer than files that are not known yet."""
    heard: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()
    database, footage = await opened(tmp_path, clock, heard)
    await record_one(footage, "old", START_US - 100 * GOP_US)
    assert await footage.stop()
    await lose_index(database)
    await database.close()
    begun = asyncio.Event()

    async def held(_build: Any, _found: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(rebuild.IndexBuild, "index", held)
    database, footage = await opened(tmp_path, clock, heard)
    await begun.wait()
    guards, stop = [], footage.tasks.stop

    async def stopping() -> None:
        guards.append((dict(footage.deleter.indexed_until_us), footage.store.index.is_partial))
        await stop()

    monkeypatch.setattr(footage.tasks, "stop", stopping)
    await footage.stop()
    assert guards == [({1: 0}, True)]
    await database.close()


async def record_one(footage: Footage, recording_id: str, start_us: int) -> None:
    """A recording of one segment, in the index."""
    run_id = footage.store.begin_run(CAMERA, StreamKind.MAIN, start_us)
    start = SegmentStart(
        CAMERA, StreamKind.MAIN, run_id, start_us, 0, 0, ClockState.UNKNOWN, init_segment(),
        recording_id,
    )  # fmt: skip
    writer = footage.store.create(start)
    for fragment in segment_fragments(2):
        writer.append(fragment)
    end_us = start_us + 2 * GOP_US
    writer.close(SegmentEnd(end_us, RunEnd.NODE_STOPPED, recording_ended=True))
    assert await footage.store.flush(5)


async def _forget(table: str, connection: AsyncConnection) -> None:
    await connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 - one of our own


async def test_a_disk_that_comes_back_is_noticed(tmp_path: Path, clock: FakeClock) -> None:
    heard: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()
    database, footage = await opened(tmp_path, clock, heard)
    away = tmp_path / "away"
    await asyncio.to_thread((tmp_path / "media").rename, away)
    (volume,) = footage.volumes.all
    await volume.open()
    assert volume.missing is not None
    assert not await footage._look_for_disks()
    await asyncio.to_thread(away.rename, tmp_path / "media")
    assert await footage._look_for_disks()
    assert not await footage._look_for_disks()  # nothing was missing any more
    await footage.stop()
    await database.close()


async def test_a_step_of_housekeeping_that_fails_ends_no_other(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()
    monkeypatch.setattr(footage_module, "ROUND_S", 0)
    asked: list[str] = []
    twice = asyncio.Event()

    def step(name: str, error: Exception) -> None:
        async def fail(_self: object, *_given: object, **_named: object) -> None:
            asked.append(name)
            if asked.count("housekeeping") == 2:
                twice.set()
            raise error

        owner = FootageStore if name == "housekeeping" else Deleter
        monkeypatch.setattr(owner, name, fail)

    step("enforce", OverflowError("a number that is none"))
    step("enforce_rules", Unavailable("busy"))
    step("empty_garbage", KeyError("x"))
    step("housekeeping", ValueError("y"))
    database, footage = await opened(tmp_path, clock, heard)
    async with asyncio.timeout(5):
        await twice.wait()
    assert asked[:8] == ["enforce", "enforce_rules", "empty_garbage", "housekeeping"] * 2
    assert await footage.stop()
    await database.close()


async def test_a_disk_that_hangs_in_recovery_keeps_no_housekeeping_from_the_others(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()
    monkeypatch.setattr(footage_module, "ROUND_S", 0)
    monkeypatch.setattr(footage_module, "RECOVERY_S", 0.01, raising=False)
    kept, go = asyncio.Event(), asyncio.Event()
    begun: list[int] = []

    async def recover(*_given: Any, **_named: Any) -> None:
        begun.append(1)
        await go.wait()

    async def housekeeping(_self: object) -> None:
        kept.set()

    monkeypatch.setattr(footage_module, "recover", recover)
    monkeypatch.setattr(FootageStore, "housekeeping", housekeeping)
    database, footage = await opened(tmp_path, clock, heard)
    async with asyncio.timeout(5):
        await kept.wait()
        kept.clear()
        await kept.wait()
    assert begun == [1]  # one at a time
    go.set()
    assert await footage.stop()
    await database.close()


async def test_recovery_that_the_database_puts_off_is_tried_again(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()
    monkeypatch.setattr(footage_module, "ROUND_S", 0)
    answers = [Unavailable("busy"), Unavailable("busy")]
    done = asyncio.Event()

    async def recover(*given: Any, **named: Any) -> None:
        if answers:
            raise answers.pop()
        await recovery.recover(*given, **named)
        done.set()

    monkeypatch.setattr(footage_module, "recover", recover)
    database, footage = await opened(tmp_path, clock, heard)
    async with asyncio.timeout(5):
        await done.wait()
    assert answers == []
    assert await footage.stop()
    await database.close()


async def test_the_round_obeys_the_rule(tmp_path: Path, clock: FakeClock) -> None:
    heard: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()
    database, footage = await opened(tmp_path, clock, heard)
    run_id = footage.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    start = SegmentStart(
        CAMERA, StreamKind.MAIN, run_id, START_US, 0, 0, ClockState.UNKNOWN, init_segment(), "rec"
    )
    writer = footage.store.create(start)
    for fragment in segment_fragments(2):
        writer.append(fragment)
    writer.close(SegmentEnd(START_US + 2 * GOP_US, RunEnd.NODE_STOPPED, recording_ended=True))
    assert await footage.stop()
    await database.close()
    database, footage = await opened(tmp_path, clock, heard, Keep(size_bytes=1))
    events = [await heard.get() for _ in range(3)]
    assert events[-1] == (CAMERA, "rec", "deleted")
    assert await footage.stop()
    await database.close()
