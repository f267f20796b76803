"""Volumes that fail, delay, hang, vanish or fill up under a recorder; root."""

import asyncio
import contextlib
import errno
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from falconeye.hub.stream import StreamHub
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.checks.check import check
from falconeye.storage.segments.recovery import recover
from falconeye.storage.tables.footage import segments
from tests.clock import FakeClock
from tests.faults.footage_on_disk import left_behind, unplayable
from tests.faults.outcome import Holdings, Outcome
from tests.unit.storage_footage.cameras import Camera, in_time, pictures
from tests.unit.storage_footage.footage import CAMERA, Node, open_node, rows
from tests.unit.storage_footage.test_disk_faults import settled

SICK_S, WELL_S = 5, 6
SYNC_S = 0.02
MAY_MB = 16.0
# Beyond the time it was ill: the recorder waits 2 s before it tries again, then for a keyframe, and
# a fragment that was given up with the file.
BUDGET_S = SICK_S + 2 + 1 + 0.6


class SickVolume:
    """A FUSE mount that can be told how it feels."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def tell(self, words: str) -> None:
        """And wait until it has heard it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(words.encode() + b"\n")
        await self._process.stdin.drain()
        await self._process.stdout.readline()

    async def end(self) -> None:
        """Unmounted, whatever is open on it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()


@contextlib.asynccontextmanager
async def sick_volume(
    backing: Path, mounted: Path, log: Path | None = None
) -> AsyncIterator[SickVolume]:
    """The directory `backing` at `mounted`."""
    for path in (backing, mounted):
        await asyncio.to_thread(path.mkdir, parents=True, exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.fuse", str(backing), str(mounted),
        *([str(log)] if log else []),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    said = await process.stdout.readline()
    assert said == b"mounted\n", said
    volume = SickVolume(process)
    try:
        yield volume
    finally:
        await volume.end()


class Recording:
    """A camera whose pictures are handed over second by second."""

    def __init__(self, node: Node) -> None:
        self.node = node
        hub = StreamHub(
            CAMERA, StreamKind.MAIN, asyncio.get_running_loop(), node.clock, node.budget
        )
        self.camera = Camera(node, hub, segment_s=2)
        self.camera.begin(pictures())
        self._from_us = node.clock.monotonic_us()
        self.played_s = 0

    async def play(self, seconds: int, *, settle: bool = True) -> None:
        for _ in range(seconds):
            low = self._from_us + self.played_s * 1_000_000
            self.played_s += 1
            samples = in_time(pictures(), None, self.played_s, self._from_us)
            self.camera.play([sample for sample in samples if sample.arrived_us >= low])
            if settle:
                await settled(self.node)
                await self.synced()

    async def synced(self) -> None:
        """A second of pictures takes a few milliseconds here: the syncer would not come to it."""
        syncer, done = self.node.volumes.all[0].syncer, asyncio.Event()
        loop = asyncio.get_running_loop()
        while syncer._dirty:  # noqa: ASYNC110 - its thread tells nobody
            await asyncio.sleep(0.005)
        syncer.submit(partial(_tell, loop, done))
        await done.wait()

    async def kept_s(self) -> float:
        found = await rows(self.node, segments)
        return float(sum(row.media_duration_90k for row in found)) / 90_000


def _tell(loop: asyncio.AbstractEventLoop, done: asyncio.Event) -> None:
    loop.call_soon_threadsafe(done.set)


async def failing_volumes(folder: Path, count: int) -> Outcome:
    """Refusals by EIO and EROFS, and a disk pulled and put back."""
    outcome = Outcome(
        f"a disk (FUSE) that fails or goes for {SICK_S} s", f"{count} times",
        f"its illness + {BUDGET_S - SICK_S:.1f} s", [], BUDGET_S,
    )  # fmt: skip
    ills = [f"fail {errno.EIO}", f"fail {errno.EROFS}", "gone"]
    return await fall_ill(folder, count, outcome, [partial(_fuse, ill=ill) for ill in ills])


async def slow_volumes(folder: Path, count: int) -> Outcome:
    """Slow calls, and hanging ones: memory holds what comes meanwhile."""
    name = f"a disk (FUSE) that delays or hangs for {SICK_S} s"
    outcome = Outcome(name, f"{count} times", "nothing", [], 0.1)
    return await fall_ill(
        folder, count, outcome, [partial(_fuse, ill="slow 0.05"), partial(_fuse, ill="hang")]
    )


class Patient(Protocol):
    """A disk that is mounted at `media`."""

    media: Path
    refuses: bool  # at once, while it is ill; else what is asked of it waits

    async def fall_ill(self) -> None: ...
    async def get_well(self) -> None: ...


Ward = Callable[[Path], AbstractAsyncContextManager[Patient]]


class _FusePatient:
    """A `SickVolume` with one illness."""

    def __init__(self, folder: Path, ill: str, stack: contextlib.AsyncExitStack) -> None:
        self.media = folder / "mounted"
        self.refuses = ill.startswith(("fail", "gone"))
        self._backing = folder / "backing"
        self._ill = ill
        self._stack = stack
        self._volume: SickVolume | None = None

    async def get_well(self) -> None:
        if self._volume is not None and self._ill != "gone":
            await self._volume.tell("well")
        else:
            mounted = sick_volume(self._backing, self.media)
            self._volume = await self._stack.enter_async_context(mounted)

    async def fall_ill(self) -> None:
        assert self._volume is not None
        if self._ill == "gone":
            await self._volume.end()
        else:
            await self._volume.tell(self._ill)


@contextlib.asynccontextmanager
async def _fuse(folder: Path, *, ill: str) -> AsyncIterator[Patient]:
    async with contextlib.AsyncExitStack() as stack:
        patient = _FusePatient(folder, ill, stack)
        await patient.get_well()
        yield patient


async def fall_ill(folder: Path, count: int, outcome: Outcome, wards: Sequence[Ward]) -> Outcome:
    """So many disks, each ill once under a recorder."""
    before: Holdings | None = None
    for number in range(count):
        place = folder / str(number)
        await asyncio.to_thread(place.mkdir)
        async with wards[number % len(wards)](place) as patient:
            await _one(place, patient, outcome)
        before = before or await Holdings.now()
    assert before is not None
    outcome.leaked((await Holdings.now()).leaks(before, may_mb=MAY_MB))
    return outcome


async def _one(folder: Path, patient: Patient, outcome: Outcome) -> None:
    node = await open_node(folder, FakeClock(), media_dir=patient.media, sync_interval_s=SYNC_S)
    recording = Recording(node)
    await recording.play(WELL_S)
    await patient.fall_ill()
    await recording.play(SICK_S, settle=patient.refuses)
    await patient.get_well()
    await settled(node)
    await recording.play(2 * WELL_S)
    recording.camera.hub.end_run(RunEnd.CAMERA_OFFLINE, "")
    assert await node.store.flush(20)
    await recover(node.database, node.volumes, node.store, node_name="pi-1")
    await node.deleter.empty_garbage()
    outcome.lost_s.append(recording.played_s - await recording.kept_s())
    outcome.wrong += len((await check(node.database, node.volumes)).problems)
    outcome.wrong += (node.budget.used_bytes != 0) + len(node.store.leftovers)
    await node.stop()
    outcome.leaked(await asyncio.to_thread(left_behind, folder / "data", patient.media))
    outcome.unplayable += await asyncio.to_thread(unplayable, folder / "data", patient.media)


@contextlib.contextmanager
def small_disk(path: Path, kilobytes: int) -> Iterator[Path]:
    """A tmpfs of that size."""
    path.mkdir(parents=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(path)], check=True
    )
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


async def full_disk(folder: Path, seconds: int) -> Outcome:
    """A camera that fills a disk of 400 kB over and over: the oldest goes, nothing new is lost."""
    outcome = Outcome("a full disk (ENOSPC on tmpfs)", f"{seconds} s of video", "nothing", [], 0.1)
    with small_disk(folder / "disk", 400) as disk:
        node = await open_node(
            folder, FakeClock(), media_dir=disk / "media", sync_interval_s=SYNC_S
        )
        recording = Recording(node)
        gaps_us = 0
        await recording.play(10)
        before = await Holdings.now()
        for _ in range(seconds // 10 - 1):
            await recording.play(10)
        outcome.leaked((await Holdings.now()).leaks(before, may_mb=MAY_MB))
        recording.camera.hub.end_run(RunEnd.CAMERA_OFFLINE, "")
        assert await node.store.flush(20)
        found = sorted(await rows(node, segments), key=lambda row: row.start_us)
        for one, after in pairwise(found):
            gaps_us += max(0, after.start_us - one.start_us - one.wall_duration_us)
        newest_us = max(row.start_us + row.wall_duration_us for row in found)
        late_us = node.clock.utc_us() - newest_us
        outcome.lost_s = [(gaps_us + max(0, late_us - 1_000_000)) / 1e6]
        outcome.lost_s.append(recording.camera.recorder.lost_fragments.value / 2)
        outcome.wrong = len((await check(node.database, node.volumes)).problems)
        await node.stop()
        outcome.leaked(await asyncio.to_thread(left_behind, folder / "data", disk / "media"))
        outcome.unplayable = await asyncio.to_thread(unplayable, folder / "data", disk / "media")
        outcome.notes.append(f"{len(found)} files left on it")
    return outcome
