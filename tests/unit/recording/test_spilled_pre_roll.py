"""What is before an event and has no room in memory: on the disk, and in the recording.

A real volume, whose threads are awaited; the pictures tell by themselves that none is missing.
"""

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from falconeye.base.times import SECOND_US
from falconeye.media.runs import RunEnd
from falconeye.media.samples import AudioSample, VideoSample
from falconeye.recording.held_gop import Sample, decode, encode
from falconeye.storage.index.database import Database
from falconeye.storage.volumes.disk_calls import DiskCalls
from falconeye.storage.volumes.spool import Spool
from falconeye.storage.volumes.spool_directory import SPOOL
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volumes import Volumes
from tests.clock import FakeClock
from tests.clocked_footage import FPS, GOP_S
from tests.peers.media_samples import audio_clip
from tests.unit.recording.event_camera import Camera, sound_times, whole

# Three eighths of it hold eight seconds, of which a quarter is for what comes.
SMALL = 270_000


class Calls(DiskCalls):
    """Real ones; `error`: what a write to the spool ends with; `gate`: what it waits for."""

    def __init__(self) -> None:
        self.error: int | None = None
        self.writes = 0
        self.begun = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    @override
    def writev(self, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        self.writes += 1
        self.begun.set()
        self.gate.wait()
        if self.error:
            raise OSError(self.error, os.strerror(self.error))
        return super().writev(fd, buffers)


class Site:
    """A camera in event mode, and the disk of its spool."""

    def __init__(self, volumes: Volumes, calls: Calls, clock: FakeClock) -> None:
        self.volumes = volumes
        self.calls = calls
        self.clock = clock
        self.spool = Spool(volumes, clock)
        self.camera = Camera(clock, SMALL, spool=self.spool)
        self.camera.connect()

    @property
    def disk(self) -> Volume:
        return self.volumes.all[0]

    async def play(self, seconds: float) -> None:
        """As a camera sends: the disk has done its work before the next GOP comes."""
        while seconds > 0:
            self.camera.play(min(seconds, GOP_S / 2))
            seconds = round(seconds - GOP_S / 2, 3)
            await self.settle()

    async def settle(self) -> None:
        """All that is queued for the disk is done, and what followed from it."""
        for _ in range(40):
            await self.disk.spool.run(lambda: None)

    def trigger(self, length_us: int | None = 0) -> None:
        self.camera.recorder.trigger(length_us)

    def files(self) -> list[Path]:
        """The oldest first."""
        directory = self.disk.path / SPOOL
        there = directory.iterdir() if directory.exists() else ()
        return sorted(there, key=lambda path: int(path.stem))

    @property
    def recorded(self) -> list[int]:
        (recorded,) = self.camera.recordings().values()
        return recorded


@pytest.fixture
async def site(tmp_path: Path, database: Database, clock: FakeClock) -> AsyncIterator[Site]:
    calls = Calls()
    volumes = await Volumes.open(database, tmp_path / "media", clock, calls=calls, floor_bytes=0)
    made = Site(volumes, calls, clock)
    yield made
    calls.gate.set()
    made.camera.recorder.close(RunEnd.NODE_STOPPED)
    await made.settle()
    assert made.camera.budget.used_bytes == 0
    assert await asyncio.to_thread(made.files) == []
    assert not made.disk.spooled
    await volumes.stop()


async def test_what_memory_cannot_hold_is_there_for_an_event(site: Site) -> None:
    await site.play(25.3)
    recorder = site.camera.recorder
    assert 10 <= recorder.held_s <= 10 + GOP_S
    assert recorder.on_disk_s > 4
    assert not recorder.is_short
    assert site.camera.budget.used_bytes < SMALL * 3 // 8
    site.trigger()
    await site.settle()
    await site.play(10)
    assert site.recorded == whole(140, 320)
    assert {end.run_end for file in site.camera.store.files for end in file.ends} == {
        None, RunEnd.EVENT_OVER,
    }  # fmt: skip


async def test_without_the_disk_it_would_not_be(site: Site) -> None:
    site.camera = Camera(site.clock, SMALL)
    site.camera.connect()
    site.camera.play(25.3)
    assert site.camera.recorder.is_short
    assert site.camera.recorder.held_s < 9
    site.camera.recorder.close(RunEnd.NODE_STOPPED)


async def test_the_sound_comes_from_the_disk_as_well(site: Site) -> None:
    await site.play(25.3)
    site.trigger()
    await site.settle()
    await site.play(10)
    frame = audio_clip("aac").frame_ticks
    total = 0
    for file in site.camera.store.files:
        times = sound_times(file)
        assert all(b - a == frame for a, b in pairwise(times))
        total += len(times)
    assert total * frame / 16_000 == pytest.approx(18, abs=0.5)


async def test_no_more_lies_on_the_disk_than_is_held(site: Site) -> None:
    for _ in range(3):
        await site.play(20)
        assert 1 <= len(await asyncio.to_thread(site.files)) <= 10 // GOP_S + 1


async def test_what_comes_while_the_disk_reads_has_its_place_behind_it(site: Site) -> None:
    await site.play(25)
    hold = threading.Event()
    site.disk.spool.submit(lambda: void(hold.wait(30)))
    site.trigger()
    site.camera.play(1.5)
    assert site.camera.store.files == []
    assert site.camera.recorder.is_active
    hold.set()
    await site.settle()
    await site.play(8)
    assert site.recorded == whole(140, 300)


async def test_an_event_that_a_person_ends_at_once_has_what_was_before_it(site: Site) -> None:
    await site.play(25)
    hold = threading.Event()
    site.disk.spool.submit(lambda: void(hold.wait(30)))
    site.trigger(None)
    site.camera.play(0.5)
    site.camera.recorder.release()
    hold.set()
    await site.settle()
    assert not site.camera.recorder.is_active
    assert site.recorded == whole(140, 255)
    assert site.camera.store.files[-1].ends[-1].run_end is RunEnd.STOPPED_BY_USER
    await site.play(3)  # held again


async def test_a_camera_that_goes_meanwhile_ends_its_recording(site: Site) -> None:
    await site.play(25)
    hold = threading.Event()
    site.disk.spool.submit(lambda: void(hold.wait(30)))
    site.trigger()
    site.camera.play(1)
    site.camera.leave()
    hold.set()
    await site.settle()
    assert site.recorded == whole(140, 260)
    assert site.camera.store.files[-1].ends[-1].run_end is RunEnd.CAMERA_OFFLINE
    site.clock.advance(6)
    site.camera.recorder.tick()
    assert not site.camera.recorder.is_active


async def test_two_runs_of_a_camera_come_from_the_disk_as_two(site: Site) -> None:
    await site.play(22)
    site.camera.leave()
    site.clock.advance(1)
    site.camera.connect()
    await site.play(6)
    site.trigger()
    await site.settle()
    await site.play(8)
    assert site.recorded == whole(180, 340)
    ends = [end.run_end for file in site.camera.store.files for end in file.ends]
    assert ends.count(RunEnd.CAMERA_OFFLINE) == 1
    assert site.camera.store.files[0].start.run_id != site.camera.store.files[-1].start.run_id


@pytest.mark.parametrize("has_memory", [False, True])
async def test_a_disk_that_does_not_answer_costs_what_lies_on_it(
    site: Site, *, has_memory: bool
) -> None:
    """The event is recorded without: when memory is full, or it has lasted too long."""
    await site.play(25)
    in_memory = 140 + len(await asyncio.to_thread(site.files)) * GOP_S * FPS
    hold = threading.Event()
    site.disk.spool.submit(lambda: void(hold.wait(30)))
    budget = site.camera.budget
    other = 0 if has_memory else SMALL - budget.used_bytes - 40_000  # three seconds
    assert budget.take(other)
    site.trigger(20 * SECOND_US)
    site.camera.play(2.5)
    assert site.camera.store.files == []
    assert budget.used_bytes > SMALL * 3 // 8 or has_memory
    site.camera.play(2.5)
    if has_memory:
        assert site.camera.store.files == []
        site.clock.advance(6)
        site.camera.recorder.tick()
    assert site.camera.store.files
    assert site.camera.recorder.is_short
    hold.set()
    await site.settle()
    await site.play(8)
    assert site.recorded[:-1] == whole(in_memory, site.recorded[-1])
    assert site.recorded[-1] >= 370
    budget.give_back(other)


async def test_a_file_that_is_lost_leaves_a_hole_and_the_rest(site: Site) -> None:
    await site.play(25)
    lost = (await asyncio.to_thread(site.files))[1]
    await asyncio.to_thread(lost.unlink)
    site.trigger()
    await site.settle()
    await site.play(8)
    assert site.recorded == whole(140, 160) + whole(180, 300)
    files = site.camera.store.files
    assert files[0].ends[0].run_end is RunEnd.DISK_TOO_SLOW
    assert files[0].start.run_id != files[1].start.run_id
    assert site.camera.recorder.is_short


@pytest.mark.parametrize("spoil", ["cut", "bit"])
async def test_a_file_that_is_spoilt_is_not_recorded(site: Site, spoil: str) -> None:
    await site.play(25)

    def change() -> None:
        with site.files()[0].open("r+b") as file:
            if spoil == "cut":
                file.truncate(3000)
            else:
                file.seek(3000)
                byte = file.read(1)
                file.seek(3000)
                file.write(bytes([byte[0] ^ 4]))

    await asyncio.to_thread(change)
    site.trigger()
    await site.settle()
    await site.play(8)
    assert site.recorded == whole(160, 300)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
async def test_a_disk_that_refuses_leaves_it_in_memory_and_is_left_alone(
    site: Site, error: int
) -> None:
    site.calls.error = error
    await site.play(25)
    assert site.camera.recorder.is_short
    assert 1 <= site.camera.recorder.held_s < 9
    assert site.camera.recorder.on_disk_s == 0
    assert await asyncio.to_thread(site.files) == []
    assert site.calls.writes <= 6  # within 25 s: two each time
    site.calls.error = None
    await site.play(25)  # it is tried again
    assert site.camera.recorder.on_disk_s > 4
    assert not site.camera.recorder.is_short


async def test_what_the_disk_is_too_slow_for_is_lost_and_memory_does_not_grow(site: Site) -> None:
    site.calls.gate.clear()
    for _ in range(30):
        site.camera.play(1)
        assert site.camera.budget.used_bytes <= SMALL * 3 // 8
    assert is_short(site)
    site.calls.gate.set()
    await site.settle()
    await site.play(25)
    assert not is_short(site)
    assert site.camera.recorder.held_s >= 10


async def test_what_is_lost_between_disk_and_memory_is_said_until_it_is_too_old(site: Site) -> None:
    await site.play(24)
    site.calls.error = errno.EIO
    await site.play(5)
    assert is_short(site)
    assert site.camera.recorder.on_disk_s > 0
    assert site.camera.recorder.held_s < 10
    site.trigger()
    site.calls.error = None
    await site.settle()
    await site.play(8)
    assert site.recorded == whole(180, 200) + whole(220, 340)
    await site.play(20)
    assert not is_short(site)


async def test_no_more_is_read_than_the_recorder_has_room_for(site: Site) -> None:
    await site.play(25)
    site.camera.store.room = False
    site.trigger()
    await site.settle()
    await site.play(2)
    assert site.camera.store.files == []
    site.camera.store.room = True
    await site.play(6)
    assert site.recorded == whole(140, 300)


async def test_what_comes_after_an_event_is_never_sent_away_before_it_is_recorded(
    site: Site,
) -> None:
    await site.play(25)
    in_memory = 140 + len(await asyncio.to_thread(site.files)) * GOP_S * FPS
    site.camera.store.room = False
    site.trigger(20 * SECOND_US)
    await site.play(8)
    site.camera.store.room = True
    site.clock.advance(3)  # the time to wait for the disk is over
    site.camera.recorder.tick()
    await site.play(2)
    assert site.recorded[:-1] == whole(in_memory, site.recorded[-1])
    assert site.recorded[-1] >= 340


async def test_an_event_does_not_end_before_all_of_it_is_there(site: Site) -> None:
    await site.play(25)
    hold = threading.Event()
    site.disk.spool.submit(lambda: void(hold.wait(30)))
    site.trigger()
    site.camera.play(8)  # three seconds longer than it lasts
    assert site.camera.recorder.is_active
    hold.set()
    await site.settle()
    await site.play(4)
    assert site.camera.recorder.held_s > 0  # for the next
    assert site.recorded == whole(140, 340)


async def test_what_is_being_written_when_an_event_comes_is_taken_from_memory(site: Site) -> None:
    site.calls.gate.clear()
    site.camera.play(8)
    assert await asyncio.to_thread(site.calls.begun.wait, 5)
    site.trigger()
    assert site.camera.store.files
    site.calls.gate.set()
    await site.settle()
    assert await asyncio.to_thread(site.files) == []
    await site.play(7)
    assert site.recorded == whole(0, 140)


async def test_after_an_event_memory_is_as_short_as_before(site: Site) -> None:
    await site.play(12)
    site.trigger()
    await site.settle()
    await site.play(7)
    assert not site.camera.recorder.is_active
    site.calls.error = errno.EIO
    for _ in range(25):
        await site.play(1)
        assert site.camera.budget.used_bytes <= SMALL * 3 // 8


async def test_footage_goes_first_where_room_is_short(
    tmp_path: Path, database: Database, clock: FakeClock
) -> None:
    found = await asyncio.to_thread(os.statvfs, tmp_path)
    floor_bytes = 4 * found.f_bavail * found.f_frsize  # half of it is more than there is
    volumes = await Volumes.open(database, tmp_path / "media", clock, floor_bytes=floor_bytes)
    site = Site(volumes, Calls(), clock)
    await site.play(25)
    assert site.camera.recorder.on_disk_s == 0
    assert site.camera.recorder.is_short
    assert await asyncio.to_thread(site.files) == []
    site.camera.recorder.close(RunEnd.NODE_STOPPED)
    await volumes.stop()


@pytest.mark.parametrize("reason", [RunEnd.PAUSED, RunEnd.STOPPED_BY_USER, RunEnd.SCHEDULE_OVER])
async def test_where_people_want_no_footage_none_stays_on_the_disk(
    site: Site, reason: RunEnd
) -> None:
    await site.play(25)
    site.camera.leave(reason)
    await site.settle()
    assert await asyncio.to_thread(site.files) == []
    assert not site.camera.store.files


async def test_a_pause_does_not_wait_for_the_disk(site: Site) -> None:
    await site.play(25)
    hold = threading.Event()
    site.disk.spool.submit(lambda: void(hold.wait(30)))
    site.trigger()
    site.camera.leave(RunEnd.PAUSED)
    assert not site.camera.recorder.is_active
    assert site.camera.store.files[-1].ends[-1].run_end is RunEnd.PAUSED
    hold.set()
    await site.settle()
    assert await asyncio.to_thread(site.files) == []


async def test_a_disk_that_is_taken_out_of_use_costs_what_lies_on_it(
    tmp_path: Path, database: Database, clock: FakeClock
) -> None:
    volumes = await Volumes.open(database, tmp_path / "media", clock, floor_bytes=0)
    site = Site(volumes, Calls(), clock)
    await site.play(25)
    on_disk = len(await asyncio.to_thread(site.files)) * GOP_S * FPS
    assert on_disk
    await volumes.stop()
    site.trigger()
    site.camera.play(3)
    site.camera.recorder.close(RunEnd.NODE_STOPPED)
    assert site.recorded == whole(140 + on_disk, 280)
    assert site.camera.budget.used_bytes == 0


async def test_what_a_killed_process_left_goes_and_nothing_else(
    tmp_path: Path, database: Database, clock: FakeClock
) -> None:
    volumes = await Volumes.open(database, tmp_path / "media", clock)
    await volumes.stop()
    directory = tmp_path / "media" / SPOOL

    def leave() -> None:
        directory.mkdir()
        (directory / "7.gop").write_bytes(b"old")
        (directory / "my.txt").write_bytes(b"somebody's")

    await asyncio.to_thread(leave)
    volumes = await Volumes.open(database, tmp_path / "media", clock)
    (volume,) = volumes.all
    assert [path.name for path in await asyncio.to_thread(lambda: [*directory.iterdir()])] == [
        "my.txt"
    ]
    assert await volume.readers.run(volume.files) == []  # neither is footage
    await volumes.stop()


SAMPLES = st.lists(
    st.one_of(
        st.builds(
            VideoSample,
            st.integers(0, 1 << 40), st.integers(0, 1 << 20), st.booleans(),
            st.binary(max_size=40), st.integers(0, 1 << 60),
        ),
        st.builds(
            AudioSample,
            st.integers(0, 1 << 40), st.integers(0, 1 << 20),
            st.binary(max_size=40), st.integers(0, 1 << 60),
        ),
    )
)  # fmt: skip


@given(SAMPLES)
def test_what_is_written_is_what_is_read(samples: list[Sample]) -> None:
    assert decode(b"".join(encode(samples))) == samples


def is_short(site: Site) -> bool:
    return site.camera.recorder.is_short


def void(_: object) -> None:
    """For a job's answer that nobody wants."""
