"""On which interfaces cameras are looked for, asked of a real kernel."""

import asyncio
import socket
from ipaddress import IPv4Network

import pytest

from falconeye.discovery.interface_watch import InterfaceWatch
from falconeye.discovery.interfaces import Interface, look_at_interfaces, mac_at
from tests.clock import FakeClock
from tests.peers.site import Site, run

pytestmark = pytest.mark.root


def names() -> list[str]:
    return [one.name for one in look_at_interfaces()]


@pytest.mark.usefixtures("untouched")
def test_containers_and_tunnels_are_left_alone() -> None:
    (one,) = look_at_interfaces()
    assert (one.name, str(one.address)) == ("lan0", "192.168.77.1")
    assert one.network == IPv4Network("192.168.77.0/24")
    assert not one.default_route
    assert [one.name for one in look_at_interfaces(loopback=True)] == ["lan0", "lo"]


def test_an_interface_that_is_off_is_none(site: Site) -> None:
    site.stub("lan1", "10.1.0.1/24")
    assert names() == ["lan0", "lan1"]
    run("ip", "-n", site.node, "link", "set", "lan1", "down")
    assert names() == ["lan0"]
    run("ip", "-n", site.node, "link", "set", "lan1", "up")
    site.wait_for(site.node, "lan1")
    assert names() == ["lan0", "lan1"]


def test_an_interface_with_a_public_address_counts_where_the_default_route_goes(
    site: Site,
) -> None:
    site.stub("wan0", "203.0.113.5/24")
    assert names() == ["lan0"]
    run("ip", "-n", site.node, "route", "add", "default", "via", "203.0.113.1")
    assert [(one.name, one.default_route) for one in look_at_interfaces()] == [
        ("lan0", False),
        ("wan0", True),
    ]


def test_a_bridge_counts_where_the_default_route_goes_unless_docker_made_it(site: Site) -> None:
    site.stub("br-lan", "10.3.0.1/24")
    site.stub("br-0123456789ab", "10.4.0.1/24")
    site.stub("br0", "10.5.0.1/24")
    assert names() == ["br0", "lan0"]
    run("ip", "-n", site.node, "route", "add", "default", "via", "10.3.0.2")
    assert names() == ["br-lan", "br0", "lan0"]
    run("ip", "-n", site.node, "route", "replace", "default", "via", "10.4.0.2")
    assert names() == ["br0", "lan0"]


def test_each_address_of_an_interface_is_one(site: Site) -> None:
    run("ip", "-n", site.node, "address", "add", "10.6.0.1/16", "dev", "lan0")
    assert [str(one.network) for one in look_at_interfaces()] == ["10.6.0.0/16", "192.168.77.0/24"]


def test_the_hardware_address_of_a_neighbour_is_known_once_somebody_talked_to_it(
    site: Site,
) -> None:
    site.host(20, tcp={"80": "rtsp"})
    interfaces = look_at_interfaces()
    assert mac_at("192.168.77.20", interfaces) is None
    with socket.create_connection(("192.168.77.20", 80), timeout=3):
        pass
    mac = mac_at("192.168.77.20", interfaces)
    shown = run("ip", "-n", site.node, "neighbour", "show", "192.168.77.20")
    assert mac is not None
    assert f"lladdr {mac} " in shown
    assert mac_at("192.168.77.99", interfaces) is None
    assert mac_at("10.9.9.9", interfaces) is None


async def test_a_new_interface_is_noticed_and_one_that_is_off_and_one_without_cable(
    site: Site,
) -> None:
    told: asyncio.Queue[tuple[Interface, ...]] = asyncio.Queue()
    watch = InterfaceWatch(FakeClock(), told.put_nowait, settle_s=0.05)
    watch.start()
    assert [one.name for one in told.get_nowait()] == ["lan0"]
    other_end = site.stub("lan1", "10.1.0.1/24")
    async with asyncio.timeout(5):
        while [one.name for one in await told.get()] != ["lan0", "lan1"]:
            pass
        run("ip", "-n", site.node, "link", "set", "lan0", "down")
        while [one.name for one in await told.get()] != ["lan1"]:
            pass
        run("ip", "-n", other_end, "link", "set", "eth0", "down")
        while [one.name for one in await told.get()] != []:
            pass
    await watch.stop()
