"""Another device at a camera's address: neither asked for pictures nor shown the password."""

import asyncio
from dataclasses import replace

import pytest
from typing_extensions import override

from falconeye.base.secret import Secret
from falconeye.cameras.identity import onvif_logins
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import Protocol
from falconeye.events.bus import CameraStateChanged, Subscription
from falconeye.events.camera_state import CameraState, ReasonCode
from tests.integration.api.conftest import Served
from tests.integration.api.onvif_site import onvif_site
from tests.peers.known_neighbours import KnownNeighbours
from tests.peers.media_samples import video_clip
from tests.peers.mjpeg_http import MjpegServer
from tests.peers.onvif_device import PASSWORD as ONVIF_PASSWORD
from tests.peers.onvif_devices import until
from tests.peers.replay_rtsp import PASSWORD, ReplayServer

OWN, OTHER = "00:1a:2b:3c:4d:5e", "00:1a:2b:00:00:99"
HERE = "127.0.0.1"


@pytest.fixture
def neighbours(served: Served, monkeypatch: pytest.MonkeyPatch) -> KnownNeighbours:
    cameras, kernel = served.services.cameras, KnownNeighbours()
    kernel.table[HERE] = OTHER
    monkeypatch.setattr(cameras, "_parts", replace(cameras._parts, neighbours=kernel))
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


async def test_nothing_is_shown_to_another_device(
    served: Served, neighbours: KnownNeighbours
) -> None:
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
    served: Served, neighbours: KnownNeighbours
) -> None:
    neighbours.table[HERE] = OWN
    cameras = served.services.cameras
    with ReplayServer() as rtsp, served.services.bus.subscribe() as changes:
        door = rtsp.add("door", video=video_clip(gop=10), login="digest")
        camera_id = (await cameras.add(yard(rtsp.url("door")))).config.id
        _ = await state(changes, online=True)
        neighbours.table[HERE] = OTHER
        asked = dict(door.requests)
        rtsp.drop_connections()
        found = await state(changes, online=False)
        while found.reason_code is not ReasonCode.DEVICE_CONFLICT:
            found = await state(changes, online=False)
        assert door.requests == asked
        del neighbours.table[HERE]  # the kernel does not know: as it was before
        cameras.hurry()
        assert (await state(changes, online=True)).camera_id == camera_id


async def test_cameras_of_pictures_by_http_are_looked_at_likewise(
    served: Served, neighbours: KnownNeighbours
) -> None:
    with MjpegServer(login="basic") as camera, served.services.bus.subscribe() as changes:
        _ = await served.services.cameras.add(yard(camera.url(), Protocol.HTTP))
        found = await state(changes, online=False)
        assert found.reason_code is ReasonCode.DEVICE_CONFLICT
        assert camera.paths == []
        assert neighbours.asked[0] == "127.0.0.1"


async def test_a_camera_whose_hardware_is_not_known_may_be_any(
    served: Served, neighbours: KnownNeighbours
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
    served: Served, neighbours: KnownNeighbours
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


async def test_who_is_at_its_onvif_service_is_not_moved_nor_shown_the_login(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    neighbours = KnownNeighbours()
    monkeypatch.setattr(onvif_logins, "NEIGHBOURS", neighbours)
    with onvif_site() as site:
        body = {
            "name": "Dome", "protocol": "onvif", "source_url": site.address,
            "username": "admin", "password": ONVIF_PASSWORD,
        }  # fmt: skip
        added = await served.admin.post("/api/cameras/", json=body)
        path = f"/api/cameras/{added.json()['id']}/ptz"
        shown = len(site.device.logins)
        neighbours.table[HERE] = OTHER
        refused = await served.operator.post(path, json={"pan": 0.5})
        assert (refused.status_code, OTHER in refused.json()["detail"]) == (503, True)
        neighbours.table[HERE] = added.json()["mac_address"]
        assert (await served.operator.post(path, json={"pan": 0.5})).status_code == 204
        taken = len(site.device.logins)
        neighbours.table[HERE] = OTHER  # while we are connected
        assert (await served.operator.post(path, json={"pan": 0.6})).status_code == 503
        assert (shown < taken, len(site.device.logins), len(site.device.moves)) == (True, taken, 1)


async def test_who_comes_in_its_place_is_not_asked_for_its_events(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = asyncio.Event()

    class Kernel(KnownNeighbours):
        @override
        def mac_of(self, address: str) -> str | None:
            if address in self.table:
                refused.set()
            return super().mac_of(address)

    kernel = Kernel()
    monkeypatch.setattr(onvif_logins, "NEIGHBOURS", kernel)
    with onvif_site() as site, served.services.bus.subscribe() as changes:
        body = {
            "name": "Dome", "protocol": "onvif", "source_url": site.address, "record": "event",
            "username": "admin", "password": ONVIF_PASSWORD, "start": True,
        }  # fmt: skip
        added = await served.admin.post("/api/cameras/", json=body)
        assert added.status_code == 201, added.text
        device = site.device
        _ = await state(changes, online=True)
        await until(device, lambda: any(one.pulls for one in device.subscriptions.values()))
        kernel.table[HERE] = OTHER
        asked = len(device.operations)
        device.tell("tns1:VideoSource/MotionAlarm", active=True)  # answers what it was asked before
        await refused.wait()
        await served.services.cameras.delete(added.json()["id"])
        # Its substream's source may have asked who it is: the kernel of the streams knows nothing.
        who = {"GetEndpointReference", "GetSystemDateAndTime"}
        assert set(device.operations[asked:]) <= who
