"""Whoever comes to the port for nodes and says next to nothing is let go, and keeps no member out.

Limits are shortened or made small; what is awaited is the end of a connection, never a time.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import uvloop

from falconeye.accounts.model import Role
from falconeye.federation.node_keys import client_context
from falconeye.web import http_protocol, tls_server
from falconeye.web.peers import visitors
from falconeye.web.security.limits import MAX_HEADER_BYTES
from tests.integration.federation.two_nodes import TwoNodes, two_nodes

SHORT_S = 0.05
FEW, MANY = 8, 40
GET = b"GET /peer/hello HTTP/1.1\r\nHost: x\r\n"
UPGRADE = GET + (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
JOIN = b"POST /peer/join HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@cache
def hello() -> bytes:
    """A TLS hello as clients begin with (RFC 8446 4.1.2)."""
    outgoing = ssl.MemoryBIO()
    shaking = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="x")
    with pytest.raises(ssl.SSLWantReadError):
        shaking.do_handshake()
    return outgoing.read()


async def plain(nodes: TwoNodes, address: str = "127.0.0.1") -> Stream:
    """A connection from an address of this machine, without TLS so far."""
    return await asyncio.open_connection("127.0.0.1", nodes.listener.port, local_addr=(address, 0))


async def secured(nodes: TwoNodes, address: str = "127.0.0.1") -> Stream:
    return await asyncio.open_connection(
        "127.0.0.1",
        nodes.listener.port,
        local_addr=(address, 0),
        ssl=client_context(nodes.keys.certificate),
    )


async def said_until_the_end(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except (ConnectionError, ssl.SSLError):
        return b""


async def ended(stream: Stream, first: bytes, then: bytes) -> bytes:
    """Send `first`, then `then` byte by byte for ever, until the node ends it; what it said."""
    reader, writer = stream
    writer.write(first)

    async def trickle() -> None:
        at = 0
        while then:
            writer.write(then[at % len(then) :][:1])
            at += 1
            await asyncio.sleep(SHORT_S / 5)

    sending = asyncio.create_task(trickle())
    try:
        return await said_until_the_end(reader)
    finally:
        sending.cancel()
        await asyncio.wait({sending})
        await close(writer)


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()


def count(nodes: TwoNodes) -> int:
    """The connections that the node has, those that shake hands among them."""
    server: Any = nodes.listener._server
    held: int = server.shaking + len(server.server_state.connections)
    return held


async def is_answered(nodes: TwoNodes) -> None:
    """A member, by a connection that it had or by a new one."""
    assert (await nodes.asker.request("GET", "/peer/hello")).status_code == 200
    reader, writer = await secured(nodes)
    signed = nodes.signer.headers(
        "GET", "/peer/hello", to=nodes.keys.node_id, created_s=nodes.asker._clock.now_s()
    )
    lines = [f"{name}: {value}\r\n".encode() for name, value in signed.items()]
    writer.write(GET + b"".join(lines) + b"Connection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    await close(writer)


@pytest.mark.parametrize("sent", [0, 1, 100])
@pytest.mark.parametrize("trickles", [False, True])
async def test_a_hello_that_is_not_whole_is_let_go(
    nodes: TwoNodes, monkeypatch: pytest.MonkeyPatch, sent: int, trickles: bool
) -> None:
    monkeypatch.setattr(tls_server, "HANDSHAKE_S", SHORT_S)
    whole = hello()
    assert len(whole) > 200
    # Bytes of the middle, so few that it does not become whole before it is over.
    rest = whole[sent : sent + 1] if trickles else b""
    assert not await ended(await plain(nodes), whole[:sent], rest)
    assert (await nodes.asker.request("GET", "/peer/hello")).status_code == 200


async def test_who_says_nothing_behind_tls_is_let_go(
    nodes: TwoNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "FIRST_BYTE_S", SHORT_S)
    assert await ended(await secured(nodes), b"", b"") == b""


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"G", b""),
        (b"G", b"E"),
        (GET, b""),
        (GET + b"X-Slow: ", b"a"),
        (GET, b"X-Slow: a\r\n"),
        (UPGRADE + b"X-Slow: ", b"a"),
        (JOIN + b"Content-Length: 100000\r\n\r\n", b"a"),
        (JOIN + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    ],
)
async def test_a_request_that_trickles_is_ended(
    nodes: TwoNodes, monkeypatch: pytest.MonkeyPatch, first: bytes, then: bytes
) -> None:
    monkeypatch.setattr(http_protocol, "OWED_S", SHORT_S)
    assert b" 200 " not in await ended(await secured(nodes), first, then)
    assert (await nodes.asker.request("GET", "/peer/hello")).status_code == 200


async def test_of_a_head_without_an_end_no_more_is_taken_than_a_head_may_have(
    nodes: TwoNodes,
) -> None:
    reader, writer = await secured(nodes)
    writer.write(GET)
    sent_bytes = 0

    async def send() -> None:
        nonlocal sent_bytes
        with suppress(ConnectionError, ssl.SSLError):
            while True:
                writer.write(b"X-More: " + b"a" * 1000 + b"\r\n")
                await writer.drain()
                sent_bytes += 1010

    sending = asyncio.create_task(send())
    said = await said_until_the_end(reader)
    sending.cancel()
    await asyncio.wait({sending})
    await close(writer)
    assert not said or said.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))
    assert sent_bytes < MAX_HEADER_BYTES + (8 << 20)  # with what a kernel holds on both sides


def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but their number ends them."""
    monkeypatch.setattr(visitors, "MAX_VISITORS", FEW)
    monkeypatch.setattr(tls_server, "HANDSHAKE_S", 60.0)


@asynccontextmanager
async def held(one: Callable[[], Awaitable[Stream]]) -> AsyncIterator[list[Stream]]:
    """Many of them, one after the other; the node has ended all but as many as there may be."""
    opened: list[Stream] = []
    try:
        for _ in range(MANY):
            with suppress(ConnectionError, ssl.SSLError):
                opened.append(await one())
        yield opened
    finally:
        for _, writer in opened:
            await close(writer)


async def all_but(opened: list[Stream], left: int) -> None:
    """Wait until the node has ended so many of them that no more than `left` are open."""
    ends = {asyncio.create_task(said_until_the_end(reader)) for reader, _ in opened}
    try:
        while len(ends) > left:
            _, ends = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()
        if ends:
            await asyncio.wait(ends)


async def silent(nodes: TwoNodes, address: str) -> Stream:
    return await plain(nodes, address)


async def half_a_hello(nodes: TwoNodes, address: str) -> Stream:
    reader, writer = await plain(nodes, address)
    writer.write(hello()[:100])
    return reader, writer


async def half_a_head(nodes: TwoNodes, address: str) -> Stream:
    reader, writer = await secured(nodes, address)
    writer.write(GET)
    return reader, writer


async def answered_strangers(nodes: TwoNodes, address: str) -> Stream:
    """They ask what nobody answers them, and keep the connection."""
    reader, writer = await secured(nodes, address)
    writer.write(GET + b"\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 401")
    return reader, writer


KINDS = [silent, half_a_hello, half_a_head, answered_strangers]


async def _flood(nodes: TwoNodes, kind: Callable[..., Awaitable[Stream]], address: str) -> None:
    """A member is answered, and keeps what it has open, however many strangers hold on."""
    acting = await nodes.session("anna", Role.VIEWER)
    async with (
        nodes.asker.websocket("/api/test/socket", acting=acting) as socket,
        nodes.asker.stream("GET", "/api/test/endless", acting=acting) as endless,
        held(lambda: kind(nodes, address)) as opened,
    ):
        pieces = endless.aiter_raw()
        assert await anext(pieces) == b"first"
        await is_answered(nodes)
        await all_but(opened, FEW)
        assert count(nodes) <= FEW + 4  # and the member's own
        await is_answered(nodes)
        await socket.send("still here")
        assert await socket.recv() == "still here"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.7"])
async def test_many_strangers_are_few_connections_and_keep_no_member_out(
    nodes: TwoNodes,
    monkeypatch: pytest.MonkeyPatch,
    kind: Callable[..., Awaitable[Stream]],
    address: str,
) -> None:
    few(monkeypatch)
    await _flood(nodes, kind, address)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_on_the_loop_that_nodes_run_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Callable[..., Awaitable[Stream]]
) -> None:
    few(monkeypatch)

    async def run() -> None:
        async with two_nodes(tmp_path) as nodes:
            await _flood(nodes, kind, "127.0.0.7")

    uvloop.run(run())


async def test_a_node_that_joins_is_not_cut_for_those_who_come_from_elsewhere(
    nodes: TwoNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has signed nothing either: nobody knows its key yet."""
    few(monkeypatch)
    joining, writer = await half_a_head(nodes, "127.0.0.3")
    async with held(lambda: silent(nodes, "127.0.0.7")) as opened:
        await all_but(opened, FEW - 1)
        writer.write(b"Connection: close\r\n\r\n")
        assert (await joining.read()).startswith(b"HTTP/1.1 401")
    await close(writer)


async def test_strangers_give_way_where_there_is_no_connection_left(
    nodes: TwoNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where there may be more of them than connections."""
    monkeypatch.setattr(tls_server, "max_peer_connections", lambda: FEW)
    monkeypatch.setattr(tls_server, "HANDSHAKE_S", 60.0)
    async with held(lambda: silent(nodes, "127.0.0.7")) as opened:
        await all_but(opened, FEW)
        await is_answered(nodes)
        assert count(nodes) <= FEW
