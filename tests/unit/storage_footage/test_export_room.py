"""Room for exports on a disk that recording keeps full: a bounded share of the oldest footage."""

import os
from pathlib import Path

import pytest
from typing_extensions import override

from falconeye.storage.export.export_room import NoRoom
from falconeye.storage.segments.retention import Spared
from falconeye.storage.stores.job_store import Job, JobState, JobStore
from falconeye.storage.tables.footage import segments
from falconeye.storage.volumes.disk_calls import DiskCalls
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.exporting import (
    JOB,
    decodes,
    footage,
    ignore,
    open_exports,
    order,
    path_of,
)
from tests.unit.storage_footage.footage import CAMERA, GOP_US, Node, open_node, rows

FLOOR = 1 << 20


class SmallDisk(DiskCalls):
    """So many bytes in all, and what is free of them; unlinking frees what a file held."""

    total_bytes = 100 << 20
    free_bytes = 50 << 20

    @override
    def statvfs(self, fd: int) -> os.statvfs_result:
        true = list(super().statvfs(fd))
        true[0] = true[1] = 1
        true[2], true[3], true[4] = self.total_bytes, self.free_bytes, self.free_bytes
        return os.statvfs_result(true)

    @override
    def unlink(self, path: str, directory_fd: int) -> None:
        size = os.stat(path, dir_fd=directory_fd).st_size
        super().unlink(path, directory_fd)
        self.free_bytes += size


async def full_node(tmp_path: Path, clock: FakeClock, calls: SmallDisk) -> Node:
    """Three segments of 3, 2 and 2 s, and nothing free above the floor."""
    node = await open_node(tmp_path, clock, calls=calls, floor_bytes=FLOOR)
    await footage(node)
    calls.free_bytes = FLOOR
    return node


async def starts(node: Node) -> list[int]:
    return sorted((row.start_us - START_US) // GOP_US for row in await rows(node, segments))


async def test_the_oldest_gives_way_to_an_export_of_the_newest(
    tmp_path: Path, clock: FakeClock
) -> None:
    calls = SmallDisk()
    node = await full_node(tmp_path, clock, calls)
    assert await starts(node) == [0, 3, 5]
    exports = open_exports(node)
    await exports.room.check(await exports.expected_bytes(order(5, 7)))
    made = await exports.make(JOB, order(5, 7), ignore)
    exports.stop()
    await decodes(path_of(node, made))
    assert await starts(node) == [3, 5]
    assert made.freed_bytes > 0


async def test_what_is_exported_never_goes_for_it(tmp_path: Path, clock: FakeClock) -> None:
    node = await full_node(tmp_path, clock, SmallDisk())
    exports = open_exports(node)
    with pytest.raises(NoRoom, match="no more of the oldest footage"):
        await exports.make(JOB, order(0, 7), ignore)
    assert await starts(node) == [0, 3, 5]
    others = [Spared(CAMERA, START_US, START_US + 4 * GOP_US)]
    with pytest.raises(NoRoom):  # nor what the next in the queue is to take
        await exports.make(JOB, order(5, 7), ignore, others)
    assert await starts(node) == [0, 3, 5]
    exports.stop()


async def test_exports_take_no_more_than_their_share(tmp_path: Path, clock: FakeClock) -> None:
    calls = SmallDisk()
    node = await full_node(tmp_path, clock, calls)
    volume = node.volumes.all[0].number
    result = {"volume": volume, "size_bytes": calls.total_bytes // 10 - 1000}
    job = Job(JOB, "export", JobState.COMPLETE, CAMERA, "user", "u", "ann", START_US, {})
    await JobStore(node.database).add(job)
    await JobStore(node.database).change(JOB, {"result": result})
    exports = open_exports(node)
    expected = await exports.expected_bytes(order(5, 7))
    with pytest.raises(NoRoom, match="a tenth of the disk") as refusal:
        await exports.room.check(expected)
    assert (refusal.value.status, "always kept free" in str(refusal.value)) == (507, True)
    with pytest.raises(NoRoom):
        await exports.make(JOB, order(5, 7), ignore)
    assert await starts(node) == [0, 3, 5]
    calls.free_bytes = 50 << 20  # above the floor nobody has to give way
    await exports.room.check(expected)
    exports.stop()


async def test_two_that_run_at_once_share_one_share(tmp_path: Path, clock: FakeClock) -> None:
    """An export and a copy of another one, neither of which is done."""
    calls = SmallDisk()
    node = await full_node(tmp_path, clock, calls)
    exports = open_exports(node)
    volume, room = node.volumes.all[0], exports.room
    spared = [Spared(CAMERA, START_US, START_US + 9 * GOP_US)]
    most = calls.total_bytes // 10
    with room.promised("copy"):
        calls.free_bytes = FLOOR + most  # it need not take from footage
        assert await room.provide("copy", volume, most - 1000, spared) == 0
        assert await room.provide("copy", volume, 10, spared) == 0  # the rest of it
        calls.free_bytes = FLOOR
        with pytest.raises(NoRoom, match="a tenth of the disk"):
            await exports.make(JOB, order(5, 7), ignore)
        assert await starts(node) == [0, 3, 5]
    made = await exports.make(JOB, order(5, 7), ignore)
    assert made.freed_bytes > 0
    exports.stop()
