"""The pad that moves a camera as pages without scripts use it, and who gets it."""

import re
from typing import Any

import httpx
import pytest

from tests.integration.api.conftest import Served
from tests.integration.api.onvif_site import onvif_site
from tests.integration.api.test_ptz import added

PART = {"hx-request": "true", "hx-request-type": "partial"}


async def page_of(served: Served, site: Any) -> str:
    return (await added(served, site)).removeprefix("/api")


def buttons(html: str) -> set[str]:
    return set(re.findall(r'name="act" value="([a-z-]+)"', html))


async def test_the_pad_has_what_the_camera_can(served: Served) -> None:
    with onvif_site() as site:
        path = await page_of(served, site)
        answer = await served.operator.get(path, headers=PART)
        assert answer.status_code == 200
        assert "<html" not in answer.text
        assert {"up", "down-left", "stop", "home", "save"} <= buttons(answer.text)
        assert "zoom-in" not in buttons(answer.text)
        assert 'value="1"><kbd>1</kbd> <span>Door</span>' in answer.text
        site.device.deviations.describes_ptz = False
        await served.services.onvif.ptz.stop()  # the next one asks it anew
        whole = await served.operator.get(path)
        assert "zoom-in" in buttons(whole.text)
        assert "<html" in whole.text


async def test_only_who_controls_gets_the_pad(served: Served) -> None:
    with onvif_site() as site:
        path = await page_of(served, site)
        camera = path.removesuffix("/ptz")
        before = list(site.device.operations)
        assert 'id="ptz"' not in (await served.viewer.get(camera)).text
        assert (await served.viewer.get(path)).status_code == 403
        assert (await served.viewer.post(path, data={"act": "up"})).status_code == 403
        for data in ({"act": "save", "name": "x"}, {"act": "delete", "token": "1"}):
            assert (await served.viewer.post(path + "/presets", data=data)).status_code == 403
        shown = await served.operator.get(camera)
        assert 'id="ptz"' in shown.text
        assert "ptz.js" in shown.text
        # The page waited for no camera.
        assert site.device.operations == before


async def test_cameras_without_a_pad(served: Served) -> None:
    demo = await served.admin.post("/api/cameras/", json={"name": "Demo", "protocol": "demo"})
    path = f"/cameras/{demo.json()['id']}"
    assert 'id="ptz"' not in (await served.operator.get(path)).text
    assert (await served.operator.get(path + "/ptz")).status_code == 404
    assert (await served.operator.get("/cameras/none/ptz")).status_code == 404
    with onvif_site(has_ptz=False) as site:
        path = await page_of(served, site)
        assert 'id="ptz"' in (await served.operator.get(path.removesuffix("/ptz"))).text
        part = await served.operator.get(path, headers=PART)
        assert (part.status_code, part.text) == (200, "")
        assert 'id="ptz"' not in (await served.operator.get(path.removesuffix("/ptz"))).text
        whole = await served.operator.get(path)
        assert whole.status_code == 404
        assert "cannot be moved" in whole.text


async def test_each_press_is_a_step_at_the_speed_that_was_chosen(served: Served) -> None:
    with onvif_site() as site:
        path = await page_of(served, site)
        answer = await served.operator.post(path, data={"act": "up-right", "speed": "8"})
        assert answer.status_code == 303
        assert answer.headers["location"] == f"{path}?speed=8&done=moved"
        assert site.device.moves == [{"pan": 0.8, "tilt": 0.8, "timeout": "PT0.5S"}]
        shown = await served.operator.get(answer.headers["location"])
        assert 'name="speed" min="1" max="10" value="8"' in shown.text
        for data in ({"act": "stop"}, {"act": "home"}, {"preset": "1"}):
            assert (await served.operator.post(path, data=data)).status_code == 303
        moved = [one for one in site.device.operations if one.startswith(("Stop", "Goto"))]
        assert moved == ["Stop", "GotoHomePosition", "GotoPreset"]


@pytest.mark.parametrize("speed", ["", "0", "-1", "99999999999999999999", "five", "٣"])
async def test_no_speed_is_faster_than_the_camera(served: Served, speed: str) -> None:
    with onvif_site() as site:
        path = await page_of(served, site)
        answer = await served.operator.post(path, data={"act": "up", "speed": speed})
        assert answer.status_code == 303
        assert 0 < float(site.device.moves[0]["tilt"]) <= 1
        assert (await served.operator.post(path, data={"act": "stop"})).status_code == 303


async def test_presets_are_changed_by_forms_and_that_is_noted(served: Served) -> None:
    with onvif_site() as site:
        path = await page_of(served, site)

        async def change(part: bool = False, **data: str) -> httpx.Response:
            headers = PART if part else {}
            return await served.operator.post(path + "/presets", data=data, headers=headers)

        answer = await change(act="save", name="Gate")
        assert answer.headers["location"] == f"{path}?done=preset-saved"
        token = next(key for key, one in site.device.presets.items() if one.name == "Gate")
        assert (await change(act="replace", token="1")).status_code == 303
        assert site.device.presets["1"].name == "Door"
        part = await change(part=True, act="delete", token=token)
        assert part.status_code == 200
        assert 'id="ptz-presets"' in part.text
        assert "data-pad" not in part.text  # what somebody holds stays as it is
        assert token not in site.device.presets
        entries, _ = await served.services.accounts.audit.list()
        noted = [(each.action, each.detail) for each in entries if "preset" in each.action]
        assert sorted(noted) == [
            ("preset.removed", token),
            ("preset.set", "Door (1)"),
            ("preset.set", f"Gate ({token})"),
        ]


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        ({"act": "save", "name": ""}, 422, "Give the preset a name"),
        ({"act": "save", "name": "x" * 65}, 422, "Give the preset a name"),
        ({"act": "save", "name": "a\x00b"}, 422, "Give the preset a name"),
        ({"act": "replace", "token": "none"}, 404, "no such preset"),
        ({"act": "replace"}, 422, "Choose a preset"),
        ({"act": "delete", "token": "none"}, 400, "refuses RemovePreset"),
        ({"act": "delete"}, 422, "Choose a preset"),
        ({"act": "paint"}, 400, "no such action"),
    ],
)
async def test_what_is_wrong_with_a_preset_stands_beside_it(
    served: Served, data: dict[str, str], status: int, words: str
) -> None:
    with onvif_site() as site:
        path = await page_of(served, site)
        whole = await served.operator.post(path + "/presets", data=data)
        part = await served.operator.post(path + "/presets", data=data, headers=PART)
        assert (whole.status_code, part.status_code) == (status, status)
        assert words in whole.text
        assert words in part.text
        assert part.text.lstrip().startswith('<div class="ptz-presets"')
        assert sorted(site.device.presets) == ["1", "2"]


async def test_a_move_that_fails_says_why_beside_the_pad(served: Served) -> None:
    with onvif_site() as site:
        path = await page_of(served, site)
        for data, status, words in (
            ({"act": "jump"}, 400, "no such action"),
            ({"preset": "none"}, 400, "refuses GotoPreset"),
            ({"act": "zoom-in"}, 404, "cannot move that way"),
        ):
            answer = await served.operator.post(path, data=data)
            assert answer.status_code == status
            assert words in answer.text
            assert "up-left" in buttons(answer.text)


async def test_a_camera_that_is_away_or_paused_says_so(served: Served) -> None:
    with onvif_site() as site:
        path = await page_of(served, site)
        camera_id = path.split("/")[2]
        _ = await served.services.cameras.pause(camera_id, by="ann", until_us=None)
        assert "The camera is paused." in (await served.operator.get(path, headers=PART)).text
        _ = await served.services.cameras.switch_on(camera_id)
    part = await served.operator.get(path, headers=PART)
    assert part.status_code == 200  # of the part: htmx shows it
    assert "No connection to 127.0.0.1" in part.text
    assert "Try again" in part.text
    assert (await served.operator.get(path)).status_code == 503
    assert (await served.operator.post(path, data={"act": "up"})).status_code == 503


async def test_a_camera_that_is_full_offers_no_new_preset(served: Served) -> None:
    with onvif_site() as site:
        path = await page_of(served, site)
        for name in "abcdef":
            await served.operator.post(path + "/presets", data={"act": "save", "name": name})
        shown = await served.operator.get(path, headers=PART)
        assert "remembers no more than 8" in shown.text
        assert "save" not in buttons(shown.text)
