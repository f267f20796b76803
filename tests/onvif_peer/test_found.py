"""It is found on a network of our own, and where it is found it answers."""

from collections.abc import AsyncIterator, Iterator

import pytest

from falconeye.base.clock import SystemClock
from falconeye.discovery.interfaces import look_at_interfaces
from falconeye.discovery.scan import Limits, Scan
from falconeye.discovery.scan_targets import targets
from falconeye.discovery.ws_discovery import WsDiscovery
from tests.integration.discovery.collected import Collected
from tests.onvif_peer.conftest import NewPeer
from tests.peers.site import Site, run, site_of_test

pytestmark = pytest.mark.root

SCOPES = ("onvif://www.onvif.org/name/Back%20yard", "onvif://www.onvif.org/hardware/MockCam-1080p")


@pytest.fixture
def site() -> Iterator[Site]:
    """The test runs in the namespace of the site's node."""
    with site_of_test() as made:
        yield made


@pytest.fixture
def collected() -> Collected:
    return Collected()


@pytest.fixture
async def discovery(collected: Collected) -> AsyncIterator[WsDiscovery]:
    discovery = WsDiscovery(SystemClock(), collected)
    yield discovery
    await discovery.stop()


async def test_ws_discovery_finds_it(
    site: Site, discovery: WsDiscovery, collected: Collected, new_peer: NewPeer
) -> None:
    place = site.place(20)
    run(
        "ip", "-n", place, "route", "add", "224.0.0.0/4", "dev", "eth0"
    )  # it asks for any interface
    scopes = [word for scope in SCOPES for word in ("--scope", scope)]
    peer = new_peer("--address", "192.168.77.20", *scopes, inside=place)
    discovery.start(look_at_interfaces())
    await collected.until(lambda told: "192.168.77.20" in told.by_address)
    found = collected.by_address["192.168.77.20"]
    assert (found.url, found.port) == (peer.url, peer.port)
    assert (found.name, found.model) == ("Back yard", "MockCam-1080p")
    assert found.endpoint_reference is not None
    async with peer.device(None) as device:
        assert device.information.serial == "MOCK-0001"


@pytest.mark.parametrize("options", [(), ("--login",)])
async def test_a_scan_finds_it(
    site: Site, collected: Collected, new_peer: NewPeer, options: tuple[str, ...]
) -> None:
    peer = new_peer("--address", "192.168.77.20", "--port", "8000", *options, inside=site.place(20))
    interfaces = look_at_interfaces()
    wanted = targets(interfaces, ("192.168.77.16/28",), insist=False)
    limits = Limits(connects_per_s=2_000, connect_s=1.0, at_once=128)
    scan = Scan(SystemClock(), collected, wanted, interfaces, limits=limits)
    scan.start()
    (found,) = (await scan.wait()).found
    # Where services usually are: this one answers at any path.
    assert found.url == "http://192.168.77.20:8000/onvif/device_service"
    assert peer.url == "http://192.168.77.20:8000/onvif/device"
