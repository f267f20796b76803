"""In the virtual machine: `python -m …set_clock FOLDER`, root. The machine's clock is really set.

A camera records on the real clock meanwhile. One line of JSON says what became of it: how much was
delivered and how much a player is given (s), how many files no player plays, and what is wrong, in
words. It refuses to run elsewhere: a clock that others live by is none of its own.
"""

import asyncio
import json
import re
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from cryptography.fernet import Fernet

from falconeye.base.clock import SystemClock, boot_name
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.hub.stream import StreamHub
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.checks.check_coverage import UNEXPLAINED_US
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.reading.playback import Playback
from falconeye.storage.reading.timeline import Timeline
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.storage.stores.credentials import CredentialCipher
from tests.clock import FakeClock
from tests.faults.footage_on_disk import unplayable
from tests.unit.storage_footage.boards import Board, boot, problems, segments_of
from tests.unit.storage_footage.cameras import FPS, Camera, Sample, in_time, pictures
from tests.unit.storage_footage.footage import CAMERA

STEPS_S = (-12.0, 25.0, -3.0, 0.8)
PLAYED_S = 20  # before each step, and after the last one
NEAR_S = 3.0  # the emulated machine is slow: who looks once a second may come so much later
_Step = tuple[float, float]  # what the clock showed, and what it was set to; s


async def main(folder: Path) -> None:
    if "job=" not in await asyncio.to_thread(Path("/proc/cmdline").read_text):
        raise SystemExit("this sets the machine's clock: it is for the virtual machine alone")
    clock = cast("FakeClock", SystemClock())  # nothing here moves it
    board = await boot(folder, clock, ntp=True, name=boot_name())
    begun_us = clock.utc_us()
    await _add_camera(board, begun_us)
    await board.redater.round()  # NTP keeps the clock, and sets it all the same
    board.ledger.start()
    board.ledger.note(CAMERA, None)
    steps, fed_s = await _record(board)
    await board.ledger.stop()
    found = await board.timeline(begun_us, clock.utc_us())
    playback = Playback(board.node.database, board.node.volumes, board.node.store, clock)
    text = await playback.playlist(CAMERA, StreamKind.MAIN, begun_us, clock.utc_us(), grows=False)
    wrong = [*_wrong(found, steps), *await _misdated(board, steps)]
    wrong += [str(problem) for problem in await problems(board.node)]
    await board.node.stop()
    told = {
        "fed_s": fed_s,
        "listed_s": sum(float(length) for length in re.findall(r"#EXTINF:([\d.]+),", text)),
        "unplayable": await asyncio.to_thread(unplayable, folder / "data", folder / "media"),
        "wrong": wrong,
    }
    print(json.dumps(told), flush=True)  # noqa: T201


async def _add_camera(board: Board, added_us: int) -> None:
    cipher = CredentialCipher([Fernet.generate_key()], "the test")
    config = CameraConfig(CAMERA, "Front door", Protocol.DEMO, "demo:", added_us, added_us)
    await CameraStore(board.node.database, cipher).insert(config)


async def _record(board: Board) -> tuple[list[_Step], float]:
    """The steps, and how much the camera delivered (s)."""
    video, loop = pictures(), asyncio.get_running_loop()
    hub = StreamHub(CAMERA, StreamKind.MAIN, loop, board.node.clock, board.node.budget)
    camera = Camera(board.node, hub)
    camera.begin(video)
    begun_us = board.node.clock.monotonic_us()
    samples = in_time(video, None, PLAYED_S * (len(STEPS_S) + 1), begun_us)
    feeding = asyncio.create_task(asyncio.to_thread(_feed, camera, samples))
    steps: list[_Step] = []
    for number, step_s in enumerate(STEPS_S, 1):
        await asyncio.sleep(begun_us / 1e6 + PLAYED_S * number - time.monotonic())
        before = time.time()
        time.clock_settime(time.CLOCK_REALTIME, before + step_s)
        steps.append((before, before + step_s))
    await feeding
    hub.end_run(RunEnd.CAMERA_OFFLINE, "")
    if not await board.node.store.flush(60):
        raise SystemExit("the disk of the machine does not keep up")
    return steps, len(samples) / FPS


def _feed(camera: Camera, samples: Sequence[Sample]) -> None:
    waits = threading.Event()
    for sample in samples:
        waits.wait(max(0, sample.arrived_us - time.monotonic_ns() // 1000) / 1e6)
        camera.hub.video(sample)  # type: ignore[arg-type]  # no sound is asked for


def _wrong(found: Timeline, steps: Sequence[_Step]) -> list[str]:
    """What the time line tells otherwise than it was."""
    seams = [(seam.before_us / 1e6, seam.after_us / 1e6) for seam in found.seams]
    twice = [(span.from_us / 1e6, span.to_us / 1e6) for span in found.overlaps]
    skipped = [gap for gap in found.gaps if gap.reason is GapReason.CLOCK_CHANGED]
    missing = [(gap.from_us / 1e6, gap.to_us / 1e6) for gap in skipped]
    ahead = [step for step in steps if step[0] < step[1]]
    back = [(after, before) for before, after in steps if after < before]
    words = [
        f"{name} {told}, not {wanted}"
        for name, told, wanted in (
            ("seams", seams, steps),
            ("overlaps", twice, back),
            ("gaps", missing, ahead),
        )
        if not _near(sorted(told), sorted(wanted))
    ]
    lengths = [
        (after - before) - (end - begin)
        for (begin, end), (before, after) in zip(seams, sorted(steps), strict=False)
    ]
    words += [f"a step is told {off:+.3f} s off" for off in lengths if abs(off) > 0.05]
    # Beside the camera's first and last pictures.
    others = [gap for gap in found.gaps if gap not in skipped]
    words += [str(gap) for gap in others if gap.to_us - gap.from_us > UNEXPLAINED_US]
    return words


def _near(told: Sequence[_Step], wanted: Sequence[_Step]) -> bool:
    pairs = zip(told, wanted, strict=False)
    return len(told) == len(wanted) and all(
        abs(one - other) < NEAR_S for pair in pairs for one, other in zip(*pair, strict=True)
    )


async def _misdated(board: Board, steps: Sequence[_Step]) -> list[str]:
    """Footage outside the times that the clock showed while it was recorded."""
    rows = await segments_of(board.node)
    run_ids = sorted({row.run_id for row in rows})
    if len(run_ids) != len(steps) + 1:
        return [f"{len(run_ids)} runs"]
    begins = [0.0, *(after for _, after in steps)]
    ends = [*(before for before, _ in steps), time.time()]
    words = []
    for row in rows:
        number = run_ids.index(row.run_id)
        begin, end = row.start_us / 1e6, (row.start_us + row.wall_duration_us) / 1e6
        if begin < begins[number] - 1 or end > ends[number] + 1:
            words.append(f"run {number}: {begin} to {end}")
    return words


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
