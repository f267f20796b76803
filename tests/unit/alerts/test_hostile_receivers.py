"""Receivers of notices that answer to do harm: refused within bounds, with a reason.

Each is a real server on loopback that sends what it is told for as long as anybody takes it, and
counts the bytes: what was taken is known, whatever memory a library holds.
"""

import asyncio
import gzip
import threading
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import chain, cycle, repeat

import pytest

from falconeye.alerts.bounded_answers import MAX_ANSWER_BYTES
from falconeye.alerts.delivery import NotDelivered, Request
from falconeye.alerts.http import MAX_REASON, request
from falconeye.alerts.push import Push
from falconeye.base.secret import Secret

MB = 1 << 20
# What a socket's buffers hold on both sides once nobody reads any more, and some.
TAKEN_BYTES = 16 * MB
HEAD = b"HTTP/1.1 200 Said\r\nConnection: close\r\n"


@dataclass
class Hostile:
    """`answer` is sent to everybody until they hang up."""

    answer: Iterator[bytes]
    port: int = 0
    sent_bytes: int = 0
    hung_up: int = 0
    _changed: asyncio.Event = None  # type: ignore[assignment]  # made within the loop

    def url(self, scheme: str = "http") -> str:
        return f"{scheme}://user:hidden@127.0.0.1:{self.port}/token"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            # All of it is taken: what is left unread would turn the close into a reset.
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            _ = await reader.readexactly(int(length or 0))
            for piece in self.answer:
                writer.write(piece)
                await writer.drain()
                self.sent_bytes += len(piece)
        writer.close()
        self.hung_up += 1
        self._changed.set()

    async def until_hung_up(self) -> None:
        """Somebody ended it; an endless answer ends by nothing else."""
        await self._changed.wait()


@asynccontextmanager
async def hostile(answer: Iterator[bytes]) -> AsyncIterator[Hostile]:
    server = Hostile(answer)
    server._changed = asyncio.Event()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


def bomb() -> bytes:
    """64 MB of nothing in 64 kB."""
    return gzip.compress(bytes(64 * MB), compresslevel=9)


def packed_twice() -> bytes:
    """4 GB in a few kilobytes."""
    packer = zlib.compressobj(9, wbits=31)
    piece = bytes(MB)
    once = b"".join(packer.compress(piece) for _ in range(1024)) + packer.flush()
    return gzip.compress(once, compresslevel=9)


def with_length(content: bytes, *headers: bytes) -> Iterator[bytes]:
    lines = [b"Content-Length: %d" % len(content), *headers]
    pieces = (content[at : at + 65536] for at in range(0, len(content), 65536))
    return chain([HEAD + b"\r\n".join(lines) + b"\r\n\r\n"], pieces)


def endless_body() -> Iterator[bytes]:
    return chain([HEAD + b"\r\n"], repeat(bytes(65536)))


def endless_chunks() -> Iterator[bytes]:
    start = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    return chain([start], repeat(b"10000\r\n" + bytes(65536) + b"\r\n"))


def endless_headers() -> Iterator[bytes]:
    return chain([HEAD], cycle([b"X-More: " + b"a" * 8000 + b"\r\n"]))


def endless_status() -> Iterator[bytes]:
    return chain([b"HTTP/1.1 500 "], repeat(b"a" * 8192))


def no_thread_is_left() -> None:
    for thread in threading.enumerate():
        if thread.name == "notify":
            thread.join(10)
            assert not thread.is_alive()


ANSWERS: dict[str, Callable[[], Iterator[bytes]]] = {
    "gzip bomb": lambda: with_length(bomb(), b"Content-Encoding: gzip"),
    "deflate bomb": lambda: with_length(
        zlib.compress(bytes(64 * MB)), b"Content-Encoding: deflate"
    ),
    "packed twice": lambda: with_length(packed_twice(), b"Content-Encoding: gzip, gzip"),
    "endless body": endless_body,
    "endless chunks": endless_chunks,
    "too long a body": lambda: with_length(bytes(64 * MB)),
}


@pytest.mark.parametrize("kind", ANSWERS)
async def test_a_service_s_answer_is_taken_within_bounds(kind: str) -> None:
    """By Apprise, whose plug-ins read all that is answered, unpacked."""
    # Loaded before it is measured; and what is answered within bounds is still taken.
    async with hostile(with_length(bytes(MAX_ANSWER_BYTES))) as friendly:
        assert await Push(Secret(friendly.url("json")), allow_local=True).send("a", "b")
    answer = ANSWERS[kind]()
    async with hostile(answer) as server:
        tracemalloc.start()
        try:
            with pytest.raises(NotDelivered, match="larger than 256 kB") as caught:
                await Push(Secret(server.url("json")), allow_local=True).send("title", "text")
            taken_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        await server.until_hung_up()
    assert taken_bytes < 8 * MB
    assert server.sent_bytes < TAKEN_BYTES
    assert "hidden" not in str(caught.value)
    await asyncio.to_thread(no_thread_is_left)


@pytest.mark.parametrize("make", [endless_headers, endless_status])
async def test_a_service_s_head_is_taken_within_bounds(make: Callable[[], Iterator[bytes]]) -> None:
    async with hostile(make()) as server:
        with pytest.raises(NotDelivered) as caught:
            await Push(Secret(server.url("json")), allow_local=True).send("title", "text")
        await server.until_hung_up()
    assert server.sent_bytes < TAKEN_BYTES
    assert len(str(caught.value)) <= 300


@pytest.mark.parametrize("kind", ANSWERS)
async def test_of_a_webhook_s_answer_only_the_status_is_taken(kind: str) -> None:
    async with hostile(ANSWERS[kind]()) as server:
        answered = await request(Request("POST", Secret(server.url()), {}, b"{}"), allow_local=True)
        await server.until_hung_up()
    assert answered == "it answered 200 Said"
    assert server.sent_bytes < TAKEN_BYTES


@pytest.mark.parametrize("make", [endless_headers, endless_status])
async def test_a_webhook_s_head_is_taken_within_bounds(make: Callable[[], Iterator[bytes]]) -> None:
    async with hostile(make()) as server:
        with pytest.raises(NotDelivered, match="the connection broke") as caught:
            await request(Request("POST", Secret(server.url()), {}, b"{}"), allow_local=True)
        await server.until_hung_up()
    assert server.sent_bytes < TAKEN_BYTES
    assert "hidden" not in str(caught.value)


async def test_what_a_webhook_says_to_its_status_is_short() -> None:
    """It stands on pages, in the log, and in what a test of the address answers."""
    said = b"HTTP/1.1 500 " + b"\t\xff" + b"a" * 60_000 + b"\r\nContent-Length: 0\r\n\r\n"
    async with hostile(iter([said])) as server:
        with pytest.raises(NotDelivered, match=r"^it answered 500 a+$") as caught:
            await request(Request("POST", Secret(server.url()), {}, b"{}"), allow_local=True)
    assert len(str(caught.value)) <= MAX_REASON + len("it answered 500 ")
