"""An RTSP server (RFC 2326) whose every packet is under the test's control.

    with ReplayServer() as server:
        camera = server.add("door", video=video_clip(), audio=audio_clip())
        server.url("door")            # rtsp://127.0.0.1:PORT/door
        camera.faults.silent = True   # from now on nothing is sent; switchable at run time

It runs an own event loop in a daemon thread; attributes of `ReplayCamera` may be read and faults
switched from any thread. RTP goes interleaved over TCP, or over UDP where the client asks for it.
As a load generator: `python -m tests.peers.replay_rtsp --cameras 32` prints one URL a line.
"""

import argparse
import asyncio
import sys
import threading
import time
from typing import Self
from urllib.parse import urlsplit

from typing_extensions import override

from tests.peers.certificate import server_context
from tests.peers.logins import Gate, LoginKind
from tests.peers.media_samples import AudioClip, VideoClip, audio_clip, video_clip
from tests.peers.replay_camera import ReplayCamera
from tests.peers.replay_session import Player
from tests.peers.rtp import sdp
from tests.peers.stopping import Stopping

PASSWORD = "right"
_TURNS = 5  # of the loop, from accept() to connection_made(), and from abort() to close()
_REASONS = {401: "Unauthorized", 454: "Session Not Found", 461: "Unsupported Transport"}


class ReplayServer(Stopping):
    """The server; a context manager. Cameras are added before or while it runs."""

    def __init__(self, port: int = 0, *, tls: bool = False, address: str = "127.0.0.1") -> None:
        """`tls` makes it rtsps, with a self-signed certificate.

        It serves in the network namespace of the thread that enters it.
        """
        self.port = port
        self._address = address
        self._tls = server_context() if tls else None
        self.cameras: dict[str, ReplayCamera] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="replay-rtsp", daemon=True)
        self._ending: asyncio.Event | None = None

    def add(
        self,
        name: str,
        *,
        video: VideoClip | None = None,
        audio: AudioClip | None = None,
        login: LoginKind = "none",
        user: str = "admin",
        password: str = PASSWORD,
    ) -> ReplayCamera:
        """A camera at `/name`; without `video` it has audio only."""
        camera = ReplayCamera(name, video, audio, Gate(login, user, password))
        self.cameras[name] = camera
        return camera

    def url(self, name: str, *, host: str = "") -> str:
        scheme = "rtsps" if self._tls else "rtsp"
        return f"{scheme}://{host or self._address}:{self.port}/{name}"

    def drop_connections(self) -> None:
        """Close every connection now, as a camera that reboots."""
        assert self._loop
        self._loop.call_soon_threadsafe(self._drop)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    @override
    def stop(self) -> None:
        """Close all connections, the port and the thread."""
        if self._loop and self._ending and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ending = asyncio.Event()
        server = await asyncio.start_server(self._accept, self._address, self.port, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._ending.wait()
        # What was accepted a moment ago becomes a connection first: a server that is closed by then
        # would leave it open for ever (CPython 3.11). Closing takes turns, too.
        self._loop.remove_reader(server.sockets[0].fileno())
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        server.close()
        tasks = list(self._connections)
        self._drop()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    def _drop(self) -> None:
        for task in self._connections:
            task.cancel()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Called as the connection is made: one whose task never ran is closed all the same."""
        task = asyncio.get_running_loop().create_task(self._attend(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(self._hang_up)

    def _hang_up(self, task: asyncio.Task[None]) -> None:
        self._connections.pop(task).transport.abort()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self, reader, writer)
        try:
            await connection.serve()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or the test ended this connection
        finally:
            connection.end()


class _Connection:
    """One TCP connection: requests in, answers and interleaved RTP out."""

    def __init__(
        self, server: ReplayServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._reader, self._writer = reader, writer
        self._player: Player | None = None
        self._camera: ReplayCamera | None = None

    async def serve(self) -> None:
        faults = [camera.faults for camera in self._server.cameras.values()]
        if any(fault.mute_on_connect for fault in faults):
            await self._reader.read(-1)  # until the client gives up
            return
        for fault in faults:
            if fault.greeting is not None:
                self._writer.write(fault.greeting)
                await self._writer.drain()
                return
        while request := await self._request():
            await self._answer(*request)

    async def _trickle(self) -> None:
        self._writer.write(b"RTSP/1.0 200 OK\r\nX-Long: ")
        while True:
            self._writer.write(b"x")
            await self._writer.drain()
            await asyncio.sleep(0.1)

    def end(self) -> None:
        if self._player:
            self._player.stop()
        if self._camera:
            self._camera.open_connections -= 1
            self._camera = None

    async def _request(self) -> tuple[str, str, dict[str, str]] | None:
        """The next request as (method, URL, headers); interleaved RTCP is skipped."""
        while first := await self._reader.read(1):
            if first == b"$":
                head = await self._reader.readexactly(3)
                await self._reader.readexactly(int.from_bytes(head[1:], "big"))
                continue
            text = (first + await self._reader.readuntil(b"\r\n\r\n")).decode()
            line, *rest = text.split("\r\n")
            method, url, _ = line.split(" ", 2)
            pairs = (item.partition(":") for item in rest if item)
            return method, url, {key.lower(): value.strip() for key, _, value in pairs}
        return None

    async def _answer(self, method: str, url: str, headers: dict[str, str]) -> None:
        camera = self._server.cameras.get(urlsplit(url).path.split("/")[1])
        sequence = headers.get("cseq", "0")
        if camera is None:
            self._reply(sequence, 404, "Not Found")
            return
        self._meet(camera)
        limit = camera.faults.max_connections
        if limit is not None and camera.open_connections > limit:
            raise ConnectionResetError
        camera.count(method)
        faults = camera.faults
        if method in faults.mute_methods:
            await self._reader.read(-1)
            return
        if method in faults.trickle_methods:
            await self._trickle()
            return
        if not camera.gate.admits(method, headers.get("authorization")):
            challenge = {"WWW-Authenticate": camera.gate.challenge()}
            self._reply(sequence, 401, _REASONS[401], challenge)
        elif method in faults.statuses:
            self._reply(sequence, *faults.statuses[method])
        elif method == "DESCRIBE" and faults.redirect and _misleads(camera):
            self._reply(sequence, 302, "Moved", {"Location": faults.redirect})
        else:
            self._serve_method(camera, method, url, headers)
        await self._writer.drain()

    def _meet(self, camera: ReplayCamera) -> None:
        if self._camera is None:
            self._camera = camera
            camera.connections += 1
            camera.open_connections += 1

    def _serve_method(
        self, camera: ReplayCamera, method: str, url: str, headers: dict[str, str]
    ) -> None:
        sequence = headers.get("cseq", "0")
        if method == "OPTIONS":
            known = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"
            self._reply(sequence, 200, "OK", {"Public": known})
        elif method == "DESCRIBE":
            body = camera.faults.sdp or sdp(camera.video, camera.audio)
            extra = {"Content-Type": "application/sdp", "Content-Base": f"{url}/"}
            self._reply(sequence, 200, "OK", extra, body)
        elif method == "SETUP":
            self._setup(camera, url, headers)
        elif method == "PLAY":
            self._reply(sequence, 200, "OK", {"Session": "1", "Range": "npt=0-"})
            if self._player:
                self._player.play()
        else:
            self._reply(sequence, 200, "OK", {"Session": "1"})
            if method == "TEARDOWN" and self._player:
                self._player.stop()

    def _setup(self, camera: ReplayCamera, url: str, headers: dict[str, str]) -> None:
        sequence, transport = headers.get("cseq", "0"), headers.get("transport", "")
        limit = camera.faults.max_sessions
        udp = "interleaved" not in transport
        if limit is not None and camera.sessions >= limit:
            self._reply(sequence, 453, "Not Enough Bandwidth")
            return
        if camera.faults.udp_only and not udp:
            self._reply(sequence, 461, _REASONS[461])
            return
        if self._player is None:
            self._player = Player(camera, self._writer)
        chosen = self._player.add_track(url.endswith("track1"), transport)
        self._reply(sequence, 200, "OK", {"Session": "1;timeout=60", "Transport": chosen})

    def _reply(
        self,
        sequence: str,
        status: int,
        reason: str,
        headers: dict[str, str] | None = None,
        body: str = "",
    ) -> None:
        lines = [f"RTSP/1.0 {status} {reason}", f"CSeq: {sequence}"]
        lines += [f"{key}: {value}" for key, value in (headers or {}).items()]
        if body:
            lines.append(f"Content-Length: {len(body.encode())}")
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())


def _misleads(camera: ReplayCamera) -> bool:
    return camera.requests["DESCRIBE"] > camera.faults.describes_before_redirect


def main() -> None:
    """Serve many cameras of one clip until the input ends; for benchmarks."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--cameras", type=int, default=32)
    parser.add_argument("--width", type=int, default=1920)
    parser.add_argument("--height", type=int, default=1088)
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--bit-rate", type=int, default=4_000_000)
    parser.add_argument("--no-audio", action="store_true")
    options = parser.parse_args()
    video = video_clip(
        width=options.width,
        height=options.height,
        fps=options.fps,
        bit_rate=options.bit_rate,
        noise=True,
    )
    audio = None if options.no_audio else audio_clip("aac")
    with ReplayServer() as server:
        for index in range(options.cameras):
            server.add(f"camera{index}", video=video, audio=audio)
            sys.stdout.write(server.url(f"camera{index}") + "\n")
        sys.stdout.flush()
        started = time.monotonic()
        sys.stdin.read()
        cameras = server.cameras.values()
        sys.stderr.write(
            f"{sum(camera.pictures_sent for camera in cameras)} pictures in "
            f"{time.monotonic() - started:.1f} s; furthest behind "
            f"{max(camera.max_unsent_bytes for camera in cameras)} bytes\n"
        )


if __name__ == "__main__":
    main()
