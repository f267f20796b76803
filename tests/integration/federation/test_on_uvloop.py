"""The same on the loop that nodes run on: TLS begins there in another implementation."""

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest
import uvloop

from falconeye.accounts.model import Role
from falconeye.federation.node_keys import client_context
from falconeye.federation.peer_errors import PeerUnreachable
from tests.integration.federation.two_nodes import TwoNodes, two_nodes

MB = 1_000_000
HELD_BYTES = 12 * MB


def test_nodes_talk_on_uvloop(tmp_path: Path) -> None:
    uvloop.run(_everything(tmp_path))


async def _everything(folder: Path) -> None:
    async with two_nodes(folder) as nodes:
        acting = await nodes.session("anna", Role.OPERATOR)
        answers = await asyncio.gather(
            *(nodes.asker.request("GET", f"/api/test/who?{n}", acting=acting) for n in range(8))
        )
        assert {answer.status_code for answer in answers} == {200}
        body = b'{"name": "' + b"x" * 400_000
        answer = await nodes.asker.request("POST", "/api/test/upload", content=body, acting=acting)
        assert answer.json() == {"bytes": len(body)}
        async with nodes.asker.websocket("/api/test/socket", acting=acting) as opened:
            for word in ("a", "b" * 60_000):
                await opened.send(word)
                assert await opened.recv() == word
        answered = await asyncio.to_thread(_from_another_process, nodes)
        assert answered.startswith(b"HTTP/1.1 401 ")
        await _silent(nodes)
        await _slow_reader(nodes, acting)


def _from_another_process(nodes: TwoNodes) -> bytes:
    """As the network brings it: the hello is there before the loop has looked."""
    place = ("127.0.0.1", nodes.listener.port)
    with (
        socket.create_connection(place, timeout=5) as plain,
        client_context(nodes.keys.certificate).wrap_socket(plain) as secured,
    ):
        secured.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return secured.recv(4096)


async def _silent(nodes: TwoNodes) -> None:
    """Whoever sends no TLS is let go, and disturbs nobody."""
    reader, writer = await asyncio.open_connection("127.0.0.1", nodes.listener.port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        assert not (await reader.read()).startswith(b"HTTP")
    writer.close()
    assert (await nodes.asker.request("GET", "/peer/hello")).status_code == 200


async def _slow_reader(nodes: TwoNodes, acting: str) -> None:
    path = f"/api/test/download/{200 * MB}"
    async with nodes.asker.stream("GET", path, acting=acting) as answer:
        await anext(answer.aiter_raw())
        before = -1
        while before != nodes.sending.sent_bytes:
            before = nodes.sending.sent_bytes
            await asyncio.sleep(0.2)
        assert nodes.sending.sent_bytes < HELD_BYTES
    async with asyncio.timeout(5):
        await nodes.sending.ended.wait()


def test_hung_handshakes_end_with_the_listener(tmp_path: Path) -> None:
    uvloop.run(_stopped_amid_handshakes(tmp_path))


async def _stopped_amid_handshakes(folder: Path) -> None:
    async with two_nodes(folder) as nodes:
        held = [await asyncio.open_connection("127.0.0.1", nodes.listener.port) for _ in range(5)]
        assert (await nodes.asker.request("GET", "/peer/hello")).status_code == 200
        await nodes.listener.stop()
        for reader, writer in held:
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
        with pytest.raises(PeerUnreachable):
            await nodes.asker.request("GET", "/peer/hello")
