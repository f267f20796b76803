"""A real HTTP server on loopback that keeps what it is sent and answers as it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpReceiver:
    """`status` and `location` are those of every answer; status None: it says nothing."""

    port: int = 0
    status: int | None = 200
    location: str = ""
    received: list[Received] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def url(self, path: str = "/", scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    async def until(self, count: int) -> list[Received]:
        """The requests, as soon as there are so many."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.received) >= count)
        return self.received

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.rstrip().split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
            }
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            method, path, _version = first.split()
            async with self._changed:
                self.received.append(Received(method, path, headers, body))
                self._changed.notify_all()
            if self.status is None:
                await reader.read()  # until the client gives up
            else:
                location = f"Location: {self.location}\r\n" if self.location else ""
                answer = f"HTTP/1.1 {self.status} Said\r\n{location}Content-Length: 0\r\n"
                writer.write(f"{answer}Connection: close\r\n\r\n".encode())
                await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def http_receiver() -> AsyncIterator[HttpReceiver]:
    receiver = HttpReceiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await server.wait_closed()
