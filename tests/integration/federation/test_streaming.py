"""What is proxied: long answers and bodies that nobody holds, and their early ends."""

import asyncio
import socket
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from websockets.exceptions import ConnectionClosed

from falconeye.accounts.model import Role
from falconeye.base.clock import SystemClock
from falconeye.base.errors import NotFound
from falconeye.federation.peer_address import PeerAddress
from falconeye.federation.peer_client import PeerClient
from falconeye.federation.peer_clients import PeerClients
from falconeye.federation.peer_errors import PeerUnreachable
from falconeye.web import http_protocol
from tests.integration.federation.two_nodes import TwoNodes

MB = 1_000_000
SHORT_S = 0.2  # instead of half a minute
# What sockets, TLS and both ends hold of a stream in all; far below what is sent.
HELD_BYTES = 12 * MB


async def test_a_big_download_is_held_by_nobody(nodes: TwoNodes) -> None:
    acting = await nodes.session("anna", Role.VIEWER)
    total = 50 * MB
    received = 0
    async with nodes.asker.stream("GET", f"/api/test/download/{total}", acting=acting) as answer:
        assert answer.status_code == 200
        tracemalloc.start()
        async for piece in answer.aiter_raw():
            received += len(piece)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert received >= total
    assert peak < HELD_BYTES
    assert nodes.sending.ended.is_set()


async def test_a_slow_reader_holds_the_sender(nodes: TwoNodes) -> None:
    acting = await nodes.session("anna", Role.VIEWER)
    async with nodes.asker.stream("GET", f"/api/test/download/{200 * MB}", acting=acting) as answer:
        pieces = answer.aiter_raw()
        await anext(pieces)
        before = -1
        while before != nodes.sending.sent_bytes:  # until it waits for us
            before = nodes.sending.sent_bytes
            await asyncio.sleep(0.2)
        assert nodes.sending.sent_bytes < HELD_BYTES
        for _ in range(400):
            await anext(pieces)
        async with asyncio.timeout(5):
            while nodes.sending.sent_bytes == before:  # noqa: ASYNC110 - the sender tells nobody
                await asyncio.sleep(0)


async def test_hanging_up_ends_the_sender(nodes: TwoNodes) -> None:
    acting = await nodes.session("anna", Role.VIEWER)
    async with nodes.asker.stream("GET", f"/api/test/download/{200 * MB}", acting=acting) as answer:
        pieces = answer.aiter_raw()  # kept: else collecting it would hang up
        await anext(pieces)
    async with asyncio.timeout(5):
        await nodes.sending.ended.wait()
    await pieces.aclose()  # type: ignore[attr-defined]
    assert nodes.sending.sent_bytes < HELD_BYTES


async def test_a_cancelled_reader_ends_the_sender(nodes: TwoNodes) -> None:
    acting = await nodes.session("anna", Role.VIEWER)
    reading = asyncio.Event()

    async def read() -> None:
        path = f"/api/test/download/{200 * MB}"
        async with nodes.asker.stream("GET", path, acting=acting) as answer:
            async for _ in answer.aiter_raw():
                reading.set()
                await asyncio.sleep(0.01)

    task = asyncio.create_task(read())
    await reading.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        await nodes.sending.ended.wait()
    assert nodes.sending.sent_bytes < HELD_BYTES


async def test_a_body_streams_up_and_ranges_and_heads_pass(nodes: TwoNodes) -> None:
    acting = await nodes.session("anna", Role.OPERATOR)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield bytes(65536)

    total = 200 * 65536
    headers = [("content-length", str(total)), ("x-mine", "1"), ("falconeye-acting", "session=x")]
    async with nodes.asker.stream(
        "POST", "/api/test/upload", headers=headers, content=body(), acting=acting
    ) as answer:
        assert answer.request.headers["content-length"] == str(total)
        assert "transfer-encoding" not in answer.request.headers
        assert await answer.aread() == f'{{"bytes":{total}}}'.encode()
    async with nodes.asker.stream(
        "GET", "/api/test/big", headers=[("accept-encoding", "gzip")], acting=acting
    ) as answer:  # as it is on the wire: the browser decodes it
        assert answer.headers["content-encoding"] == "gzip"
        raw = b"".join([piece async for piece in answer.aiter_raw()])
        assert raw.startswith(b"\x1f\x8b")


async def test_web_sockets_keep_back_pressure_and_end_on_both_sides(nodes: TwoNodes) -> None:
    acting = await nodes.session("anna", Role.VIEWER)
    async with nodes.asker.websocket("/api/test/socket?x=1", acting=acting) as opened:
        for number in range(20):
            await opened.send(str(number))
            assert await opened.recv() == str(number)
    async with asyncio.timeout(5):
        await nodes.site.shell.streams.none_left()


async def test_a_web_socket_of_a_node_stays_open(
    nodes: TwoNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live pictures of another node's camera: the bound on slow requests is not for them."""
    monkeypatch.setattr(http_protocol, "OWED_S", SHORT_S)
    acting = await nodes.session("anna", Role.VIEWER)
    async with nodes.asker.websocket("/api/test/socket", acting=acting) as opened:
        await asyncio.sleep(SHORT_S * 3)
        await opened.send("still there")
        assert await opened.recv() == "still there"


async def test_several_addresses_are_tried_and_the_good_one_kept(nodes: TwoNodes) -> None:
    with socket.socket() as taken:  # bound, not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{taken.getsockname()[1]}"
        good = f"127.0.0.1:{nodes.listener.port}"
        place = PeerAddress(
            nodes.keys.node_id, nodes.keys.certificate, ("no address", "[::1", closed, good)
        )
        client = PeerClient(place, nodes.signer, SystemClock())
        assert (await client.request("GET", "/peer/hello")).status_code == 200
        client.move((closed,))
        with pytest.raises(PeerUnreachable, match="was not reached") as caught:
            await client.request("GET", "/peer/hello")
        assert not caught.value.is_another
        with pytest.raises(PeerUnreachable):
            async with client.websocket("/api/test/socket"):
                pass
        client.move(())
        with pytest.raises(PeerUnreachable, match="no address"):
            await client.request("GET", "/peer/hello")
        client.move((closed, "localhost:" + good.rpartition(":")[2]))
        assert (await client.request("GET", "/peer/hello")).status_code == 200
        await client.close()


async def test_a_node_that_says_nothing_costs_its_limit(nodes: TwoNodes) -> None:
    acting = await nodes.session("anna", Role.VIEWER)
    with pytest.raises(PeerUnreachable, match="did not answer within"):
        await nodes.asker.request("GET", "/api/test/endless", acting=acting, limit_s=0.3)
    async with asyncio.timeout(5):
        await nodes.site.shell.streams.none_left()


async def test_clients_follow_who_is_a_member(nodes: TwoNodes) -> None:
    acting = await nodes.session("anna", Role.VIEWER)
    clients = PeerClients(nodes.asking.node_id, lambda: nodes.asking.private_key, SystemClock())
    broken = PeerAddress("broken", "no certificate", ("127.0.0.1:1",))
    clients.update([nodes.place, broken])
    first = clients.get(nodes.keys.node_id)
    assert clients.all == [first]
    clients.update([PeerAddress(first.node_id, first.certificate, ("127.0.0.1:1",)), broken])
    assert clients.get(first.node_id) is first
    clients.update([nodes.place])
    async with (
        first.websocket("/api/test/socket", acting=acting) as opened,
        first.stream("GET", "/api/test/endless", acting=acting) as answer,
    ):
        pieces = answer.aiter_raw()
        await anext(pieces)
        clients.update([])  # removed: hung up on at once
        with pytest.raises(ConnectionClosed):
            await opened.recv()
        async with asyncio.timeout(5):
            await nodes.site.shell.streams.none_left()
    with pytest.raises(NotFound):
        clients.get(first.node_id)
    clients.update([nodes.place])
    assert clients.get(first.node_id) is not first
    await clients.stop()
