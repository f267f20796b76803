"""Nodes that no mDNS tells of: a list of addresses, and those that a real name server tells."""

import asyncio
from pathlib import Path

import pytest

from tests.integration.peer_finding.finding_nodes import FindingNodes
from tests.peers.name_server import name_server
from tests.peers.site import Site, run

pytestmark = [pytest.mark.root, pytest.mark.timeout(30)]  # several processes start
A = "a" * 32


async def test_without_mdns_the_list_and_the_names_of_a_service_are_told(
    site: Site, nodes: FindingNodes, tmp_path: Path
) -> None:
    async with name_server() as server:
        server.answers["nodes.falconeye.test."] = ["192.168.77.20", "192.168.77.1"]
        (tmp_path / "resolv.conf").write_text(
            "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"
        )
        a = await nodes.add(
            site.node,
            f"mount --bind {tmp_path}/resolv.conf /etc/resolv.conf",
            id=A,
            name="pi-1",
            quiet=True,
            again_s=0.2,
            peers=["10.9.0.2:8901", "192.168.77.1:8901"],
            peer_service="nodes.falconeye.test:9000",
        )
        # Its own address is none of another node; at another port another process may be.
        first = ["10.9.0.2:8901", "192.168.77.1:9000", "192.168.77.20:9000"]
        await a.until(lambda node: node.state["unknown"] == first)
        server.answers["nodes.falconeye.test."] = ["192.168.77.21"]
        await a.until(lambda node: "192.168.77.21:9000" in node.state["unknown"])
        assert not open_at_mdns(site)
        await a.stop()


async def test_a_resolver_that_is_away_ends_nothing(
    site: Site, nodes: FindingNodes, tmp_path: Path
) -> None:
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    a = await nodes.add(
        site.node,
        f"mount --bind {tmp_path}/resolv.conf /etc/resolv.conf",
        id=A,
        name="pi-1",
        quiet=True,
        again_s=0.2,
        peer_service="nodes.falconeye.test:9000",
    )
    await a.until(lambda node: node.state["own"] == ["192.168.77.1:8901"])
    async with name_server() as server, asyncio.timeout(15):
        for _ in range(5):  # two questions each time: it asks the third time, and was refused twice
            await server.asked.get()
        server.answers["nodes.falconeye.test."] = ["192.168.77.20"]
        await a.until(lambda node: node.state["unknown"] == ["192.168.77.20:9000"])
        await a.stop()


def open_at_mdns(site: Site) -> str:
    """Sockets of the node's namespace at port 5353."""
    return run("ip", "netns", "exec", site.node, "ss", "-Huln", "sport", "=", ":5353")
