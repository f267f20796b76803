"""Nodes find one another by real mDNS on a network of their own."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from falconeye.base.clock import SystemClock
from falconeye.config.settings import NodeSettings
from falconeye.discovery.interface_watch import InterfaceWatch
from falconeye.discovery.mdns import MAX_SERVICES, Mdns
from falconeye.federation.found_nodes import MAX_NODES
from falconeye.federation.peer_finding import TYPE, PeerFinding
from tests.integration.peer_finding.finding_nodes import FindingNodes
from tests.peers.avahi import running_avahi
from tests.peers.site import Site, run

pytestmark = [pytest.mark.root, pytest.mark.timeout(30)]  # several processes start
A, B, C = (str(UUID(letter * 32)) for letter in "abc")  # as the store makes them


async def test_three_nodes_find_one_another_and_one_says_goodbye(
    site: Site, nodes: FindingNodes
) -> None:
    a = await nodes.add(site.node, id=A, name="pi-1")
    b = await nodes.add(nodes.plugged(20), id=B, name="pi-2")
    c = await nodes.add(nodes.plugged(21), id=C, name="pi-3")
    await a.until(lambda node: node.names == ["pi-2", "pi-3"])
    await b.until(lambda node: node.names == ["pi-1", "pi-3"])
    await c.until(lambda node: node.names == ["pi-1", "pi-2"])
    (first, _) = a.state["found"]
    assert first["node_id"] == B
    assert first["addresses"] == ["192.168.77.20:8901"]
    assert first["web_url"] == "http://192.168.77.20:8900/"
    assert not first["is_member"]
    assert sorted(a.state["addresses"]) == [[B, "192.168.77.20:8901"], [C, "192.168.77.21:8901"]]
    assert a.state["own"] == ["192.168.77.1:8901"]
    assert a.state["suspects"] == []
    await b.stop()
    await a.until(lambda node: node.names == ["pi-3"], within_s=3)


async def test_a_node_that_is_called_otherwise_is_one_node_still(
    site: Site, nodes: FindingNodes
) -> None:
    a = await nodes.add(site.node, id=A, name="pi-1")
    b = await nodes.add(nodes.plugged(20), id=B, name="pi-2")
    await a.until(lambda node: node.names == ["pi-2"])
    await b.until(lambda node: node.names == ["pi-1"])
    await b.rename("Küche, hinten")
    await a.until(lambda node: node.names == ["Küche, hinten"] and not node.state["suspects"])
    await b.until(lambda node: node.state["announced_as"] == "K-che-hinten-bbbbbbbb")
    assert not b.state["suspects"]
    await b.rename("Küche hinten")  # the same name of a host: told by an update
    await a.until(lambda node: node.names == ["Küche hinten"])
    assert set(map(tuple, a.state["addresses"])) == {(B, "192.168.77.20:8901")}


async def test_an_interface_that_goes_and_comes_with_another_address(
    site: Site, nodes: FindingNodes
) -> None:
    a = await nodes.add(site.node, id=A, name="pi-1")
    there = nodes.plugged(20)
    b = await nodes.add(there, id=B, name="pi-2")
    await a.until(lambda node: node.names == ["pi-2"])
    await b.until(lambda node: node.names == ["pi-1"])
    run("ip", "-n", there, "link", "del", "eth0")
    await b.until(lambda node: node.state["own"] == ["127.0.0.1:8901"])
    site.plug(there, "eth0", "192.168.77.30/24")
    await b.until(lambda node: node.state["own"] == ["192.168.77.30:8901"])
    new = [B, "192.168.77.30:8901"]
    await a.until(lambda node: new in node.state["addresses"])
    assert a.state["found"][0]["addresses"][0] == new[1]


async def test_a_copied_card_is_suspected_by_all_and_takes_another_name(
    site: Site, nodes: FindingNodes
) -> None:
    a = await nodes.add(site.node, id=A, name="pi-1")
    b = await nodes.add(nodes.plugged(20), id=B, name="pi-2")
    await a.until(lambda node: node.names == ["pi-2"])
    copied = await nodes.add(nodes.plugged(21), id=B, name="pi-2")
    both = ["192.168.77.20:8901", "192.168.77.21:8901"]
    await a.until(lambda node: bool(node.state["suspects"]))
    (suspect,) = a.state["suspects"]
    assert (suspect["node_id"], sorted(suspect["addresses"])) == (B, both)
    plain, other = suspect["announced_as"]
    assert plain == "pi-2-bbbbbbbb"
    assert other.startswith("pi-2-bbbbbbbb-")
    await b.until(lambda node: bool(node.state["suspects"]))
    assert b.state["suspects"][0]["addresses"] == [both[1]]
    await copied.until(lambda node: node.state["announced_as"] == other)
    await copied.until(lambda node: bool(node.state["suspects"]) and node.names == ["pi-1"])


async def test_two_of_one_name_notice_when_their_networks_are_joined(
    site: Site, nodes: FindingNodes
) -> None:
    there = [nodes.plugged(20), nodes.plugged(21)]
    isolate(site, on=True)
    both = [await nodes.add(each, id=B, name="pi-2") for each in there]
    a = await nodes.add(site.node, id=A, name="pi-1")
    for node in both:
        await node.until(
            lambda node: node.names == ["pi-1"] and node.state["announced_as"] == "pi-2-bbbbbbbb"
        )
    isolate(site, on=False)
    await a.until(lambda node: bool(node.state["suspects"]), within_s=20)
    assert len(set(a.state["suspects"][0]["announced_as"])) == 2


def isolate(site: Site, *, on: bool) -> None:
    """Whether hosts of the switch hear one another; the site's node hears and is heard by all."""
    shown = run("ip", "-n", site._switch, "-br", "link", "show", "master", "sw").splitlines()
    for line in shown[1:]:  # the first is the node's
        port, how = line.split("@")[0].split()[0], "on" if on else "off"
        run("bridge", "-n", site._switch, "link", "set", "dev", port, "isolated", how)


async def test_beside_avahi_and_only_on_interfaces_of_the_lan(
    site: Site, nodes: FindingNodes, tmp_path: Path
) -> None:
    stubs = {"docker0": "172.17.0.1/16", "cni0": "10.42.0.1/24", "veth12ab34": "10.42.2.1/24"}
    for name, address in stubs.items():
        site.stub(name, address)
    with running_avahi(site.node, tmp_path, "_rtsp._tcp") as logged:
        a = await nodes.add(site.node, id=A, name=socket.gethostname())
        b = await nodes.add(nodes.plugged(20), id=B, name="pi-2")
        await a.until(lambda node: node.names == ["pi-2"])
        await b.until(lambda node: node.names == [socket.gethostname()])
        assert b.state["found"][0]["addresses"] == ["192.168.77.1:8901"]
        await a.stop()
        await b.until(lambda node: not node.names)
    assert "conflict" not in "".join(logged).lower()
    assert {name: site.sent(name) for name in stubs} == dict.fromkeys(stubs, 0)


async def test_who_listens_at_one_address_is_announced_there_or_nowhere(
    site: Site, nodes: FindingNodes
) -> None:
    site.plug(site.node, "lan1", "192.168.77.2/24")
    b = await nodes.add(nodes.plugged(20), id=B, name="pi-2")
    c = await nodes.add(site.node, id=C, name="local", host="127.0.0.1")
    await c.until(lambda node: node.names == ["pi-2"])  # and would be announced by now
    a = await nodes.add(site.node, id=A, name="pi-1", host="192.168.77.2")
    await b.until(lambda node: bool(node.names))
    assert b.names == ["pi-1"]
    assert b.state["found"][0]["addresses"] == ["192.168.77.2:8901"]
    assert (a.state, c.state["own"]) == ({}, ["127.0.0.1:8901"])


@dataclass
class Finding:
    """One in this process, of a node that has one other member; and what it tells."""

    mdns: Mdns
    finding: PeerFinding
    told: asyncio.Queue[tuple[str, str]]


@pytest.fixture
async def of_a(site: Site) -> AsyncIterator[Finding]:
    assert site.node
    mdns, told = Mdns(SystemClock()), asyncio.Queue[tuple[str, str]]()
    watch = InterfaceWatch(SystemClock(), mdns.use, settle_s=0.05)
    settings = NodeSettings(Path("/"), Path("/"), host="0.0.0.0")  # noqa: S104
    finding = PeerFinding(
        A, mdns, settings, lambda *each: told.put_nowait(each), SystemClock(),
        is_member=lambda node_id: node_id == B,
    )  # fmt: skip
    watch.start()
    await mdns.start(watch.current)
    await finding.start("pi-1", 8901, 8900)
    yield Finding(mdns, finding, told)
    await finding.stop()
    await mdns.stop()
    await watch.stop()


async def test_a_flood_hides_neither_a_member_nor_who_comes_later(
    site: Site, of_a: Finding
) -> None:
    """What is kept is bounded: names alone give way to who tells all, strangers to the newest."""
    (browse,) = of_a.mdns._browses
    async with asyncio.timeout(20):
        await asyncio.to_thread(site.host, 20, mdns=[announced(B, "pi-2")])
        assert await of_a.told.get() == (B, "192.168.77.20:8901")
        await asyncio.to_thread(site.host, 21, flood=MAX_SERVICES + 50, flood_type=TYPE)
        await shouted(of_a.mdns)
        browse.asked.update(map(str, range(MAX_SERVICES)))  # as after several floods
        strangers = [announced(f"{number:032x}", f"x{number}") for number in range(80)]
        await asyncio.to_thread(site.host, 22, told=strangers)
        await asyncio.to_thread(site.host, 23, mdns=[announced(C, "pi-3")])
        while await of_a.told.get() != (C, "192.168.77.23:8901"):
            pass
    found = of_a.finding.found()
    assert {B, C} <= {node.node_id for node in found}
    assert len(found) == MAX_NODES + 1
    assert len(browse.services) == MAX_SERVICES


async def shouted(mdns: Mdns) -> None:
    """Until there are more names than it takes."""
    never = asyncio.Event()
    while not mdns.refused.value:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await never.wait()


def announced(node_id: str, name: str, **more: object) -> dict[str, object]:
    txt = {"id": node_id, "name": name, "v": "1", "web": "8900"}
    return {"type": TYPE, "name": f"{name}-{node_id[:8]}", "port": 8901, "txt": txt, **more}
