"""A segment on its way: open_files, file, fragments, sync, index."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row
from typing_extensions import override

from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.media.segment_file import read_segment_file
from falconeye.storage.segments import fragment_table
from falconeye.storage.segments.layout import SegmentName, segment_path
from falconeye.storage.segments.segments import Accepted, SegmentEnd
from falconeye.storage.tables.footage import fragments, open_files, recordings, segments, usage
from falconeye.storage.volumes.disk_calls import DiskCalls
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


async def test_a_segment_is_written_synced_and_indexed(node: Node) -> None:
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    await node.record(run, gops=3, run_end=RunEnd.STOPPED_BY_USER)
    (segment,) = await rows(node, segments)
    path = node.media_dir / segment_path(SegmentName(CAMERA, StreamKind.MAIN, START_US))
    assert path.stat().st_size == segment.size_bytes
    assert segment.start_us == START_US
    assert segment.wall_duration_us == 3 * GOP_US
    assert segment.media_duration_90k == 3 * GOP_90K
    assert await rows(node, open_files) == []
    (total,) = await rows(node, usage)
    assert (total.segments, total.size_bytes) == (1, segment.size_bytes)
    (recording,) = await rows(node, recordings)
    assert (recording.status, recording.segments) == ("completed", 1)
    assert recording.duration_us == 3 * GOP_US
    assert recording.end_us == START_US + 3 * GOP_US
    assert node.budget.used_bytes == 0
    assert [kind for *_, kind in node.events] == ["started", "ended"]


async def test_the_fragment_table_is_what_the_file_says(node: Node) -> None:
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    await node.record(run, gops=3)
    (row,) = await rows(node, fragments)
    table = fragment_table.decode(row.places)
    path = node.media_dir / segment_path(SegmentName(CAMERA, StreamKind.MAIN, START_US))
    data = path.read_bytes()
    found = read_segment_file(lambda at, size: data[at : at + size], len(data), check_from=0)
    assert found.fragments == table.fragments
    assert found.head.size_bytes == table.head_bytes
    assert found.audio_end_ticks == table.audio_end_ticks > 0
    assert found.head.identity.run_id == run
    assert found.head.identity.recording_id == "rec-1"
    assert found.good_bytes == len(data)
    assert len(row.places) < 20 * len(table.fragments)


def record_bytes(row: Row[Any]) -> int:
    """The size of a row of integers in SQLite's record format (sqlite.org/fileformat.html 2.1)."""

    def of(value: int) -> int:
        for size in (0, 1, 2, 3, 4, 6):
            if size == 0 and value in {0, 1}:
                return 0
            if size and -(1 << (8 * size - 1)) <= value < 1 << (8 * size - 1):
                return size
        return 8

    return 1 + len(row) + sum(of(value) for value in row)


async def test_a_row_of_the_index_is_small(node: Node) -> None:
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    at = START_US
    for index in range(3):
        at = await node.record(run, at, gops=1, offset_90k=index * GOP_90K)
    sizes = [record_bytes(row) for row in await rows(node, segments)]
    assert max(sizes) <= 64
    assert len(sizes) == 3


async def test_two_files_that_claim_one_microsecond(node: Node) -> None:
    for _ in range(2):
        run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
        await node.record(run)
    found = await rows(node, segments)
    assert [row.start_us for row in found] == [START_US, START_US + 1]
    names = sorted(int(path.stem) for path in node.media_dir.rglob("*.mp4"))
    assert names == [row.start_us + row.named_offset_us for row in found]


async def test_an_empty_segment_leaves_no_file(node: Node) -> None:
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    writer = node.store.create(node.start(run))
    writer.close(SegmentEnd(START_US + 1, RunEnd.CAMERA_OFFLINE))
    assert await node.store.flush(5)
    assert await rows(node, segments) == []
    assert await rows(node, open_files) == []
    await node.deleter.empty_garbage()
    assert list(node.media_dir.rglob("*.mp4")) == []


async def test_over_budget_takes_nothing(tmp_path: Path, clock: FakeClock) -> None:
    node = await open_node(tmp_path, clock, budget_bytes=100)
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    writer = node.store.create(node.start(run))
    assert writer.append(next(segment_fragments(1))) is Accepted.OVER_BUDGET
    assert node.budget.used_bytes == 0
    writer.close(SegmentEnd(START_US + 1, RunEnd.DISK_TOO_SLOW))
    await node.stop()


class FailingDisk(DiskCalls):
    """Fails the `at`-th call of one kind (and all later ones)."""

    def __init__(self, call: str, at: int, error: int) -> None:
        self.call, self.at, self.error, self.count = call, at, error, 0

    def _step(self, call: str) -> None:
        if call == self.call:
            self.count += 1
            if self.count >= self.at:
                raise OSError(self.error, os.strerror(self.error))

    @override
    def writev(self, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        self._step("writev")
        return super().writev(fd, buffers)

    @override
    def fdatasync(self, fd: int) -> None:
        self._step("fdatasync")
        super().fdatasync(fd)


class ShortDisk(DiskCalls):
    """Writes at most 100 bytes at a time."""

    @override
    def writev(self, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        return os.write(fd, bytes(b"".join(buffers)[:100]))


async def test_short_writes_are_gone_on_with(tmp_path: Path, clock: FakeClock) -> None:
    node = await open_node(tmp_path, clock, calls=ShortDisk())
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    await node.record(run, gops=1)
    (segment,) = await rows(node, segments)
    data = next(node.media_dir.rglob("*.mp4")).read_bytes()
    found = read_segment_file(lambda at, size: data[at : at + size], len(data), check_from=0)
    assert found.good_bytes == segment.size_bytes == len(data)
    await node.stop()


@pytest.mark.parametrize("at", range(1, 8))
async def test_the_nth_write_fails(tmp_path: Path, clock: FakeClock, at: int) -> None:
    node = await open_node(tmp_path, clock, calls=FailingDisk("writev", at, errno.EIO))
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    writer = node.store.create(node.start(run))
    for fragment in segment_fragments(3):
        if writer.append(fragment) is Accepted.FAILED:
            break
    writer.close(SegmentEnd(START_US + 3 * GOP_US, None))
    assert await node.store.flush(5)
    expected = max(0, at - 2)  # the first write is the head
    found = await rows(node, segments)
    assert len(found) == (1 if expected > 0 else 0)
    if expected < 6:
        assert writer.failure is RunEnd.DISK_ERROR
    if found:
        (row,) = await rows(node, fragments)
        assert len(fragment_table.decode(row.places).fragments) == min(expected, 6)
        path = next(node.media_dir.rglob("*.mp4"))
        assert path.stat().st_size == found[0].size_bytes
    assert node.budget.used_bytes == 0
    await node.stop()


async def test_a_failed_sync_ends_the_file_and_is_not_retried(
    tmp_path: Path, clock: FakeClock
) -> None:
    disk = FailingDisk("fdatasync", 1, errno.EIO)
    node = await open_node(tmp_path, clock, calls=disk)
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    await node.record(run, gops=2)
    assert disk.count == 1
    (segment,) = await rows(node, segments)  # what can be read back is kept
    assert segment.media_duration_90k == 2 * GOP_90K
    await node.stop()


async def test_run_ids_never_come_again(tmp_path: Path, clock: FakeClock) -> None:
    node = await open_node(tmp_path, clock)
    first = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    second = node.store.begin_run(CAMERA, StreamKind.SUB, START_US)
    await node.stop()
    clock.step_utc(-1_000_000)
    node = await open_node(tmp_path, clock)
    assert len({first, second, node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)}) == 3
    assert node.store.begin_run(CAMERA, StreamKind.MAIN, START_US) > second
    await node.stop()
