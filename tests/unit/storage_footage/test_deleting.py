"""Deletion on disks that refuse it, are slow with it, or lose power in between."""

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from typing_extensions import override

from falconeye.base.errors import Conflict, NotFound
from falconeye.storage.checks.check import check
from falconeye.storage.segments import free_space, retention
from falconeye.storage.segments.deletion import Cancelled
from falconeye.storage.segments.retention import Named
from falconeye.storage.tables.footage import garbage, recordings, segments
from falconeye.storage.volumes.disk_calls import DiskCalls
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.footage import CAMERA, GOP_US, Node, open_node, rows

FLOOR_BYTES = 50_000_000


class RefusingDisk(DiskCalls):
    """Does not unlink what `refuses` says; always a little below the floor."""

    error = errno.EROFS
    all_free = False

    def __init__(self) -> None:
        self.refuses: Callable[[str], bool] = lambda _path: False

    @override
    def unlink(self, path: str, directory_fd: int) -> None:
        if self.refuses(path):
            raise OSError(self.error, os.strerror(self.error))
        super().unlink(path, directory_fd)

    @override
    def statvfs(self, fd: int) -> os.statvfs_result:
        free = 200_000 if self.all_free else 12_000  # blocks of 4 kB, of 250 000
        rest = tuple(super().statvfs(fd))[5:]
        return os.statvfs_result((4096, 4096, 250_000, free, free, *rest))


async def record_many(node: Node, count: int) -> None:
    for index in range(count):
        at = START_US + index * 2 * GOP_US
        await node.record(index + 1, at, recording_id=f"r{index // 10}", ends=True)


def files(node: Node) -> int:
    return sum(1 for _ in node.media_dir.rglob("*.mp4"))


async def test_a_disk_that_refuses_to_unlink_keeps_its_index(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    disk = RefusingDisk()
    node = await open_node(tmp_path, clock, calls=disk, floor_bytes=FLOOR_BYTES)
    await record_many(node, 60)
    size_bytes = (await rows(node, segments))[0].size_bytes
    disk.refuses = lambda _path: True
    # Room for about five: what a disk can be asked for until it is known that it refuses.
    for _ in range(20):
        async with asyncio.timeout(10):
            assert await node.deleter.free(node.volumes.all[0], 5 * size_bytes) == 0
    kept = await rows(node, segments)
    assert len(kept) >= 60 - free_space.UNLINKED_AT_ONCE - 5
    assert len(await rows(node, recordings)) >= 4
    assert files(node) == 60
    assert sum("cannot be deleted" in record.message for record in caplog.records) == 1
    assert node.deleter.deleted_bytes == 0
    disk.refuses = lambda _path: False
    disk.all_free = True
    await node.deleter.empty_garbage()
    assert files(node) == len(kept)  # what was let go before is gone now
    assert (await check(node.database, node.volumes)).problems == []
    await node.stop()


async def test_the_round_stops_at_a_disk_that_refuses(tmp_path: Path, clock: FakeClock) -> None:
    disk = RefusingDisk()
    node = await open_node(tmp_path, clock, calls=disk, floor_bytes=FLOOR_BYTES)
    await record_many(node, 30)
    disk.refuses = lambda _path: True
    await node.deleter.enforce()
    left = len(await rows(node, segments))
    for _ in range(5):
        await node.deleter.enforce()
    assert len(await rows(node, segments)) == left
    assert not await node.deleter.make_room(node.volumes.all[0], 1)
    await node.stop()


async def test_a_file_that_cannot_be_deleted_does_not_keep_the_others(
    tmp_path: Path, clock: FakeClock
) -> None:
    disk = RefusingDisk()
    disk.error = errno.EPERM  # as of `chattr +i`
    node = await open_node(tmp_path, clock, calls=disk, floor_bytes=FLOOR_BYTES)
    await record_many(node, 30)
    disk.refuses = lambda path: path.endswith(f"/{START_US}.mp4")
    await node.deleter.enforce()
    assert await rows(node, segments) == []
    assert files(node) == len(await rows(node, garbage)) == 1
    await node.stop()


class TracedDisk(DiskCalls):
    """Writes down what it is asked to make durable."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.fails = False

    @override
    def unlink(self, path: str, directory_fd: int) -> None:
        super().unlink(path, directory_fd)
        self.calls.append(("unlink", path))

    @override
    def fsync(self, fd: int) -> None:
        directory = str(Path(f"/proc/self/fd/{fd}").readlink())
        self.calls.append(("fsync", directory))
        if self.fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().fsync(fd)


async def test_what_is_unlinked_is_durable_before_it_is_forgotten(
    tmp_path: Path, clock: FakeClock
) -> None:
    disk = TracedDisk()
    node = await open_node(tmp_path, clock, calls=disk)
    await record_many(node, 3)
    hour = str(next(node.media_dir.rglob("*.mp4")).parent)
    disk.calls.clear()
    disk.fails = True
    end_us = START_US + 4 * GOP_US
    await node.deleter.delete_named(Named([1], 0, end_us, "ann"))
    assert [call for call, _ in disk.calls] == ["unlink", "unlink", "fsync"]  # once a directory
    assert disk.calls[-1] == ("fsync", hour)
    assert len(await rows(node, garbage)) == 2  # a power cut may bring them back
    disk.fails = False
    await node.deleter.empty_garbage()
    assert await rows(node, garbage) == []
    disk.calls.clear()
    await node.deleter.delete_named(Named([1], 0, 1 << 62, "ann"))
    assert disk.calls[-1] == ("fsync", str(node.media_dir))  # the directories are gone, too
    assert await rows(node, garbage) == []
    await node.stop()


class HeldDisk(DiskCalls):
    """Unlinks when it may go on."""

    def __init__(self) -> None:
        self.go, self.held = threading.Event(), threading.Event()

    @override
    def unlink(self, path: str, directory_fd: int) -> None:
        self.held.set()
        assert self.go.wait(10)
        super().unlink(path, directory_fd)


async def test_a_full_disk_does_not_wait_for_a_long_deletion(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    disk = HeldDisk()
    node = await open_node(tmp_path, clock, calls=disk)
    await record_many(node, 20)
    async with asyncio.TaskGroup() as group:
        deletion = group.create_task(node.deleter.delete_named(Named([1], 0, 1 << 62, "ann")))
        assert await asyncio.to_thread(disk.held.wait, 5)
        room = group.create_task(node.deleter.free(node.volumes.all[0], 1))
        await asyncio.sleep(0)  # it waits behind this batch now, and behind no other
        disk.go.set()
        assert await room > 0
        assert not deletion.done()
        assert await rows(node, segments) != []
    assert await rows(node, segments) == []
    assert files(node) == 0
    await node.stop()


@pytest.mark.parametrize("batches", [0, 1, 3])
async def test_a_deletion_is_told_and_cancelled_between_two_batches(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    """What went is gone, what is left is whole, and the same again takes the rest."""
    monkeypatch.setattr(retention, "BATCH", 2)
    node = await open_node(tmp_path, clock)
    await record_many(node, 10)
    await node.recordings.update("r0", {"protected": False})
    deletions, delete = node.deleter.deletions, node.deleter._delete
    told: list[tuple[int, int]] = []

    async def cancelling(doomed: object) -> bool:
        (deletion,) = deletions.list()
        assert (deletion.camera_id, deletion.files) == (CAMERA, 10)
        assert (deletion.wanted.who, deletion.since_us) == ("ann: asked", clock.utc_us())
        told.append((deletion.gone_files, deletion.gone_bytes))
        if len(told) == batches + 1:
            deletions.cancel(deletion.number)
        return await delete(doomed)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(node.deleter, "_delete", cancelling)
        words = f"{2 * batches + 2} of 10 files are gone"
        with pytest.raises(Cancelled, match=words):
            await node.recordings.delete_time(CAMERA, START_US, START_US * 2, who="ann: asked")
    assert [gone for gone, _ in told] == [2 * batch for batch in range(batches + 1)]
    assert (told[-1][1] > 0) is (batches > 0)
    assert deletions.list() == ()
    assert len(await rows(node, segments)) == files(node) == 8 - 2 * batches
    assert (await check(node.database, node.volumes)).problems == []
    gone, kept = await node.recordings.delete_time(CAMERA, START_US, START_US * 2, who="ann")
    assert (gone, kept, files(node)) == (8 - 2 * batches, 0, 0)
    with pytest.raises(NotFound):
        deletions.cancel(1)
    await node.stop()


async def test_a_recording_is_deleted_as_a_whole(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await open_node(tmp_path, clock)
    await record_many(node, 3)
    deletions, delete = node.deleter.deletions, node.deleter._delete

    async def refused(doomed: object) -> bool:
        (deletion,) = deletions.list()
        assert not deletion.may_end
        with pytest.raises(Conflict):
            deletions.cancel(deletion.number)
        return await delete(doomed)  # type: ignore[arg-type]

    monkeypatch.setattr(node.deleter, "_delete", refused)
    await node.recordings.delete("r0", who="ann")
    assert files(node) == 0
    await node.stop()
