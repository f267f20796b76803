"""USB cameras by page: added as they were found, edited, their controls set."""

import asyncio
import re
from html import unescape

import pytest

from falconeye.config.camera import Protocol
from falconeye.config.device import Overlay
from falconeye.discovery.evidence import Evidence, Way
from tests.integration.api.conftest import Served
from tests.integration.api.devices import Ports, lay_ports
from tests.integration.api.test_found_cameras import dome, note
from tests.integration.api.test_pages import actions
from tests.unit.devices.test_identity import PORTS, camera

pytestmark = pytest.mark.timeout(30)
FORM = {"name": "Garage", "record": "off", "mode": "MJPG:1280x720", "framerate": "10"}


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> Ports:
    return lay_ports(monkeypatch)


async def plugged(served: Served, ports: Ports) -> str:
    """The id of a found camera at /dev/video4."""
    ports.plug(camera(4, PORTS[1]))
    await served.operator.post("/cameras/found/look")
    (row,) = (await served.operator.get("/api/candidates/")).json()["candidates"]
    return str(row["id"])


async def garage(served: Served, ports: Ports) -> str:
    """The id of a USB camera of this system, which does not run."""
    ports.plug(camera(4, PORTS[1]))
    body = {"name": "Garage", "protocol": "usb", "device_path": "/dev/video4", "start": False}
    answer = await served.admin.post("/api/cameras/", json=body | {"framerate": 10})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def value_of(page: str, name: str) -> str:
    found = re.search(rf'<input id="{name}"[^>]* value="([^"]*)"', page)
    assert found
    return unescape(found[1])


def chosen(page: str, name: str) -> str:
    select = page.split(f'<select id="{name}"')[1].partition("</select>")[0]
    found = re.search(r'value="([^"]*)" selected', select)
    assert found
    return found[1]


async def test_a_plugged_in_camera_is_added_by_one_click(served: Served, ports: Ports) -> None:
    here = f"/cameras/found/{await plugged(served, ports)}"
    one_click = f'method="post" action="{here}/add-as-it-is"'
    assert one_click in (await served.admin.get("/cameras/found")).text
    assert one_click not in (await served.operator.get("/cameras/found")).text
    assert (await served.operator.post(f"{here}/add-as-it-is")).status_code == 403
    answer = await served.admin.post(f"{here}/add-as-it-is")
    (added,) = served.services.cameras.list()
    assert answer.headers["location"] == f"/cameras/{added.config.id}?done=added"
    assert (added.config.name, added.config.resolution) == (camera(4, PORTS[1]).name, "640x480")
    again = await served.admin.post(f"{here}/add-as-it-is")  # a double click
    assert again.headers["location"] == f"/cameras/{added.config.id}"
    assert len(served.services.cameras.list()) == 1
    assert "camera.added" in await actions(served)


async def test_what_is_not_at_a_usb_port_is_not_added_by_one_click(served: Served) -> None:
    now_us = served.services.clock.utc_us()
    served.services.finding.candidates.note(Evidence(Way.MDNS, "x", now_us, address="192.168.1.8"))
    (row,) = served.services.finding.candidates.list()
    assert "add-as-it-is" not in (await served.admin.get("/cameras/found")).text
    answer = await served.admin.post(f"/cameras/found/{row.id}/add-as-it-is")
    assert answer.status_code == 400
    assert "add it by its address" in answer.text
    assert served.services.cameras.list() == []


async def test_a_plugged_in_camera_is_added_with_what_it_offers(
    served: Served, ports: Ports
) -> None:
    body = {"name": "HD Webcam C270", "protocol": "demo", "start": False}
    name = camera(4, PORTS[1]).name
    await served.admin.post("/api/cameras/", json=body | {"name": name})
    path = f"/cameras/found/{await plugged(served, ports)}/add"
    assert (await served.operator.get(path)).status_code == 403
    page = (await served.admin.get(path)).text
    assert value_of(page, "name") == f"{name} 2"
    assert (chosen(page, "mode"), value_of(page, "framerate")) == (":640x480", "15")
    for mode in ("MJPG:1280x720", "YUYV:640x480"):
        assert f'value="{mode}"' in page
    assert "BA81" not in page
    assert 'name="source_url"' not in page
    answer = await served.admin.post(path, data=FORM | {"overlay": "time"})
    config = served.services.cameras.list()[0].config
    assert answer.headers["location"] == f"/cameras/{config.id}?done=added"
    assert (config.protocol, config.name) == (Protocol.USB, "Garage")
    assert (config.pixel_format, config.resolution, config.framerate) == ("MJPG", "1280x720", 10)
    assert (config.overlay, config.device_path) == (Overlay.TIME, "/dev/video4")
    assert (await actions(served))[-1] == "camera.added"
    again = await served.admin.get(path)  # it is a camera of this system now
    assert again.headers["location"] == f"/cameras/{config.id}"
    clash = await served.admin.post(path, data=FORM)
    assert clash.status_code == 409
    assert 'role="alert"' in clash.text


async def test_a_wrong_form_says_where_and_keeps_what_was_chosen(
    served: Served, ports: Ports
) -> None:
    path = f"/cameras/found/{await plugged(served, ports)}/add"
    for field, value, at in (
        ("framerate", "61", "framerate"),
        ("framerate", "often", "framerate"),
        ("overlay", "logo", "overlay"),
        ("record", "maybe", ""),
        ("name", " ", "name"),
    ):
        answer = await served.admin.post(path, data=FORM | {field: value})
        assert answer.status_code == 422, (field, answer.text)
        assert 'role="alert"' in answer.text
        if at:
            assert f'id="{at}-error"' in answer.text
        assert chosen(answer.text, "mode") == "MJPG:1280x720"
    wrong = await served.admin.post(path, data=FORM | {"mode": "mjpg:1x1"})
    assert wrong.status_code == 422
    assert served.services.cameras.list() == []


async def test_a_trial_says_why_there_is_no_picture(served: Served, ports: Ports) -> None:
    found = await plugged(served, ports)
    answer = await served.admin.post(f"/cameras/found/{found}/test", data=FORM)
    assert answer.status_code == 200
    assert "panel-bad" in answer.text
    page = await served.admin.post(f"/cameras/found/{found}/add", data=FORM | {"action": "test"})
    assert "panel-bad" in page.text
    ports.plug()
    gone = await served.admin.post(f"/cameras/found/{found}/test", data=FORM)
    assert gone.status_code == 422
    assert "There is no USB camera" in unescape(gone.text)


async def test_a_network_camera_comes_into_the_ordinary_form(served: Served) -> None:
    page = (await served.admin.get(f"/cameras/found/{dome(served)}/by-address")).text
    assert value_of(page, "source_url") == "rtsp://192.168.1.80/"  # not the ONVIF service
    assert value_of(page, "name") == "IPC-HDW <b>"
    assert 'action="/cameras/add"' in page
    url = "rtsp://192.168.1.80:554/live"
    both = note(served, Way.MDNS, "m", address="192.168.1.80", port=554, url=url)
    page = (await served.admin.get(f"/cameras/found/{both}/by-address")).text
    assert value_of(page, "source_url") == url
    home = note(served, Way.MDNS, "h", name="H", address="192.168.1.9", usable=False)
    assert (await served.admin.get(f"/cameras/found/{home}/add")).status_code == 400
    assert (await served.admin.get("/cameras/found/nothing/add")).status_code == 404
    assert (await served.admin.post(f"/cameras/found/{both}/test", data=FORM)).status_code == 400


async def test_a_usb_camera_is_edited_without_an_address(served: Served, ports: Ports) -> None:
    path = f"/cameras/{await garage(served, ports)}/edit"
    before = served.services.cameras.list()[0].config
    page = (await served.admin.get(path)).text
    assert 'name="source_url"' not in page
    assert before.device_identity is not None
    assert before.device_identity in unescape(page)
    assert chosen(page, "mode") == ":640x480"
    same = {"name": "Garage", "record": before.record.value, "mode": ":640x480"}
    answer = await served.admin.post(path, data=same | {"framerate": "10"})
    assert answer.status_code == 303
    assert served.services.cameras.list()[0].config == before
    answer = await served.admin.post(path, data=FORM | {"keep_days": "3", "overlay": "name"})
    assert answer.status_code == 303
    after = served.services.cameras.list()[0].config
    assert (after.pixel_format, after.resolution, after.keep_days) == ("MJPG", "1280x720", 3)
    assert (after.overlay, after.device_identity) == (Overlay.NAME, before.device_identity)
    wrong = await served.admin.post(path, data=FORM | {"framerate": "0"})
    assert wrong.status_code == 422
    assert 'id="framerate-error"' in wrong.text


async def test_what_a_device_does_not_offer_any_more_stays_chosen(
    served: Served, ports: Ports
) -> None:
    camera_id = await garage(served, ports)
    await served.services.cameras.update(camera_id, {"resolution": "800x600"})
    page = (await served.admin.get(f"/cameras/{camera_id}/edit")).text
    assert chosen(page, "mode") == ":800x600"


async def test_sizes_are_typed_while_the_device_is_away(served: Served, ports: Ports) -> None:
    path = f"/cameras/{await garage(served, ports)}/edit"
    ports.plug()
    page = (await served.admin.get(path)).text
    assert "the camera is not plugged in" in page
    assert value_of(page, "resolution") == "640x480"
    form = {"name": "Garage", "record": "off", "resolution": "320x240", "pixel_format": "YUYV"}
    assert (await served.admin.post(path, data=form)).status_code == 303
    config = served.services.cameras.list()[0].config
    assert (config.resolution, config.pixel_format) == ("320x240", "YUYV")
    wrong = await served.admin.post(path, data=form | {"resolution": "big"})
    assert 'id="resolution-error"' in wrong.text


async def test_controls_are_told_set_and_kept(served: Served, ports: Ports) -> None:
    camera_id = await garage(served, ports)
    path = f"/api/cameras/{camera_id}/controls"
    told = {one["key"]: one for one in (await served.operator.get(path)).json()}
    assert told["brightness"]["value"] == 128
    assert told["exposure_time_absolute"]["active"] is False
    assert told["auto_exposure"]["menu"][0] == {"value": 1, "name": "Manual"}
    refused = await served.operator.put(f"{path}/exposure_time_absolute", json={"value": 9})
    assert refused.status_code == 409
    for key, value in (("auto_exposure", 1), ("exposure_time_absolute", 9), ("brightness", 200)):
        answer = await served.operator.put(f"{path}/{key}", json={"value": value})
        assert (answer.status_code, answer.json()["value"]) == (200, value)
    kept = served.services.cameras.get(camera_id).config.device_controls
    assert kept == {"auto_exposure": 1, "exposure_time_absolute": 9, "brightness": 200}
    answer = await served.operator.put(f"{path}/brightness", json={"value": None})
    assert answer.json()["value"] == 128
    assert "brightness" not in served.services.cameras.get(camera_id).config.device_controls
    assert (await actions(served))[-1] == "camera.changed"


async def test_what_no_control_takes_is_refused(served: Served, ports: Ports) -> None:
    camera_id = await garage(served, ports)
    path = f"/api/cameras/{camera_id}/controls"
    for key, body, status in (
        ("brightness", {"value": 256}, 400),
        ("auto_exposure", {"value": 2}, 400),
        ("no_such", {"value": 1}, 404),
        ("brightness", {"value": "bright"}, 422),
        ("brightness", {"value": 2**31}, 422),
        ("brightness", {"value": 1, "volume": 1}, 422),
        ("brightness", {}, 422),
    ):
        answer = await served.operator.put(f"{path}/{key}", json=body)
        assert answer.status_code == status, (key, body, answer.text)
    assert served.services.cameras.get(camera_id).config.device_controls == {}
    assert (await served.viewer.get(path)).status_code == 403
    assert (await served.operator.get("/api/cameras/none/controls")).status_code == 404
    other = {"name": "Demo", "protocol": "demo", "start": False}
    demo = (await served.admin.post("/api/cameras/", json=other)).json()["id"]
    none = await served.operator.get(f"/api/cameras/{demo}/controls")
    assert (none.status_code, none.json()) == (200, [])
    refused = await served.operator.put(
        f"/api/cameras/{demo}/controls/brightness", json={"value": 1}
    )
    assert refused.status_code == 400
    ports.error = PermissionError(13, "Permission denied")
    denied = await served.operator.get(path)
    assert denied.status_code == 503
    assert "“video”" in denied.json()["detail"]
    ports.plug()
    ports.error = None
    gone = await served.operator.put(f"{path}/brightness", json={"value": 1})
    assert gone.status_code == 503


async def test_who_has_the_node_of_a_camera_that_is_away_is_not_asked_in_its_place(
    served: Served, ports: Ports
) -> None:
    """Numbers go to whoever comes first: what is said of the door must not reach the yard."""
    camera_id = await garage(served, ports)
    path = f"/cameras/{camera_id}/controls"
    ports.plug(camera(4, PORTS[2], model="1bcf:2b8a"))
    for method, body in (("GET", None), ("PUT", {"value": 9})):
        at = f"/api{path}" + ("/brightness" if body else "")
        answer = await served.operator.request(method, at, json=body)
        assert answer.status_code == 503, method
    page = await served.operator.post(f"{path}/brightness", data={"value": "9"})
    assert "The camera is not plugged in." in page.text
    assert ports.controls[1].value == 128
    form = (await served.admin.get(f"/cameras/{camera_id}/edit")).text
    assert "the camera is not plugged in" in form
    assert "MJPG:1280x720" not in form
    twins = (camera(4, PORTS[1], serial="1"), camera(6, PORTS[3], serial="1"))
    await served.services.cameras.update(
        camera_id, {"device_identity": f"usb:{twins[0].model}:serial:1"}
    )
    ports.plug(*twins)
    assert "Several devices claim" in (await served.operator.get(path)).text


async def test_two_controls_that_are_set_at_once_are_both_kept(
    served: Served, ports: Ports
) -> None:
    camera_id = await garage(served, ports)
    path = f"/api/cameras/{camera_id}/controls"
    wishes = {"brightness": 7, "white_balance_automatic": 0, "auto_exposure": 1}
    answers = await asyncio.gather(
        *(
            served.operator.put(f"{path}/{key}", json={"value": value})
            for key, value in wishes.items()
        )
    )
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert served.services.cameras.get(camera_id).config.device_controls == wishes


async def test_controls_have_a_page_that_needs_no_script(served: Served, ports: Ports) -> None:
    path = f"/cameras/{await garage(served, ports)}/controls"
    page = (await served.operator.get(path)).text
    assert "Automatic: the camera sets this itself now." in page
    answer = await served.operator.post(f"{path}/brightness", data={"value": "99"})
    assert answer.headers["location"] == f"{path}?done=saved"
    part = await served.operator.post(
        f"{path}/auto_exposure", data={"value": "1"}, headers={"hx-request": "true"}
    )
    assert part.text.lstrip().startswith('<div id="controls"')
    assert "Automatic: the camera" not in part.text
    assert 'value="99"' in part.text
    default = await served.operator.post(f"{path}/brightness", data={"value": "99", "default": "1"})
    assert default.status_code == 303
    assert ports.controls[1].value == 128
    wrong = await served.operator.post(f"{path}/brightness", data={"value": "x"})
    assert wrong.status_code == 400
    assert "A whole number is needed here." in wrong.text
    ports.plug()
    assert "The camera is not plugged in." in (await served.operator.get(path)).text
