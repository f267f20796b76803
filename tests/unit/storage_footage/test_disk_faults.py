"""The real recorder on disks that stall, fail, fill up and go away; live never notices."""

import asyncio
import contextlib
import errno
import os
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from typing_extensions import override

from falconeye.hub.live_variant import Shape
from falconeye.hub.stream import StreamHub
from falconeye.media.fragments import LiveFragment
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.checks.check import check
from falconeye.storage.segments import free_space
from falconeye.storage.segments.mover import Mover
from falconeye.storage.segments.segment_index import add_garbage
from falconeye.storage.tables.footage import garbage, open_files, runs, segments
from falconeye.storage.volumes import volume_rows
from falconeye.storage.volumes.disk_calls import DiskCalls
from falconeye.storage.volumes.volume_facts import Role
from falconeye.storage.volumes.volumes import STUCK_S, adopt
from falconeye.web.metrics import NodeStatus
from tests.clock import FakeClock
from tests.unit.storage_footage.cameras import FPS, Camera, Pictures, in_time, pictures, sound
from tests.unit.storage_footage.footage import CAMERA, Node, open_node, read, rows

pytestmark = [pytest.mark.fault, pytest.mark.timeout(30)]
SOUND = sound("aac")


class StalledDisk(DiskCalls):
    """Writes wait while it is stalled; so do questions, where that is asked for."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()
        self.held = threading.Event()
        self.answer = threading.Event()
        self.answer.set()

    @override
    def writev(self, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        if not self.go.is_set():
            self.held.set()
        assert self.go.wait(20)
        return super().writev(fd, buffers)

    @override
    def statvfs(self, fd: int) -> os.statvfs_result:
        assert self.answer.wait(20)
        return super().statvfs(fd)


class SickDisk(DiskCalls):
    """Refuses to write while it has an `error`."""

    error: int | None = None

    @override
    def create(self, path: str, directory_fd: int) -> int:
        self._refuse()
        return super().create(path, directory_fd)

    @override
    def writev(self, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        self._refuse()
        return super().writev(fd, buffers)

    def _refuse(self) -> None:
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))


class FullForFiles(DiskCalls):
    """Has no room for another file while it is `full`; those that are open go on growing."""

    full = False

    @override
    def create(self, path: str, directory_fd: int) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().create(path, directory_fd)


class Watched:
    """A camera with a viewer; what is played is counted, live and on the disk."""

    def __init__(self, node: Node, segment_s: int) -> None:
        self.node = node
        self.video: Pictures = pictures()
        hub = StreamHub(
            CAMERA, StreamKind.MAIN, asyncio.get_running_loop(), node.clock, node.budget
        )
        self.camera = Camera(node, hub, segment_s=segment_s)
        self._viewer = hub.live.join(Shape(focused=True, audio=False))
        self.seen = 0
        self.played_s = 0
        self.camera.begin(self.video, SOUND)
        self._from_us = node.clock.monotonic_us()

    def trouble(self) -> RunEnd | None:
        return self.camera.recorder.trouble

    async def play(self, seconds: int, *, settle: bool = True) -> None:
        """So many seconds more of the one run; `settle`: the writer keeps up."""
        samples = in_time(self.video, SOUND, self.played_s + seconds, self._from_us)
        for second in range(self.played_s, self.played_s + seconds):
            low = self._from_us + second * 1_000_000
            self.camera.play([s for s in samples if low <= s.arrived_us < low + 1_000_000])
            await self._look()
            if settle:
                await settled(self.node)
        self.played_s += seconds

    async def end(self) -> None:
        self.camera.hub.end_run(RunEnd.CAMERA_OFFLINE, "")
        assert await self.node.store.flush(10)
        await self._look()
        assert self.seen == self.played_s * FPS, "live lost pictures"
        assert self.node.budget.used_bytes == 0
        assert (await check(self.node.database, self.node.volumes)).problems == []

    async def _look(self) -> None:
        await asyncio.sleep(0)
        while self._viewer.has_items:
            item = await self._viewer.get()
            if isinstance(item, LiveFragment):
                self.seen += item.last_seq - item.first_seq + 1


async def settled(node: Node) -> None:
    """The rows of new files are stored and all that waits is written."""
    for _ in range(3):
        await node.database.write(lambda connection: connection.exec_driver_sql("SELECT 1"))
        await node.volumes.all[0].writer.run(lambda: None)


@contextlib.asynccontextmanager
async def opened(
    tmp_path: Path,
    clock: FakeClock,
    calls: DiskCalls,
    *,
    segment_s: int = 60,
    budget_bytes: int = 64 << 20,
) -> AsyncIterator[tuple[Node, Watched]]:
    await asyncio.to_thread(pictures)
    node = await open_node(tmp_path, clock, calls=calls, budget_bytes=budget_bytes)
    yield node, Watched(node, segment_s)
    await node.stop()


def missing(node: Node) -> str | None:
    """Why its disk cannot be used now."""
    return node.volumes.all[0].missing


async def kept_s(node: Node) -> float:
    return float(sum(row.media_duration_90k for row in await rows(node, segments))) / 90_000


async def gap_s(node: Node, reason: RunEnd) -> float:
    """The one gap of the one recording, in seconds; it has that reason."""
    (recording,) = (await node.recordings.list())[0]
    (gap,) = await node.gaps(recording.id)
    assert gap.reason.value == reason.value
    plan = await node.recordings.download(recording.id)
    assert len(await read(plan)) == plan.length
    return (gap.to_us - gap.from_us) / 1_000_000


async def test_a_stall_of_10_s_loses_nothing_within_the_budget(
    tmp_path: Path, clock: FakeClock
) -> None:
    disk = StalledDisk()
    async with opened(tmp_path, clock, disk, segment_s=4) as (node, watched):
        await watched.play(3)
        disk.go.clear()
        await watched.play(1, settle=False)
        assert await asyncio.to_thread(disk.held.wait, 5)
        await watched.play(9, settle=False)
        assert node.budget.used_bytes > 0
        disk.go.set()
        await watched.play(3)
        await watched.end()
        assert watched.trouble() is None
        assert watched.camera.recorder.lost_fragments.value == 0
        assert await kept_s(node) == 16
        (recording,) = (await node.recordings.list())[0]
        assert await node.gaps(recording.id) == []


async def test_a_stall_beyond_the_budget_is_a_gap_and_recording_resumes(
    tmp_path: Path, clock: FakeClock
) -> None:
    disk = StalledDisk()
    second = sum(len(sample.data) for sample in (await asyncio.to_thread(pictures)).samples)
    async with opened(tmp_path, clock, disk, budget_bytes=8 * second) as (node, watched):
        await watched.play(3)
        disk.go.clear()
        await watched.play(1, settle=False)
        assert await asyncio.to_thread(disk.held.wait, 5)
        await watched.play(14, settle=False)
        assert watched.trouble() is RunEnd.DISK_TOO_SLOW
        assert watched.camera.recorder.lost_fragments.value > 0
        disk.go.set()
        await settled(node)  # what waited is written, however slow this machine is
        await watched.play(6)
        await watched.end()
        assert watched.trouble() is None
        kept, gap = await kept_s(node), await gap_s(node, RunEnd.DISK_TOO_SLOW)
        assert 24 - 1 <= kept + gap <= 24 + 0.1
        assert 2 <= gap <= 14


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errno.EIO, RunEnd.DISK_ERROR),
        (errno.EROFS, RunEnd.DISK_ERROR),
        (errno.ENOSPC, RunEnd.DISK_FULL),
    ],
    ids=["EIO", "EROFS", "ENOSPC"],
)
async def test_a_disk_that_refuses_for_a_while(
    tmp_path: Path, clock: FakeClock, error: int, reason: RunEnd
) -> None:
    disk = SickDisk()
    async with opened(tmp_path, clock, disk) as (node, watched):
        await watched.play(4)
        (recording,) = (await node.recordings.list())[0]
        # Or a full disk would be given room by deleting what it has.
        await node.recordings.update(recording.id, {"protected": True})
        disk.error = error
        await watched.play(5)
        assert watched.trouble() is reason
        disk.error = None
        await watched.play(6)
        await watched.end()
        assert watched.trouble() is None
        gap = await gap_s(node, reason)
        assert 3 <= gap <= 5 + 2 + 1 + 0.6  # ill, the wait, a GOP, a fragment
        assert await kept_s(node) + gap == pytest.approx(15, abs=0.1)


async def test_a_disk_that_is_full_when_the_next_file_begins(
    tmp_path: Path, clock: FakeClock
) -> None:
    """The file that could not be made has no row: the run before the gap says why all the same."""
    disk = FullForFiles()
    async with opened(tmp_path, clock, disk, segment_s=2) as (node, watched):
        await watched.play(3)
        (recording,) = (await node.recordings.list())[0]
        await node.recordings.update(recording.id, {"protected": True})
        disk.full = True
        await watched.play(6)
        assert watched.trouble() is RunEnd.DISK_FULL
        disk.full = False
        await watched.play(5)
        await watched.end()
        assert watched.trouble() is None
        gap = await gap_s(node, RunEnd.DISK_FULL)
        assert await kept_s(node) + gap == pytest.approx(14, abs=0.1)


async def test_a_disk_that_hangs_collects_no_segments(tmp_path: Path, clock: FakeClock) -> None:
    disk = StalledDisk()
    async with opened(tmp_path, clock, disk, budget_bytes=200_000) as (node, watched):
        await watched.play(5)
        disk.go.clear()
        await watched.play(1, settle=False)
        assert await asyncio.to_thread(disk.held.wait, 5)
        await watched.play(45, settle=False)  # less than what ends a recording
        assert watched.trouble() is RunEnd.DISK_TOO_SLOW
        assert len(node.store._live) <= 2
        assert len(await rows(node, open_files)) <= 2
        assert len(await rows(node, runs)) <= 2
        disk.go.set()
        await settled(node)
        await watched.play(4)
        assert watched.trouble() is None
        await watched.end()
        files = len(await rows(node, segments))
        assert sum(1 for _ in node.media_dir.rglob("*.mp4")) == files
        assert len(await rows(node, runs)) == 2
        gap = await gap_s(node, RunEnd.DISK_TOO_SLOW)
        assert await kept_s(node) + gap == pytest.approx(55, abs=1)


async def test_a_hanging_disk_beside_another_costs_what_waited_for_it(
    tmp_path: Path, clock: FakeClock
) -> None:
    disk = StalledDisk()
    async with opened(tmp_path, clock, disk) as (node, watched):
        await adopt(node.database, tmp_path / "second", clock.utc_us(), Role.RECORD)
        await node.volumes.reload()
        first, second = node.volumes.all
        await watched.play(5)
        disk.go.clear()
        await watched.play(2, settle=False)
        assert await asyncio.to_thread(disk.held.wait, 5)
        assert node.volumes.for_recording() is first  # not at once: it may only be slow
        for thread in first.writer._begun_s:  # as if it had waited so long
            first.writer._begun_s[thread] -= STUCK_S + 1
        assert node.volumes.for_recording() is second
        waited = node.budget.used_bytes
        await node.store.housekeeping()
        assert node.budget.used_bytes < waited / 2  # memory is not kept for it
        await watched.play(10, settle=False)
        assert watched.trouble() is None
        disk.go.set()
        await settled(node)
        await watched.end()
        kept = await rows(node, segments)
        assert {row.volume_id for row in kept} == {first.number, second.number}
        gap = await gap_s(node, RunEnd.DISK_TOO_SLOW)
        assert await kept_s(node) + gap == pytest.approx(17, abs=1)
        assert gap < 6  # what waited, and until the next keyframe after a pause of 2 s


async def test_a_recorder_that_begins_on_a_hanging_disk_says_so(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with opened(tmp_path, clock, DiskCalls(), budget_bytes=200_000) as (node, watched):
        assert node.budget.take(180_000)
        await watched.play(2)
        assert watched.trouble() is RunEnd.DISK_TOO_SLOW
        assert await rows(node, open_files) == []
        node.budget.give_back(180_000)
        await watched.play(2)
        assert watched.trouble() is None
        await watched.end()
        assert await kept_s(node) == 2


async def test_a_disk_that_is_unplugged_and_comes_back(tmp_path: Path, clock: FakeClock) -> None:
    async with opened(tmp_path, clock, DiskCalls(), segment_s=2) as (node, watched):
        await watched.play(4)
        away = tmp_path / "away"
        await asyncio.to_thread(node.media_dir.rename, away)
        await watched.play(6)
        assert watched.trouble() is RunEnd.DISK_ERROR
        assert missing(node) is not None
        assert not node.media_dir.exists()
        await asyncio.to_thread(away.rename, node.media_dir)
        await watched.play(6)
        await watched.end()
        assert missing(node) is None
        assert await kept_s(node) + await gap_s(node, RunEnd.DISK_ERROR) == pytest.approx(16, abs=1)


async def test_a_disk_that_hangs_delays_no_page(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = StalledDisk()
    async with opened(tmp_path, clock, disk) as (node, watched):
        status = NodeStatus(
            database=node.database,
            volumes=node.volumes,
            footage=node.store,
            mover=Mover(node.database, node.volumes, node.deleter, clock),
            budget=node.budget,
            clock=clock,
            pipelines_started=lambda: True,
        )
        await watched.play(2)
        await watched.end()
        assert await status.is_ready()
        disk.answer.clear()
        async with asyncio.timeout(5):
            for facts in await asyncio.gather(*(node.volumes.facts() for _ in range(50))):
                assert not facts[0].present
        (volume,) = node.volumes.all
        assert volume.readers.waiting == 0  # one question, however many asked
        monkeypatch.setattr(free_space, "ANSWER_S", 0.01)
        monkeypatch.setattr("falconeye.storage.volumes.volume.ANSWER_S", 0.01)
        await node.deleter.enforce()
        await volume.open()
        assert missing(node) == "the disk does not answer"
        assert not await status.is_ready()
        assert not status.figures().volumes[0].writable
        (recording,) = (await node.recordings.list())[0]
        plan = await node.recordings.download(recording.id)  # by the other reader
        assert len(await read(plan)) == plan.length
        disk.answer.set()
        assert (await volume.space(5)).total_bytes > 0
        monkeypatch.setattr("falconeye.storage.volumes.volume.ANSWER_S", 5)
        await volume.open()
        assert await status.is_ready()
        assert (await node.volumes.facts())[0].present


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    path = tmp_path / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(path)], check=True)
    yield path
    subprocess.run(["umount", str(path)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.root
async def test_the_floor_is_kept_while_a_camera_records(
    tmp_path: Path, clock: FakeClock, small_disk: Path
) -> None:
    video = await asyncio.to_thread(pictures)
    node = await open_node(tmp_path, clock, media_dir=small_disk / "media", floor_bytes=1_600_000)
    hub = StreamHub(CAMERA, StreamKind.MAIN, asyncio.get_running_loop(), clock, node.budget)
    camera = Camera(node, hub, segment_s=1)
    made: list[str] = []
    for _ in range(12):
        camera.begin(video, SOUND)
        camera.play(in_time(video, SOUND, 6, clock.monotonic_us()))
        hub.end_run(RunEnd.CAMERA_OFFLINE, "")
        assert await node.store.flush(5)
        await node.deleter.enforce()
        made.append((await node.recordings.list())[0][0].id)
        clock.advance(61)  # the next one is another recording
    (facts,) = await node.volumes.facts()
    assert facts.free_bytes >= facts.floor_bytes
    assert node.deleter.deleted_bytes > 0
    listed, total = await node.recordings.list()
    assert 0 < total < len(made) == len(set(made))
    assert [recording.id for recording in listed] == made[::-1][:total]
    for recording in listed:
        plan = await node.recordings.download(recording.id)
        assert len(await read(plan)) == plan.length
    assert listed[0].duration_us == 6_000_000
    assert await node.recordings.footage_bytes() == sum(one.size_bytes for one in listed)
    assert (await check(node.database, node.volumes)).problems == []
    await node.stop()


async def test_a_deletion_that_hung_takes_nothing_that_was_made_since(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy to an archive that failed is garbage; the next try makes the same names again."""
    go, held = threading.Event(), threading.Event()

    class Held(DiskCalls):
        @override
        def unlink(self, path: str, directory_fd: int) -> None:
            if not held.is_set():
                held.set()
                assert go.wait(20)
            super().unlink(path, directory_fd)

    node = await open_node(tmp_path, clock, calls=Held())
    volume = node.volumes.all[0]
    names = ["a", "b"]
    for name in names:
        (node.media_dir / name).write_bytes(b"a copy")
        await node.database.write(
            partial(add_garbage, volume=volume.number, path=name, size_bytes=6)
        )
    with monkeypatch.context() as hasty:
        hasty.setattr(free_space, "ANSWER_S", 0.01)
        await node.deleter.empty_garbage()
    assert await asyncio.to_thread(held.wait, 5)
    await volume.open()  # it answers again
    assert volume.missing is None
    await node.deleter.empty_garbage()
    left = {row.path for row in await rows(node, garbage)}
    for name in set(names) - left:  # names that are free are used again
        (node.media_dir / name).write_bytes(b"another copy")
    go.set()
    await asyncio.wrap_future(node.deleter._unlinking[volume])
    await node.deleter.empty_garbage()
    assert {path.name for path in node.media_dir.glob("?")} == set(names) - left
    assert await rows(node, garbage) == []
    await node.stop()


async def test_who_reads_from_a_disk_that_was_removed_does_not_wait_for_ever(
    node: Node, tmp_path: Path
) -> None:
    """It had been emptied; a download that was begun before goes on reading from it."""
    other = await adopt(node.database, tmp_path / "other", node.clock.utc_us(), Role.RECORD)
    await node.volumes.reload()
    volume = node.volumes.all[1]
    await node.record(1, ends=True)
    (path,) = node.media_dir.rglob("*.mp4")
    opened = node.volumes.opener(volume, str(path.relative_to(node.media_dir)))
    await node.database.write(
        lambda connection: volume_rows.set_role(other.number, Role.NONE, connection)
    )
    await node.volumes.reload()
    async with asyncio.timeout(5):
        with pytest.raises(OSError, match="not used any more"):
            await volume.readers.run(lambda: None)
    os.close(await asyncio.to_thread(opened))  # what moved off it is found where it is
    lost = node.volumes.opener(None, "no/such/file.mp4")
    with pytest.raises(FileNotFoundError):
        await asyncio.to_thread(lost)
    await node.stop()
