"""A node adds that camera by its address, and moves it."""

import httpx

from tests.integration.api.conftest import Served, served
from tests.onvif_peer.conftest import NewPeer
from tests.onvif_peer.server import PASSWORD, USER, OnvifPeer

__all__ = ["served"]


async def add(
    served: Served, peer: OnvifPeer, login: str = f"{USER}:{PASSWORD}@"
) -> httpx.Response:
    url = f"onvif://{login}127.0.0.1:{peer.port}{peer.path}"
    body = {"name": "Yard", "protocol": "onvif", "source_url": url}
    return await served.admin.post("/api/cameras/", json=body)


async def test_it_is_added_with_what_it_tells(served: Served, new_peer: NewPeer) -> None:
    peer = new_peer("--login")
    answer = await add(served, peer)
    assert answer.status_code == 201, answer.text
    camera = answer.json()
    assert (camera["protocol"], camera["status"]) == ("onvif", "stopped")
    assert camera["source_url"] == "rtsp://127.0.0.1:554/mock/stream"
    assert camera["mac_address"] == "00:11:22:33:44:55"
    assert camera["endpoint_reference"] is None
    told = {"make": "oxvif-mock", "model": "MockCam-1080p", "serial": "MOCK-0001"}
    assert camera["metadata"] == told
    config = served.services.cameras.get(camera["id"]).config
    # Both lenses' streams are at one address: there is no substream then.
    assert (config.sub_url, config.onvif_url) == (None, peer.url)
    assert (config.username, config.password and config.password.reveal()) == (USER, PASSWORD)
    assert (await add(served, peer)).status_code == 409


async def test_each_thing_that_goes_wrong_has_its_words(served: Served, new_peer: NewPeer) -> None:
    peer = new_peer("--login")
    for login, words in (
        ("", "the camera wants a user name and a password: enter those of the camera"),
        ("admin:wrong-Sesame@", "the camera refuses this user name or password; some makes keep"),
    ):
        answer = await add(served, peer, login)
        assert (answer.status_code, words in answer.json()["detail"]) == (422, True), answer.text
    peer.fail_once("GetStreamUri", "s:Receiver", "the lens is closed")
    answer = await add(served, peer)
    assert (answer.status_code, answer.json()["detail"]) == (
        422, "the camera refuses GetStreamUri: the lens is closed",
    )  # fmt: skip
    assert served.services.cameras.list() == []


async def test_it_is_moved(served: Served, new_peer: NewPeer) -> None:
    camera_id = (await add(served, new_peer("--login"))).json()["id"]
    path = f"/api/cameras/{camera_id}/ptz"
    state = (await served.operator.get(path)).json()
    assert (state["pan_tilt"], state["zoom"], state["home"]) == (True, True, True)
    assert [one["name"] for one in state["presets"]] == ["Home", "Door"]
    for body in ({"pan": 1, "timeout_s": 5}, {"stop": True}, {"preset": "Preset_2"}):
        moved = await served.operator.post(path, json=body)
        assert moved.status_code == 204, moved.text
    made = await served.operator.post(f"{path}/presets", json={"name": "Gate"})
    assert made.status_code == 201, made.text
    gone = await served.operator.delete(f"{path}/presets/{made.json()['token']}")
    assert gone.status_code == 204, gone.text
