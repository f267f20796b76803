"""A disk that hangs while footage moves to it or off it holds up no other pair of disks."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from typing_extensions import override

from falconeye.storage.segments import mover as mover_module
from falconeye.storage.segments.mover import Mover
from falconeye.storage.tables.footage import moves
from falconeye.storage.volumes.disk_calls import DiskCalls
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volume_facts import Role
from falconeye.storage.volumes.volumes import STUCK_S
from tests.clock import START_US, FakeClock
from tests.faults.volumes import sick_volume
from tests.unit.storage_footage.footage import GOP_US, Node, rows
from tests.unit.storage_footage.test_moving import (
    SEGMENTS,
    add_archive,
    assert_sound,
    download,
    fill,
    make_mover,
    places,
    record_some,
)

LIMIT_S = 10


class HangingDisk(DiskCalls):
    """Holds whoever makes one of these calls until it is told to go on."""

    def __init__(self, call: str) -> None:
        self._call = call
        self._loop = asyncio.get_running_loop()
        self.held, self.go = asyncio.Event(), threading.Event()

    def _hold(self, call: str) -> None:
        if call == self._call and not self.go.is_set():
            self._loop.call_soon_threadsafe(self.held.set)
            assert self.go.wait(20)

    @override
    def fdatasync(self, fd: int) -> None:
        self._hold("fdatasync")
        super().fdatasync(fd)

    @override
    def fsync(self, fd: int) -> None:
        self._hold("fsync")
        super().fsync(fd)

    @override
    def create(self, path: str, directory_fd: int) -> int:
        self._hold("create")
        return super().create(path, directory_fd)


@asynccontextmanager
async def moving_to_hanging(
    node: Node, archive: Volume, call: str = "fdatasync"
) -> AsyncIterator[tuple[Mover, HangingDisk, "asyncio.Task[bool]"]]:
    """The first batch is held by the archive."""
    disk = archive.calls = HangingDisk(call)
    mover = make_mover(node)
    fill(node.volumes.all[0], free_bytes=0)
    moving = asyncio.create_task(mover.enforce())
    try:
        await disk.held.wait()
        yield mover, disk, moving
    finally:
        disk.go.set()
        await asyncio.wait([moving], timeout=LIMIT_S)
        await mover.stop()


async def settled(node: Node) -> None:
    """What was held is done with."""
    async with asyncio.timeout(LIMIT_S):
        while await rows(node, moves):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("call", ["create", "fdatasync", "fsync"])
async def test_an_archive_that_hangs_leaves_the_other_one_its_work(
    node: Node, tmp_path: Path, call: str
) -> None:
    sick = await add_archive(node, tmp_path / "sick")
    well = await add_archive(node, tmp_path / "well")
    await record_some(node)
    before = await download(node)
    async with moving_to_hanging(node, sick, call) as (_, disk, moving):
        sick.does_not_answer()  # whoever asks for its room notices
        async with asyncio.timeout(LIMIT_S):
            assert await moving
        assert await places(node) == {well.number: 2 * SEGMENTS}
        assert await download(node) == before
        disk.go.set()
        await settled(node)
        await sick.open()
        assert await places(node) == {well.number: 2 * SEGMENTS}  # its copies came too late
        await assert_sound(node)
        assert await download(node) == before
    await node.stop()


async def test_what_was_on_its_way_arrives_when_the_archive_answers(
    node: Node, tmp_path: Path
) -> None:
    """It hung without anybody's noticing but the mover's."""
    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node)
    before = await download(node)
    async with moving_to_hanging(node, archive) as (mover, disk, moving):
        mover._transfers[archive].alive_s -= STUCK_S + 1  # as if it had hung so long
        async with asyncio.timeout(LIMIT_S):
            assert not await moving
        assert "does not answer" in mover.state(node.volumes.all[0]).trouble
        for _ in range(3):  # nothing more is asked of it
            assert not await mover.enforce()
        assert "does not answer" in mover.state(node.volumes.all[0]).trouble
        assert archive.mover.waiting == 0
        assert await places(node) == {1: 2 * SEGMENTS}
        assert await download(node) == before
        disk.go.set()
        await settled(node)
        assert await places(node) == {archive.number: 2 * SEGMENTS}
        assert mover.state(node.volumes.all[0]).moved_files == 2 * SEGMENTS
        await mover.enforce()
        assert mover.state(node.volumes.all[0]).trouble == ""
        await assert_sound(node)
        assert await download(node) == before
    await node.stop()


async def test_the_end_of_the_node_does_not_wait_for_a_disk_that_hangs(
    node: Node, tmp_path: Path
) -> None:
    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node)
    async with moving_to_hanging(node, archive) as (mover, _, moving):
        archive.does_not_answer()
        async with asyncio.timeout(LIMIT_S):
            await moving
            await mover.stop()
        assert await places(node) == {1: 2 * SEGMENTS}
        assert len(await rows(node, moves)) == 2 * SEGMENTS  # for the next start
    again = make_mover(node)
    await archive.open()
    await again.start(3600)
    await again.stop()
    await assert_sound(node)
    await node.stop()


@asynccontextmanager
async def hanging_file(path: Path) -> AsyncIterator[None]:
    """Within it whoever opens the file hangs, as on a disk that does not answer."""
    whole = path.with_suffix(".whole")

    def hang() -> None:
        path.rename(whole)
        os.mkfifo(path)

    def answer() -> None:
        fd = os.open(path, os.O_RDWR)  # whoever opens it goes on
        path.unlink()
        whole.rename(path)
        os.close(fd)

    await asyncio.to_thread(hang)
    try:
        yield
    finally:
        await asyncio.to_thread(answer)


async def test_a_source_that_hangs_leaves_the_archive_to_the_others(
    node: Node, tmp_path: Path, clock: FakeClock
) -> None:
    archive = await add_archive(node, tmp_path / "archive")
    second = await add_archive(node, tmp_path / "second", Role.RECORD)
    await record_some(node, 2)
    first = node.volumes.all[0]
    first.is_full = True
    assert node.volumes.for_recording() is second
    await node.record(3, START_US + 100 * GOP_US, recording_id="rec-2", ends=True)
    first.is_full = False
    assert await places(node) == {first.number: 4, second.number: 1}
    oldest, *_ = sorted(first.path.rglob("*.mp4"), key=lambda path: path.name)
    mover = make_mover(node)
    fill(first, free_bytes=0)
    fill(second, free_bytes=0)
    async with hanging_file(oldest):
        moving = asyncio.create_task(mover.enforce())
        async with asyncio.timeout(LIMIT_S):
            while not first.readers.busy_s:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
            first.does_not_answer()
            await moving
        assert "does not answer" in mover.state(first).trouble
        assert (await places(node)).get(second.number, 0) == 0  # its own went on
        first.missing = None  # it answers other questions
        clock.advance(mover_module.RETRY_US // 1_000_000)
        for _ in range(3):
            await mover.enforce()
        assert first.readers.waiting == 0  # no reader more is held
        assert (await places(node))[first.number] > 0
    async with asyncio.timeout(LIMIT_S):
        while first.readers.busy_s:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
    await node.deleter.empty_garbage()
    await mover.enforce()
    assert await places(node) == {archive.number: 5}
    await assert_sound(node)
    await mover.stop()
    await node.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.root
@pytest.mark.fault
async def test_a_real_disk_that_hangs_in_the_kernel(node: Node, tmp_path: Path) -> None:
    loop, hung = asyncio.get_running_loop(), threading.Event()
    async with sick_volume(tmp_path / "backing", tmp_path / "mounted") as disk:
        sick = await add_archive(node, tmp_path / "mounted")
        well = await add_archive(node, tmp_path / "well")
        await record_some(node)
        before = await download(node)

        class HangsOnce(DiskCalls):
            @override
            def fdatasync(self, fd: int) -> None:
                if not hung.is_set():
                    asyncio.run_coroutine_threadsafe(disk.tell("hang"), loop).result(LIMIT_S)
                    hung.set()
                super().fdatasync(fd)  # in the kernel, until the disk answers

        sick.calls = HangsOnce()
        mover = make_mover(node)
        fill(node.volumes.all[0], free_bytes=0)
        moving = asyncio.create_task(mover.enforce())
        assert await asyncio.to_thread(hung.wait, LIMIT_S)
        with pytest.raises(TimeoutError):  # as housekeeping notices it
            await sick.space(0.1)
        sick.does_not_answer()
        async with asyncio.timeout(LIMIT_S):
            assert await moving
        assert await places(node) == {well.number: 2 * SEGMENTS}
        assert await download(node) == before
        await disk.tell("well")
        await settled(node)
        await sick.open()
        await assert_sound(node)
        assert await download(node) == before
        await mover.stop()
        await node.stop()
