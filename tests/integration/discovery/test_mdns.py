"""mDNS with real responders on several hosts, beside avahi-daemon, and with hostile ones."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from falconeye.base.clock import SystemClock
from falconeye.discovery.interface_watch import InterfaceWatch
from falconeye.discovery.mdns import MAX_SERVICES, Mdns
from falconeye.discovery.mdns_cameras import MdnsCameras
from tests.integration.discovery.collected import Collected
from tests.peers.avahi import running_avahi
from tests.peers.site import Site, inside, run

pytestmark = pytest.mark.root


@pytest.fixture
def collected() -> Collected:
    return Collected()


@pytest.fixture
async def mdns(site: Site, collected: Collected) -> AsyncIterator[Mdns]:
    """Started, with cameras looked for, and following the interfaces."""
    assert site.node
    mdns = Mdns(SystemClock())
    watch = InterfaceWatch(SystemClock(), mdns.use, settle_s=0.05)
    watch.start()
    await mdns.start(watch.current)
    cameras = MdnsCameras(SystemClock(), collected, lambda: watch.current)
    cameras.start(mdns)
    yield mdns
    await cameras.stop()
    await mdns.stop()
    await watch.stop()


def service(kind: str, name: str, **more: object) -> dict[str, object]:
    return {"type": f"{kind}._tcp.local.", "name": name, **more}


@pytest.mark.usefixtures("untouched", "mdns")
async def test_cameras_on_several_hosts_are_found_and_go(site: Site, collected: Collected) -> None:
    axis = site.host(
        20, mdns=[service("_axis-video", "AXIS M1065 - 1", txt={"macaddress": "ACCC8E000001"})]
    )
    site.host(
        21,
        mdns=[
            service("_rtsp", "Garden", port=8554, txt={"path": "/live/0"}),
            service("_hap", "Doorbell", txt={"ci": "17", "md": "D1"}),
            service("_hap", "Lamp", txt={"ci": "5"}),
            service("_http", "Printer"),
        ],
    )
    await collected.until(lambda told: len(told.found) == 3)
    by_name = {one.name: one for one in collected.found.values()}
    assert set(by_name) == {"AXIS M1065 - 1", "Garden", "Doorbell"}
    assert (by_name["AXIS M1065 - 1"].make, by_name["AXIS M1065 - 1"].mac) == (
        "Axis",
        "ac:cc:8e:00:00:01",
    )
    assert by_name["Garden"].url == "rtsp://192.168.77.21:8554/live/0"
    assert (by_name["Doorbell"].usable, by_name["Doorbell"].note) == (False, "homekit")
    site.end(axis)
    await collected.until(lambda told: "192.168.77.20" not in told.by_address)


@pytest.mark.usefixtures("mdns")
async def test_bad_records_are_cut_and_addresses_elsewhere_left_out(
    site: Site, collected: Collected
) -> None:
    site.host(
        20,
        mdns=[
            service("_rtsp", "in a container", at="172.17.0.9", server="pod"),
            service(
                "_rtsp",
                "esc\u202e",
                txt={"path": "\x00\r\nrtsp://x@y/z", "k" * 60: "\x07" * 100, "": "nothing"},
            ),
        ],
    )
    await collected.until(lambda told: len(told.found) == 1)
    (one,) = collected.found.values()
    assert one.name.isprintable()
    assert one.url is not None
    assert one.url.isprintable()
    assert one.url.startswith("rtsp://")
    assert all(value.isprintable() for value in one.details.values())


async def test_hundreds_of_announcements_are_bounded(
    site: Site, mdns: Mdns, collected: Collected
) -> None:
    site.host(20, mdns=[service("_rtsp", "honest")])
    await collected.until(lambda told: len(told.found) == 1)
    site.host(21, flood=MAX_SERVICES + 50)
    await collected.until(lambda _: mdns.refused.value > 0)
    assert len(collected.found) <= MAX_SERVICES


@pytest.mark.usefixtures("site")
async def test_what_comes_and_goes_at_once_leaves_no_endless_queue_of_questions(mdns: Mdns) -> None:
    (wish,) = mdns._browses
    for number in range(3 * MAX_SERVICES):
        for gone in (False, True):
            mdns._heard(wish, "_rtsp._tcp.local.", f"{number}._rtsp._tcp.local.", gone=gone)
    assert len(wish.asked) <= MAX_SERVICES


@pytest.mark.usefixtures("mdns")
async def test_an_interface_that_was_taken_out_and_put_in_is_heard_again(
    site: Site, collected: Collected
) -> None:
    run("ip", "-n", site.node, "link", "del", "lan0")
    site.plug(site.node, "lan0", "192.168.77.1/24")
    await asyncio.sleep(0)
    site.host(20, mdns=[service("_rtsp", "Garden")])
    await collected.until(lambda told: len(told.found) == 1)


async def test_a_look_asks_at_once(site: Site, mdns: Mdns) -> None:
    site.host(20)
    with inside(site.namespace("h20")):
        tap = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with tap:
        tap.settimeout(0)
        tap.bind(("224.0.0.251", 5353))
        joined = socket.inet_aton("224.0.0.251") + socket.inet_aton("192.168.77.20")
        tap.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
        loop = asyncio.get_running_loop()

        async def questions(count: int, within_s: float) -> None:
            async with asyncio.timeout(within_s):
                while count:
                    count -= b"_axis-video" in await loop.sock_recv(tap, 9_000)

        # A browser asks at 0, 1, 3, 7 … seconds, ever more seldom: it is at 3 to 5 now.
        await questions(1, 5)
        with pytest.raises(TimeoutError):
            await questions(9, 2)
        mdns.look_now()
        await questions(1, 2.5)


@pytest.fixture
def avahi(site: Site, tmp_path: Path) -> Iterator[None]:
    """In the node's namespace; it announces a camera of its own."""
    with running_avahi(site.node, tmp_path, "_rtsp._tcp"):
        yield


@pytest.mark.usefixtures("avahi", "mdns")
async def test_beside_a_running_avahi_daemon(site: Site, collected: Collected) -> None:
    site.host(20, mdns=[service("_rtsp", "Garden")])
    await collected.until(lambda told: len(told.found) == 2)
    assert {one.name for one in collected.found.values()} == {"Garden", "By avahi"}
