"""Cameras that drop their connection over and over, against a whole node."""

import asyncio
import contextlib
import os
import unittest.mock
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

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
            rounds = -(-count // cameras)
            for number in range(rounds):
                await all_online(node, cameras)
                if number == min(2, rounds - 1):
                    await all_recorded(node, cameras)
                    before = await Holdings.now(node.process.pid)
                server.drop_connections()
                await _any_offline(node)
            await all_online(node, cameras)
            await all_recorded(node, cameras)
            assert before is not None
            after = await Holdings.now(node.process.pid)
            outcome.leaked(after.leaks(before, may_mb=MAY_MB))
            outcome.notes.append(f"{before} → {after}")
            for camera in ids:
                lengths_s, wrong = await offline_gaps(node, camera)
                outcome.lost_s += lengths_s
                outcome.wrong += wrong
        outcome.wrong += await problems(node)
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


async def offline_gaps(node: RunningNode, camera: str) -> tuple[list[float], int]:
    """Lengths in seconds of what a camera's timeline lacks; how many of these name another cause.

    The first gap is left out: the camera was being added.
    """
    gaps = (await node.json(f"/api/cameras/{camera}/timeline"))["gaps"][1:]
    wrong = sum(gap["reason"] != "camera_offline" for gap in gaps)
    return [_length_s(gap) for gap in gaps], wrong


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


def _length_s(gap: dict[str, str]) -> float:
    ends = [datetime.fromisoformat(gap[name]) for name in ("from", "to")]
    return (ends[1] - ends[0]).total_seconds()


async def problems(node: RunningNode) -> int:
    """How many `falconeye check` finds."""
    code, out, _ = await node.command("check", "--json", "--media-dir", str(node.media_dir))
    return 0 if code == 0 else max(1, out.count('"fault"'))
