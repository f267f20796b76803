"""More is to be kept before an event than memory has room for: a whole node and real streams."""

import asyncio
from itertools import pairwise
from pathlib import Path

import av
import pytest

from falconeye.sources.demo_picture import read_barcode
from falconeye.storage.volumes.spool_directory import SPOOL
from tests.end_to_end.players import decodes, download
from tests.nodes import running_node
from tests.peers.media_samples import audio_clip, video_clip
from tests.peers.replay_rtsp import ReplayServer

pytestmark = [pytest.mark.timeout(120), pytest.mark.fault]
PRE_ROLL_S = 12


def numbers(path: Path) -> list[int | None]:
    """What the bar codes of its pictures say."""
    with av.open(str(path)) as container:
        return [
            read_barcode(bytes(frame.planes[0]), frame.planes[0].line_size, frame.width)
            for frame in container.decode(video=0)
        ]


def spooled(media_dir: Path) -> list[Path]:
    directory = media_dir / SPOOL
    return list(directory.iterdir()) if directory.exists() else []


async def test_an_event_finds_what_was_before_it_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """8 Mb/s for 12 s are twice what the smallest memory budget holds."""
    monkeypatch.setenv("FALCONEYE_MEMORY_BUDGET_BYTES", "16000000")
    clip = video_clip(gop=25, gops=4, bit_rate=8_000_000, noise=True)
    with ReplayServer() as server:
        server.add("door", video=clip, audio=audio_clip())
        async with running_node(tmp_path) as node:
            camera = await node.add(
                "Door", f"rtsp://127.0.0.1:{server.port}/door",
                record="event", pre_roll_s=PRE_ROLL_S, post_roll_s=5,
            )  # fmt: skip
            path = f"/api/cameras/{camera}"
            held = await node.until(path, lambda it: (it["pre_roll_held_s"] or 0) >= PRE_ROLL_S, 60)
            assert held["pre_roll_on_disk_s"] >= 4
            assert not held["pre_roll_short"]

            told = await node.client.post(f"{path}/events", json={"kind": "doorbell"})
            assert told.json()["recorded"], told.text
            begun = await node.until(path, lambda it: it["recording_id"])
            recording = f"/api/recordings/{begun['recording_id']}"
            made = await node.until(recording, lambda it: it["status"] == "completed", 60)
            assert PRE_ROLL_S + 5 <= made["duration_seconds"] <= PRE_ROLL_S + 8
            assert made["gaps"] == []
            file = await download(node, made["id"], tmp_path / "event.mp4")
            await decodes(file)
            told_numbers = await asyncio.to_thread(numbers, file)
            assert None not in told_numbers
            assert all(((b or 0) - (a or 0)) % 100 == 1 for a, b in pairwise(told_numbers))

            await node.until(path, lambda it: (it["pre_roll_on_disk_s"] or 0) >= 4, 60)
            assert await asyncio.to_thread(spooled, node.media_dir)
            await node.kill()
            assert await asyncio.to_thread(spooled, node.media_dir)
            await node.start()
            await node.sign_in()
            left = await asyncio.to_thread(spooled, node.media_dir)
            assert all(int(one.stem) < 3 for one in left)  # of the new process, if any
            await node.until(path, lambda it: it["online"])
            await node.terminate()
            assert await asyncio.to_thread(spooled, node.media_dir) == []
            code, out, _ = await node.command("check", "--media-dir", str(node.media_dir))
            assert code == 0, out
            await node.start()
            await node.sign_in()
