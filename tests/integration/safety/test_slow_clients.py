"""Whoever sends next to nothing, or reads nothing, does not keep a connection for ever.

Times are shortened, so that what would take half a minute is over at once; nothing is timed.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from falconeye.accounts.model import Role
from falconeye.web import http_protocol
from tests.integration.web_security.routes import ROUTES
from tests.integration.web_security.site import Site, running_site

SHORT_S, NEVER_S = 0.02, 60.0
HEAD = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
UNWANTED = HEAD.replace(b"/login", b"/api/test/things")
UPGRADE = (
    b"GET /api/test/socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running_site(tmp_path, list(ROUTES)) as started:
        yield started


async def ended(site: Site, first: bytes, then: bytes) -> bytes:
    """Send `first`, then `then` again and again, until the other side ends it; what it said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.server.port)
    writer.write(first)

    async def trickle() -> None:
        while True:
            writer.write(then)
            await asyncio.sleep(SHORT_S / 4)

    sending = asyncio.create_task(trickle())
    said = b""
    try:
        with suppress(ConnectionError):
            said = await reader.read()
    finally:
        sending.cancel()
        _ = await asyncio.wait({sending})
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return said


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"a"),
        (b"G", b"E"),
        (UPGRADE + b"X-Slow: ", b"a"),
        (HEAD + b"Content-Length: 100000\r\n\r\n", b"a"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
        # Refused before it is read: what still trickles in holds nothing.
        (UNWANTED + b"Content-Length: 100000\r\n\r\n", b"a"),
    ],
)
async def test_what_trickles_is_ended(
    site: Site, monkeypatch: pytest.MonkeyPatch, first: bytes, then: bytes
) -> None:
    monkeypatch.setattr(http_protocol, "OWED_S", SHORT_S)
    said = await ended(site, first, then)
    assert b" 200 " not in said


async def test_a_body_that_comes_fast_enough_is_taken(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "OWED_S", SHORT_S)
    monkeypatch.setattr(http_protocol, "LEAST_BYTES", 1)
    bearer = {"authorization": f"Bearer {await site.token(Role.ADMIN)}"}

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b" " * 100
            await asyncio.sleep(SHORT_S / 2)
        yield b'{"name": "x"}'

    headers = {**bearer, "content-type": "application/json"}
    answer = await site.client.post("/api/test/things", content=pieces(), headers=headers)
    assert answer.status_code == 200


async def test_a_whole_request_is_not_hurried(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that takes its time is nothing that the client owes."""
    monkeypatch.setattr(http_protocol, "OWED_S", SHORT_S)
    bearer = {"authorization": f"Bearer {await site.token(Role.VIEWER)}"}
    async with site.client.stream("GET", "/api/test/endless", headers=bearer) as answer:
        chunks = answer.aiter_raw()
        assert await anext(chunks) == b"first"
        await asyncio.sleep(SHORT_S * 3)
        assert site.server._server is not None
        assert site.server._server.server_state.connections


async def test_a_socket_stays_open(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Live pictures: their request is whole, though it never ends as others do."""
    monkeypatch.setattr(http_protocol, "OWED_S", SHORT_S)
    bearer = {"authorization": f"Bearer {await site.token(Role.VIEWER)}"}
    url = f"ws://127.0.0.1:{site.server.port}/api/test/socket"
    async with connect(url, additional_headers=bearer, proxy=None) as socket:
        await asyncio.sleep(SHORT_S * 3)
        await socket.send("still there")
        assert await socket.recv() == "still there"


LARGE = b"/static/vendor/swagger-ui/swagger-ui-bundle.js"  # 1.7 MB: more than a kernel holds of it


@asynccontextmanager
async def unread(site: Site, *headers: bytes) -> AsyncIterator[socket.socket]:
    """Somebody who asks for something large, and has not read any of it yet."""
    loop = asyncio.get_running_loop()
    with socket.socket() as there:
        there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        there.setblocking(False)
        await loop.sock_connect(there, ("127.0.0.1", site.server.port))
        lines = [b"GET " + LARGE + b" HTTP/1.1", b"Host: x", *headers, b"", b""]
        await loop.sock_sendall(there, b"\r\n".join(lines))
        yield there


def connections(site: Site) -> int:
    assert site.server._server is not None
    return len(site.server._server.server_state.connections)


async def test_who_is_nobody_and_reads_nothing_is_ended(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "UNREAD_S", SHORT_S)
    async with unread(site):
        while not connections(site):  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(SHORT_S)
        while connections(site):  # noqa: ASYNC110 - the test's own limit ends it
            await asyncio.sleep(SHORT_S)


async def test_a_player_of_a_known_person_may_stand_paused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "UNREAD_S", SHORT_S)
    token = await site.token(Role.VIEWER)
    async with unread(site, b"Authorization: Bearer " + token.encode()) as there:
        while not connections(site):  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(SHORT_S)
        await asyncio.sleep(SHORT_S * 5)
        assert connections(site) == 1
        size, loop = 0, asyncio.get_running_loop()
        while size < 1_700_000:
            got = await loop.sock_recv(there, 65_536)
            assert got, size
            size += len(got)
