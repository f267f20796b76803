"""WS-Discovery against real responders on a network of our own, honest and hostile ones."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator

import pytest

from falconeye.base.clock import SystemClock
from falconeye.discovery.interface_watch import InterfaceWatch
from falconeye.discovery.interfaces import look_at_interfaces
from falconeye.discovery.ws_discovery import WsDiscovery
from falconeye.discovery.ws_messages import probe
from tests.integration.discovery.collected import Collected
from tests.peers.site import Site, run

pytestmark = pytest.mark.root

SCOPES = [
    "onvif://www.onvif.org/name/Front%20door",
    "onvif://www.onvif.org/hardware/DS-2CD2042",
    "onvif://www.onvif.org/location/hall",
    "onvif://www.onvif.org/Profile/Streaming",
    "onvif://www.onvif.org/MAC/44:19:b6:00:00:01",
]


@pytest.fixture
def collected() -> Collected:
    return Collected()


@pytest.fixture
async def discovery(collected: Collected) -> AsyncIterator[WsDiscovery]:
    """Not started yet."""
    discovery = WsDiscovery(SystemClock(), collected)
    yield discovery
    await discovery.stop()


def camera(number: int, **more: object) -> dict[str, object]:
    return {
        "reference": f"urn:uuid:0000-{number}",
        "xaddrs": [f"http://192.168.77.{number}/onvif/device_service"],
        "scopes": SCOPES,
        **more,
    }


@pytest.mark.usefixtures("untouched")
async def test_cameras_on_several_hosts_are_found_and_nothing_leaves_elsewhere(
    site: Site, discovery: WsDiscovery, collected: Collected
) -> None:
    site.host(20, onvif=[camera(20)])
    site.host(21, onvif=[camera(21, xaddrs=["http://10.0.0.9:8899/onvif/device_service"])])
    site.host(22, onvif=[camera(22, types="wsdp:Device pub:Printer", scopes=[])])
    discovery.start(look_at_interfaces())
    await collected.until(lambda told: len(told.found) == 2)
    one = collected.by_address["192.168.77.20"]
    assert (one.name, one.model, one.make) == ("Front door", "DS-2CD2042", "Hikvision")
    assert (one.endpoint_reference, one.mac) == ("urn:uuid:0000-20", "44:19:b6:00:00:01")
    assert (one.url, one.port) == ("http://192.168.77.20/onvif/device_service", 80)
    assert one.details["location"] == "hall"
    foreign = collected.by_address["192.168.77.21"]
    assert foreign.url == "http://192.168.77.21:8899/onvif/device_service"
    assert foreign.details["announced_host"] == "10.0.0.9"


async def test_a_camera_that_comes_and_goes_is_noticed_at_once(
    site: Site, discovery: WsDiscovery, collected: Collected
) -> None:
    discovery.start(look_at_interfaces())
    await collected.until(lambda _: discovery.hears)
    host = site.host(20, onvif=[camera(20, says="mute", hello=True, bye=True)])
    await collected.until(lambda told: len(told.found) == 1)
    site.end(host)
    await collected.until(lambda told: not told.found)


async def test_nobody_says_goodbye_for_another(
    site: Site, discovery: WsDiscovery, collected: Collected
) -> None:
    site.host(20, onvif=[camera(20)])
    discovery.start(look_at_interfaces())
    await collected.until(lambda told: "192.168.77.20" in told.by_address)
    liar = site.host(21, onvif=[camera(20, says="mute", hello=True, bye=True)])
    await collected.until(lambda told: "192.168.77.21" in told.by_address)
    site.end(liar)
    await collected.until(lambda told: "192.168.77.21" not in told.by_address)
    assert "192.168.77.20" in collected.by_address


async def test_garbage_bombs_and_answers_to_others_are_refused(
    site: Site, discovery: WsDiscovery, collected: Collected
) -> None:
    site.host(20, onvif=[camera(20, says="garbage")])
    site.host(21, onvif=[camera(21, says="bomb")])
    site.host(22, onvif=[camera(22, says="foreign")])
    site.host(23, onvif=[camera(23)])
    discovery.start(look_at_interfaces())
    await collected.until(lambda _: discovery.refused >= 4 * (4 + 2 + 1) - 4)
    await collected.until(lambda told: "192.168.77.23" in told.by_address)
    assert set(collected.by_address) == {"192.168.77.23"}


async def test_who_answers_ten_thousand_times_does_not_drown_the_others(
    site: Site, discovery: WsDiscovery, collected: Collected
) -> None:
    site.host(20, onvif=[camera(20, says="many")])
    discovery.start(look_at_interfaces())
    await collected.until(lambda _: discovery.refused > 0)
    site.host(21, onvif=[camera(21)])
    discovery.look_now()
    await collected.until(lambda told: "192.168.77.21" in told.by_address)
    assert collected.noted <= 2 * 256 + 4  # two rounds of the one, one of the other


async def test_beside_a_responder_that_keeps_the_port_to_itself(
    site: Site,
    discovery: WsDiscovery,
    collected: Collected,
    caplog: pytest.LogCaptureFixture,
) -> None:
    own = {"address": "192.168.77.1", "onvif": [camera(1, reuse=False)]}
    site.begin(site.node, own)
    site.host(20, onvif=[camera(20)])
    with caplog.at_level(logging.WARNING):
        discovery.start(look_at_interfaces())
        await collected.until(lambda told: len(told.found) == 2)
        run("ip", "-n", site.node, "address", "add", "10.6.0.1/16", "dev", "lan0")
        discovery.use(look_at_interfaces())
        noted = collected.noted
        await collected.until(lambda told: told.noted >= noted + 2)
    assert set(collected.by_address) == {"192.168.77.1", "192.168.77.20"}
    said = [one.message for one in caplog.records if "3702" in one.message]
    assert len(said) == 1


async def test_a_port_that_was_taken_is_asked_for_again(
    site: Site, discovery: WsDiscovery, collected: Collected
) -> None:
    own = site.begin(site.node, {"address": "192.168.77.1", "onvif": [camera(1, reuse=False)]})
    discovery.start(look_at_interfaces())
    await collected.until(lambda told: "192.168.77.1" in told.by_address)
    assert not discovery.hears
    site.end(own)
    discovery.look_now()
    await collected.until(lambda _: discovery.hears)


async def test_a_responder_on_the_same_host_keeps_what_is_sent_to_it(
    site: Site, discovery: WsDiscovery, collected: Collected
) -> None:
    site.begin(site.node, {"address": "192.168.77.1", "onvif": [camera(1)]})
    discovery.start(look_at_interfaces())
    await collected.until(lambda told: "192.168.77.1" in told.by_address)
    assert discovery.hears
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(0)
        asker.bind(("192.168.77.1", 0))
        loop = asyncio.get_running_loop()
        await loop.sock_sendto(
            asker, probe("urn:uuid:9", cameras_only=True), ("192.168.77.1", 3702)
        )
        async with asyncio.timeout(3):
            assert b"urn:uuid:9" in await loop.sock_recv(asker, 65_536)


async def test_a_new_interface_is_probed_at_once_and_one_that_goes_is_let_go(
    site: Site, discovery: WsDiscovery, collected: Collected
) -> None:
    site.host(20, onvif=[camera(20)])
    discovery.start(())
    watch = InterfaceWatch(SystemClock(), discovery.use, settle_s=0.05)
    watch.start()
    await collected.until(lambda told: len(told.found) == 1)
    run("ip", "-n", site.node, "link", "del", "lan0")
    await collected.until(lambda _: not watch.current)
    site.host(21, onvif=[camera(21)])
    site.plug(site.node, "lan0", "192.168.77.1/24")
    await collected.until(lambda told: "192.168.77.21" in told.by_address)
    await watch.stop()
