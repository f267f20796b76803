"""A TCP relay whose network can hang: nothing passes any more, and no connection ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

CHUNK = 1 << 16


class HangingRelay:
    """Carries bytes both ways while `flowing` is set; it accepts connections even when not."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._carrying: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.url = ""

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side leaves."""
        task = asyncio.current_task()
        assert task
        self._carrying[task] = writer
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, far_writer))
                both.create_task(self._pump(far_reader, writer))
        except* ConnectionError:
            pass  # a side left
        finally:
            far_writer.transport.abort()
            writer.transport.abort()
            del self._carrying[task]

    async def end(self) -> None:
        """Drop all connections."""
        self.flowing.set()
        for writer in self._carrying.values():
            writer.transport.abort()
        await asyncio.gather(*self._carrying)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self.flowing.wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError  # ends the other direction too


@asynccontextmanager
async def hanging_relay(url: str) -> AsyncIterator[HangingRelay]:
    """A relay to the server at `url`, on a free loopback port."""
    target = urlsplit(url)
    relay = HangingRelay(target.hostname or "", target.port or 80)
    server = await asyncio.start_server(relay.carry, "127.0.0.1", 0)
    relay.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield relay
    finally:
        server.close()
        await relay.end()
