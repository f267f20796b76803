"""WebSockets through an entry node to a peer that the test plays."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from uvicorn.protocols.utils import ClientDisconnected
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response

from falconeye.accounts.model import Role
from falconeye.web.peers.proxy_upstream import Elsewhere
from falconeye.web.peers.proxy_websocket import close_unavailable
from tests.integration.federation.plain_peers import PlainCluster, PlainPeer
from tests.integration.web_security.site import Site, running_site

PEER = "2" * 32
LIVE = "/api/cameras/door/live"

Handler = Callable[[ServerConnection], Awaitable[None]]
OnRequest = Callable[[ServerConnection, Request], Awaitable[Response | None]]


class Between:
    """An entry node, and what its peer saw."""

    def __init__(self, site: Site, cluster: PlainCluster, token: str) -> None:
        self.site = site
        self.cluster = cluster
        self.token = token

    @asynccontextmanager
    async def viewer(self, path: str = LIVE, **options: Any) -> AsyncIterator[ClientConnection]:
        headers = {"authorization": f"Bearer {self.token}"}
        url = f"{self.site.base.replace('http', 'ws')}{path}"
        async with connect(url, additional_headers=headers, proxy=None, **options) as opened:
            yield opened


@asynccontextmanager
async def between(
    folder: Path, handler: Handler, on_request: OnRequest | None = None
) -> AsyncIterator[Between]:
    async with serve(
        handler, "127.0.0.1", 0, compression=None, process_request=on_request, max_size=None,
        write_limit=16 * 1024,
    ) as peer:  # fmt: skip
        port = next(iter(peer.sockets)).getsockname()[1]
        cluster = PlainCluster(recorders={"door": PEER}, members={PEER: PlainPeer(port)})
        async with running_site(folder, elsewhere=Elsewhere(cluster, cluster)) as site:
            yield Between(site, cluster, await site.token(Role.VIEWER))


async def test_text_and_bytes_pass_both_ways(tmp_path: Path) -> None:
    seen: list[str | bytes] = []

    async def handler(peer: ServerConnection) -> None:
        async for message in peer:
            seen.append(message)
            await peer.send(message)

    async with between(tmp_path, handler) as nodes:
        async with nodes.viewer(f"{LIVE}?stream=main") as viewer:
            for message in ("grüß", b"\x00\xff", "", b"", "x" * 60_000, b"y" * 60_000):
                await viewer.send(message)
                assert await viewer.recv() == message
        asked = nodes.cluster.members[PEER].asked[0]
    assert (asked.method, asked.path) == ("WS", f"{LIVE}?stream=main")
    assert asked.acting is not None
    assert asked.acting.startswith("token=")
    assert asked.client == "127.0.0.1"
    assert not [name for name in asked.headers if name.startswith(("sec-", "authorization"))]
    assert len(seen) == 6


async def test_a_message_of_megabytes_comes_whole(tmp_path: Path) -> None:
    big = bytes(range(256)) * 32_768

    async def handler(peer: ServerConnection) -> None:
        await peer.send(big)
        await peer.wait_closed()

    async with between(tmp_path, handler) as nodes, nodes.viewer(max_size=None) as viewer:
        assert await viewer.recv() == big


async def test_the_peer_closes_with_code_and_reason(tmp_path: Path) -> None:
    async def handler(peer: ServerConnection) -> None:
        await peer.send('{"type":"closing"}')
        await peer.close(4503, "the camera is off")

    async with between(tmp_path, handler) as nodes, nodes.viewer() as viewer:
        assert await viewer.recv() == '{"type":"closing"}'
        with pytest.raises(ConnectionClosed):
            await viewer.recv()
        assert (viewer.close_code, viewer.close_reason) == (4503, "the camera is off")


async def test_the_viewer_closes_with_code_and_reason(tmp_path: Path) -> None:
    closed: asyncio.Future[tuple[int | None, str | None]] = asyncio.Future()

    async def handler(peer: ServerConnection) -> None:
        await peer.wait_closed()
        closed.set_result((peer.close_code, peer.close_reason))

    async with between(tmp_path, handler) as nodes:
        async with nodes.viewer() as viewer:
            await viewer.close(4001, "enough")
        assert await closed == (4001, "enough")


async def test_a_viewer_that_vanishes_frees_the_peer(tmp_path: Path) -> None:
    closed: asyncio.Future[int | None] = asyncio.Future()

    async def handler(peer: ServerConnection) -> None:
        await peer.send("hello")
        await peer.wait_closed()
        closed.set_result(peer.close_code)

    async with between(tmp_path, handler) as nodes, nodes.viewer() as viewer:
        await viewer.recv()
        viewer.transport.abort()
        assert await closed == 1001


async def test_a_peer_that_breaks_off_is_told(tmp_path: Path) -> None:
    async def handler(peer: ServerConnection) -> None:
        await peer.send("hello")
        peer.transport.abort()

    async with between(tmp_path, handler) as nodes, nodes.viewer() as viewer:
        await viewer.recv()
        with pytest.raises(ConnectionClosed):
            await viewer.recv()
        assert viewer.close_code == 1014


@pytest.mark.parametrize("status", [401, 403, 404, 503])
async def test_a_refusal_keeps_its_status(tmp_path: Path, status: int) -> None:
    async def handler(_peer: ServerConnection) -> None:
        raise AssertionError

    async def refuse(peer: ServerConnection, _request: Request) -> Response:
        return peer.respond(HTTPStatus(status), "no, and why")

    async with between(tmp_path, handler, refuse) as nodes:
        with pytest.raises(InvalidStatus) as refused:
            async with nodes.viewer():
                pass
    assert refused.value.response.status_code == status


async def test_a_dead_peer_is_told_in_words(tmp_path: Path) -> None:
    async def handler(_peer: ServerConnection) -> None:
        raise AssertionError

    async with between(tmp_path, handler) as nodes:
        nodes.cluster.members[PEER].unreachable_since_us = 1_795_183_320_000_000
        async with nodes.viewer() as viewer:
            await viewer.wait_closed()
        words = "pi-2 is unreachable since 2026-11-20 14:02"
        assert (viewer.close_code, viewer.close_reason) == (4503, words)
        assert nodes.cluster.members[PEER].asked == []


async def test_a_viewer_that_did_not_wait_for_a_dead_peer_is_no_error() -> None:
    """It left while the peer's addresses were tried: there is nobody to tell."""
    sent: list[str] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])
        raise ClientDisconnected

    await close_unavailable(send, "pi-2 was not reached")
    assert sent == ["websocket.accept"]


@pytest.mark.parametrize("then", ["answers", "refuses", "breaks off"])
async def test_a_viewer_that_leaves_while_the_peer_is_asked_leaves_nothing_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, then: str
) -> None:
    """Whatever the peer does after that: nobody is there, and it is no error."""
    asked, goes_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handler(peer: ServerConnection) -> None:
        await peer.wait_closed()
        ended.set()

    async def late(peer: ServerConnection, _request: Request) -> Response | None:
        asked.set()
        await goes_on.wait()
        if then == "answers":
            return None
        ended.set()
        if then == "refuses":
            return peer.respond(HTTPStatus.FORBIDDEN, "no, and why")
        peer.transport.abort()
        return None

    async with between(tmp_path, handler, late) as nodes:
        url = urlsplit(nodes.site.base)
        reader, viewer = await asyncio.open_connection(url.hostname, url.port)
        viewer.write(_asks_for(LIVE, nodes))
        await asked.wait()
        viewer.close()
        await viewer.wait_closed()
        goes_on.set()
        await ended.wait()
        assert await reader.read() == b""
        # What is asked now is answered after all of that is over.
        answer = await nodes.site.client.get("/healthz")
        assert answer.status_code == 200
    wrong = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert wrong == []


def _asks_for(path: str, nodes: Between) -> bytes:
    """A WebSocket, as RFC 6455 4.1 has it."""
    lines = (
        f"GET {path} HTTP/1.1", f"Host: {urlsplit(nodes.site.base).netloc}",
        f"Authorization: Bearer {nodes.token}", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode()


async def test_nobody_and_other_sites_come_not_through(tmp_path: Path) -> None:
    async def handler(_peer: ServerConnection) -> None:
        raise AssertionError

    async with between(tmp_path, handler) as nodes:
        with pytest.raises(InvalidStatus):
            async with nodes.viewer(origin="http://evil.example"):
                pass
        nodes.token = "nobody's"
        with pytest.raises(InvalidStatus):
            async with nodes.viewer():
                pass
        assert nodes.cluster.members[PEER].asked == []


async def test_a_revoked_right_ends_it_on_both_sides(tmp_path: Path) -> None:
    gone = asyncio.Event()

    async def handler(peer: ServerConnection) -> None:
        await peer.send("hello")
        await peer.wait_closed()
        gone.set()

    async with between(tmp_path, handler) as nodes:
        nodes.token, token = await nodes.site.accounts.tokens.add("wall", Role.VIEWER)
        async with nodes.viewer() as viewer:
            await viewer.recv()
            await nodes.site.accounts.tokens.remove(token.id)
            with pytest.raises(ConnectionClosed):
                await viewer.recv()
            assert viewer.close_code == 4401
            await gone.wait()


async def test_a_viewer_that_does_not_read_stops_the_peer(tmp_path: Path) -> None:
    sent, message = 0, bytes(20_000)
    held, gone = asyncio.Event(), asyncio.Event()

    async def handler(peer: ServerConnection) -> None:
        nonlocal sent
        while not held.is_set():
            try:
                async with asyncio.timeout(0.5):
                    await peer.send(message)
                sent += len(message)
            except TimeoutError:
                held.set()
        await peer.wait_closed()
        gone.set()

    async with between(tmp_path, handler) as nodes, nodes.viewer(max_queue=1) as viewer:
        viewer.transport.pause_reading()
        await held.wait()
        assert sent < 24 << 20  # the kernel's buffers of two connections
        viewer.transport.abort()
        await gone.wait()  # though the peer's goodbye stands behind all that was not read


async def test_a_node_that_stops_says_so_and_makes_no_noise(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = asyncio.Event()

    async def handler(peer: ServerConnection) -> None:
        await peer.send("hello")
        await peer.wait_closed()
        gone.set()

    async with between(tmp_path, handler) as nodes, nodes.viewer() as viewer:
        await viewer.recv()
        await nodes.site.server.stop()
        with pytest.raises(ConnectionClosed):
            await viewer.recv()
        assert viewer.close_code == 1012
        await gone.wait()
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


async def test_a_node_that_stops_while_the_peer_is_asked_says_so_and_makes_no_noise(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked, never = asyncio.Event(), asyncio.Event()

    async def on_request(_peer: ServerConnection, _request: Request) -> Response | None:
        asked.set()
        await never.wait()
        return None

    async def handler(_peer: ServerConnection) -> None:
        raise AssertionError

    async with between(tmp_path, handler, on_request) as nodes, asyncio.TaskGroup() as tasks:

        async def watch() -> int | None:
            async with nodes.viewer() as viewer:
                with pytest.raises(ConnectionClosed):
                    await viewer.recv()
                return viewer.close_code

        watching = tasks.create_task(watch())
        await asked.wait()
        await nodes.site.server.stop()
        assert await watching == 1012
        never.set()
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []
