"""Disks that are missing, swapped, locked, full: nothing is written where it must not be."""

import asyncio
import errno
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from falconeye.base.errors import StartError
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.checks.check import Fault, check
from falconeye.storage.segments.segments import Accepted, SegmentEnd
from falconeye.storage.tables.footage import segments
from falconeye.storage.volumes import volume_facts
from falconeye.storage.volumes.disk_calls import DiskCalls
from falconeye.storage.volumes.id_file import ID_FILE, make_volume_id
from falconeye.storage.volumes.syncer import Syncer
from falconeye.storage.volumes.volumes import Volumes, adopt
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.footage import (
    CAMERA,
    GOP_90K,
    GOP_US,
    Node,
    open_node,
    read,
    rows,
    segment_fragments,
)


async def try_to_record(node: Node, start_us: int = START_US) -> RunEnd | None:
    """Why a segment could not be written; None when it could."""
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, start_us)
    writer = node.store.create(node.start(run, start_us, recording_id=f"r{start_us}"))
    for fragment in segment_fragments(2):
        writer.append(fragment)
    writer.close(SegmentEnd(start_us + 2 * GOP_US, RunEnd.STOPPED_BY_USER))
    assert await node.store.flush(5)
    return writer.failure


async def test_an_unmounted_disk_is_noticed_and_nothing_lands_under_it(
    tmp_path: Path, clock: FakeClock
) -> None:
    node = await open_node(tmp_path, clock)
    away = tmp_path / "away"
    await asyncio.to_thread(node.media_dir.rename, away)
    await asyncio.to_thread(node.media_dir.mkdir)  # the mount point under the disk
    assert await try_to_record(node) is RunEnd.DISK_ERROR
    assert node.volumes.all[0].missing is not None
    assert list(node.media_dir.iterdir()) == []
    (facts,) = await node.volumes.facts()
    assert not facts.present
    await asyncio.to_thread(node.media_dir.rmdir)
    await asyncio.to_thread(away.rename, node.media_dir)
    assert await try_to_record(node, START_US + 10 * GOP_US) is None
    (facts,) = await node.volumes.facts()
    assert facts.present
    await node.stop()


async def test_a_start_without_the_disk(tmp_path: Path, clock: FakeClock) -> None:
    node = await open_node(tmp_path, clock)
    assert await try_to_record(node) is None
    await node.stop()
    away = tmp_path / "away"
    await asyncio.to_thread(node.media_dir.rename, away)
    node = await open_node(tmp_path, clock)
    assert await try_to_record(node, START_US + 10 * GOP_US) is RunEnd.DISK_ERROR
    assert not node.media_dir.exists()
    assert [p.fault for p in (await check(node.database, node.volumes)).problems] == [
        Fault.VOLUME_MISSING
    ]
    await asyncio.to_thread(away.rename, node.media_dir)
    assert await try_to_record(node, START_US + 20 * GOP_US) is None
    await node.stop()


async def test_another_disk_is_not_written_until_a_person_says_so(
    tmp_path: Path, clock: FakeClock
) -> None:
    node = await open_node(tmp_path, clock)
    await node.stop()
    other = await open_node(tmp_path, clock, media_dir=tmp_path / "other", data="other-data")
    await other.stop()
    await asyncio.to_thread(node.media_dir.rename, tmp_path / "away")
    await asyncio.to_thread((tmp_path / "other").rename, node.media_dir)
    node = await open_node(tmp_path, clock)
    assert await try_to_record(node) is RunEnd.DISK_ERROR
    assert "another disk" in (node.volumes.all[0].missing or "")
    await adopt(node.database, node.media_dir, clock.utc_us())
    await node.stop()
    node = await open_node(tmp_path, clock)
    assert await try_to_record(node, START_US + 10 * GOP_US) is None
    await node.stop()


async def test_two_processes_never_write_to_one_volume(tmp_path: Path, clock: FakeClock) -> None:
    node = await open_node(tmp_path, clock)
    second = await open_node(tmp_path, clock, data="second")
    assert "another FalconEye" in (second.volumes.all[0].missing or "")
    assert await try_to_record(second) is RunEnd.DISK_ERROR
    looking = await Volumes.open(second.database, node.media_dir, clock, exclusive=False)
    assert looking.all[0].missing is None
    await looking.stop()
    await second.stop()
    assert await try_to_record(node) is None
    await node.stop()


async def test_a_damaged_id_file(tmp_path: Path, clock: FakeClock) -> None:
    node = await open_node(tmp_path, clock)
    await node.stop()
    await asyncio.to_thread((node.media_dir / ID_FILE).write_text, "{")
    node = await open_node(tmp_path, clock)
    assert "damaged" in (node.volumes.all[0].missing or "")
    await node.stop()


async def test_a_media_directory_that_cannot_be_made(tmp_path: Path, clock: FakeClock) -> None:
    node = await open_node(tmp_path, clock)
    file = tmp_path / "file"
    await asyncio.to_thread(file.touch)
    with pytest.raises(StartError, match="media directory"):
        await Volumes.open(node.database, file / "media", clock)
    await node.stop()


async def test_facts(node: Node) -> None:
    assert await try_to_record(node) is None
    node.clock.advance(100)
    (facts,) = await node.volumes.facts()
    assert facts.present
    assert facts.total_bytes >= facts.free_bytes > 0
    assert facts.growth_bytes_per_s == node.volumes.all[0].bytes_written.value / 100
    assert facts.file_system


class SlowSync(DiskCalls):
    """Each fdatasync waits until it may go on."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()

    @override
    def fdatasync(self, fd: int) -> None:
        self.begun.set()
        assert self.go.wait(5)
        super().fdatasync(fd)


async def test_a_slow_disk_delays_no_reader_and_no_writer(tmp_path: Path, clock: FakeClock) -> None:
    disk = SlowSync()
    disk.go.set()
    node = await open_node(tmp_path, clock, calls=disk)
    assert await try_to_record(node) is None
    disk.go.clear()
    disk.begun.clear()
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US + 10 * GOP_US)
    writer = node.store.create(node.start(run, START_US + 10 * GOP_US))
    fragments = list(segment_fragments(2))
    assert writer.append(fragments[0]) is Accepted.YES
    writer.close(SegmentEnd(START_US + 12 * GOP_US))
    assert await asyncio.to_thread(disk.begun.wait, 5)
    plan = await node.recordings.download(f"r{START_US}")
    assert len(await read(plan)) == plan.length
    assert node.budget.used_bytes == 0  # written, though not synced
    disk.go.set()
    await node.stop()


def test_the_sync_interval_is_stretched(tmp_path: Path) -> None:
    synced = threading.Event()

    class File:
        path = "a.mp4"

        def sync_target(self) -> tuple[int, int] | None:
            return (0, 1)

        def synced(self, size_bytes: int) -> None:
            assert size_bytes == 1

        def sync_failed(self, error: OSError) -> None:
            raise AssertionError(error)

    class Disk(DiskCalls):
        @override
        def fdatasync(self, fd: int) -> None:
            threading.Event().wait(0.05)  # the disk is slow: this is its time, not the test's

        @override
        def fsync(self, fd: int) -> None:
            synced.set()

    root = os.open(tmp_path, os.O_RDONLY)
    syncer = Syncer("sync", Disk(), 0.001)
    syncer.file_changed(File())
    syncer.directory_changed(root, ".")
    assert synced.wait(5)
    syncer.submit(lambda: None)
    syncer.stop()
    assert syncer.join(5)
    os.close(root)
    assert syncer.last_pass_s >= 0.05
    assert syncer.effective_interval_s == syncer.last_pass_s / 0.25


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    path = tmp_path / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(path)], check=True)
    yield path
    subprocess.run(["umount", str(path)], check=True)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


@needs_root
@pytest.mark.root
@pytest.mark.fault
async def test_a_full_disk_loses_the_oldest_and_goes_on(
    tmp_path: Path, clock: FakeClock, small_disk: Path
) -> None:
    node = await open_node(tmp_path, clock, media_dir=small_disk / "media")
    count = 2_500_000 // 20_000
    for index in range(count):
        assert await try_to_record(node, START_US + index * 3 * GOP_US) is None
    kept = [row.start_us for row in await rows(node, segments)]
    assert len(kept) < count
    newest = [START_US + index * 3 * GOP_US for index in range(count)][-len(kept) :]
    assert kept == newest
    assert node.deleter.deleted_bytes > 0
    assert (await check(node.database, node.volumes)).problems == []
    await node.stop()


@needs_root
@pytest.mark.root
@pytest.mark.fault
async def test_when_only_protected_footage_is_left_recording_stops(
    tmp_path: Path, clock: FakeClock, small_disk: Path
) -> None:
    node = await open_node(tmp_path, clock, media_dir=small_disk / "media")
    assert await try_to_record(node) is None
    await node.recordings.update(f"r{START_US}", {"protected": True})
    filler = small_disk / "filler"

    def fill() -> None:
        free = os.statvfs(small_disk)
        filler.write_bytes(bytes(free.f_bavail * free.f_frsize - 12_288))

    await asyncio.to_thread(fill)
    assert await try_to_record(node, START_US + 10 * GOP_US) is RunEnd.DISK_FULL
    assert f"r{START_US}" in {recording.id for recording in (await node.recordings.list())[0]}
    assert (await check(node.database, node.volumes)).problems == []
    await asyncio.to_thread(filler.unlink)
    assert await try_to_record(node, START_US + 20 * GOP_US) is None
    await node.stop()


@needs_root
@pytest.mark.root
async def test_the_floor_is_kept(tmp_path: Path, clock: FakeClock, small_disk: Path) -> None:
    node = await open_node(tmp_path, clock, media_dir=small_disk / "media", floor_bytes=1_500_000)
    for index in range(40):
        assert await try_to_record(node, START_US + index * 3 * GOP_US) is None
        await node.deleter.enforce()
    (facts,) = await node.volumes.facts()
    assert facts.free_bytes >= facts.floor_bytes == 1_500_000
    kept = await rows(node, segments)
    assert 0 < len(kept) < 40
    assert kept[-1].start_us == START_US + 39 * 3 * GOP_US
    listed, total = await node.recordings.list()
    assert total == len(kept) == len(listed)
    await node.stop()


class Full(DiskCalls):
    """Says once that the disk is full, in the middle of a fragment."""

    def __init__(self) -> None:
        self.calls = 0

    @override
    def writev(self, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        self.calls += 1
        if self.calls == 3:
            return os.write(fd, bytes(buffers[0])[:10])
        if self.calls == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().writev(fd, buffers)


async def test_a_fragment_is_gone_on_with_after_room_was_made(
    tmp_path: Path, clock: FakeClock
) -> None:
    node = await open_node(tmp_path, clock)
    assert await try_to_record(node) is None
    await node.stop()
    node = await open_node(tmp_path, clock, calls=Full())
    assert await try_to_record(node, START_US + 10 * GOP_US) is None
    (kept,) = await rows(node, segments)  # the first one was given up
    assert kept.media_duration_90k == 2 * GOP_90K
    assert (await check(node.database, node.volumes)).problems == []
    plan = await node.recordings.download(f"r{START_US + 10 * GOP_US}")
    assert len(await read(plan)) == plan.length
    await node.stop()


async def test_a_directory_that_the_deleter_takes_away_is_made_again(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = os.mkdir
    taken: list[Path] = []

    def mkdir(path: Path, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        if len(path.parts) == 4 and not taken:  # the hour: its day is empty and goes
            taken.append(path)
            os.rmdir(path.parent, dir_fd=dir_fd)
        make(path, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", mkdir)
    assert await try_to_record(node) is None
    assert taken
    assert (await check(node.database, node.volumes)).problems == []


async def test_room_that_was_made_is_used_at_once(node: Node) -> None:
    assert await try_to_record(node) is None
    (volume,) = node.volumes.all
    volume.is_full = True  # as the last look at it said
    assert await node.deleter.make_room(volume, 1)
    assert not volume.is_full


class HeldWrites(DiskCalls):
    """Each write waits until it may go on."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()

    @override
    def writev(self, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        self.begun.set()
        assert self.go.wait(5)
        return super().writev(fd, buffers)


async def test_what_the_writer_ends_last_is_indexed(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = HeldWrites()
    node = await open_node(tmp_path, clock, calls=disk)
    writer = node.store.create(node.start(1))
    for fragment in segment_fragments(2):
        assert writer.append(fragment) is Accepted.YES
    writer.close(SegmentEnd(START_US + 2 * GOP_US, RunEnd.NODE_STOPPED))
    assert await asyncio.to_thread(disk.begun.wait, 5)
    (volume,) = node.volumes.all
    join = volume.writer.join

    def go_on_and_join(_limit_s: float) -> bool:
        disk.go.set()
        return join(5)

    monkeypatch.setattr(volume.writer, "join", go_on_and_join)
    await node.volumes.stop()
    assert await node.store.flush(5)
    assert len(await rows(node, segments)) == 1
    await node.stop()


def test_an_id_file_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            make_volume_id(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert make_volume_id(tmp_path) == make_volume_id(tmp_path)


async def test_a_listing_beside_the_deleter(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    await node.record(1)
    await node.record(2, START_US + 10 * GOP_US)
    walk = os.fwalk

    def deleted_meanwhile(*given: Any, **named: Any) -> Iterator[Any]:
        for found in walk(*given, **named):
            if f"{START_US}.mp4" in found[2]:
                os.unlink(f"{START_US}.mp4", dir_fd=found[3])
            yield found

    monkeypatch.setattr(os, "fwalk", deleted_meanwhile)
    (volume,) = node.volumes.all
    ((path, _),) = await volume.readers.run(volume.files)
    assert path.endswith(f"/{START_US + 10 * GOP_US}.mp4")


def test_a_mount_whose_name_is_not_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = tmp_path.stat().st_dev
    mounts = tmp_path / "mountinfo"
    mounts.write_bytes(
        b"22 1 0:99 / /mnt/caf\xe9\x85 rw - vfat /dev/sd\xff rw\n"
        + f"23 1 {os.major(device)}:{os.minor(device)} / /m rw - ext4 /dev/x rw\n".encode()
    )
    monkeypatch.setattr(volume_facts, "_MOUNTS", mounts)
    root = os.open(tmp_path, os.O_RDONLY)
    try:
        assert volume_facts.disk_kind(root).file_system == "ext4"
        # Containers may hide what the kernel knows of disks.
        too_long = tmp_path / ("hidden" * 50)
        monkeypatch.setattr(volume_facts, "_SYS_BLOCK", too_long)
        monkeypatch.setattr(volume_facts, "_MOUNTS", mounts_on_card(mounts))
        assert volume_facts.disk_kind(root).is_sd_card
    finally:
        os.close(root)


def mounts_on_card(mounts: Path) -> Path:
    mounts.write_bytes(mounts.read_bytes().replace(b"/dev/x", b"/dev/mmcblk0p2"))
    return mounts
