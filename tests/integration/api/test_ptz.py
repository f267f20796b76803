"""Cameras moved by the API: a strict ONVIF camera says what it was told."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.integration.api.conftest import Served
from tests.integration.api.onvif_site import OnvifSite, onvif_site
from tests.peers.onvif_device import PASSWORD, USER
from tests.peers.onvif_state import Preset


async def added(served: Served, site: OnvifSite) -> str:
    """The path of its PTZ routes."""
    body = {
        "name": "Dome", "protocol": "onvif", "source_url": site.address,
        "username": USER, "password": PASSWORD,
    }  # fmt: skip
    answer = await served.admin.post("/api/cameras/", json=body)
    assert answer.status_code == 201, answer.text
    return f"/api/cameras/{answer.json()['id']}/ptz"


async def said(answer: Any) -> tuple[int, str]:
    response: httpx.Response = await answer
    return response.status_code, response.json().get("detail", "") if response.content else ""


async def test_an_operator_moves_a_camera_and_a_viewer_does_not(served: Served) -> None:
    with onvif_site() as site:
        path = await added(served, site)
        state = (await served.operator.get(path)).json()
        assert (state["pan_tilt"], state["zoom"]) == (True, False)
        assert state["presets"] == [{"token": "1", "name": "Door"}, {"token": "2", "name": "2"}]
        body = {"pan": 0.5, "tilt": -0.25, "timeout_s": 2}
        assert (await served.operator.post(path, json=body)).status_code == 204
        assert site.device.moves == [{"pan": 0.5, "tilt": -0.25, "timeout": "PT2S"}]
        assert (await served.operator.post(path, json={"stop": True})).status_code == 204
        assert site.device.stops == 1
        assert (await served.operator.post(path, json={"preset": "1"})).status_code == 204
        assert (await served.viewer.post(path, json=body)).status_code == 403
        assert (await served.viewer.get(path)).status_code == 403
        assert len(site.device.moves) == 1
        # One session carries it all: the camera was asked who it is once for adding, once for this.
        assert site.device.operations.count("GetServices") == 2


async def test_presets_are_set_and_removed_and_both_are_noted(served: Served) -> None:
    with onvif_site() as site:
        path = await added(served, site)
        answer = await served.operator.post(f"{path}/presets", json={"name": "Gate"})
        assert answer.status_code == 201, answer.text
        token = answer.json()["token"]
        assert site.device.presets[token].name == "Gate"
        gone = await served.operator.delete(f"{path}/presets/{token}")
        assert gone.status_code == 204
        assert token not in site.device.presets
        entries, _ = await served.services.accounts.audit.list()
        noted = [(each.action, each.detail) for each in entries if "preset" in each.action]
        assert sorted(noted) == [("preset.removed", token), ("preset.set", f"Gate ({token})")]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"pan": 2},
        {"pan": 0.1, "stop": True},
        {"pan": 0.1, "timeout_s": 0},
        {"pan": 0.1, "timeout_s": 60},
        {"preset": ""},
        {"stop": False},
        {"speed": 1},
    ],
)
async def test_wrong_wishes_are_refused(served: Served, body: dict[str, Any]) -> None:
    answer = await served.operator.post("/api/cameras/any/ptz", json=body)
    assert answer.status_code == 422, answer.text


async def test_cameras_that_cannot_be_moved_say_so(served: Served) -> None:
    demo = await served.admin.post("/api/cameras/", json={"name": "Demo", "protocol": "demo"})
    path = f"/api/cameras/{demo.json()['id']}/ptz"
    assert await said(served.operator.get(path)) == (404, "this camera is not spoken to by ONVIF")
    assert (await served.operator.get("/api/cameras/none/ptz")).status_code == 404
    with onvif_site(has_ptz=False) as site:
        status, words = await said(served.operator.get(await added(served, site)))
        assert (status, words) == (404, "this camera cannot do that: the camera has no PTZ service")


async def test_what_the_camera_refuses_and_what_is_away(served: Served) -> None:
    with onvif_site() as site:
        path = await added(served, site)
        status, words = await said(served.operator.post(path, json={"preset": "none"}))
        assert status == 400
        assert "refuses GotoPreset" in words
        assert served.services.onvif.ptz.open_sessions == 1
        camera_id = path.split("/")[3]
        _ = await served.services.cameras.pause(camera_id, by="ann", until_us=None)
        assert await said(served.operator.get(path)) == (409, "the camera is paused")
        _ = await served.services.cameras.switch_on(camera_id)
    status, words = await said(served.operator.get(path))
    assert (status, words) == (503, f"no connection to 127.0.0.1:{site.device.port}")
    assert served.services.onvif.ptz.open_sessions == 0


async def test_a_refused_password_is_shown_once_until_it_changes(served: Served) -> None:
    with onvif_site() as site:
        path = await added(served, site)
        site.device.token_check.password = "new"
        for words in ("refuses this user name", "tried once in 10 minutes", "once in 10 minutes"):
            status, told = await said(served.operator.get(path))
            assert status == 503
            assert words in told
        assert site.refusals == 1
        changed = await served.admin.patch(path.removesuffix("/ptz"), json={"password": "new"})
        assert changed.status_code == 200
        assert (await served.operator.get(path)).status_code == 200
        assert site.refusals == 1


async def test_a_session_that_nobody_uses_ends(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    with onvif_site() as site:
        path = await added(served, site)
        ptz = served.services.onvif.ptz
        monkeypatch.setattr(ptz, "_idle_s", 0.05)
        assert (await served.operator.post(path, json={"stop": True})).status_code == 204
        await asyncio.gather(*ptz._tasks._tasks)
        assert ptz.open_sessions == 0
        assert (await served.operator.post(path, json={"stop": True})).status_code == 204
        assert site.device.stops == 2


async def test_a_token_that_is_none_is_nobodys_preset(served: Served) -> None:
    with onvif_site() as site:
        path = await added(served, site)
        site.device.presets["x" * 65] = Preset("Endless")
        tokens = [each["token"] for each in (await served.operator.get(path)).json()["presets"]]
        assert tokens == ["1", "2"]


async def test_what_xml_cannot_carry_is_refused(served: Served) -> None:
    with onvif_site() as site:
        path = await added(served, site)
        for body in ({"preset": "\x01"}, {"preset": "\ufffe"}):
            assert (await served.operator.post(path, json=body)).status_code == 422
        for body in ({"name": "a\uffff"}, {"name": "a", "token": "\x1b"}):
            answer = await served.operator.post(f"{path}/presets", json=body)
            assert answer.status_code == 422, answer.text
        assert (await served.operator.delete(f"{path}/presets/%01")).status_code == 422
        assert not {"GotoPreset", "SetPreset", "RemovePreset"} & set(site.device.operations)
