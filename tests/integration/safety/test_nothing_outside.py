"""A node with all that is on by default, on a network that has a way out, sends nothing by it.

The way out is a route and two neighbours that are not there, so that packets for them do leave.
Its name server is one on the network: whoever asked it for a name would be seen to.
"""

import asyncio
import ipaddress
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.integration.safety.leaving import Leaving, Packet, leaving
from tests.integration.safety.needs import TABLE
from tests.nodes import RunningNode
from tests.peers.site import Site, run, site_of_test

pytestmark = [pytest.mark.root, pytest.mark.timeout(60)]
ROUTER_MAC: Final = "02:00:00:00:00:fe"
LAN: Final = (ipaddress.ip_network("192.168.77.0/24"), ipaddress.ip_network("fd77::/64"))
OUTSIDE, OUTSIDE_6 = "203.0.113.9", "2001:db8::9"  # of the blocks for documentation
DNS, NTP = 53, 123
QUIET_S: Final = 3.0  # what it does by itself, while nobody asks it anything
# A camera that claims to be elsewhere, for what asks where an answer says.
LIAR: Final = {
    "onvif": [
        {
            "reference": "urn:uuid:0c9e1f6e-0000-4000-8000-000000000020",
            "scopes": ["onvif://www.onvif.org/name/AXIS"],
            "xaddrs": [
                f"http://{OUTSIDE}/onvif/device_service",
                "http://camera.example.com/onvif/device_service",
            ],
        }
    ],
    "mdns": [{"type": "_axis-video._tcp.local.", "name": "AXIS - 1", "port": 80}],
    "tcp": {"554": "rtsp", "80": "onvif"},
}


@pytest.fixture
def site() -> Iterator[Site]:
    """With a default route for both families, and the test within."""
    with site_of_test() as made:
        for which in ("all", "default", "lo", "lan0"):
            Path(f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6").write_text("0")
        run("ip", "-6", "address", "add", "fd77::1/64", "dev", "lan0", "nodad")
        for gateway, family in (("192.168.77.254", "-4"), ("fd77::fe", "-6")):
            run("ip", family, "neigh", "add", gateway, "lladdr", ROUTER_MAC, "dev", "lan0")
            run("ip", family, "route", "add", "default", "via", gateway, "dev", "lan0")
        yield made


@pytest.fixture
def recorder(site: Site) -> Iterator[Leaving]:
    assert site.node
    with leaving("lan0") as begun:
        yield begun


def in_place(site: Site, folder: Path, *program: str) -> tuple[str, ...]:
    """The program with the network's name server, which a machine there is given by its router."""
    (folder / "resolv.conf").write_text("nameserver 192.168.77.254\noptions timeout:1 attempts:1\n")
    bind = f'mount --bind {folder}/resolv.conf /etc/resolv.conf && exec "$@"'
    return ("ip", "netns", "exec", site.node, "sh", "-c", bind, "sh", sys.executable, *program)


@pytest.fixture
async def node(site: Site, tmp_path: Path, recorder: Leaving) -> AsyncIterator[RunningNode]:
    """As a user starts it for the house: all that is on by default, and a demo camera."""
    assert recorder
    started = RunningNode(tmp_path, "--demo", "--host", "0.0.0.0")  # noqa: S104 - the site's own
    started.program = in_place(site, tmp_path, "-m", "falconeye")
    started.environment = {"FALCONEYE_DISCOVERY": "true", "FALCONEYE_PEER_PORT": "8901"}
    await started.start()
    started.url = f"http://127.0.0.1:{started.url.rpartition(':')[2]}"
    try:
        await started.sign_in()
        yield started
    finally:
        await started.stop()


def going_out(seen: Counter[Packet]) -> dict[Packet, int]:
    """What leaves the network, and what asks somebody in it to ask outside."""
    return {
        packet: count
        for packet, count in seen.items()
        if not packet.stays(LAN) or packet.port in {DNS, NTP}
    }


async def walk(node: RunningNode, camera_id: str) -> int:
    """Every address that can be read without knowing more than a camera; how many there were."""
    count = 0
    for method, path in TABLE:
        where = path.replace("{camera_id}", camera_id)
        if method != "GET" or "{" in where:
            continue
        headers = {"accept": "text/html, */*"}
        async with node.client.stream("GET", where, headers=headers) as answer:
            assert answer.status_code != 500, where
        count += 1
    return count


async def test_a_node_sends_nothing_beyond_its_network(
    site: Site, node: RunningNode, recorder: Leaving
) -> None:
    site.host(20, **LIAR)
    assert (await node.client.post("/cameras/found/look")).status_code < 400
    # Its announcement by mDNS may come first, with a name of its own.
    _ = await node.until(
        "/api/candidates/", lambda told: [each["name"] for each in told["candidates"]] == ["AXIS"]
    )
    (camera,) = (await node.json("/api/cameras/"))["cameras"]
    _ = await node.until("/api/recordings/", lambda told: told["count"])
    assert await walk(node, camera["id"]) > 40
    await asyncio.sleep(QUIET_S)
    seen = recorder.seen()
    assert any(packet.port == 5353 for packet in seen), seen  # it does ask its own network
    assert any(packet.port == 3702 for packet in seen), seen
    assert not going_out(seen)


async def test_whatever_left_would_be_seen(site: Site, tmp_path: Path, recorder: Leaving) -> None:
    """A packet for elsewhere by both families, a question for the time, and one for a name."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as four,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six,
    ):
        four.sendto(b"x", (OUTSIDE, 9))
        four.sendto(b"x", ("192.168.77.254", NTP))
        six.sendto(b"x", (OUTSIDE_6, 9))
    ask = "import socket\ntry: socket.getaddrinfo('camera.example.com', 80)\nexcept OSError: pass"
    asking = await asyncio.create_subprocess_exec(*in_place(site, tmp_path, "-c", ask))
    assert await asking.wait() == 0
    out = going_out(recorder.seen())
    found = {(packet.kind, str(packet.to), packet.port) for packet in out}
    router = "192.168.77.254"
    wanted = {
        ("udp", OUTSIDE, 9),
        ("udp", OUTSIDE_6, 9),
        ("udp", router, NTP),
        ("udp", router, DNS),
    }
    assert found == wanted
