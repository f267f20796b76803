"""A whole node and cameras with odd streams: all that they sent is recorded, and plays."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.end_to_end.players import decodes, download, pictures_in, probe
from tests.nodes import RunningNode, running_node
from tests.peers.media_samples import audio_clip, video_clip
from tests.peers.replay_camera import ReplayCamera
from tests.peers.replay_rtsp import ReplayServer

pytestmark = [pytest.mark.timeout(90), pytest.mark.fault]


async def sent(camera: ReplayCamera, pictures: int, limit_s: float = 30) -> None:
    """Wait until a camera has sent so many more pictures."""
    goal = camera.pictures_sent + pictures

    async with asyncio.timeout(limit_s):
        while camera.pictures_sent < goal:  # noqa: ASYNC110 - the server's thread tells nobody
            await asyncio.sleep(0.05)


async def recordings_of(node: RunningNode, camera: str) -> list[dict[str, Any]]:
    """Stop the camera; its finished recordings, oldest first."""
    answer = await node.client.post(f"/api/cameras/{camera}/stop")
    assert answer.status_code == 200, answer.text
    listed = await node.until(
        f"/api/recordings/?camera_id={camera}",
        lambda r: r["recordings"] and all(x["status"] == "completed" for x in r["recordings"]),
    )
    found: list[dict[str, Any]] = listed["recordings"]
    return sorted(found, key=lambda one: one["start_time"])


@dataclass(frozen=True, slots=True)
class Played:
    """What ffprobe says of a downloaded recording that ffmpeg decodes without a word."""

    pictures: int
    duration_s: float
    width: int
    audio_s: float | None


async def played(node: RunningNode, recording: dict[str, Any], folder: Path) -> Played:
    path = await download(node, recording["id"], folder / f"{recording['id']}.mp4")
    await decodes(path)
    facts = await probe(path)
    kinds = {stream["codec_type"]: stream for stream in facts["streams"]}
    video, audio = kinds["video"], kinds.get("audio")
    assert float(video["duration"]) == pytest.approx(recording["duration_seconds"], abs=0.1)
    return Played(
        int(video["nb_read_frames"]),
        float(video["duration"]),
        int(video["width"]),
        float(audio["duration"]) if audio else None,
    )


Check = Callable[[list[Played]], None]


def one_whole(found: list[Played]) -> None:
    """One recording, a picture every 40 ms."""
    (one,) = found
    assert one.pictures >= 70
    assert one.duration_s == pytest.approx(one.pictures / 25, abs=0.2)


def two_sizes(found: list[Played]) -> None:
    """Another init segment begins another recording."""
    assert [one.width for one in found] == [640, 320]
    assert all(one.pictures > 20 for one in found)


def sound_ends(found: list[Played]) -> None:
    """Sound that stays away costs no picture: the recording goes on without it."""
    first, *others = found
    assert first.audio_s is not None
    assert others
    assert others[-1].audio_s is None
    assert sum(one.pictures for one in found) >= 150


async def test_odd_but_right_streams_are_recorded_whole(tmp_path: Path) -> None:
    clip, sound = video_clip(gop=25), audio_clip()
    with ReplayServer() as server:
        wraps = server.add("wraps", video=clip, audio=sound)
        wraps.faults.start_timestamp = 2**32 - 60_000
        server.add("slices", video=video_clip(gop=25, slices=4, b_frames=2))
        server.add("hevc", video=video_clip("hevc", gop=25, slices=3))
        forward = server.add("forward", video=clip, audio=sound)
        back = server.add("back", video=clip, audio=sound)
        size = server.add("size", video=clip)
        mute = server.add("mute", video=clip, audio=sound)
        for stepping in (forward, back):
            stepping.faults.sender_report_s = 0.5
        checks: dict[str, Check] = dict.fromkeys(server.cameras, one_whole)
        checks |= {"size": two_sizes, "mute": sound_ends}
        async with running_node(tmp_path) as node:
            ids = {name: await node.add(name, server.url(name)) for name in server.cameras}
            for camera in ids.values():
                await node.until(f"/api/cameras/{camera}", lambda c: c["online"])
            await sent(mute, 40)
            forward.faults.clock_step_s, back.faults.clock_step_s = 30.0, -30.0
            size.next_video = video_clip(width=320, height=176, gop=25)
            mute.faults.audio_silent = True
            await sent(mute, 130)
            for name, camera in ids.items():
                state = await node.json(f"/api/cameras/{camera}")
                assert (state["status"], state["online"]) == ("running", True), name
                recordings = await recordings_of(node, camera)
                folder = tmp_path / name
                folder.mkdir()
                found = [await played(node, one, folder) for one in recordings]
                checks[name](found)
            code, out, err = await node.command(
                "check", "--json", "--media-dir", str(node.media_dir)
            )
            assert code == 0, out + err


async def test_a_camera_that_comes_back_records_again(tmp_path: Path) -> None:
    """Cut within a picture, silent, noise, reboot: the reason, then pictures, nothing lost."""
    clip = video_clip(gop=25)
    with ReplayServer() as server:
        cut = server.add("cut", video=video_clip(gop=25, bit_rate=8_000_000))
        silent, noise = server.add("silent", video=clip), server.add("noise", video=clip)
        async with running_node(tmp_path) as node:
            ids = {name: await node.add(name, server.url(name)) for name in server.cameras}
            for camera in ids.values():
                await node.until(f"/api/cameras/{camera}", lambda c: c["online"])
            await sent(cut, 30)
            cut.faults.cut = silent.faults.silent = noise.faults.garbage = True
            states = {
                name: await node.until(
                    f"/api/cameras/{camera}", lambda c: c["status"] == "error", 20
                )
                for name, camera in ids.items()
            }
            assert states["cut"]["reason_code"] == "disconnected"
            assert states["silent"]["reason_code"] == "stalled"
            assert states["noise"]["reason_code"] in {"stalled", "camera_error"}
            cut.faults.cut = silent.faults.silent = noise.faults.garbage = False
            for camera in ids.values():
                await node.until(f"/api/cameras/{camera}", lambda c: c["online"], 40)
            await sent(cut, 30)
            began = time.monotonic()
            server.drop_connections()
            for camera in ids.values():
                await node.until(f"/api/cameras/{camera}", lambda c: not c["online"])
            for camera in ids.values():
                path = f"/api/cameras/{camera}/recording/status"
                await node.until(f"/api/cameras/{camera}", lambda c: c["online"])
                await node.until(path, lambda r: r["status"] == "recording")
            assert time.monotonic() - began < 20
            await sent(cut, 30)
            for name, camera in ids.items():
                recordings = await recordings_of(node, camera)
                if name == "noise":  # it is recorded as it came; no player decodes that
                    assert all(one["duration_seconds"] > 0 for one in recordings)
                    continue
                found = [await played(node, one, tmp_path) for one in recordings]
                assert sum(one.pictures for one in found) >= 70


async def test_connections_that_begin_in_open_gops_make_one_recording(tmp_path: Path) -> None:
    """The later one begins with pictures that a decoder could take for more of the earlier one."""
    clip = video_clip("hevc", gop=27, gops=4, b_frames=3, open_gop=True)
    with ReplayServer() as server:
        door = server.add("door", video=clip)
        async with running_node(tmp_path) as node:
            camera = await node.add("Door", server.url("door"))
            await node.until(f"/api/cameras/{camera}", lambda c: c["online"])
            await sent(door, 70)
            door.faults.start_picture = 20
            server.drop_connections()
            await node.until(f"/api/cameras/{camera}", lambda c: not c["online"])
            await node.until(f"/api/cameras/{camera}", lambda c: c["online"])
            await sent(door, 70)
            (recording,) = await recordings_of(node, camera)
            path = await download(node, recording["id"], tmp_path / "door.mp4")
            (video,) = (await probe(path))["streams"]
            assert int(video["nb_read_frames"]) == await pictures_in(path)
            assert int(video["nb_read_frames"]) >= 120


async def test_noise_from_the_first_packet_on_is_an_error_soon(tmp_path: Path) -> None:
    words = "the camera sends data that is no video"
    with ReplayServer() as server:
        noise = server.add("noise", video=video_clip(gop=25, bit_rate=8_000_000, noise=True))
        noise.faults.garbage = True
        async with running_node(tmp_path) as node:
            camera = await node.add("Noise", server.url("noise"))
            state = await node.until(f"/api/cameras/{camera}", lambda c: c["reason"] == words, 30)
            assert (state["status"], state["online"]) == ("error", False)
            assert state["reason_code"] == "camera_error"


async def test_a_gop_of_20_s_has_a_poster_and_is_recorded(tmp_path: Path) -> None:
    """A viewer who comes late in it gets a picture at once, and live with the next keyframe."""
    with ReplayServer() as server:
        door = server.add("door", video=video_clip(gop=500, width=320, height=176))
        async with running_node(tmp_path) as node:
            camera = await node.add("Door", server.url("door"))
            await node.until(f"/api/cameras/{camera}", lambda c: c["online"])
            await sent(door, 270)
            poster = await node.client.get(f"/api/cameras/{camera}/snapshot.jpg")
            assert poster.status_code == 200
            assert poster.content.startswith(b"\xff\xd8")
            url = f"{node.url.replace('http', 'ws')}/api/cameras/{camera}/live"
            headers = {"authorization": node.client.headers["authorization"]}
            async with connect(url, additional_headers=headers, max_size=None) as socket:
                assert "offer" in str(await socket.recv())
                await socket.send('{"type":"choose","stream":"main","focused":true}')
                hello, init = await socket.recv(), await socket.recv()
                assert '"hello"' in str(hello)
                assert isinstance(init, bytes)
                assert b"moov" in init
                async with asyncio.timeout(20):
                    first = await socket.recv()
                assert isinstance(first, bytes)
                assert b"moof" in first
                assert door.pictures_sent >= 495  # not in the middle of the GOP
            (recording,) = await recordings_of(node, camera)
            found = await played(node, recording, tmp_path)
            assert found.pictures >= 490
            assert found.duration_s == pytest.approx(found.pictures / 25, abs=0.2)
