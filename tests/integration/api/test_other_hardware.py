"""Another device at a camera's address: neither asked for pictures nor shown the password."""

from dataclasses import replace

import pytest

from falconeye.base.secret import Secret
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import Protocol
from falconeye.events.bus import CameraStateChanged, Subscription
from falconeye.events.camera_state import CameraState, ReasonCode
from tests.integration.api.conftest import Served
from tests.peers.media_samples import video_clip
from tests.peers.mjpeg_http import MjpegServer
from tests.peers.replay_rtsp import PASSWORD, ReplayServer

OWN, OTHER = "00:1a:2b:3c:4d:5e", "00:1a:2b:00:00:99"


class Neighbours:
    """What the kernel would say; loopback has no hardware."""

    def __init__(self, mac: str | None) -> None:
        self.mac = mac
        self.asked: list[str] = []

    def __call__(self, address: str) -> str | None:
        self.asked.append(address)
        return self.mac


@pytest.fixture
def neighbours(served: Served, monkeypatch: pytest.MonkeyPatch) -> Neighbours:
    cameras, kernel = served.services.cameras, Neighbours(OTHER)
    monkeypatch.setattr(cameras, "_parts", replace(cameras._parts, mac_of=kernel))
    return kernel


def yard(url: str, protocol: Protocol = Protocol.RTSP, mac: str | None = OWN) -> NewCamera:
    return NewCamera(
        "Yard", protocol, url, username="admin", password=Secret(PASSWORD), allow_local=True,
        mac_address=mac,
    )  # fmt: skip


async def state(changes: Subscription, *, online: bool) -> CameraState:
    """The next one that says why, or that pictures come."""
    while True:
        change = await changes.get()
        if not isinstance(change, CameraStateChanged):
            continue
        if change.state.online == online and (online or change.state.status.value == "error"):
            return change.state


async def test_nothing_is_shown_to_another_device(served: Served, neighbours: Neighbours) -> None:
    with ReplayServer() as rtsp, served.services.bus.subscribe() as changes:
        door = rtsp.add("door", video=video_clip(gop=10), login="basic")
        camera = await served.services.cameras.add(yard(rtsp.url("door")))
        found = await state(changes, online=False)
        assert found.reason_code is ReasonCode.DEVICE_CONFLICT
        assert OTHER in found.reason
        assert "not recorded under the camera's name" in found.reason
        assert (door.requests, door.gate.attempts) == ({}, 0)
        assert neighbours.asked == ["127.0.0.1"]
        # A person says that it was replaced.
        path = f"/api/cameras/{camera.config.id}"
        answer = await served.admin.patch(path, json={"mac_address": None})
        assert answer.status_code == 200, answer.text
        assert (await state(changes, online=True)).reason == ""


async def test_who_comes_while_a_camera_is_away_is_not_it(
    served: Served, neighbours: Neighbours
) -> None:
    neighbours.mac = OWN
    cameras = served.services.cameras
    with ReplayServer() as rtsp, served.services.bus.subscribe() as changes:
        door = rtsp.add("door", video=video_clip(gop=10), login="digest")
        camera_id = (await cameras.add(yard(rtsp.url("door")))).config.id
        _ = await state(changes, online=True)
        neighbours.mac = OTHER
        asked = dict(door.requests)
        rtsp.drop_connections()
        found = await state(changes, online=False)
        while found.reason_code is not ReasonCode.DEVICE_CONFLICT:
            found = await state(changes, online=False)
        assert door.requests == asked
        neighbours.mac = None  # the kernel does not know: as it was before
        cameras.hurry()
        assert (await state(changes, online=True)).camera_id == camera_id


async def test_cameras_of_pictures_by_http_are_looked_at_likewise(
    served: Served, neighbours: Neighbours
) -> None:
    with MjpegServer(login="basic") as camera, served.services.bus.subscribe() as changes:
        _ = await served.services.cameras.add(yard(camera.url(), Protocol.HTTP))
        found = await state(changes, online=False)
        assert found.reason_code is ReasonCode.DEVICE_CONFLICT
        assert camera.paths == []
        assert neighbours.asked[0] == "127.0.0.1"


async def test_a_camera_whose_hardware_is_not_known_may_be_any(
    served: Served, neighbours: Neighbours
) -> None:
    with ReplayServer() as rtsp, served.services.bus.subscribe() as changes:
        rtsp.add("door", video=video_clip(gop=10), login="digest")
        _ = await served.services.cameras.add(yard(rtsp.url("door"), mac=None))
        _ = await state(changes, online=True)
        assert neighbours.asked == []


async def test_an_address_elsewhere_leaves_the_old_identity_behind(served: Served) -> None:
    new = replace(yard("rtsp://192.0.2.9/door"), start=False, endpoint_reference="urn:uuid:a")
    camera = await served.services.cameras.add(new)
    path = f"/api/cameras/{camera.config.id}"
    same = await served.admin.patch(path, json={"source_url": "rtsp://192.0.2.9/other"})
    assert same.json()["mac_address"] == OWN
    body = {"source_url": "rtsp://192.0.2.10/door", "password": "x"}
    other = (await served.admin.patch(path, json=body)).json()
    assert (other["mac_address"], other["endpoint_reference"]) == (None, None)


async def test_a_person_says_by_the_form_that_it_was_replaced(
    served: Served, neighbours: Neighbours
) -> None:
    with ReplayServer() as rtsp, served.services.bus.subscribe() as changes:
        rtsp.add("door", video=video_clip(gop=10), login="digest")
        camera = await served.services.cameras.add(yard(rtsp.url("door")))
        _ = await state(changes, online=False)
        path = f"/cameras/{camera.config.id}/edit"
        assert neighbours.asked
        assert OWN in (await served.admin.get(path)).text
        form = {
            "name": "Yard", "source_url": rtsp.url("door"), "username": "admin", "record": "off",
            "transport": "auto", "allow_local": "true",
        }  # fmt: skip
        kept = await served.admin.post(path, data=form)
        assert kept.status_code == 303, kept.text
        assert served.services.cameras.get(camera.config.id).config.mac_address == OWN
        said = await served.admin.post(path, data=form | {"is_replaced": "true"})
        assert said.status_code == 303, said.text
        assert (await state(changes, online=True)).reason == ""
    assert "It was replaced" not in (await served.admin.get(path)).text
