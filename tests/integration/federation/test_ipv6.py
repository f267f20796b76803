"""Nodes that reach each other by IPv6, at addresses as lists, codes and members have them."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from falconeye.accounts.model import Role
from falconeye.base.clock import SystemClock
from falconeye.federation.joiner import shown_certificate
from falconeye.federation.peer_address import PeerAddress
from falconeye.federation.peer_client import PeerClient
from falconeye.web.listening_socket import open_socket
from falconeye.web.peers.listener import PeerListener
from tests.integration.federation.two_nodes import TwoNodes, two_nodes


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6 loopback"),
]


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[TwoNodes]:
    async with two_nodes(tmp_path) as made:
        yield made


async def test_a_node_is_asked_and_known_at_an_ipv6_address(nodes: TwoNodes) -> None:
    async def look_again(_node_id: str) -> None:
        return

    listener = PeerListener(
        nodes.site.app, open_socket("::1", 0), nodes.keys, nodes.known, look_again=look_again
    )
    await listener.start()
    address = f"[::1]:{listener.port}"
    asker = PeerClient(
        PeerAddress(nodes.keys.node_id, nodes.keys.certificate, (address,)),
        nodes.signer,
        SystemClock(),
    )
    try:
        answer = await asker.request("GET", "/peer/hello")
        assert answer.status_code == 200, answer.content
        acting = await nodes.session("anna", Role.VIEWER)
        async with asker.websocket("/api/test/socket?x=1", acting=acting) as opened:
            await opened.send("here")
            assert await opened.recv() == "here"
        shown = await asyncio.to_thread(shown_certificate, address)
        assert shown.split() == nodes.keys.certificate.split()
    finally:
        await asker.close()
        await listener.stop()
