"""kill -9 at random moments: of a recorder on the real clock, and of a whole node."""

import asyncio
import random
import time
from pathlib import Path
from typing import Any

from tests.clock import FakeClock
from tests.faults.camera_footage import Footage, footage
from tests.faults.footage_on_disk import left_behind, unplayable
from tests.faults.outcome import Holdings, Outcome
from tests.faults.reconnects import all_online, all_recorded, gap_reasons, problems, steady_node
from tests.peers.media_samples import audio_clip, video_clip
from tests.peers.replay_rtsp import ReplayServer
from tests.unit.storage_footage.test_kill import AT_ONCE, BUDGET_S, lost_s

MAY_MB = 16.0
CAMERAS = 4
LONGEST_S = 4.0  # from the first files of a start to the kill: two GOPs


async def kills(folder: Path, count: int) -> Outcome:
    """Kill so many processes; recover and check each."""
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    outcome = Outcome("kill -9 of a recorder", f"{count} times", f"{BUDGET_S:.0f} s", [], BUDGET_S)
    outcome.notes.append(f"seed {seed}")
    before: Holdings | None = None
    for first in range(0, count, AT_ONCE):
        folders = [folder / str(first + index) for index in range(min(AT_ONCE, count - first))]
        found = await asyncio.gather(
            *(lost_s(one, FakeClock(), chance) for one in folders), return_exceptions=True
        )
        for one, lost in zip(folders, found, strict=True):
            if isinstance(lost, AssertionError):
                outcome.wrong += 1
                outcome.notes.append(str(lost))
            elif isinstance(lost, BaseException):
                raise lost
            else:
                outcome.lost_s.append(lost)
                bad = await asyncio.to_thread(unplayable, one / "data", one / "media")
                outcome.unplayable += bad
                outcome.leaked(await asyncio.to_thread(left_behind, one / "data", one / "media"))
        before = before or await Holdings.now()
    assert before is not None
    outcome.leaked((await Holdings.now()).leaks(before, may_mb=MAY_MB))
    return outcome


async def node_kills(folder: Path, count: int) -> Outcome:
    """Kill a node with cameras, start it again; what had come and is not in its files is lost."""
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    name = f"kill -9 of a node with {CAMERAS} cameras"
    outcome = Outcome(name, f"{count} times", f"{BUDGET_S:.0f} s", [], BUDGET_S)
    killed: list[float] = []
    first_s = 0.0  # from then on there is something to lose
    with ReplayServer() as server:
        for index in range(CAMERAS):
            server.add(f"c{index}", video=video_clip(), audio=audio_clip())
        async with steady_node(folder) as node:
            ids = [await node.add(f"C{i}", server.url(f"c{i}")) for i in range(CAMERAS)]
            for camera in ids:  # what never was on the disk is not missed, and nothing says why
                await node.until(f"/api/cameras/{camera}/timeline", _has_footage, 60)
            for _ in range(count):
                await all_online(node, CAMERAS)
                await all_recorded(node, CAMERAS)
                since = time.time()
                await asyncio.sleep(chance.uniform(0, LONGEST_S))
                killed.append(time.time())
                first_s = first_s or since
                await node.kill()
                await node.start()
                await node.sign_in()
            await all_online(node, CAMERAS)
            await all_recorded(node, CAMERAS)
            for camera in ids:
                told = await gap_reasons(node, camera)
                starts = told.count("camera_offline")  # until the camera is connected to again
                outcome.wrong += abs(len(told) - starts - count) + abs(
                    told.count("node_crashed") - count
                )
            await node.terminate()
        outcome.wrong += await problems(node)
    back_s: list[float] = []
    for camera in ids:
        found = await asyncio.to_thread(footage, node.data_dir, camera)
        outcome.lost_s += [max(0.0, at - _last_before(found, at, first_s)) for at in killed]
        back_s += [min(begin for begin, _, _ in found if begin > at) - at for at in killed]
    outcome.unplayable = await asyncio.to_thread(unplayable, node.data_dir, node.media_dir)
    outcome.leaked(await asyncio.to_thread(left_behind, node.data_dir, node.media_dir))
    outcome.notes.append(f"seed {seed}; footage again {max(back_s):.1f} s after a kill at most")
    return outcome


def _has_footage(found: Any) -> bool:
    return bool(found["spans"])


def _last_before(found: Footage, at: float, first_s: float) -> float:
    """When the footage ends that was there at a moment: at once, maybe nothing was there yet."""
    return max((end for begin, end, _width in found if begin < at), default=first_s)
