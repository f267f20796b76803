"""A real server that answers every request to do harm: bombs, and what never ends.

    async with hostile(endless(b"a")) as server:
        ask(server.port)
        await server.until_hung_up()
        assert server.sent_bytes < TAKEN_BYTES

It sends what it is told for as long as anybody takes it, and counts the bytes: so what was taken is
known, whatever memory a library holds.
"""

import asyncio
import gzip
import ssl
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Final

MB: Final = 1 << 20
# More than the buffers of a socket hold on both sides once nobody reads any more.
TAKEN_BYTES: Final = 16 * MB
PIECE_BYTES: Final = 65_536

Answer = Iterator[bytes]


@dataclass
class Hostile:
    """`make` makes the answer to each request; it is sent until the other side hangs up."""

    make: Callable[[], Answer]
    port: int = 0
    requests: int = 0
    sent_bytes: int = 0
    _hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            # All of it is taken: what is left unread would turn the end into a reset.
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            _ = await reader.readexactly(int(length or 0))
            self.requests += 1
            for piece in self.make():
                writer.write(piece)
                await writer.drain()
                self.sent_bytes += len(piece)
        writer.close()
        self._hung_up.set()

    async def until_hung_up(self) -> None:
        """The first connection has ended; that of an endless answer by the other side alone."""
        await self._hung_up.wait()


@asynccontextmanager
async def hostile(
    make: Callable[[], Answer], context: ssl.SSLContext | None = None
) -> AsyncIterator[Hostile]:
    """It listens on loopback; behind TLS with a `context`."""
    server = Hostile(make)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


def answer(content: bytes, *headers: bytes, status: bytes = b"200 Said") -> Answer:
    """A whole one; its length is told unless the headers tell another."""
    told = any(header.lower().startswith(b"content-length:") for header in headers)
    length = () if told else (b"Content-Length: %d" % len(content),)
    return chain([_head(status, *headers, *length)], in_pieces(content))


def in_pieces(content: bytes) -> Iterator[bytes]:
    return (content[at : at + PIECE_BYTES] for at in range(0, len(content), PIECE_BYTES))


def endless_body(*headers: bytes) -> Answer:
    return chain([_head(b"200 Said", *headers)], repeat(bytes(PIECE_BYTES)))


def endless_chunks(*headers: bytes) -> Answer:
    chunk = b"%x\r\n" % PIECE_BYTES + bytes(PIECE_BYTES) + b"\r\n"
    return chain([_head(b"200 Said", *headers, b"Transfer-Encoding: chunked")], repeat(chunk))


def endless_headers() -> Answer:
    return chain([b"HTTP/1.1 200 Said\r\n"], repeat(b"X-More: " + b"a" * 8000 + b"\r\n"))


def endless_status() -> Answer:
    return chain([b"HTTP/1.1 500 "], repeat(b"a" * 8192))


def endless_interim() -> Answer:
    """Answers before the answer (RFC 9110 15.2)."""
    return chain(repeat(b"HTTP/1.1 103 Soon\r\n\r\n" * 100))


def gzip_bomb() -> bytes:
    """64 MB in 64 kB."""
    return gzip.compress(bytes(64 * MB), compresslevel=9)


def deflate_bomb() -> bytes:
    return zlib.compress(bytes(64 * MB))


def packed_twice() -> bytes:
    """A gigabyte in a few kilobytes."""
    packer = zlib.compressobj(9, wbits=31)
    piece = bytes(MB)
    once = b"".join(packer.compress(piece) for _ in range(1024)) + packer.flush()
    return gzip.compress(once, compresslevel=9)


@contextmanager
def memory_below(limit_bytes: int) -> Iterator[None]:
    """What Python held at most inside, more than before; this server's own pieces among it."""
    tracemalloc.start()
    try:
        yield
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < limit_bytes


def _head(status: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + status, b"Connection: close", *headers, b"", b""])
