"""A scan on a network of our own: what it finds, what it sends, how it is bounded and ended."""

import asyncio
from pathlib import Path

import pytest

from falconeye.base.clock import SystemClock
from falconeye.discovery.interfaces import look_at_interfaces
from falconeye.discovery.scan import Limits, Scan, ScanState
from falconeye.discovery.scan_targets import targets
from tests.integration.discovery.collected import Collected
from tests.peers.site import Site, run

pytestmark = pytest.mark.root
PORTS = 7


def connects_made() -> int:
    """What this namespace's kernel counts (tcp(7), ActiveOpens)."""
    names, values = (
        line.split()
        for line in Path("/proc/thread-self/net/snmp").read_text().splitlines()
        if line.startswith("Tcp:")
    )
    return int(dict(zip(names, values, strict=True))["ActiveOpens"])


def scan_of(
    collected: Collected, *networks: str, limits: Limits | None = None, insist: bool = False
) -> Scan:
    interfaces = look_at_interfaces()
    wanted = targets(interfaces, networks or None, insist=insist)
    limits = limits or Limits(connects_per_s=2_000, connect_s=1.0, at_once=128)
    return Scan(SystemClock(), collected, wanted, interfaces, limits=limits)


@pytest.mark.usefixtures("untouched")
async def test_a_slash_24_is_asked_with_exactly_the_connects_that_are_told(site: Site) -> None:
    site.host(20, tcp={"554": "rtsp", "80": "onvif", "8080": {"http": "<title>x</title>"}})
    site.host(21, tcp={"8000": {"http": "", "realm": "Hikvision DS-2CD"}})
    site.host(22)
    collected, before = Collected(), connects_made()
    scan = scan_of(collected)
    assert scan.hosts_total == 253  # 256 without network, broadcast and ourselves
    scan.start()
    result = await scan.wait()
    assert result.state is ScanState.DONE
    # One for each absent host; all ports of three hosts, and again each that spoke HTTP.
    assert result.connects == connects_made() - before == 250 + 3 * PORTS + 3
    assert (result.hosts_done, result.hosts_there) == (253, 3)
    assert set(collected.found) == {"192.168.77.20:554", "192.168.77.20:80", "192.168.77.21:8000"}
    rtsp, onvif = collected.found["192.168.77.20:554"], collected.found["192.168.77.20:80"]
    assert (rtsp.url, rtsp.make) == ("rtsp://192.168.77.20:554/", "Dahua")
    assert onvif.url == "http://192.168.77.20:80/onvif/device_service"
    assert collected.found["192.168.77.21:8000"].make == "Hikvision"
    assert rtsp.mac is not None
    assert 0 < result.seconds < 9


async def test_hosts_that_babble_or_say_nothing_hold_nobody_up(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falconeye.discovery.scan_questions.ANSWER_S", 0.2)
    site.host(20, tcp={"554": "babble", "80": "babble", "8000": "mute", "8554": "mute"})
    site.host(21, tcp={"554": "rtsp"})
    collected = Collected()
    scan = scan_of(collected, "192.168.77.20/31")
    scan.start()
    result = await scan.wait()
    assert (result.state, result.hosts_there) == (ScanState.DONE, 2)
    assert set(collected.found) == {"192.168.77.21:554"}


async def test_a_host_that_is_there_but_silent_is_asked_at_each_port(site: Site) -> None:
    site.host(20, tcp={"554": "rtsp"})
    run("ip", "-n", site.namespace("h20"), "route", "add", "blackhole", "192.168.77.1/32")
    collected = Collected()
    scan = scan_of(collected, "192.168.77.20/31", limits=Limits(connect_s=0.1))
    scan.start()
    result = await scan.wait()
    assert (result.connects, result.hosts_there) == (PORTS + 1, 0)
    assert not collected.found


async def test_a_scan_is_cancelled_at_once_and_keeps_what_it_found(site: Site) -> None:
    site.host(2, tcp={"554": "rtsp"})
    collected = Collected()
    scan = scan_of(collected, limits=Limits(connects_per_s=40, connect_s=1, at_once=16))
    scan.start()
    await collected.until(lambda told: len(told.found) == 1)
    await scan.cancel()
    result = await scan.wait()
    assert result.state is ScanState.CANCELLED
    assert result.hosts_done < 253
    assert [one.key for one in result.found] == ["192.168.77.2:554"]
    made = connects_made()
    await asyncio.sleep(0.1)
    assert connects_made() == made


async def test_no_more_connects_are_made_than_allowed(site: Site) -> None:
    site.host(20, tcp={"554": "rtsp"})
    scan = scan_of(Collected(), "192.168.77.20/32", limits=Limits(connects_per_s=20, at_once=4))
    scan.start()
    result = await scan.wait()
    assert result.connects == PORTS
    assert result.seconds >= (result.connects - 1) / 20


async def test_another_network_is_asked_where_an_admin_insists(site: Site) -> None:
    site.plug(site.node, "far0", "10.77.0.1/24")
    run("ip", "-n", site.node, "route", "add", "10.78.0.0/24", "via", "10.77.0.2")
    scan = scan_of(
        Collected(),
        "10.78.0.4/31",
        insist=True,
        limits=Limits(connect_s=0.1, connects_per_s=2_000),
    )
    scan.start()
    assert (await scan.wait()).connects == 2 * PORTS
