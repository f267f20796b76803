"""RTSP (RFC 2326) for the benchmark's cameras: interleaved TCP only, no login, no faults."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

SEND_BUFFER_BYTES = 131_072  # a camera's own is small: what does not fit shows as a stall


@dataclass(eq=False, slots=True)
class Session:
    """A client that plays: its mount, its connection, and its interleaved channels."""

    path: str
    writer: asyncio.StreamWriter
    channels: dict[str, int] = field(default_factory=dict)  # "track1" -> first channel

    def send(self, data: bytes) -> int:
        """Write interleaved packets; the bytes that the client's TCP does not take now."""
        transport = self.writer.transport
        if transport.is_closing():
            return 0
        transport.write(data)
        return transport.get_write_buffer_size()


class Cameras(Protocol):
    """What is served."""

    def describe(self, path: str) -> str | None:
        """The SDP of a mount."""

    def play(self, session: Session) -> None:
        """From now on the session gets packets."""

    def leave(self, session: Session) -> None:
        """The session's connection is gone; it may never have played."""


Answer = Callable[[int, str, dict[str, str], str], None]


class RtspService:
    """Serves connections of one asyncio server (`asyncio.start_server(service.accept, …)`)."""

    def __init__(self, cameras: Cameras) -> None:
        self._cameras = cameras

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection until the client leaves."""
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        session = Session("", writer)
        try:
            while request := await _request(reader):
                self._answer(session, *request)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or the server ends
        finally:
            self._cameras.leave(session)
            writer.transport.abort()

    def _answer(self, session: Session, method: str, url: str, headers: dict[str, str]) -> None:
        session.path = session.path or urlsplit(url).path.split("/")[1]
        description = self._cameras.describe(session.path)
        lines = {"CSeq": headers.get("cseq", "0"), "Session": "1;timeout=60"}
        body, status = "", "200 OK"
        if description is None:
            status = "404 Not Found"
        elif method == "OPTIONS":
            lines["Public"] = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"
        elif method == "DESCRIBE":
            body = description
            lines |= {"Content-Type": "application/sdp", "Content-Base": f"{url}/"}
        elif method == "SETUP":
            first = len(session.channels) * 2
            session.channels[url.rpartition("/")[2]] = first
            lines["Transport"] = f"RTP/AVP/TCP;unicast;interleaved={first}-{first + 1}"
        if body:
            lines["Content-Length"] = str(len(body.encode()))
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        session.writer.write(f"RTSP/1.0 {status}\r\n{head}\r\n{body}".encode())
        if method == "PLAY" and description is not None:
            self._cameras.play(session)


async def _request(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str]] | None:
    """The next request as (method, URL, headers); interleaved RTCP of the client is skipped."""
    while first := await reader.read(1):
        if first == b"$":
            head = await reader.readexactly(3)
            await reader.readexactly(int.from_bytes(head[1:], "big"))
            continue
        text = (first + await reader.readuntil(b"\r\n\r\n")).decode()
        line, *rest = text.split("\r\n")
        method, url, _ = line.split(" ", 2)
        pairs = (item.partition(":") for item in rest if item)
        return method, url, {key.lower(): value.strip() for key, _, value in pairs}
    return None
