"""Cameras that drop their connection over and over, against a whole node."""

import asyncio
import contextlib
import os
import time
import unittest.mock
from collections.abc import AsyncIterator
from pathlib import Path

from tests.faults.camera_footage import footage, lost_s
from tests.faults.footage_on_disk import unplayable
from tests.faults.outcome import Holdings, Outcome
from tests.nodes import RunningNode, running_node
from tests.peers.media_samples import audio_clip, video_clip
from tests.peers.replay_rtsp import ReplayServer

CAMERAS = 20
BUDGET_S = 5.0  # the camera is back: 3 s, and up to a GOP of 2 s
MAY_MB = 24.0  # pools and caches fill in the first rounds


async def reconnects(folder: Path, count: int) -> Outcome:
    """Drop all connections until there were so many; the node must be what it was before."""
    cameras = min(CAMERAS, count)
    outcome = Outcome("camera reconnects", f"{count} times", f"{BUDGET_S:.0f} s", [], BUDGET_S)
    with ReplayServer() as server:
        for index in range(cameras):
            server.add(f"c{index}", video=video_clip(), audio=audio_clip())
        async with steady_node(folder) as node:
            ids = [await node.add(f"C{i}", server.url(f"c{i}")) for i in range(cameras)]
            before: Holdings | None = None
            dropped: list[tuple[float, float]] = []  # the cameras take connections all the while
            rounds = -(-count // cameras)
            for number in range(rounds):
                await all_online(node, cameras)
                if number == min(2, rounds - 1):
                    await all_recorded(node, cameras)
                    before = await Holdings.now(node.process.pid)
                dropped.append((time.time(), time.time()))
                server.drop_connections()
                await _any_offline(node)
            await all_online(node, cameras)
            await all_recorded(node, cameras)
            assert before is not None
            after = await Holdings.now(node.process.pid)
            outcome.leaked(after.leaks(before, may_mb=MAY_MB))
            outcome.notes.append(f"{before} → {after}")
            for camera in ids:
                outcome.wrong += await wrong_gaps(node, camera, "camera_offline")
            ended = time.time()
        outcome.wrong += await problems(node)
    for camera in ids:
        found = await asyncio.to_thread(footage, node.data_dir, camera)
        outcome.lost_s += lost_s(found, dropped, ended)
    outcome.unplayable = await asyncio.to_thread(unplayable, node.data_dir, node.media_dir)
    return outcome


@contextlib.asynccontextmanager
async def steady_node(folder: Path) -> AsyncIterator[RunningNode]:
    """One that makes no nightly copy, which begins a minute after its start.

    What SQLite opened for it stays open while there are other connections, for the next night.
    """
    with unittest.mock.patch.dict(os.environ, FALCONEYE_NIGHTLY_BACKUP="false"):
        async with running_node(folder) as node:
            yield node


async def wrong_gaps(node: RunningNode, camera: str, *reasons: str) -> int:
    """How many gaps of a camera's timeline name another cause than these."""
    return sum(told not in reasons for told in await gap_reasons(node, camera))


async def gap_reasons(node: RunningNode, camera: str) -> list[str]:
    """Why a camera's timeline lacks what it lacks.

    But for the gap at its begin, which is there when adding the camera took long enough.
    """
    found = await node.json(f"/api/cameras/{camera}/timeline")
    return [gap["reason"] for gap in found["gaps"] if gap["from"] != found["from"]]


async def all_online(node: RunningNode, count: int) -> None:
    """So many cameras deliver."""
    await node.until(
        "/api/cameras/", lambda found: sum(bool(c["online"]) for c in _cameras(found)) == count, 60
    )


async def all_recorded(node: RunningNode, count: int) -> None:
    """A file is open for each: only then is what the node holds all that it holds."""
    async with asyncio.timeout(60):
        while await asyncio.to_thread(_open_footage, node.process.pid) < count:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.05)


def _open_footage(pid: int) -> int:
    links = Path(f"/proc/{pid}/fd").iterdir()
    return sum(link.readlink().suffix == ".mp4" for link in links if link.is_symlink())


async def _any_offline(node: RunningNode) -> None:
    await node.until("/api/cameras/", lambda found: not all(c["online"] for c in _cameras(found)))


def _cameras(found: object) -> list[dict[str, object]]:
    assert isinstance(found, (dict, list))
    return list(found["cameras"]) if isinstance(found, dict) else list(found)


async def problems(node: RunningNode) -> int:
    """How many `falconeye check` finds."""
    code, out, _ = await node.command("check", "--json", "--media-dir", str(node.media_dir))
    return 0 if code == 0 else max(1, out.count('"fault"'))
