"""Several volumes: the oldest footage moves, plays all the while, survives a kill at any step."""

import asyncio
import errno
import os
import shutil
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import override

from falconeye.base.errors import Unavailable
from falconeye.media.samples import StreamKind
from falconeye.storage.checks.check import Fault, check
from falconeye.storage.checks.rebuild import rebuild
from falconeye.storage.reading.playback import Playback
from falconeye.storage.segments import move_rows
from falconeye.storage.segments import mover as mover_module
from falconeye.storage.segments.mover import Mover
from falconeye.storage.segments.retention import Named
from falconeye.storage.segments.volume_changes import VolumeChanges
from falconeye.storage.tables.footage import fragments, garbage, moves, recordings, segments, usage
from falconeye.storage.volumes import volume_rows
from falconeye.storage.volumes.disk_calls import DiskCalls
from falconeye.storage.volumes.id_file import ID_FILE
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volume_facts import Role
from falconeye.storage.volumes.volumes import adopt
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.footage import CAMERA, GOP_US, Node, open_node, read, rows

SEGMENTS = 6


async def add_archive(node: Node, path: Path, role: Role = Role.ARCHIVE) -> Volume:
    """Another directory for older footage, as `storage add` registers it."""
    await adopt(node.database, path, node.clock.utc_us(), role)
    await node.volumes.reload()
    return node.volumes.all[-1]


async def record_some(node: Node, count: int = SEGMENTS) -> None:
    """One recording, a new segment each two seconds, with a substream."""
    for index in range(count):
        start_us = START_US + index * 2 * GOP_US
        await node.record(1, start_us, offset_90k=index * 180_000, ends=index == count - 1)
        await node.record(
            2, start_us, offset_90k=index * 180_000, recording_id=None, stream=StreamKind.SUB
        )


def make_mover(node: Node) -> Mover:
    return Mover(node.database, node.volumes, node.deleter, node.clock)


class SizedDisk(DiskCalls):
    """Says how large it is, and how much of that is free."""

    def __init__(self, free: Callable[[], int], total_bytes: int = 100 << 20) -> None:
        self._free = free
        self._total_bytes = total_bytes

    @override
    def statvfs(self, fd: int) -> os.statvfs_result:
        free = self._free() >> 10
        return os.statvfs_result((1024, 1024, self._total_bytes >> 10, free, free, 0, 0, 0, 0, 255))


def fill(volume: Volume, free_bytes: int) -> None:
    """The volume has so much room from now on."""
    volume.calls = SizedDisk(lambda: free_bytes)


async def places(node: Node) -> dict[int, int]:
    """Volume number → segments on it by the index."""
    found: dict[int, int] = {}
    for row in await rows(node, segments):
        found[row.volume_id] = found.get(row.volume_id, 0) + 1
    return found


async def assert_sound(node: Node) -> None:
    await node.deleter.empty_garbage()
    assert (await check(node.database, node.volumes)).problems == []
    assert await rows(node, garbage) == []
    assert await rows(node, moves) == []
    for volume in node.volumes.all:
        kept = sum(1 for _ in volume.path.rglob("*.mp4"))
        assert kept == (await places(node)).get(volume.number, 0)


async def download(node: Node) -> bytes:
    [recording], _ = await node.recordings.list(limit=10)
    return await read(await node.recordings.download(recording.id))


async def test_a_filling_volume_gives_its_oldest_to_the_archive(node: Node, tmp_path: Path) -> None:
    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node)
    before = await download(node)
    mover = make_mover(node)
    fill(node.volumes.all[0], free_bytes=90 << 20)
    await mover.enforce()
    assert await places(node) == {1: 2 * SEGMENTS}  # there is room: nothing moves
    fill(node.volumes.all[0], free_bytes=0)
    await mover.enforce()
    assert await places(node) == {archive.number: 2 * SEGMENTS}
    assert await download(node) == before
    totals = {row.volume_id: row.segments for row in await rows(node, usage) if row.segments}
    assert totals == {archive.number: SEGMENTS}  # a row of each stream
    assert mover.state(node.volumes.all[0]).moved_files == 2 * SEGMENTS
    await assert_sound(node)
    await node.stop()


async def test_a_download_under_way_goes_on_when_its_files_move(node: Node, tmp_path: Path) -> None:
    await add_archive(node, tmp_path / "archive")
    await record_some(node)
    [recording], _ = await node.recordings.list(limit=10)
    before = await node.recordings.download(recording.id)
    whole = await read(before)
    fill(node.volumes.all[0], free_bytes=0)
    await make_mover(node).enforce()
    await node.deleter.empty_garbage()  # the originals are gone
    assert await read(before) == whole
    after = await node.recordings.download(recording.id)
    assert after.etag == before.etag  # a resumed download may go on
    await node.stop()


async def test_playback_knows_the_footage_by_the_same_name(node: Node, tmp_path: Path) -> None:
    await add_archive(node, tmp_path / "archive")
    await record_some(node)
    playback = Playback(node.database, node.volumes, node.store, node.clock)
    first = await playback.media(CAMERA, f"main-1-{START_US}.m4s")
    whole = await read(first)
    fill(node.volumes.all[0], free_bytes=0)
    await make_mover(node).enforce()
    await node.deleter.empty_garbage()
    moved = await playback.media(CAMERA, f"main-1-{START_US}.m4s")
    assert (moved.etag, await read(moved)) == (first.etag, whole)
    await node.stop()


class SickDisk(DiskCalls):
    """Refuses a call from the n-th on; -1: never."""

    def __init__(self, call: str, after: int) -> None:
        self.call = call
        self.left = after

    def _count(self, call: str) -> None:
        if call == self.call:
            self.left -= 1
            if self.left < 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

    @override
    def writev(self, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        self._count("writev")
        return super().writev(fd, buffers)

    @override
    def fdatasync(self, fd: int) -> None:
        self._count("fdatasync")
        super().fdatasync(fd)

    @override
    def fsync(self, fd: int) -> None:
        self._count("fsync")
        super().fsync(fd)

    @override
    def create(self, path: str, directory_fd: int) -> int:
        self._count("create")
        return super().create(path, directory_fd)


@pytest.mark.parametrize("call", ["create", "writev", "fdatasync", "fsync"])
@pytest.mark.parametrize("after", [0, 3])
async def test_an_archive_that_refuses_costs_nothing(
    node: Node, tmp_path: Path, call: str, after: int
) -> None:
    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node)
    before = await download(node)
    archive.calls = SickDisk(call, after)
    mover = make_mover(node)
    fill(node.volumes.all[0], free_bytes=0)
    await mover.enforce()
    state = mover.state(node.volumes.all[0])
    assert "Input/output error" in state.trouble
    assert await download(node) == before
    assert sum((await places(node)).values()) == 2 * SEGMENTS
    await mover.enforce()  # it is not asked again at once
    archive.calls = DiskCalls()
    await assert_sound(node)
    node.clock.advance(mover_module.RETRY_US // 1_000_000)
    await mover.enforce()
    assert await places(node) == {archive.number: 2 * SEGMENTS}
    assert await download(node) == before
    await assert_sound(node)
    await node.stop()


async def test_beside_an_archive_that_refuses_the_other_takes_all(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, and not a batch a minute: what does not move in time is deleted."""
    monkeypatch.setattr(move_rows, "BATCH", 2)
    ill = await add_archive(node, tmp_path / "ill")
    good = await add_archive(node, tmp_path / "good")
    await record_some(node)
    disk = ill.calls = SickDisk("writev", 0)
    mover = make_mover(node)
    fill(node.volumes.all[0], free_bytes=0)
    for _ in range(SEGMENTS):
        assert await mover.enforce()
    assert await places(node) == {good.number: 2 * SEGMENTS}
    assert disk.left == -1  # it was asked once
    assert mover.state(node.volumes.all[0]).trouble == ""
    await assert_sound(node)
    await node.stop()


async def test_a_disk_that_reads_back_other_bytes_keeps_the_original(
    node: Node, tmp_path: Path
) -> None:
    class Liar(DiskCalls):
        @override
        def writev(self, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
            [data] = buffers
            return super().writev(fd, [bytes([data[0] ^ 1]) + bytes(data[1:])])

    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node, 1)
    archive.calls = Liar()
    mover = make_mover(node)
    fill(node.volumes.all[0], free_bytes=0)
    await mover.enforce()
    assert "reads back differently" in mover.state(node.volumes.all[0]).trouble
    assert await places(node) == {1: 2}
    await assert_sound(node)
    await node.stop()


async def test_an_unreadable_file_stays_and_the_others_go(node: Node, tmp_path: Path) -> None:
    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node, 3)
    first, *_ = sorted(node.volumes.all[0].path.rglob("*.mp4"))
    first.write_bytes(first.read_bytes()[:-1000])  # shorter than the index says
    mover = make_mover(node)
    fill(node.volumes.all[0], free_bytes=0)
    await mover.enforce()
    assert await places(node) == {1: 1, archive.number: 5}
    assert mover.state(node.volumes.all[0]).unreadable == 1
    await mover.enforce()
    assert "cannot be read" in mover.state(node.volumes.all[0]).trouble
    await node.stop()


async def test_a_batch_that_cannot_be_read_does_not_hide_the_others(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that leaves because it fails has many such files."""
    monkeypatch.setattr(move_rows, "BATCH", 4)
    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node)
    bad = sorted(node.media_dir.rglob("*.mp4"), key=lambda path: path.name)[: move_rows.BATCH]
    whole = {path: path.read_bytes() for path in bad}
    for path in bad:
        path.write_bytes(whole[path][:-1000])
    mover = make_mover(node)
    fill(node.volumes.all[0], free_bytes=0)
    for _ in range(4):
        await mover.enforce()
    assert await places(node) == {1: 4, archive.number: 2 * SEGMENTS - 4}
    assert "4 files cannot be read" in mover.state(node.volumes.all[0]).trouble
    for path in bad:
        path.write_bytes(whole[path])
    await node.deleter.empty_garbage()
    node.clock.advance(mover_module.LOOK_ANEW_US // 1_000_000)  # the disk was only away
    await mover.enforce()
    assert await places(node) == {archive.number: 2 * SEGMENTS}
    await assert_sound(node)
    await node.stop()


async def test_moving_goes_on_after_the_database_refused(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of a batch whose end was not stored are in the way of the next one."""
    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node)
    fill(node.volumes.all[0], free_bytes=0)
    mover = make_mover(node)
    write = node.database.write

    async def refusing(operation: Callable[..., Any]) -> object:
        if getattr(operation, "func", None) in {move_rows.finish, move_rows.give_up}:
            msg = "the database is full"
            raise Unavailable(msg)
        return await write(operation)

    with monkeypatch.context() as full:
        full.setattr(node.database, "write", refusing)
        with pytest.raises(Unavailable):
            await mover.enforce()
    await mover.enforce()
    await node.deleter.empty_garbage()
    await mover.enforce()
    assert await places(node) == {archive.number: 2 * SEGMENTS}
    await assert_sound(node)
    await node.stop()


async def test_with_two_archives_nothing_is_deleted_while_one_has_room(
    node: Node, tmp_path: Path
) -> None:
    full = await add_archive(node, tmp_path / "full")
    await record_some(node, 2)
    mover = make_mover(node)
    fill(node.volumes.all[0], free_bytes=0)
    await mover.enforce()
    for index in range(2, 4):
        await node.record(3, START_US + index * 2 * GOP_US, offset_90k=index * 180_000)
    empty = await add_archive(node, tmp_path / "empty")
    fill(full, free_bytes=0)
    fill(empty, free_bytes=90 << 20)
    await mover.enforce()
    assert await places(node) == {full.number: 4, empty.number: 2}
    # Where neither has, the oldest of both goes.
    await node.record(4, START_US + 100 * GOP_US, recording_id="rec-4", ends=True)
    node.volumes.all[1:] = [empty, full]
    full.calls = SizedDisk(lambda: (4 - sum(1 for _ in full.path.rglob("*.mp4"))) << 20)
    fill(empty, free_bytes=0)
    await mover.enforce()
    now = await rows(node, segments)
    assert sum(row.volume_id == empty.number for row in now) == 2
    assert min(row.start_us for row in now if row.stream_id == 1) > START_US
    await node.stop()


async def test_a_copy_that_is_not_there_by_its_name_is_none(node: Node, tmp_path: Path) -> None:
    """The disk was another one for a moment: all that was done to open files succeeded."""
    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node)
    before = await download(node)

    class Vanishing(DiskCalls):
        @override
        def fsync(self, fd: int) -> None:
            for path in archive.path.rglob("*.mp4"):
                path.unlink()
                break
            super().fsync(fd)

    archive.calls = Vanishing()
    fill(node.volumes.all[0], free_bytes=0)
    mover = make_mover(node)
    await mover.enforce()
    assert "not there any more" in mover.state(node.volumes.all[0]).trouble
    archive.calls = DiskCalls()
    await node.deleter.empty_garbage()
    assert await download(node) == before
    await assert_sound(node)
    await node.stop()


@asynccontextmanager
async def held_copy(node: Node, archive: Volume) -> AsyncIterator[None]:
    """Within it a file is being copied to the archive; the batch ends after it."""
    loop = asyncio.get_running_loop()
    waiting, go = asyncio.Event(), threading.Event()

    class Slow(DiskCalls):
        @override
        def fdatasync(self, fd: int) -> None:
            loop.call_soon_threadsafe(waiting.set)
            assert go.wait(20)
            super().fdatasync(fd)

    archive.calls = Slow()
    fill(node.volumes.all[0], free_bytes=0)
    moving = asyncio.create_task(make_mover(node).enforce())
    await waiting.wait()
    try:
        yield
    finally:
        go.set()
        await moving


async def test_a_volume_forgotten_while_it_is_copied_to_gets_nothing(
    node: Node, tmp_path: Path
) -> None:
    """It hung and passed for gone; when it goes on the footage stays where it is."""
    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node)
    before = await download(node)
    changes = VolumeChanges(
        node.database,
        node.clock,
        data_dir=tmp_path / "data",
        media_dir=node.media_dir,
        alone=node.deleter.alone,
    )
    async with held_copy(node, archive):
        (archive.path / ID_FILE).rename(archive.path / "away")
        await changes.forget(str(archive.path), "ann")
        (archive.path / "away").rename(archive.path / ID_FILE)
    assert await places(node) == {1: 2 * SEGMENTS}
    await node.deleter.empty_garbage()
    assert await rows(node, moves) == []
    assert await rows(node, garbage) == []
    assert await download(node) == before
    await node.stop()


async def test_nothing_goes_to_a_volume_that_was_just_removed(node: Node, tmp_path: Path) -> None:
    """The index says so before this process has read it."""
    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node)
    await node.database.write(partial(volume_rows.set_role, archive.number, Role.NONE))
    fill(node.volumes.all[0], free_bytes=0)
    await make_mover(node).enforce()
    assert await places(node) == {1: 2 * SEGMENTS}
    assert await rows(node, moves) == []
    await node.stop()


async def test_another_segment_that_came_to_its_start_is_not_said_to_have_moved(
    node: Node, tmp_path: Path
) -> None:
    """Re-dating moves segments to times that others had when the copy began."""
    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node, 3)
    second_us = 2 * GOP_US

    async def redate(connection: AsyncConnection) -> None:
        for index in (2, 1, 0):  # each to the place of the next one
            for table in (segments, fragments):
                values: dict[str, object] = {"start_us": table.c.start_us + second_us}
                if table is segments:
                    values["named_offset_us"] = segments.c.named_offset_us - second_us
                at_us = START_US + index * second_us
                await connection.execute(
                    update(table).where(table.c.start_us == at_us).values(values)
                )

    async with held_copy(node, archive):
        await node.database.write(redate)
    assert await places(node) == {1: 6}
    await node.deleter.empty_garbage()
    for row in await rows(node, segments):
        kind = "main" if row.stream_id == 1 else "sub"
        named_us = row.start_us + row.named_offset_us
        [path] = node.media_dir.rglob(f"{kind}/*/*/{named_us}.mp4")
        assert path.stat().st_size == row.size_bytes
    await node.stop()


async def test_footage_deleted_while_it_is_copied_is_gone_everywhere(
    node: Node, tmp_path: Path
) -> None:
    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node, 2)
    async with held_copy(node, archive):
        await node.deleter.delete_named(Named([1, 2], 0, 1 << 62, "ann"))
    assert await rows(node, segments) == []
    await assert_sound(node)
    await node.stop()


async def test_an_archive_without_room_gives_up_its_own_oldest(node: Node, tmp_path: Path) -> None:
    archive = await add_archive(node, tmp_path / "archive")
    mover = make_mover(node)
    await record_some(node, 2)
    fill(node.volumes.all[0], free_bytes=0)
    await mover.enforce()
    old = {row.start_us for row in await rows(node, segments)}
    for index in range(2, 4):
        await node.record(3, START_US + index * 2 * GOP_US, offset_90k=index * 180_000)

    archive.calls = SizedDisk(lambda: (4 - sum(1 for _ in archive.path.rglob("*.mp4"))) << 20)
    await mover.enforce()
    now = {row.start_us for row in await rows(node, segments)}
    assert not old <= now  # some of the oldest went
    assert (await places(node)).get(1, 0) == 0  # and the newer ones are there instead
    await assert_sound(node)
    await node.stop()


async def test_without_an_archive_or_with_one_that_is_away_nothing_moves(
    node: Node, tmp_path: Path
) -> None:
    mover = make_mover(node)
    await record_some(node, 1)
    fill(node.volumes.all[0], free_bytes=0)
    await mover.enforce()
    archive = await add_archive(node, tmp_path / "archive")
    (archive.path / ID_FILE).rename(tmp_path / "away")
    await archive.open()
    archive.path.rename(tmp_path / "unmounted")
    archive.path.mkdir()
    await archive.open()
    assert archive.missing is not None
    await mover.enforce()
    assert await places(node) == {1: 2}
    assert list(archive.path.iterdir()) == []  # never written under a missing mount
    await node.stop()


async def test_a_volume_that_leaves_is_emptied_whatever_its_room(
    node: Node, tmp_path: Path
) -> None:
    archive = await add_archive(node, tmp_path / "archive")
    mover = make_mover(node)
    await record_some(node)
    fill(node.volumes.all[0], free_bytes=0)
    await mover.enforce()
    await node.database.write(partial(volume_rows.set_role, archive.number, Role.LEAVING))
    await node.volumes.reload()
    assert node.volumes.for_recording() is node.volumes.all[0]
    await mover.enforce()
    assert await places(node) == {archive.number: 2 * SEGMENTS}  # the other one has no room
    assert "is full" in mover.state(archive).trouble
    fill(node.volumes.all[0], free_bytes=90 << 20)
    await mover.enforce()
    assert await places(node) == {1: 2 * SEGMENTS}
    await assert_sound(node)
    await node.database.write(partial(volume_rows.set_role, archive.number, Role.NONE))
    await node.volumes.reload()
    assert len(node.volumes.all) == 1
    await node.stop()


async def test_while_the_media_directory_is_away_the_archive_records(
    node: Node, tmp_path: Path
) -> None:
    archive = await add_archive(node, tmp_path / "archive")
    first = node.volumes.all[0]
    first.path.rename(tmp_path / "unmounted")
    await first.open()
    assert first.missing is not None
    assert node.store.disk_trouble() is None
    await node.record(1)
    assert await places(node) == {archive.number: 1}
    (tmp_path / "unmounted").rename(first.path)
    await first.open()
    await node.record(2, START_US + 10 * GOP_US)
    assert await places(node) == {archive.number: 1, first.number: 1}
    await node.stop()


async def test_a_volume_that_took_nothing_yet_has_its_figures(node: Node, tmp_path: Path) -> None:
    archive = await add_archive(node, tmp_path / "archive")
    metrics = node.store.metrics_of(archive)
    assert metrics.waiting_fragments == 0
    assert node.store.metrics_of(archive) is metrics
    assert node.store.metrics_of(node.volumes.all[0]) is not metrics
    await node.stop()


_STEPS = ("begin", "create", "fdatasync", "fsync", "before finish", "after finish")


@pytest.mark.fault
@pytest.mark.parametrize("step", _STEPS)
async def test_a_kill_at_any_step_loses_and_doubles_nothing(
    tmp_path: Path, clock: FakeClock, step: str
) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", _CHILD, str(tmp_path), step)
    assert await child.wait() == -signal.SIGKILL
    node = await open_node(tmp_path, clock)
    mover = make_mover(node)
    await mover.start(3600)
    await mover.stop()
    await assert_sound(node)
    assert sum((await places(node)).values()) == 2 * SEGMENTS
    moved = (await places(node)).get(2, 0)
    assert moved == (2 * SEGMENTS if step == "after finish" else 0)
    before = await download(node)
    await rebuild(node.database, node.volumes, node_name="pi-1")
    assert await download(node) == before
    await node.stop()


@pytest.mark.parametrize("torn", [False, True])
async def test_a_rebuild_knows_a_copy_for_one(node: Node, tmp_path: Path, *, torn: bool) -> None:
    """The index was lost while a file lay on both volumes."""
    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node, 2)
    before = await download(node)
    for path in node.volumes.all[0].path.rglob("*.mp4"):
        copy = archive.path / path.relative_to(node.volumes.all[0].path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes()[: -1000 if torn else None])
    problems = (await check(node.database, node.volumes)).problems
    assert {problem.fault for problem in problems} == {Fault.NOT_INDEXED}
    report = await rebuild(node.database, node.volumes, node_name="pi-1")
    assert (report.indexed, report.copies) == (4, 4)
    assert await download(node) == before
    await assert_sound(node)
    await node.stop()


async def test_check_repairs_a_copy_by_deleting_it(node: Node, tmp_path: Path) -> None:
    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node, 2)
    first, *_ = sorted(node.volumes.all[0].path.rglob("*.mp4"))
    copy = archive.path / first.relative_to(node.volumes.all[0].path)
    copy.parent.mkdir(parents=True)
    copy.write_bytes(first.read_bytes())
    assert (await check(node.database, node.volumes, repair=True)).ok
    assert sum((await places(node)).values()) == 4
    await assert_sound(node)
    assert not copy.exists()
    await node.stop()


def carry(source: Path, target: Path) -> None:
    """As a person does who saves what a failing disk still gives."""
    for path in sorted(source.rglob("*.mp4")):
        there = target / path.relative_to(source)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, there)


@pytest.mark.parametrize("back", [False, True])
async def test_check_follows_files_that_a_person_carried_to_another_disk(
    node: Node, tmp_path: Path, *, back: bool
) -> None:
    """Whichever of the disks is looked at first: what is left of a file is never deleted."""
    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node, 2)
    await node.recordings.update("rec-1", {"protected": True})
    before = await download(node)
    first = node.volumes.all[0]
    if back:
        fill(first, free_bytes=0)
        await make_mover(node).enforce()
        assert await places(node) == {archive.number: 4}
        await node.deleter.empty_garbage()
    ends = (archive, first) if back else (first, archive)
    await asyncio.to_thread(carry, ends[0].path, ends[1].path)
    assert not (await check(node.database, node.volumes)).ok
    assert (await check(node.database, node.volumes, repair=True)).ok
    assert await places(node) == {ends[1].number: 4}
    assert await download(node) == before
    [recording] = await rows(node, recordings)
    assert recording.protected
    await assert_sound(node)
    await node.stop()


async def test_check_keeps_a_copy_while_its_disk_is_away(node: Node, tmp_path: Path) -> None:
    """It may be all that is left."""
    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node, 2)
    fill(node.volumes.all[0], free_bytes=0)
    await make_mover(node).enforce()
    await node.deleter.empty_garbage()
    await asyncio.to_thread(shutil.copytree, archive.path, tmp_path / "saved")
    await asyncio.to_thread(shutil.rmtree, archive.path)
    await archive.look()
    assert archive.missing is not None
    await asyncio.to_thread(carry, tmp_path / "saved", node.media_dir)
    report = await check(node.database, node.volumes, repair=True)
    found = [one.repaired for one in report.problems if one.fault is Fault.NOT_INDEXED]
    assert found == [False] * 4
    assert await rows(node, garbage) == []
    await node.stop()


async def test_an_index_of_the_release_before_keeps_its_one_volume(
    node: Node, tmp_path: Path
) -> None:
    """A media directory of an earlier time is not taken into use by itself."""
    await adopt(node.database, tmp_path / "earlier", node.clock.utc_us())
    await node.volumes.reload()
    assert [volume.number for volume in node.volumes.all] == [1]
    await node.stop()


# Stops for ever at a step of the first move, killed by itself.
_CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
from falconeye.storage.segments import move_rows
from falconeye.storage.volumes.disk_calls import DiskCalls
from tests.clock import FakeClock
from tests.unit.storage_footage.footage import open_node
from tests.unit.storage_footage.test_moving import add_archive, fill, make_mover, record_some

STEP = sys.argv[2]

def die(*_arguments):
    os.kill(os.getpid(), signal.SIGKILL)

class Deadly(DiskCalls):
    def __getattribute__(self, name):
        return die if name == STEP else super().__getattribute__(name)

async def main():
    node = await open_node(Path(sys.argv[1]), FakeClock())
    archive = await add_archive(node, Path(sys.argv[1]) / "archive")
    await record_some(node)
    fill(node.volumes.all[0], free_bytes=0)
    archive.calls = Deadly()
    begin, finish = move_rows.begin, move_rows.finish
    async def dying_begin(*arguments, **more):
        result = await begin(*arguments, **more)
        die()
    async def dying_finish(*arguments):
        die()
    if STEP == "begin":
        move_rows.begin = dying_begin
    if STEP == "before finish":
        move_rows.finish = dying_finish
    await make_mover(node).enforce()
    die()

asyncio.run(main())
"""
