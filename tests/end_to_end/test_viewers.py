"""A whole node and its viewers: other programs watch, and one that stops reading harms nobody."""

import asyncio
import base64
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import pytest

from tests.end_to_end.players import decodes, download, probe
from tests.nodes import RunningNode, running_node
from tests.peers.media_samples import audio_clip, video_clip
from tests.peers.programs import program
from tests.peers.replay_rtsp import ReplayServer

pytestmark = [pytest.mark.timeout(90), pytest.mark.fault]


def token_of(node: RunningNode) -> str:
    found: str = node.client.headers["authorization"].removeprefix("Bearer ")
    return found


@contextmanager
def request_without_reading(node: RunningNode, path: str, *headers: str) -> Iterator[socket.socket]:
    """A connection that asks and then never reads, with the smallest buffer there is."""
    where = urlsplit(node.url)
    assert where.hostname
    assert where.port
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((where.hostname, where.port))
        lines = [f"GET {path} HTTP/1.1", f"Host: {where.netloc}"]
        lines += [f"Authorization: Bearer {token_of(node)}", *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode())
        yield connection


def websocket_headers() -> list[str]:
    key = base64.b64encode(os.urandom(16)).decode()
    return [
        "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
    ]  # fmt: skip


def choose_main() -> bytes:
    """A masked text frame (RFC 6455 5.2) that chooses the main stream."""
    text = b'{"type":"choose","stream":"main","focused":true,"audio":false}'
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


def resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


async def viewers_are(node: RunningNode, wanted: range, limit_s: float = 40) -> None:
    """Wait until the node counts so many viewers."""

    def count(text: str) -> int:
        return sum(int(float(n)) for n in re.findall(r"stream_viewers\{.*\} (\S+)", text))

    found = -1
    try:
        async with asyncio.timeout(limit_s):
            while found not in wanted:
                found = count((await node.client.get("/metrics")).text)
                await asyncio.sleep(0.1)
    except TimeoutError:
        msg = f"{found} viewers"
        raise AssertionError(msg) from None


async def test_viewers_that_stop_reading_harm_nobody(tmp_path: Path) -> None:
    with ReplayServer() as server:
        clip = video_clip(gop=25, bit_rate=8_000_000, noise=True)
        door = server.add("door", video=clip, audio=audio_clip())
        async with running_node(tmp_path) as node:
            camera = await node.add("Door", server.url("door"))
            path = f"/api/cameras/{camera}"
            await node.until(path, lambda c: c["online"])
            before = await asyncio.to_thread(resident_bytes, node.process.pid)
            with (
                request_without_reading(node, f"{path}/live", *websocket_headers()) as viewer,
                request_without_reading(node, f"{path}/live.mp4"),
                request_without_reading(node, f"{path}/stream"),
            ):
                assert b"101" in await asyncio.to_thread(viewer.recv, 64)
                viewer.sendall(choose_main())
                await viewers_are(node, range(3, 4))
                start = door.pictures_sent
                # They are dropped, or kept and skipped, but what waits for them stays bounded.
                async with asyncio.timeout(30):
                    while door.pictures_sent < start + 375:
                        answer = await node.client.get(path)
                        assert answer.json()["online"], answer.text
                        await asyncio.sleep(0.2)
                after = await asyncio.to_thread(resident_bytes, node.process.pid)
                assert after - before < 60_000_000
                assert door.max_unsent_bytes < 2_000_000  # the camera was read all the time
                answer = await node.client.post(f"{path}/stop")
                assert answer.status_code == 200
            await viewers_are(node, range(1))
            listed = await node.until(
                "/api/recordings/", lambda r: r["recordings"][0]["status"] == "completed"
            )
            (recording,) = listed["recordings"]
            out = await download(node, recording["id"], tmp_path / "out.mp4")
            await decodes(out)
            video = (await probe(out))["streams"][0]
            assert int(video["nb_read_frames"]) >= door.pictures_sent - 30
            assert await node.terminate() < 3.0


async def test_live_mp4_is_read_by_ffmpeg(tmp_path: Path) -> None:
    """With a token as password, as in VLC and Home Assistant."""
    with ReplayServer() as server:
        server.add("door", video=video_clip(gop=25), audio=audio_clip())
        async with running_node(tmp_path) as node:
            camera = await node.add("Door", server.url("door"))
            await node.until(f"/api/cameras/{camera}", lambda c: c["online"])
            url = f"{node.url}/api/cameras/{camera}/live.mp4"
            process = await asyncio.create_subprocess_exec(
                program("ffmpeg"), "-v", "error", "-xerror", "-t", "3",
                "-i", url.replace("://", f"://any:{token_of(node)}@"),
                "-c", "copy", str(tmp_path / "live.mp4"), stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            _, err = await process.communicate()
            assert (process.returncode, err) == (0, b"")
            await decodes(tmp_path / "live.mp4")
            kinds = {s["codec_type"]: s for s in (await probe(tmp_path / "live.mp4"))["streams"]}
            assert int(kinds["video"]["nb_read_frames"]) >= 60
            assert float(kinds["audio"]["duration"]) > 2


async def seen_by_vlc(folder: Path, url: str) -> tuple[int | None, list[bytes]]:
    """Its exit code, and some of the pictures that VLC decoded within four seconds, as PNG."""
    await asyncio.to_thread(folder.mkdir)
    await asyncio.to_thread(folder.chmod, 0o777)
    # Root's own VLC refuses to begin.
    somebody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    process = await asyncio.create_subprocess_exec(
        *(somebody if os.geteuid() == 0 else []), program("vlc"),
        "--intf=dummy", "--no-dbus", "--no-media-library", "--vout=dummy", "--aout=dummy",
        "--video-filter=scene", "--scene-format=png", f"--scene-path={folder}",
        "--scene-ratio=10", "--run-time=4", url, "vlc://quit",
        env={**os.environ, "HOME": str(folder)},
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return code, await asyncio.to_thread(
        lambda: [file.read_bytes() for file in folder.glob("*.png")]
    )


async def test_vlc_plays_live_pictures(tmp_path: Path) -> None:
    """With a token as password. Without one VLC asks for it in a window, which is not tried."""
    # pytest's folders are its user's alone.
    with ReplayServer() as server, TemporaryDirectory() as shared:
        await asyncio.to_thread(Path(shared).chmod, 0o755)
        server.add("door", video=video_clip(gop=25), audio=audio_clip())
        async with running_node(tmp_path) as node:
            camera = await node.add("Door", server.url("door"))
            await node.until(f"/api/cameras/{camera}", lambda c: c["online"])
            url = f"{node.url}/api/cameras/{camera}/live.mp4"
            known = url.replace("://", f"://vlc:{token_of(node)}@")
            code, pictures = await seen_by_vlc(Path(shared) / "known", known)
            assert (code, len(pictures) >= 4) == (0, True)
            assert len(set(pictures)) >= 4  # they move; the clip is repeated


async def test_mjpeg_has_five_pictures_a_second(tmp_path: Path) -> None:
    with ReplayServer() as server:
        server.add("door", video=video_clip(gop=100))
        async with running_node(tmp_path) as node:
            camera = await node.add("Door", server.url("door"))
            await node.until(f"/api/cameras/{camera}", lambda c: c["online"])
            process = await asyncio.create_subprocess_exec(
                program("ffmpeg"), "-v", "error",
                "-headers", f"Authorization: Bearer {token_of(node)}\r\n",
                "-use_wallclock_as_timestamps", "1", "-f", "mpjpeg", "-t", "4",
                "-i", f"{node.url}/api/cameras/{camera}/stream", "-c", "copy",
                str(tmp_path / "pictures.mkv"), stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            _, err = await process.communicate()
            assert process.returncode == 0, err.decode()
            facts = await probe(tmp_path / "pictures.mkv")
            assert int(facts["streams"][0]["nb_read_frames"]) / 4 >= 5
            await viewers_are(node, range(1))
