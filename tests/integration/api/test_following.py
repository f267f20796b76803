"""Cameras with another address: followed where their hardware is, and only there."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from typing_extensions import override

from falconeye.base.errors import Unavailable
from falconeye.base.secret import Secret
from falconeye.cameras.views import NewCamera
from falconeye.cameras.whereabouts import following
from falconeye.cameras.whereabouts.following import Following, moved_changes
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.discovery.evidence import Evidence, Way
from falconeye.discovery.recognition import Moved
from falconeye.events.bus import CameraStateChanged
from tests.integration.api.conftest import Served
from tests.peers.known_neighbours import KnownNeighbours
from tests.peers.media_samples import video_clip
from tests.peers.replay_rtsp import PASSWORD, ReplayServer

OWN, OTHER = "00:1a:2b:3c:4d:5e", "00:1a:2b:00:00:99"
OLD, NEW = "127.0.0.2", "127.0.0.1"  # nobody is at the old one
REFERENCE = "urn:uuid:11111111-2222-4333-8444-555555555555"


@dataclass
class Site:
    """A camera that is not where it was, and what the kernel would say of the new place."""

    served: Served
    rtsp: ReplayServer
    camera: CameraConfig
    following: Following
    kernel: KnownNeighbours
    asked: asyncio.Event = field(default_factory=asyncio.Event)  # the network, for cameras

    def seen(self, **fields: Any) -> None:
        """By WS-Discovery, at its new place."""
        told: dict[str, Any] = {
            "key": f"x {NEW}", "address": NEW, "port": 8000, "endpoint_reference": REFERENCE,
            "url": f"http://{NEW}:8000/onvif/device_service", **fields,
        }  # fmt: skip
        assert self.served.services.finding.candidates.note(Evidence(Way.ONVIF, seen_us=0, **told))

    @property
    def config(self) -> CameraConfig:
        return self.served.services.cameras.get(self.camera.id).config


@pytest.fixture
async def site(served: Served, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    services, kernel = served.services, KnownNeighbours()
    cameras = services.cameras  # what follows it and what connects to it ask one kernel
    monkeypatch.setattr(cameras, "_parts", replace(cameras._parts, neighbours=kernel))
    with ReplayServer() as rtsp:
        rtsp.add("main", video=video_clip(gop=10), login="basic")
        new = NewCamera(
            "Yard", Protocol.ONVIF, rtsp.url("main", host=OLD), username="admin",
            password=Secret(PASSWORD), allow_local=True, mac_address=OWN,
            endpoint_reference=REFERENCE, onvif_url=f"http://{OLD}:8000/onvif/device_service",
        )  # fmt: skip
        camera = await services.cameras.add(new)
        site = Site(served, rtsp, camera.config, services.finding.following, kernel)
        site.following = Following(
            services.finding.candidates, services.cameras, services.bus, services.clock,
            neighbours=site.kernel, look_now=site.asked.set,
        )  # fmt: skip
        site.following.audit = services.accounts.audit
        yield site
        await site.following.stop()


async def test_the_network_is_asked_for_a_camera_that_is_away(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "ASK_S", 0.05)
    site.following.start()
    await site.asked.wait()


async def test_a_camera_is_followed_with_its_password_and_it_is_noted(site: Site) -> None:
    site.kernel.table[NEW] = OWN
    with site.served.services.bus.subscribe() as changes:
        site.following.start()
        site.seen()
        async for change in changes:
            if isinstance(change, CameraStateChanged) and change.state.online:
                break
    config = site.config
    assert config.source_url == site.rtsp.url("main", host=NEW)
    assert config.onvif_url == f"http://{NEW}:8000/onvif/device_service"
    assert (config.mac_address, config.endpoint_reference) == (OWN, REFERENCE)
    assert (config.username, config.password) == ("admin", Secret(PASSWORD))
    await site.following.stop()
    entries, _ = await site.served.services.accounts.audit.list()
    noted = [each.detail for each in entries if each.action == "camera.followed"]
    assert noted == [f"from {OLD}:8000 to {NEW}:8000"]


async def test_a_password_that_is_changed_meanwhile_stays_changed(site: Site) -> None:
    loop = asyncio.get_running_loop()
    cameras = site.served.services.cameras

    class SlowKernel(KnownNeighbours):
        @override
        def mac_of(self, address: str) -> str | None:
            changed = cameras.update(site.camera.id, {"password": Secret("new")})
            _ = asyncio.run_coroutine_threadsafe(changed, loop).result(5)
            return OWN

    site.following._neighbours = SlowKernel()
    site.seen()
    await site.following.look()
    assert site.config.source_url == site.rtsp.url("main", host=NEW)
    assert site.config.password == Secret("new")


async def test_an_audit_log_that_cannot_be_written_ends_nothing(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    class Full:
        async def record(self, *_: object) -> None:
            raise Unavailable("the disk is full")

    site.following.audit = Full()
    site.kernel.table[NEW] = OWN
    site.seen()
    with site.served.services.bus.subscribe() as changes:
        await site.following.look()
        async for change in changes:
            if isinstance(change, CameraStateChanged) and change.state.online:
                break
    assert site.config.source_url == site.rtsp.url("main", host=NEW)
    assert "the disk is full" in caplog.text


@pytest.mark.parametrize("there", [None, OTHER])
async def test_who_only_says_that_it_is_the_camera_gets_nothing(
    site: Site, there: str | None
) -> None:
    if there is not None:
        site.kernel.table[NEW] = there
    site.seen(mac=OWN)  # it tells the right hardware address as well
    await site.following.look()
    assert site.config.source_url == site.camera.source_url
    assert site.rtsp.cameras["main"].requests == {}


async def test_two_that_claim_it_are_both_left(site: Site) -> None:
    site.kernel.table[NEW] = OWN
    site.seen()
    site.seen(key="y 127.0.0.3", address="127.0.0.3", url="http://127.0.0.3/", mac=OTHER)
    await site.following.look()
    assert site.config.source_url == site.camera.source_url


async def test_hardware_that_two_devices_seem_to_have_proves_nothing(site: Site) -> None:
    site.kernel.table[NEW] = OWN
    site.seen(mac=OWN)
    there = {"address": "127.0.0.3", "url": "http://127.0.0.3/", "endpoint_reference": "urn:x"}
    site.seen(key="y 127.0.0.3", mac=OWN, **there)  # behind a repeater that shows its own
    (moved,) = [one for one in site.served.services.finding.candidates.list() if one.moved]
    assert moved.shares
    await site.following.look()
    assert site.config.source_url == site.camera.source_url


async def test_hardware_that_the_kernel_sees_at_other_addresses_too_proves_nothing(
    site: Site,
) -> None:
    site.kernel.table |= {NEW: OWN, "127.0.0.3": OWN}
    site.seen()
    await site.following.look()
    assert site.config.source_url == site.camera.source_url
    site.kernel.table = {NEW: OWN, OLD: OWN}  # both were its own
    await site.following.look()
    assert site.config.source_url != site.camera.source_url


@pytest.mark.parametrize(
    "told", [{"endpoint_reference": "urn:uuid:2"}, {"endpoint_reference": None, "serial": "2"}]
)
async def test_a_device_with_its_hardware_that_says_it_is_another_is_not_it(
    site: Site, told: dict[str, str | None]
) -> None:
    site.kernel.table[NEW] = OWN
    _ = await site.served.services.cameras.update(site.camera.id, {"metadata": {"serial": "1"}})
    site.seen(mac=OWN, **told)
    assert [one.moved for one in site.served.services.finding.candidates.list() if one.moved]
    await site.following.look()
    assert site.config.source_url == site.camera.source_url


async def test_a_camera_that_a_person_stopped_stays_where_it_is(site: Site) -> None:
    site.kernel.table[NEW] = OWN
    site.seen()
    _ = await site.served.services.cameras.stop(site.camera.id, by="ann")
    await site.following.look()
    assert site.config.source_url == site.camera.source_url


async def test_where_another_camera_is_configured_it_does_not_go(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.kernel.table[NEW] = OWN
    other = NewCamera(
        "Gate", Protocol.RTSP, site.rtsp.url("main", host=NEW), start=False, allow_local=True
    )
    _ = await site.served.services.cameras.add(other)
    site.seen()
    await site.following.look()
    assert site.config.source_url == site.camera.source_url
    assert "cannot follow" in caplog.text


def test_only_what_is_at_the_old_place_changes() -> None:
    config = CameraConfig(
        id="1", name="x", protocol=Protocol.ONVIF, source_url=f"rtsp://{OLD}:554/a?b=c",
        sub_url="rtsp://192.0.2.7/sub", created_at_us=0, updated_at_us=0,
        onvif_url=f"http://{OLD}:8000/onvif/device_service", mac_address=OWN,
    )  # fmt: skip
    moved = Moved("1", OLD, 8000, "192.0.2.99", 2020, same_mac=True)
    changes = moved_changes(config, moved)
    assert changes["source_url"] == "rtsp://192.0.2.99:554/a?b=c"
    assert "sub_url" not in changes
    assert changes["onvif_url"] == "http://192.0.2.99:2020/onvif/device_service"
    port_only = replace(moved, to_address=OLD)
    assert (
        moved_changes(config, port_only)["onvif_url"] == f"http://{OLD}:2020/onvif/device_service"
    )
    assert "source_url" not in moved_changes(config, port_only)
