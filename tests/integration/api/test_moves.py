"""Devices that change their addresses, on a network of our own with real ARP."""

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path

import pytest

from falconeye.cameras.identity.neighbours import NEIGHBOURS, Neighbours
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.events.bus import CameraStateChanged, Subscription
from falconeye.events.camera_state import CameraState, ReasonCode
from tests.integration.api.conftest import Served, serve
from tests.peers.media_samples import video_clip
from tests.peers.replay_camera import ReplayCamera
from tests.peers.replay_rtsp import ReplayServer
from tests.peers.site import Site, inside, run, site_of_test

pytestmark = pytest.mark.root
PORT = 8554
REFERENCE = "urn:uuid:11111111-2222-4333-8444-555555555555"


@pytest.fixture
def site() -> Iterator[Site]:
    with site_of_test() as made:
        yield made


@pytest.fixture
async def served(site: Site, tmp_path: Path) -> AsyncIterator[Served]:
    """A node in the site's network, which looks for cameras there."""
    assert site.node
    async with AsyncExitStack() as stack:
        served = await serve(stack, tmp_path)
        finding = served.services.finding
        await finding.discovery.start()
        stack.push_async_callback(finding.discovery.stop)
        finding.following.audit = served.services.accounts.audit
        finding.following.start()
        stack.push_async_callback(finding.following.stop)
        yield served


class Device:
    """Something with a network plug of its own, that may be given addresses and a camera."""

    def __init__(self, site: Site, name: str) -> None:
        self.site = site
        self.namespace = site._namespace(name)
        site.plug(self.namespace, "eth0", "")

    @contextmanager
    def at(self, number: int) -> Iterator[tuple[ReplayServer, ReplayCamera]]:
        """It has this address, tells the node so, and serves its pictures there."""
        address = f"{self.site.subnet}.{number}"
        run("ip", "-n", self.namespace, "address", "add", f"{address}/24", "dev", "eth0")
        with ExitStack() as stack:
            stack.callback(
                run, "ip", "-n", self.namespace, "address", "del", f"{address}/24", "dev", "eth0"
            )
            server = ReplayServer(PORT, address=address)
            camera = server.add("door", video=video_clip(gop=10))
            with inside(self.namespace):
                stack.enter_context(server)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talk:
                    talk.bind((address, 0))
                    talk.sendto(b"", (f"{self.site.subnet}.1", 9))  # it asks for our hardware
            yield server, camera

    @property
    def mac(self) -> str:
        shown = run("ip", "-n", self.namespace, "-o", "link", "show", "dev", "eth0")
        return shown.partition("link/ether ")[2][:17]

    def answers_probes(self, number: int, reference: str) -> None:
        """To WS-Discovery, at this address."""
        address = f"{self.site.subnet}.{number}"
        device = {"reference": reference, "xaddrs": [f"http://{address}/onvif/device_service"]}
        self.site.begin(self.namespace, {"address": address, "onvif": [device]})


async def added(served: Served, number: int, name: str = "Yard") -> str:
    new = NewCamera(name, Protocol.RTSP, f"rtsp://192.168.77.{number}:{PORT}/door")
    return (await served.services.cameras.add(new)).config.id


def stored(served: Served, camera_id: str) -> CameraConfig:
    return served.services.cameras.get(camera_id).config


async def until(changes: Subscription, is_so: Callable[[CameraState], object]) -> None:
    while True:
        change = await changes.get()
        if isinstance(change, CameraStateChanged) and is_so(change.state):
            return


async def known(served: Served, changes: Subscription, camera_id: str) -> str:
    """The hardware address by which it is known, once it is."""
    while (mac := stored(served, camera_id).mac_address) is None:
        _ = await changes.get()
    return mac


@pytest.mark.timeout(30)
async def test_who_takes_its_address_is_not_recorded_and_it_is_followed_to_its_new_one(
    site: Site, served: Served
) -> None:
    own, other = Device(site, "own"), Device(site, "other")
    with served.services.bus.subscribe() as changes:
        with own.at(10) as (before, _):
            camera_id = await added(served, 10)
            assert await known(served, changes, camera_id) == own.mac
            before.drop_connections()
        with other.at(10) as (_, taker):
            await until(changes, lambda state: state.reason_code is ReasonCode.DEVICE_CONFLICT)
            shown = (await served.viewer.get(f"/api/cameras/{camera_id}")).json()
            assert other.mac in shown["reason"]
            with own.at(20) as (_, camera):
                own.answers_probes(20, REFERENCE)
                served.services.finding.discovery.look_now()
                await until(changes, lambda state: state.online)
                assert camera.requests["PLAY"]
                now = stored(served, camera_id)
                assert now.source_url == f"rtsp://192.168.77.20:{PORT}/door"
                assert (now.id, now.name, now.mac_address) == (camera_id, "Yard", own.mac)
            assert taker.requests == {}  # from first to last
    entries, _ = await served.services.accounts.audit.list()
    assert [each.action for each in entries if each.action.startswith("camera.")] == [
        "camera.followed",
        "camera.identified",
    ]


@pytest.mark.timeout(30)
async def test_two_that_claim_to_be_it_are_shown_and_neither_is_followed(
    site: Site, served: Served
) -> None:
    devices = {number: Device(site, f"d{number}") for number in (30, 40)}
    new = NewCamera(
        "Yard", Protocol.RTSP, f"rtsp://192.168.77.10:{PORT}/door", endpoint_reference=REFERENCE,
        mac_address=devices[30].mac,
    )  # fmt: skip
    camera_id = (await served.services.cameras.add(new)).config.id
    with ExitStack() as stack, served.services.bus.subscribe() as changes:
        for number, device in devices.items():
            stack.enter_context(device.at(number))
            device.answers_probes(number, REFERENCE)
        served.services.finding.discovery.look_now()
        candidates = served.services.finding.candidates
        while len(candidates.list()) < 2:
            _ = await changes.get()
        listed = (await served.operator.get("/api/candidates/")).json()["candidates"]
        assert [each["shares"] for each in listed] == [["endpoint_reference"]] * 2
        await served.services.finding.following.look()
        assert stored(served, camera_id).source_url == f"rtsp://192.168.77.10:{PORT}/door"


@pytest.mark.timeout(30)
async def test_behind_a_repeater_nobody_is_known_by_its_hardware_address(
    site: Site, served: Served
) -> None:
    repeater = Device(site, "repeater")
    with (
        repeater.at(30),
        repeater.at(40),
        served.services.bus.subscribe() as changes,
    ):
        ids = [await added(served, number, f"at {number}") for number in (30, 40)]
        cameras = served.services.cameras
        await until(changes, lambda _: all(cameras.get(each).state.online for each in ids))
        for camera_id in reversed(ids):
            await served.services.finding.following.learning.look_at(camera_id)
        assert NEIGHBOURS.mac_of("192.168.77.40") == repeater.mac
        assert NEIGHBOURS.own_mac_of("192.168.77.40") is None
        assert stored(served, ids[1]).mac_address is None
        # Once they were there together, it stays known that this tells nothing.
        run("ip", "-n", site.node, "neighbour", "del", "192.168.77.30", "dev", "lan0")
        assert not NEIGHBOURS.identifies(repeater.mac, ("192.168.77.40",))


def test_a_router_is_no_camera(site: Site) -> None:
    router = Device(site, "router")
    with router.at(30):
        with socket.create_connection(("192.168.77.30", PORT), timeout=3):
            assert Neighbours().own_mac_of("192.168.77.30") == router.mac
        run("ip", "-n", site.node, "route", "add", "default", "via", "192.168.77.30")
        assert Neighbours().own_mac_of("192.168.77.30") is None
