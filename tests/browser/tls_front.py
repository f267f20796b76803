"""TLS before a node that speaks plain HTTP, as a reverse proxy has it; bytes pass untouched."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Front:
    """`url`: https, on loopback. `is_cut`: whoever comes is hung up on."""

    def __init__(self, upstream: str) -> None:
        address = urlsplit(upstream)
        self._upstream = (address.hostname or "127.0.0.1", address.port or 80)
        self._writers: set[asyncio.StreamWriter] = set()
        self.is_cut = False
        self.url = ""

    async def start(self, context: ssl.SSLContext) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    def cut(self) -> None:
        """As if the node were gone, for those who are connected too."""
        self.is_cut = True
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        there = await asyncio.open_connection(*self._upstream)
        self._writers |= {writer, there[1]}
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass(reader, there[1]))
                both.create_task(_pass(there[0], writer))
        finally:
            for each in (writer, there[1]):
                self._writers.discard(each)
                each.transport.abort()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, ssl.SSLError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.transport.abort()


@asynccontextmanager
async def tls_front(upstream: str, context: ssl.SSLContext) -> AsyncIterator[Front]:
    """Gone afterwards, with all connections."""
    front = Front(upstream)
    server = await front.start(context)
    try:
        yield front
    finally:
        server.close()
        front.cut()
        await server.wait_closed()
