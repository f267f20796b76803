"""Found cameras by page and API: what they are called, ignored, and which of them is missing."""

from html import unescape
from typing import Any

import pytest

from falconeye.accounts.model import Role
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import Protocol
from falconeye.discovery.evidence import Evidence, Way
from tests.integration.api.conftest import Served
from tests.integration.api.devices import Ports, lay_ports
from tests.integration.api.test_pages import actions
from tests.unit.devices.test_identity import PORTS, camera

pytestmark = pytest.mark.timeout(30)
ENDPOINT = "urn:uuid:11111111-2222-3333-4444-555555555555"


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> Ports:
    return lay_ports(monkeypatch)


def note(served: Served, way: Way = Way.ONVIF, key: str = ENDPOINT, **values: Any) -> str:
    """A finding; the id of its row."""
    candidates = served.services.finding.candidates
    evidence = Evidence(way, key, served.services.clock.utc_us(), **values)
    assert candidates.note(evidence)
    key = evidence.cleaned().key
    return next(one.id for one in candidates.list() if any(e.key == key for e in one.evidence))


def dome(served: Served, **values: Any) -> str:
    facts = {
        "name": "IPC-HDW <b>",
        "make": "Dahua",
        "address": "192.168.1.80",
        "port": 80,
        "endpoint_reference": ENDPOINT,
        "url": "http://192.168.1.80/onvif/device_service",
    }
    return note(served, **{**facts, **values})


def entry(page: str, candidate_id: str) -> str:
    """What the page says of one."""
    return unescape(page.split(f'id="found-{candidate_id}"')[1].split("</li>", maxsplit=1)[0])


async def test_a_row_says_what_it_is_where_and_how_it_was_found(served: Served) -> None:
    one = dome(served)
    note(served, Way.SCAN, "192.168.1.80:554", address="192.168.1.80", port=554)
    page = (await served.operator.get("/cameras/found")).text
    assert "<b>" not in page
    said = entry(page, one)
    for words in ("IPC-HDW <b>", "Dahua", "192.168.1.80:80", "answers ONVIF", "port 554 answers"):
        assert words in said
    assert f"/cameras/found/{one}/add" not in said  # an operator does not add
    assert f"/cameras/found/{one}/add" in entry(
        (await served.admin.get("/cameras/found")).text, one
    )
    assert "1 camera was found" in (await served.admin.get("/")).text


async def test_who_may_not_test_cameras_hears_of_none(served: Served) -> None:
    one = dome(served)
    limited = await served.client(Role.OPERATOR, cameras=frozenset({"x"}))
    async with limited:
        for client, status in ((served.viewer, 403), (limited, 403), (served.nobody, 401)):
            assert (await client.get("/api/candidates/")).status_code == status
            assert (await client.post(f"/api/candidates/{one}/ignore")).status_code == status
        for client in (served.viewer, limited):
            assert (await client.get("/cameras/found")).status_code == 403
            assert "found-link" not in (await client.get("/")).text
    assert served.services.finding.candidates.get(one).ignored is False


async def test_an_ignored_one_is_remembered_and_shown_again(served: Served) -> None:
    one = dome(served)
    answer = await served.operator.post(f"/cameras/found/{one}/action", data={"action": "ignore"})
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/cameras/found?done=found-ignored",
    )
    page = (await served.operator.get("/cameras/found")).text
    assert "1 is ignored" in page
    assert "Show again" in entry(page, one)
    assert "<strong>" not in page.split('id="found-link"')[1].split("</a>")[0]
    listed = (await served.operator.get("/api/candidates/")).json()
    assert [(each["state"], each["ignored"]) for each in listed["candidates"]] == [
        ("ignored", True)
    ]
    shown = (await served.operator.post(f"/api/candidates/{one}/show")).json()
    assert (shown["state"], shown["ignored"]) == ("new", False)
    assert await actions(served) == ["candidate.ignored", "candidate.shown"]
    wrong = await served.operator.post(f"/cameras/found/{one}/action", data={"action": "eat"})
    assert wrong.status_code == 400
    for act in ("ignore", "show"):
        assert (await served.operator.post(f"/api/candidates/none/{act}")).status_code == 404


async def test_the_api_tells_the_evidence(served: Served) -> None:
    dome(served, details={"scope": "name/x"})
    note(
        served, Way.CSI, "csi0", name="imx708", device_path="/dev/video0", usable=False, note="csi"
    )
    listed = (await served.operator.get("/api/candidates?limit=1")).json()
    assert (len(listed["candidates"]), listed["total"]) == (1, 2)
    rows = (await served.operator.get("/api/candidates")).json()["candidates"]
    by_way = {row["evidence"][0]["way"]: row for row in rows}
    assert by_way["onvif"]["evidence"][0]["details"] == {"scope": "name/x"}
    assert by_way["onvif"]["url"] == "http://192.168.1.80/onvif/device_service"
    assert (by_way["csi"]["state"], by_way["csi"]["note"]) == ("unusable", "csi")
    page = (await served.operator.get("/cameras/found")).text
    assert "MediaMTX" in entry(page, by_way["csi"]["id"])


async def test_a_scan_tells_the_network_where_it_is_asked_for(served: Served) -> None:
    dome(served)
    note(served, Way.MDNS, "home", name="Cam", address="192.168.1.9", usable=False, note="homekit")
    path = "/api/nodes/scan/cameras"
    alone = (await served.operator.get(path)).json()
    assert (alone["network_cameras"], alone["total"]) == ([], len(alone["cameras"]))
    both = (await served.operator.get(path, params={"network": True})).json()
    assert both["network_cameras"] == [
        {
            "ip": "192.168.1.80",
            "port": 80,
            "protocol": "onvif",
            "name": "IPC-HDW <b>",
            "url": "http://192.168.1.80/onvif/device_service",
            "node_name": "pi-1",
        }
    ]
    assert both["total"] == len(both["cameras"]) + 1


async def test_who_only_claims_to_be_a_camera_that_is_away_is_not_offered_as_it(
    served: Served,
) -> None:
    new = NewCamera(
        "Yard", Protocol.RTSP, "rtsp://192.168.1.70/main", start=False,
        mac_address="00:1a:2b:3c:4d:5e", endpoint_reference="urn:uuid:1",
    )  # fmt: skip
    _ = await served.services.cameras.add(new)
    other = Evidence(
        Way.ONVIF, "x", 0, name="Yard", address="192.168.1.99", mac="00:1a:2b:00:00:99",
        endpoint_reference="urn:uuid:1",
    )  # fmt: skip
    assert served.services.finding.candidates.note(other)
    said = (await served.admin.get("/cameras/found")).text
    assert "Edit the camera to give it this address" not in said
    assert "it is another device" in said


async def test_a_camera_of_this_system_is_said_and_one_that_has_moved(served: Served) -> None:
    here = dome(served)
    body = {"name": "Yard", "protocol": "rtsp", "source_url": "rtsp://192.168.1.80/1"}
    yard = (await served.admin.post("/api/cameras/", json=body)).json()
    said = entry((await served.operator.get("/cameras/found")).text, here)
    assert "Is a camera here" in said
    assert f'href="/cameras/{yard["id"]}"' in said
    changes = {"endpoint_reference": ENDPOINT, "source_url": "rtsp://192.168.1.70/1"}
    await served.services.cameras.update(yard["id"], changes)
    said = entry((await served.operator.get("/cameras/found")).text, here)
    assert "Has moved" in said
    assert "It was at 192.168.1.70:554 before." in said


async def test_a_missing_camera_is_the_device_that_a_person_names(
    served: Served, ports: Ports
) -> None:
    ports.plug(camera(0, PORTS[0]))
    body = {"name": "Garage", "protocol": "usb", "device_path": "/dev/video0", "start": False}
    garage = (await served.admin.post("/api/cameras/", json=body)).json()
    ports.plug(camera(4, PORTS[1]))
    await served.operator.post("/cameras/found/look")
    (row,) = (await served.operator.get("/api/candidates/")).json()["candidates"]
    page = (await served.admin.get("/cameras/found")).text
    assert "It is Garage" in " ".join(entry(page, row["id"]).split())
    path, form = f"/cameras/found/{row['id']}/is", {"camera": garage["id"]}
    assert (await served.operator.post(path, data=form)).status_code == 403
    assert (await served.admin.post(path, data=form)).status_code == 303
    config = served.services.cameras.get(garage["id"]).config
    assert config.device_path == "/dev/video4"
    assert config.device_identity == row["device_identity"]
    again = await served.admin.post(path, data=form)  # it is no offer any more
    assert again.status_code == 409
    assert (await actions(served))[-1] == "camera.changed"


async def test_an_offer_does_not_stand_where_the_device_was_pulled_out(
    served: Served, ports: Ports
) -> None:
    ports.plug(camera(0, PORTS[0]))
    body = {"name": "Garage", "protocol": "usb", "device_path": "/dev/video0", "start": False}
    garage = (await served.admin.post("/api/cameras/", json=body)).json()
    ports.plug(camera(4, PORTS[1]))
    await served.operator.post("/cameras/found/look")
    (row,) = (await served.operator.get("/api/candidates/")).json()["candidates"]
    ports.plug()
    path = f"/cameras/found/{row['id']}/is"
    answer = await served.admin.post(path, data={"camera": garage["id"]})
    assert answer.status_code == 409
    assert served.services.cameras.get(garage["id"]).config.device_path == "/dev/video0"
