"""Segments that go wrong on their way: what is kept, what is told, and that nothing piles up."""

import asyncio
import errno
import os
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from falconeye.base.errors import Unavailable
from falconeye.hub.stream import StreamHub
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.checks.check import check
from falconeye.storage.index.write_queue import Operation
from falconeye.storage.segments import segment_index
from falconeye.storage.segments.recording_rows import RecordingStatus
from falconeye.storage.segments.recovery import RecoveryTimes, recover
from falconeye.storage.segments.segment_index import SegmentEntry
from falconeye.storage.segments.segments import Accepted, SegmentEnd
from falconeye.storage.tables.footage import open_files, recordings, runs, segments
from falconeye.storage.volumes.disk_calls import DiskCalls
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.cameras import Camera, in_time, pictures
from tests.unit.storage_footage.footage import (
    CAMERA,
    GOP_90K,
    GOP_US,
    Node,
    open_node,
    rows,
    segment_fragments,
)

OTHER = "1b6f2d8e-70f2-4a2f-9d43-6c3e1f6f8a22"


class TracedDisk(DiskCalls):
    """Writes down its calls; its `failing_write` and the directories `bad` fail."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failing_write = 0
        self.writes = 0
        self.bad: set[str] = set()

    @override
    def writev(self, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        self.writes += 1
        if self.writes == self.failing_write:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().writev(fd, buffers)

    @override
    def fdatasync(self, fd: int) -> None:
        self.calls.append("fdatasync")
        super().fdatasync(fd)

    @override
    def fsync(self, fd: int) -> None:
        path = str(Path(f"/proc/self/fd/{fd}").readlink())
        self.calls.append(f"fsync {path}")
        if path in self.bad:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().fsync(fd)


async def settled(node: Node) -> None:
    """The rows of new files are stored and all that waits is written."""
    for _ in range(3):
        await node.database.write(lambda connection: connection.exec_driver_sql("SELECT 1"))
        await idle(node)


async def idle(node: Node) -> None:
    """The volume's writer and then its syncer have done what they were given until now."""
    volume, done = node.volumes.all[0], asyncio.Event()
    await volume.writer.run(lambda: None)
    loop = asyncio.get_running_loop()

    def is_idle() -> None:
        loop.call_soon_threadsafe(done.set)

    volume.syncer.submit(is_idle)
    await done.wait()


async def test_after_a_failed_write_the_rest_is_synced_before_its_row(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = TracedDisk()
    node = await open_node(tmp_path, clock, calls=disk)
    add = segment_index.add_segment

    async def spy(connection: Any, entry: SegmentEntry) -> None:
        disk.calls.append("row")
        await add(connection, entry)

    monkeypatch.setattr(segment_index, "add_segment", spy)
    disk.failing_write = 6
    writer = node.store.create(node.start(1))
    for fragment in segment_fragments(5):
        writer.append(fragment)
    writer.close(SegmentEnd(START_US + 5 * GOP_US))
    assert await node.store.flush(5)
    assert writer.failure is RunEnd.DISK_ERROR
    before = disk.calls[: disk.calls.index("row")]
    assert before[0] == "fdatasync"
    assert f"fsync {next(node.media_dir.rglob('*.mp4')).parent}" in before
    (segment,) = await rows(node, segments)
    assert segment.media_duration_90k == 2 * GOP_90K
    assert (await check(node.database, node.volumes)).problems == []
    await node.stop()


async def test_a_directory_that_fails_keeps_no_other_from_being_synced(
    tmp_path: Path, clock: FakeClock
) -> None:
    disk = TracedDisk()
    node = await open_node(tmp_path, clock, calls=disk)
    disk.bad = {str(node.media_dir / CAMERA)}
    one = node.store.create(node.start(1))
    two = node.store.create(node.start(2, camera_id=OTHER, recording_id="rec-2"))
    for writer in (one, two):
        for fragment in segment_fragments(2):
            writer.append(fragment)
    await settled(node)
    for writer in (one, two):
        writer.close(SegmentEnd(START_US + 2 * GOP_US))
    assert await node.store.flush(5)
    assert (one.failure, two.failure) == (RunEnd.DISK_ERROR, None)
    for path in node.media_dir.rglob("*.mp4"):
        assert f"fsync {path.parent}" in disk.calls
    assert len(await rows(node, segments)) == 1  # a name that is not on the disk is no footage yet
    assert (await check(node.database, node.volumes)).problems == []
    disk.calls.clear()
    disk.bad.clear()
    await node.record(3, START_US + 10 * GOP_US)
    assert f"fsync {node.media_dir / CAMERA}" in disk.calls  # it was not forgotten
    await recover(node.database, node.volumes, node.store, node_name="pi-1")
    kept = await rows(node, segments)
    assert sorted(row.run_id for row in kept) == [1, 2, 3]
    assert await rows(node, open_files) == node.store.leftovers == []
    assert (await check(node.database, node.volumes)).problems == []
    await node.stop()


async def test_what_a_disk_does_not_tell_is_asked_again_while_its_recording_goes_on(
    tmp_path: Path, clock: FakeClock
) -> None:
    """Its row stays; the run says why it ended; the recording is neither held up nor ended."""
    disk = TracedDisk()
    node = await open_node(tmp_path, clock, calls=disk)
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    await node.record(run)
    disk.bad = {str(path) for path in (node.media_dir / CAMERA).rglob("*") if path.is_dir()}
    writer = node.store.create(node.start(run, START_US + 2 * GOP_US, offset_90k=2 * GOP_90K))
    for fragment in segment_fragments(2, offset_90k=2 * GOP_90K):
        writer.append(fragment)
    writer.close(SegmentEnd(START_US + 4 * GOP_US))
    assert await node.store.flush(5)
    (left,) = await rows(node, open_files)
    assert (left.named_start_us, left.recording_id) == (START_US + 2 * GOP_US, None)
    assert len(await rows(node, segments)) == 1
    assert [row.end_reason for row in await rows(node, runs)] == ["disk_error"]
    found = await recover(node.database, node.volumes, node.store, node_name="pi-1")
    assert (found.unreadable, len(node.store.leftovers)) == (1, 1)
    disk.bad.clear()
    after = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US + 6 * GOP_US)
    await node.record(after, START_US + 6 * GOP_US)
    found = await recover(node.database, node.volumes, node.store, node_name="pi-1")
    assert (found.recovered, node.store.leftovers) == (1, [])
    (recording,) = await rows(node, recordings)
    assert (recording.status, recording.segments) == ("recording", 3)
    assert [row.end_reason for row in await rows(node, runs)] == ["disk_error", None]
    await node.stop()


def test_a_disk_that_does_not_tell_is_asked_ever_more_seldom(clock: FakeClock) -> None:
    times, asked = RecoveryTimes(clock), []
    for second in range(0, 3600, 5):
        if times.is_due(1, disk_is_back=second == 3000):
            asked.append(second)
        clock.advance(5)
    assert asked == [0, 5, 15, 35, 75, 155, 315, 635, 1235, 1835, 2435, 3000, 3005, 3015, 3035,
                     3075, 3155, 3315]  # fmt: skip
    assert times.is_due(2, disk_is_back=False)  # one more
    assert not times.is_due(2, disk_is_back=False)
    assert not times.is_due(0, disk_is_back=True)


@pytest.mark.parametrize("at", [0, 2])
async def test_an_unsound_fragment_ends_the_file_before_it(
    tmp_path: Path, clock: FakeClock, at: int
) -> None:
    node = await open_node(tmp_path, clock)
    writer = node.store.create(node.start(1))
    fragments = list(segment_fragments(3))
    unsound = replace(fragments[at], buffers=(b"\0" * fragments[at].size_bytes,))
    for fragment in (*fragments[:at], unsound, *fragments[at + 1 :]):
        if writer.append(fragment) is not Accepted.YES:
            break
    writer.close(SegmentEnd(START_US + 3 * GOP_US))
    assert await node.store.flush(5)
    assert writer.failure is RunEnd.DISK_ERROR
    assert node.budget.used_bytes == 0
    assert len(await rows(node, segments)) == (1 if at else 0)
    await node.deleter.empty_garbage()
    assert (await check(node.database, node.volumes)).problems == []
    await node.stop()


async def test_a_file_that_cannot_be_named_is_over(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await open_node(tmp_path, clock)

    def fail(_path: str) -> int:
        raise ValueError("no such name")

    monkeypatch.setattr(node.volumes.all[0], "create", fail)
    writer = node.store.create(node.start(1))
    assert writer.append(next(segment_fragments(1))) is Accepted.YES
    writer.close(SegmentEnd(START_US + GOP_US))
    assert await node.store.flush(5)
    assert writer.failure is RunEnd.DISK_ERROR
    assert node.budget.used_bytes == 0
    assert await rows(node, open_files) == []
    await node.stop()


async def test_a_run_without_footage_leaves_no_row(tmp_path: Path, clock: FakeClock) -> None:
    disk = TracedDisk()
    node = await open_node(tmp_path, clock, calls=disk)
    first = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    end_us = await node.record(first)
    disk.failing_write = disk.writes + 2  # the first fragment of the next file, in the same run
    writer = node.store.create(node.start(first, end_us, offset_90k=2 * GOP_90K))
    for fragment in segment_fragments(1, offset_90k=2 * GOP_90K):
        writer.append(fragment)
    writer.close(SegmentEnd(end_us + GOP_US, RunEnd.DISK_ERROR))
    assert await node.store.flush(5)
    (run,) = await rows(node, runs)  # it has footage, and ended so
    assert (run.id, run.ended_us, run.end_reason) == (first, end_us, RunEnd.DISK_ERROR)
    for _ in range(3):
        run_id = node.store.begin_run(CAMERA, StreamKind.MAIN, end_us)
        writer = node.store.create(node.start(run_id, end_us))
        writer.close(SegmentEnd(end_us + 1, RunEnd.CAMERA_OFFLINE))
        assert await node.store.flush(5)
    assert [row.id for row in await rows(node, runs)] == [first]
    await node.stop()


async def test_a_recording_is_complete_when_its_last_file_is_closed(
    tmp_path: Path, clock: FakeClock
) -> None:
    node = await open_node(tmp_path, clock)
    await node.record(1, recording_id="hour-1")
    at = START_US + 2 * GOP_US
    last = node.store.create(node.start(1, at, offset_90k=2 * GOP_90K, recording_id="hour-1"))
    for fragment in segment_fragments(2, offset_90k=2 * GOP_90K):
        last.append(fragment)
    at += 2 * GOP_US
    following = node.store.create(node.start(1, at, offset_90k=4 * GOP_90K, recording_id="hour-2"))
    for fragment in segment_fragments(1, offset_90k=4 * GOP_90K):
        following.append(fragment)
    await settled(node)
    assert (await node.recordings.get("hour-1")).status is RecordingStatus.RECORDING
    last.close(SegmentEnd(at))
    while (CAMERA, "hour-1", "ended") not in node.events:
        node.store._idle.clear()
        async with asyncio.timeout(5):
            await node.store._idle.wait()
    one, two = [await node.recordings.get(name) for name in ("hour-1", "hour-2")]
    assert (one.status, one.segments) == (RecordingStatus.COMPLETED, 2)
    assert two.status is RecordingStatus.RECORDING
    await node.recordings.delete("hour-1", who="ann")
    following.close(SegmentEnd(at + GOP_US, RunEnd.CAMERA_OFFLINE))
    assert await node.store.flush(5)
    assert [row.id for row in await rows(node, recordings)] == ["hour-2"]
    await node.stop()


async def test_a_database_that_refuses_makes_nothing_pile_up(
    tmp_path: Path,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    video = await asyncio.to_thread(pictures)
    node = await open_node(tmp_path, clock)
    queue = node.database._queue
    assert queue is not None
    put, is_full = queue.put, False

    def refuse(operation: Operation[Any], answer: Future[Any]) -> None:
        if is_full:
            answer.set_exception(Unavailable("the disk of the data directory is full"))
        else:
            put(operation, answer)

    monkeypatch.setattr(queue, "put", refuse)
    hub = StreamHub(CAMERA, StreamKind.MAIN, asyncio.get_running_loop(), clock, node.budget)
    camera = Camera(node, hub, segment_s=60)
    camera.begin(video)
    begin_us = clock.monotonic_us()
    samples = in_time(video, None, 125, begin_us)
    held = 0
    for second in range(125):
        is_full = second >= 5
        low = begin_us + second * 1_000_000
        camera.play([s for s in samples if low <= s.arrived_us < low + 1_000_000])
        for _ in range(4):  # answers, writer, syncer, answers, recorder
            await asyncio.sleep(0)
            await idle(node)
        if second % 5 == 0 and is_full:
            with pytest.raises(Unavailable):
                await node.store.housekeeping()
        held = max(held, len(node.store._live))
    assert held <= 3  # the one with footage, one in between, the one now
    about = [r for r in caplog.records if r.name.startswith("falconeye.storage.segment")]
    assert len(about) <= 6  # one a minute, and one for the file that is given up
    is_full = False
    hub.end_run(RunEnd.CAMERA_OFFLINE, "")
    await node.store.housekeeping()
    assert await node.store.flush(5)
    assert (await rows(node, segments))[0].media_duration_90k >= 60 * 90_000
    assert await rows(node, open_files) == []
    assert (await check(node.database, node.volumes)).problems == []
    await node.stop()


class LosesPages(DiskCalls):
    """Its sync fails, and what had not reached the disk by then reads as zeros afterwards."""

    given = b""

    @override
    def fdatasync(self, fd: int) -> None:
        if self.given:
            super().fdatasync(fd)
            return
        size = os.fstat(fd).st_size
        self.given = os.pread(fd, size, 0)
        os.pwrite(fd, bytes(size // 3), size - size // 3)
        raise OSError(errno.EIO, os.strerror(errno.EIO))


async def test_what_a_failed_sync_lost_is_in_no_row(tmp_path: Path) -> None:
    disk = LosesPages()
    node = await open_node(tmp_path, FakeClock(), calls=disk)
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    await node.record(run, gops=6)
    (row,) = await rows(node, segments)
    (path,) = await asyncio.to_thread(lambda: list(node.media_dir.rglob("*.mp4")))
    content = await asyncio.to_thread(path.read_bytes)
    assert len(content) == row.size_bytes < len(disk.given)
    assert content == disk.given[: row.size_bytes]
    assert 2 * GOP_90K < row.media_duration_90k < 6 * GOP_90K
    assert (await check(node.database, node.volumes)).problems == []
    await node.stop()
