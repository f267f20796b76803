"""A person says which device a camera is: by its page or the found row, one click, audited."""

import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest

from falconeye.accounts.model import Role
from falconeye.base.secret import Secret
from falconeye.cameras.found.accepting import accept_claim, accept_replacement
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import Protocol
from falconeye.discovery.evidence import Evidence, Way
from falconeye.events.bus import CandidatesChanged
from tests.integration.api.conftest import Served
from tests.integration.api.devices import lay_ports
from tests.integration.api.test_following import NEW, OLD, OTHER, OWN, REFERENCE, Site, site
from tests.integration.api.test_other_hardware import neighbours, state, yard
from tests.integration.api.test_pages import actions
from tests.peers.known_neighbours import KnownNeighbours
from tests.peers.media_samples import video_clip
from tests.peers.replay_rtsp import PASSWORD, ReplayServer
from tests.unit.devices.test_identity import PORTS, camera

__all__ = ["neighbours", "site"]

pytestmark = pytest.mark.timeout(30)


def buttons(page: str) -> list[tuple[str, dict[str, str], str]]:
    """(action, fields, label) of each form that accepts a device."""
    found = []
    for form in re.findall(r"<form[^>]*>.*?</form>", page, re.DOTALL):
        action = re.search(r'action="([^"]+(?:/accept|/is))"', form)
        if action:
            fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
            words = unescape(re.sub(r"<[^>]+>", " ", form.split("<button")[1].split(">", 1)[1]))
            given = {name: unescape(value) for name, value in fields if name != "_csrf"}
            found.append((action[1], given, " ".join(words.split())))
    return found


async def page_of(site: Site) -> Any:
    return buttons((await site.served.admin.get(f"/cameras/{site.camera.id}")).text)


async def test_a_camera_is_followed_where_a_person_says_that_it_is(site: Site) -> None:
    services = site.served.services
    assert await page_of(site) == []
    site.seen()
    [(action, fields, label)] = await page_of(site)
    assert label == f"It is this camera: follow it to {NEW}:8000"
    rows = buttons((await site.served.admin.get("/cameras/found")).text)
    assert rows == [(action, fields, f"It is Yard: follow it to {NEW}:8000")]
    for client, status in ((site.served.operator, 403), (site.served.nobody, 303)):
        answer = await client.post(action, data=fields)
        assert answer.status_code == status
        assert answer.headers.get("location", "").startswith("/login") == (status == 303)
        assert "/accept" not in (await client.get(f"/cameras/{site.camera.id}")).text
    assert site.config.source_url == site.camera.source_url
    assert "/accept" not in (await site.served.operator.get("/cameras/found")).text
    with services.bus.subscribe() as changes:
        answer = await site.served.admin.post(action, data=fields)
        where = f"/cameras/{site.camera.id}?done=accepted"
        assert (answer.status_code, answer.headers["location"]) == (303, where)
        assert (await state(changes, online=True)).reason == ""
    config = site.config
    assert config.source_url == site.rtsp.url("main", host=NEW)
    assert config.onvif_url == f"http://{NEW}:8000/onvif/device_service"
    assert (config.endpoint_reference, config.password) == (REFERENCE, Secret(PASSWORD))
    entries, _ = await services.accounts.audit.list()
    assert (entries[0].action, entries[0].detail) == (
        "camera.accepted",
        f"from {OLD}:8000 to {NEW}:8000",
    )
    assert await page_of(site) == []
    again = await site.served.admin.post(action, data=fields)
    assert again.status_code == 409


async def test_what_was_shown_is_what_is_accepted(site: Site) -> None:
    site.seen()
    [(action, fields, _)] = await page_of(site)
    for wrong in (
        {**fields, "place": "192.0.2.66:8000"},
        {**fields, "candidate": "none"},
        {},
        {"replaced": "true"},
    ):
        assert (await site.served.admin.post(action, data=wrong)).status_code == 409
    site.served.services.finding.candidates.drop(Way.ONVIF)
    assert (await site.served.admin.post(action, data=fields)).status_code == 409
    assert (await site.served.admin.post("/cameras/none/accept", data=fields)).status_code == 404
    assert site.config.source_url == site.camera.source_url
    assert site.rtsp.cameras["main"].requests == {}


async def test_who_is_limited_to_cameras_accepts_for_these_alone(site: Site) -> None:
    site.seen()
    [(action, fields, _)] = await page_of(site)
    other = await site.served.client(Role.ADMIN, cameras=frozenset({"x"}), live_only=False)
    mine = await site.served.client(Role.ADMIN, cameras=frozenset({site.camera.id}))
    async with other, mine:
        assert (await other.post(action, data=fields)).status_code in {403, 404}
        assert buttons((await mine.get(f"/cameras/{site.camera.id}")).text)
        with site.served.services.bus.subscribe() as changes:
            assert (await mine.post(action, data=fields)).status_code == 303
            assert (await state(changes, online=True)).online  # the end waits for its connection


async def test_other_hardware_at_the_new_place_becomes_the_cameras_own(site: Site) -> None:
    site.kernel.table[NEW] = OTHER
    site.seen(mac=OTHER)
    [(_, _, label)] = await page_of(site)
    assert label == f"It replaced this camera: follow it to {NEW}:8000"
    services = site.served.services
    candidates = services.finding.candidates.list()
    [candidate] = [one for one in candidates if one.moved]
    with services.bus.subscribe() as changes:
        detail = await accept_claim(
            services.cameras, candidates, site.camera.id, candidate.id, f"{NEW}:8000", site.kernel
        )
        assert (await state(changes, online=True)).online
    assert detail == f"from {OLD}:8000 to {NEW}:8000"
    assert site.config.mac_address == OTHER


async def test_a_camera_that_delivers_is_not_offered_elsewhere(served: Served) -> None:
    with ReplayServer() as rtsp, served.services.bus.subscribe() as changes:
        rtsp.add("main", video=video_clip(gop=10))
        new = NewCamera(
            "Yard", Protocol.RTSP, rtsp.url("main"), allow_local=True, endpoint_reference=REFERENCE
        )
        made = await served.services.cameras.add(new)
        assert (await state(changes, online=True)).online
        told = Evidence(Way.ONVIF, "x", 0, address="127.0.0.3", endpoint_reference=REFERENCE)
        assert served.services.finding.candidates.note(told)
        assert any(one.moved for one in served.services.finding.candidates.list())
        for path in (f"/cameras/{made.config.id}", "/cameras/found"):
            assert buttons((await served.admin.get(path)).text) == []


async def test_a_device_that_took_a_cameras_place_is_the_camera_when_a_person_says_so(
    served: Served, neighbours: KnownNeighbours
) -> None:
    with ReplayServer() as rtsp, served.services.bus.subscribe() as changes:
        door = rtsp.add("door", video=video_clip(gop=10), login="basic")
        made = await served.services.cameras.add(yard(rtsp.url("door")))
        assert OTHER in (await state(changes, online=False)).reason
        path = f"/cameras/{made.config.id}"
        [(action, fields, label)] = buttons((await served.admin.get(path)).text)
        assert label == "It was replaced: this device is the camera now"
        assert (await served.operator.post(action, data=fields)).status_code == 403
        assert (door.gate.attempts, neighbours.asked) == (0, ["127.0.0.1"])
        assert (await served.admin.post(action, data=fields)).status_code == 303
        assert (await state(changes, online=True)).reason == ""
        assert (await served.admin.post(action, data=fields)).status_code == 409
    assert (await actions(served))[-1] == "camera.accepted"


async def test_what_is_known_of_the_replaced_device_goes_with_it(
    served: Served, neighbours: KnownNeighbours
) -> None:
    cameras = served.services.cameras
    with ReplayServer() as rtsp, served.services.bus.subscribe() as changes:
        rtsp.add("door", video=video_clip(gop=10), login="basic")
        new = replace(
            yard(rtsp.url("door")),
            endpoint_reference=REFERENCE,
            metadata={"serial": "1", "make": "x"},
        )
        made = await cameras.add(new)
        assert OTHER in (await state(changes, online=False)).reason
        detail = await accept_replacement(cameras, made.config.id, neighbours)
        assert detail == f"replaced by another device: {OWN} is now {OTHER}"
        config = cameras.get(made.config.id).config
        assert (config.mac_address, config.endpoint_reference) == (OTHER, None)
        assert config.metadata == {"make": "x"}
        assert (await state(changes, online=True)).online


async def test_a_usb_camera_on_another_port_is_offered_on_its_page(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = lay_ports(monkeypatch)
    ports.plug(camera(0, PORTS[0]))
    body = {"name": "Garage", "protocol": "usb", "device_path": "/dev/video0", "start": False}
    garage = (await served.admin.post("/api/cameras/", json=body)).json()
    ports.plug(camera(4, PORTS[1]))
    with served.services.bus.subscribe() as changes:
        await served.operator.post("/cameras/found/look")
        while not isinstance(await changes.get(), CandidatesChanged):
            continue
    path = f"/cameras/{garage['id']}"
    [(action, fields, label)] = buttons((await served.admin.get(path)).text)
    assert (fields, label) == ({"camera": garage["id"]}, "It is this camera")
    assert "/dev/video4" in (await served.admin.get(path)).text
    assert (await served.admin.post(action, data=fields)).headers["location"].startswith(path)
    assert served.services.cameras.get(garage["id"]).config.device_path == "/dev/video4"
