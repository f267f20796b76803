"""Cameras that were added by hand: once they deliver they are known by their hardware."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from falconeye.cameras.views import NewCamera
from falconeye.cameras.whereabouts.following import Following
from falconeye.cameras.whereabouts.learning import Learning
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.events.bus import CameraStateChanged, Subscription
from falconeye.events.camera_state import ReasonCode
from tests.integration.api.conftest import Served
from tests.peers.known_neighbours import KnownNeighbours
from tests.peers.media_samples import video_clip
from tests.peers.mjpeg_http import MjpegServer
from tests.peers.replay_rtsp import ReplayServer

OWN, OTHER = "00:1a:2b:3c:4d:5e", "00:1a:2b:00:00:99"
HERE = "127.0.0.1"


@pytest.fixture
def kernel() -> KnownNeighbours:
    return KnownNeighbours()


@pytest.fixture(autouse=True)
async def learning(
    served: Served, kernel: KnownNeighbours, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Learning]:
    services = served.services
    parts = replace(services.cameras._parts, neighbours=kernel)
    monkeypatch.setattr(services.cameras, "_parts", parts)
    following = Following(
        services.finding.candidates, services.cameras, services.bus, services.clock,
        neighbours=kernel,
    )  # fmt: skip
    following.audit = services.accounts.audit
    following.start()
    yield following.learning
    await following.stop()


async def added(
    served: Served, url: str, name: str = "Yard", protocol: Protocol = Protocol.RTSP
) -> str:
    new = NewCamera(name, protocol, url, allow_local=True)
    return (await served.services.cameras.add(new)).config.id


def stored(served: Served, camera_id: str) -> CameraConfig:
    return served.services.cameras.get(camera_id).config


async def learned(served: Served, changes: Subscription, camera_id: str) -> None:
    while stored(served, camera_id).mac_address is None:
        _ = await changes.get()


async def online(changes: Subscription, camera_id: str) -> None:
    while True:
        change = await changes.get()
        state = change.state if isinstance(change, CameraStateChanged) else None
        if state and state.camera_id == camera_id and state.online:
            return


@pytest.mark.parametrize("host", [HERE, "localhost"])
async def test_it_is_known_from_its_first_pictures_on_and_goes_on_meanwhile(
    served: Served, kernel: KnownNeighbours, host: str
) -> None:
    kernel.table[HERE] = OWN
    with ReplayServer() as rtsp, served.services.bus.subscribe() as changes:
        door = rtsp.add("door", video=video_clip(gop=10))
        camera_id = await added(served, rtsp.url("door", host=host))
        await learned(served, changes, camera_id)
        assert stored(served, camera_id).mac_address == OWN
        described = door.requests["DESCRIBE"]
        assert served.services.cameras.get(camera_id).state.online  # it was not disconnected
        # What was learned counts from the next connection on.
        kernel.table[HERE] = OTHER
        rtsp.drop_connections()
        while True:
            change = await changes.get()
            state = change.state if isinstance(change, CameraStateChanged) else None
            if state and state.reason_code is ReasonCode.DEVICE_CONFLICT:
                break
        assert door.requests["DESCRIBE"] == described
    entries, _ = await served.services.accounts.audit.list()
    noted = [each.detail for each in entries if each.action == "camera.identified"]
    assert noted == [f"hardware address {OWN} at {HERE}"]


async def test_cameras_of_pictures_by_http_are_known_likewise(
    served: Served, kernel: KnownNeighbours
) -> None:
    kernel.table[HERE] = OWN
    with MjpegServer() as camera, served.services.bus.subscribe() as changes:
        camera_id = await added(served, camera.url(), protocol=Protocol.HTTP)
        await learned(served, changes, camera_id)
        assert stored(served, camera_id).mac_address == OWN


async def test_what_identifies_nobody_is_not_stored(
    served: Served, kernel: KnownNeighbours, learning: Learning
) -> None:
    kernel.table |= {HERE: OWN, "127.0.0.9": OWN}
    with ReplayServer() as rtsp, served.services.bus.subscribe() as changes:
        rtsp.add("door", video=video_clip(gop=10))
        camera_id = await added(served, rtsp.url("door"))
        await online(changes, camera_id)
        await learning.look_at(camera_id)
        assert stored(served, camera_id).mac_address is None
        del kernel.table["127.0.0.9"]  # it was the camera's own address of before
        await learning.look_at(camera_id)
        assert stored(served, camera_id).mac_address == OWN


async def test_two_cameras_elsewhere_with_one_hardware_address_are_told_and_neither_is_guessed(
    served: Served, kernel: KnownNeighbours, learning: Learning
) -> None:
    kernel.table[HERE] = OWN
    with (
        ReplayServer() as rtsp,
        ReplayServer(address="127.0.0.2") as other,
        served.services.bus.subscribe() as changes,
    ):
        rtsp.add("door", video=video_clip(gop=10))
        other.add("yard", video=video_clip(gop=10))
        first = await added(served, rtsp.url("door"), "Door")
        await learned(served, changes, first)
        kernel.table = {"127.0.0.2": OWN}  # the other is not in the kernel's table any more
        second = await added(served, other.url("yard"))
        await online(changes, second)
        await learning.look_at(second)
        await learning.look_at(second)
        assert stored(served, first).mac_address == OWN
        assert stored(served, second).mac_address is None
    told: list[str] = []
    while not told:  # the learning that goes on by itself may be telling it now
        entries, _ = await served.services.accounts.audit.list()
        told = [each.detail for each in entries if each.action == "camera.ambiguous"]
    assert len(told) == 1
    assert first in told[0]


async def test_channels_of_one_recorder_share_its_hardware_address(
    served: Served, kernel: KnownNeighbours
) -> None:
    kernel.table[HERE] = OWN
    with ReplayServer() as rtsp, served.services.bus.subscribe() as changes:
        for name in ("one", "two"):
            rtsp.add(name, video=video_clip(gop=10))
        both = [await added(served, rtsp.url(name), name) for name in ("one", "two")]
        for camera_id in both:
            await learned(served, changes, camera_id)


async def test_what_is_stored_stays_until_a_person_takes_it_away(
    served: Served, kernel: KnownNeighbours
) -> None:
    kernel.table[HERE] = OWN
    with ReplayServer() as rtsp, served.services.bus.subscribe() as changes:
        rtsp.add("door", video=video_clip(gop=10))
        camera_id = await added(served, rtsp.url("door"))
        await learned(served, changes, camera_id)
        seen = stored(served, camera_id)
        kernel.table[HERE] = OTHER
        await served.services.cameras.learn(replace(seen, mac_address=None), mac_address=OTHER)
        assert stored(served, camera_id).mac_address == OWN
        answer = await served.admin.patch(f"/api/cameras/{camera_id}", json={"mac_address": None})
        assert answer.status_code == 200
        while stored(served, camera_id).mac_address != OTHER:
            _ = await changes.get()


async def test_a_substream_of_another_device_is_not_compared(
    served: Served, kernel: KnownNeighbours
) -> None:
    kernel.table |= {HERE: OWN, "127.0.0.2": OTHER}
    with (
        ReplayServer() as rtsp,
        ReplayServer(address="127.0.0.2") as recorder,
        served.services.bus.subscribe() as changes,
    ):
        rtsp.add("main", video=video_clip(gop=10))
        small = recorder.add("sub", video=video_clip(gop=10, width=320, height=192))
        new = NewCamera("Yard", Protocol.RTSP, rtsp.url("main"), sub_url=recorder.url("sub"),
                        allow_local=True, mac_address=OWN)  # fmt: skip
        camera_id = (await served.services.cameras.add(new)).config.id
        await online(changes, camera_id)
        while "PLAY" not in small.requests:
            _ = await changes.get()
