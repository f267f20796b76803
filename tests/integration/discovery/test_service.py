"""All ways together on a network of our own: one camera is one row, whatever finds it."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from falconeye.base.clock import SystemClock
from falconeye.base.errors import Conflict, InvalidInput
from falconeye.discovery.evidence import Evidence, Way
from falconeye.discovery.recognition import Known
from falconeye.discovery.scan import Limits, ScanState
from falconeye.discovery.service import Discovery
from tests.peers.ignored_ids import RememberedIds
from tests.peers.site import Site, run

pytestmark = pytest.mark.root
FAST = Limits(connects_per_s=2_000, connect_s=1.0, at_once=128)
CAMERA = {
    "onvif": [
        {
            "reference": "urn:uuid:20",
            "scopes": ["onvif://www.onvif.org/name/AXIS"],
            "xaddrs": ["http://192.168.77.20/onvif/device_service"],
        }
    ],
    "mdns": [{"type": "_axis-video._tcp.local.", "name": "AXIS - 1", "port": 80}],
    "tcp": {"554": "rtsp", "80": "onvif"},
}


class Running:
    """A discovery, and a way to wait for its list."""

    def __init__(self) -> None:
        self.known: tuple[Known, ...] = ()
        self._changed = asyncio.Event()
        self.discovery = Discovery(
            SystemClock(), RememberedIds(), known=lambda: self.known, on_change=self._changed.set
        )

    async def until(self, there: Callable[[], bool], within_s: float = 7) -> None:
        async with asyncio.timeout(within_s):
            while not there():
                self._changed.clear()
                await self._changed.wait()

    def ways(self) -> list[set[Way]]:
        return [{one.way for one in row.evidence} for row in self.discovery.candidates.list()]


@pytest.fixture
async def running(site: Site) -> AsyncIterator[Running]:
    assert site.node
    running = Running()
    await running.discovery.start()
    yield running
    await running.discovery.stop()


@pytest.mark.usefixtures("untouched")
async def test_a_camera_found_by_three_ways_is_one_row(site: Site, running: Running) -> None:
    site.host(20, **CAMERA)
    running.discovery.look_now()
    await running.until(lambda: running.ways() == [{Way.ONVIF, Way.MDNS}])
    result = await running.discovery.scan(limits=FAST).wait()
    assert result.state is ScanState.DONE
    (row,) = running.discovery.candidates.list()
    assert {one.way for one in row.evidence} == {Way.ONVIF, Way.MDNS, Way.SCAN}
    assert (row.name, row.make, row.address) == ("AXIS", "Axis", "192.168.77.20")
    assert row.mac is not None
    assert row.url == "http://192.168.77.20/onvif/device_service"
    assert not row.shares


async def test_a_known_camera_at_another_address_has_moved(site: Site, running: Running) -> None:
    running.known = (
        Known("cam", address="192.168.77.99", endpoint_reference="urn:uuid:20", onvif_port=80),
    )
    site.host(20, onvif=CAMERA["onvif"])
    running.discovery.look_now()
    await running.until(lambda: bool(running.ways()))
    (row,) = running.discovery.candidates.list()
    assert row.camera_id == "cam"
    assert [(one.from_address, one.to_address) for one in row.moved] == [
        ("192.168.77.99", "192.168.77.20")
    ]


async def test_what_a_later_scan_does_not_find_is_gone(site: Site, running: Running) -> None:
    host = site.host(20, tcp={"554": "rtsp"})
    discovery = running.discovery
    await discovery.scan(["192.168.77.16/28"], limits=FAST).wait()
    assert running.ways() == [{Way.SCAN}]
    site.end(host)
    discovery.note(Evidence(Way.SCAN, "192.168.77.200:554", 1, address="192.168.77.200"))
    await discovery.scan(["192.168.77.16/28"], limits=FAST).wait()
    await running.until(lambda: len(running.ways()) == 1)
    assert discovery.candidates.list()[0].address == "192.168.77.200"


async def test_one_scan_runs_at_a_time_and_ends_with_the_node(running: Running) -> None:
    scan = running.discovery.scan()
    with pytest.raises(Conflict):
        running.discovery.scan()
    await running.discovery.stop()
    assert scan.state is ScanState.CANCELLED
    assert running.discovery.scan(["192.168.77.16/31"], limits=FAST) is not scan


async def test_networks_that_are_not_ours_are_refused(running: Running) -> None:
    for network in (
        "10.0.0.0/24",
        "192.0.2.0/24",
        "192.168.0.0/16",
        "somewhere",
        "192.168.77.0/33",
    ):
        with pytest.raises(InvalidInput):
            running.discovery.scan([network])


async def test_a_new_interface_is_looked_on(site: Site, running: Running) -> None:
    site.host(20, onvif=CAMERA["onvif"])
    run("ip", "-n", site.node, "address", "del", "192.168.77.1/24", "dev", "lan0")
    await running.until(lambda: True)
    site.plug(site.node, "lan1", "192.168.77.2/24")
    await running.until(lambda: running.ways() == [{Way.ONVIF}])
    assert [one.name for one in running.discovery.interfaces] == ["lan1"]
