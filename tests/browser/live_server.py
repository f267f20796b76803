"""A small real server for pages and player: rendered templates, static files, and live video.

One port speaks HTTP and WebSocket. The video is encoded once with PyAV, a fragment per picture,
and sent in real time from its last keyframe; when it is over, a new run begins (hello, init, times
from 0 again), as after a reconnect of a camera.
"""

import asyncio
import io
import json
import mimetypes
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from fractions import Fraction
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import av
import jinja2
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from falconeye.web.contexts import Frame
from falconeye.web.rendering import build_environment, render
from tests.templates import compiled_once

ROOT = Path(__file__).resolve().parents[2]
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; worker-src blob:; font-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
RATE = 25
Served = dict[str, tuple[str, Frame, Any]]
GOP = 25
CODECS = "avc1.42C01E"


@dataclass(frozen=True)
class Movie:
    """An init segment and its fragments, one per picture; keyframes at multiples of GOP."""

    init: bytes
    fragments: tuple[bytes, ...]
    width: int
    height: int


def _boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    boxes, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        boxes.append((data[at + 4 : at + 8], data[at : at + size]))
        at += size
    return boxes


@lru_cache(maxsize=4)
def movie(width: int = 320, height: int = 180, pictures: int = 150) -> Movie:
    """Grey levels that change with every picture."""
    memory = io.BytesIO()
    flags = {"movflags": "frag_every_frame+empty_moov+default_base_moof"}
    with av.open(memory, "w", format="mp4", options=flags) as output:
        stream = output.add_stream(
            "libx264",
            rate=RATE,
            options={"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"},
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, 90_000)
        stream.codec_context.gop_size = GOP
        for number in range(pictures):
            frame = av.VideoFrame(width, height, "yuv420p")
            for index, plane in enumerate(frame.planes):
                level = 128 if index else 40 + number * 7 % 180
                plane.update(bytes([level]) * plane.buffer_size)
            frame.pts = number * 90_000 // RATE
            frame.time_base = Fraction(1, 90_000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    init, fragments, moof = b"", [], b""
    for kind, box in _boxes(memory.getvalue()):
        if kind in {b"ftyp", b"moov"}:
            init += box
        elif kind == b"moof":
            moof = box
        elif kind == b"mdat":
            fragments.append(moof + box)
    return Movie(init, tuple(fragments), width, height)


@dataclass
class LiveServer:
    """What is served, and switches for what goes wrong."""

    pages: Served
    templates: jinja2.Environment
    still: bytes = b""
    still_age_s: float = 0.0
    streams: tuple[str, ...] = ("main",)
    codecs: str = CODECS  # of the main stream
    audio: bool = False
    media: Movie = field(default_factory=movie)
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    connections: set[ServerConnection] = field(default_factory=set)
    opened: int = 0
    chosen: list[dict[str, Any]] = field(default_factory=list)
    choices: asyncio.Condition = field(default_factory=asyncio.Condition)
    port: int = 0
    events: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def respond(self, _: ServerConnection, request: Request) -> Response | None:
        """Plain HTTP; None lets a WebSocket through."""
        path = request.path.partition("?")[0]
        if "Upgrade" in request.headers:
            return None
        if path.endswith(("/snapshot.jpg", "/picture.jpg")):
            return self._still()
        if path in {"/events", "/display/api/events"}:
            return _response(HTTPStatus.OK, "text/event-stream", self.events.encode())
        if path.startswith("/static/"):
            return _static(path.removeprefix("/static/"))
        if path in self.pages:
            text = render(self.templates, *self.pages[path])
            return _response(HTTPStatus.OK, "text/html; charset=utf-8", text.encode())
        return _response(HTTPStatus.NOT_FOUND, "text/plain", b"no such thing")

    def _still(self) -> Response:
        if not self.still:
            return _response(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", b"no picture")
        response = _response(HTTPStatus.OK, "image/jpeg", self.still)
        response.headers["Last-Modified"] = formatdate(time.time() - self.still_age_s, usegmt=True)
        return response

    def offer(self) -> dict[str, Any]:
        """The first message: what there is to choose from."""
        streams = [
            {
                "stream": kind,
                "codecs": CODECS if kind == "sub" else self.codecs,
                "width": 320,
                "height": 180,
                "audio": self.audio,
            }
            for kind in self.streams
        ]
        return {"type": "offer", "streams": streams}

    async def say(self, message: dict[str, Any]) -> None:
        """The same message to every viewer."""
        for connection in list(self.connections):
            await connection.send(json.dumps(message))

    async def live(self, connection: ServerConnection) -> None:
        """The live protocol of `falconeye.live`."""
        self.opened += 1
        self.connections.add(connection)
        sending: asyncio.Task[None] | None = None
        try:
            await connection.send(json.dumps(self.offer()))
            async for text in connection:
                if sending:
                    sending.cancel()
                async with self.choices:
                    self.chosen.append(json.loads(text))
                    self.choices.notify_all()
                sending = asyncio.create_task(self.send(connection, self.chosen[-1]["stream"]))
        except ConnectionClosed:
            pass
        finally:
            self.connections.discard(connection)
            if sending:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    async def send(self, connection: ServerConnection, stream: str) -> None:
        """Runs without end, each with its hello and init, from picture 30 on at first."""
        first = GOP
        while True:
            hello = {
                "type": "hello",
                "stream": stream,
                "mime": f'video/mp4; codecs="{CODECS}"',
                "width": self.media.width,
                "height": self.media.height,
                "wall_us": time.time_ns() // 1000,
                "media_90k": 0,
                "audio": self.chosen[-1]["audio"],
            }
            await connection.send(json.dumps(hello))
            await connection.send(self.media.init)
            joined = self.media.fragments[first : first + 8]
            await connection.send(b"".join(joined))
            for fragment in self.media.fragments[first + 8 :]:
                await asyncio.sleep(1 / RATE)
                await self.flowing.wait()
                await connection.send(fragment)
            first = 0

    async def choice(self, number: int) -> dict[str, Any]:
        """The `number`-th choice a client made, from 1; waits for it."""
        async with self.choices:
            await self.choices.wait_for(lambda: len(self.chosen) >= number)
        return self.chosen[number - 1]


def _response(status: HTTPStatus, kind: str, body: bytes) -> Response:
    headers = Headers(
        {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Content-Security-Policy": POLICY,
            "Date": formatdate(usegmt=True),
            "Connection": "close",
        }
    )
    return Response(status.value, status.phrase, headers, body)


def _static(name: str) -> Response:
    path = ROOT / "static" / name
    if not path.is_file():
        return _response(HTTPStatus.NOT_FOUND, "text/plain", b"")
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return _response(HTTPStatus.OK, kind, path.read_bytes())


@asynccontextmanager
async def live_server(pages: Served, **values: Any) -> AsyncIterator[LiveServer]:
    """A server on a free loopback port; video flows."""
    with compiled_once():
        templates = await asyncio.to_thread(
            build_environment, ROOT / "templates", lambda name: f"/static/{name}"
        )
    server = LiveServer(pages, templates, **values)
    server.flowing.set()
    listening: Server
    async with serve(
        server.live, "127.0.0.1", 0, process_request=server.respond, compression=None
    ) as listening:
        server.port = next(iter(listening.sockets)).getsockname()[1]
        yield server
