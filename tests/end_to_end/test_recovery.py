"""A whole node, real RTSP: what a crash, a stop and a start leave."""

import asyncio
from pathlib import Path

import pytest

from tests.end_to_end.players import decodes, download, probe
from tests.nodes import RunningNode, running_node
from tests.peers.media_samples import audio_clip, video_clip
from tests.peers.replay_rtsp import ReplayServer

pytestmark = [pytest.mark.timeout(90), pytest.mark.fault]


async def grown(node: RunningNode, camera_id: str, size_bytes: int) -> None:
    """Wait until so much was written for a camera."""
    camera_dir = node.media_dir / camera_id

    def written() -> int:
        return sum(path.stat().st_size for path in camera_dir.rglob("*.mp4"))

    async with asyncio.timeout(30):
        while await asyncio.to_thread(written) < size_bytes:  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.05)


async def test_kill_9_keeps_all_but_the_open_fragment(tmp_path: Path) -> None:
    with ReplayServer() as server:
        server.add("door", video=video_clip(), audio=audio_clip())
        async with running_node(tmp_path) as node:
            camera = await node.add("Door", server.url("door"))
            await grown(node, camera, 60_000)
            (before,) = (await node.json("/api/recordings/"))["recordings"]
            assert before["status"] == "recording"
            await node.kill()
            files = list((node.media_dir / camera).rglob("*.mp4"))
            size = sum(path.stat().st_size for path in files)
            with files[0].open("ab") as torn:  # what a write in the middle leaves
                torn.write(b"\0\0\0\x90moof" + bytes(40))
            await node.start()
            await node.sign_in()
            found = await node.until(
                f"/api/recordings/{before['id']}", lambda r: r["status"] != "recording"
            )
            assert found["status"] == "completed"
            assert found["file_size_bytes"] > size * 0.8
            path = await download(node, before["id"], tmp_path / "out.mp4")
            await decodes(path)
            facts = await probe(path)
            video = next(s for s in facts["streams"] if s["codec_type"] == "video")
            assert float(video["duration"]) == pytest.approx(found["duration_seconds"], abs=0.05)
            code, out, err = await node.command(
                "check", "--json", "--media-dir", str(node.media_dir)
            )
            assert code == 0, out + err


async def test_sigterm_ends_within_3_s_with_everything_indexed(tmp_path: Path) -> None:
    with ReplayServer() as server:
        for index in range(4):
            server.add(f"c{index}", video=video_clip(), audio=audio_clip())
        async with running_node(tmp_path) as node:
            cameras = [await node.add(f"C{i}", server.url(f"c{i}")) for i in range(4)]
            for camera in cameras:
                await grown(node, camera, 40_000)
            assert await node.terminate() < 3.0
            await node.start()
            await node.sign_in()
            assert not any("recovery after a crash" in line for line in node.lines)
            listed = (await node.json("/api/recordings/"))["recordings"]
            first = {r["camera_id"]: r for r in listed if r["status"] == "completed"}
            assert set(first) == set(cameras)
            assert all(r["duration_seconds"] > 0 for r in first.values())


async def test_it_records_again_after_the_start(tmp_path: Path) -> None:
    with ReplayServer() as server:
        server.add("door", video=video_clip())
        async with running_node(tmp_path) as node:
            camera = await node.add("Door", server.url("door"))
            await grown(node, camera, 40_000)
            await node.terminate()
            await node.start()
            await node.sign_in()
            state = await node.until(f"/api/cameras/{camera}", lambda c: c["online"])
            assert state["status"] == "running"
            await node.until(
                f"/api/cameras/{camera}/recording/status", lambda r: r["status"] == "recording"
            )
