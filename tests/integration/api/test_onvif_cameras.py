"""Cameras by their ONVIF address: streams and identity are asked for when they are added."""

from collections.abc import Mapping
from typing import Any

import pytest

from falconeye.base.secret import Secret
from falconeye.cameras import registry
from falconeye.cameras.completing import completed_changes
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.events.bus import CameraStateChanged
from tests.integration.api.conftest import Served
from tests.integration.api.onvif_site import OnvifSite, onvif_site
from tests.peers.onvif_device import PASSWORD, USER


async def add(served: Served, url: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    body = {"name": "Yard", "protocol": "onvif", "source_url": url, **fields}
    answer = await served.admin.post("/api/cameras/", json=body)
    return answer.status_code, answer.json()


def with_login(site: OnvifSite, password: str = PASSWORD) -> str:
    return site.address.replace("://", f"://{USER}:{password}@")


async def test_an_onvif_address_becomes_those_of_streams(served: Served) -> None:
    with onvif_site() as site:
        status, camera = await add(served, with_login(site), metadata={"floor": 1})
        assert status == 201, camera
        assert (camera["protocol"], camera["status"]) == ("onvif", "stopped")
        assert camera["source_url"] == site.stream("main")
        assert camera["endpoint_reference"] == site.device.endpoint_reference
        assert camera["mac_address"] == "00:1a:2b:3c:4d:5e"
        told = {"floor": 1, "make": "Strict", "model": "S-1", "serial": "0815"}
        assert camera["metadata"] == told
        config = served.services.cameras.get(camera["id"]).config
        assert (config.sub_url, config.onvif_url) == (site.stream("sub"), site.device.xaddr)
        assert (config.username, config.password and config.password.reveal()) == (USER, PASSWORD)
        assert PASSWORD not in str(camera)
        # What is stored is what a start connects to.
        with served.services.bus.subscribe() as changes:
            _ = await served.operator.post(f"/api/cameras/{camera['id']}/start")
            async for change in changes:
                if isinstance(change, CameraStateChanged) and change.state.online:
                    break
        _ = await served.services.cameras.stop(camera["id"], by="test")


async def test_one_device_is_one_camera_whatever_it_is_called(served: Served) -> None:
    with onvif_site() as site:
        fields = {"username": USER, "password": PASSWORD}
        assert (await add(served, site.address, **fields))[0] == 201
        assert (await add(served, site.address, **fields))[0] == 409
        status, said = await add(served, site.address.replace("127.0.0.1", "localhost"), **fields)
        assert (status, said["detail"]) == (
            409, "this is the camera 'Yard', which is there already",
        )  # fmt: skip


async def test_the_page_takes_an_onvif_address_too(served: Served) -> None:
    form = {"name": "Yard", "record": "manual", "transport": "auto", "allow_local": "true"}
    with onvif_site() as site:
        login = {"username": USER, "password": PASSWORD}
        gone = site.address.replace(str(site.device.port), "1")
        away = await served.admin.post("/cameras/add", data={**form, **login, "source_url": gone})
        assert (away.status_code, "no connection to" in away.text.lower()) == (503, True)
        refused = await served.admin.post("/cameras/add", data={**form, "source_url": site.address})
        assert (refused.status_code, "user name and a password" in refused.text) == (422, True)
        added = await served.admin.post(
            "/cameras/add", data={**form, **login, "source_url": site.address}
        )
        assert added.status_code == 303, added.text
    (camera,) = served.services.cameras.list()
    assert (camera.config.protocol, camera.config.onvif_url) == (Protocol.ONVIF, site.device.xaddr)


async def test_each_thing_that_goes_wrong_has_its_words(served: Served) -> None:
    async def said(site: OnvifSite, password: str | None = PASSWORD) -> tuple[int, str]:
        url = site.address if password is None else with_login(site, password)
        status, answer = await add(served, url)
        assert "wrong-Sesame" not in str(answer)
        return status, answer["detail"]

    with onvif_site() as site:
        assert await said(site, None) == (
            422, "the camera wants a user name and a password: enter those of the camera",
        )  # fmt: skip
        status, words = await said(site, "wrong-Sesame")
        assert status == 422
        assert words.startswith("the camera refuses this user name or password")
        assert site.refusals == 1
    status, words = await said(site)
    assert (status, words) == (503, f"no connection to 127.0.0.1:{site.device.port}")
    for strange, status, words in (
        ("html200", 422, "is it an ONVIF camera?"),
        ("reset", 503, "ended the connection early"),
        ("missing", 422, "the camera has no GetProfiles"),
        ("refused", 422, "Not today"),
        ("bomb", 422, "no SOAP"),
    ):
        with onvif_site(answers={"GetProfiles": strange}) as site:
            found = await said(site)
            assert found[0] == status, found
            assert words in found[1]
    assert served.services.cameras.list() == []


@pytest.mark.parametrize(
    "url", ["onvif://", "onvif:", "onvif://h:x", "onvif://a b", "ftp://h/", "onvif://h:99999"]
)
async def test_what_is_no_address_is_refused(served: Served, url: str) -> None:
    status, answer = await add(served, url)
    assert status == 422, answer


async def test_another_device_is_taken_over_with_its_password_only(served: Served) -> None:
    with onvif_site() as site, onvif_site() as other:
        _, camera = await add(served, with_login(site))
        path = f"/api/cameras/{camera['id']}"
        refused = await served.admin.patch(path, json={"source_url": other.address})
        assert (refused.status_code, refused.json()["detail"]) == (
            422, "the address changed: enter the password again",
        )  # fmt: skip
        assert other.device.operations == []
        # At the same place the stored one is shown again.
        same = await served.admin.patch(path, json={"source_url": site.address})
        assert same.status_code == 200, same.text
        body = {"source_url": other.address, "password": PASSWORD}
        taken = await served.admin.patch(path, json=body)
        assert taken.status_code == 200, taken.text
        assert taken.json()["source_url"] == other.stream("main")
        assert taken.json()["endpoint_reference"] == other.device.endpoint_reference
        config = served.services.cameras.get(camera["id"]).config
        assert (config.sub_url, config.onvif_url) == (other.stream("sub"), other.device.xaddr)
        assert config.username == USER


async def test_a_password_that_is_changed_while_the_device_is_asked_is_not_put_back(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    cameras = served.services.cameras
    with onvif_site() as site:
        _, camera = await add(served, with_login(site))

        async def slowly(config: CameraConfig, changes: Mapping[str, Any]) -> Mapping[str, Any]:
            found = await completed_changes(config, changes)
            monkeypatch.setattr(registry, "completed_changes", completed_changes)
            _ = await cameras.update(camera["id"], {"password": Secret("another")})
            return found

        monkeypatch.setattr(registry, "completed_changes", slowly)
        path = f"/api/cameras/{camera['id']}"
        answer = await served.admin.patch(path, json={"source_url": site.address})
        assert (answer.status_code, "changed while" in answer.text) == (409, True)
        kept = cameras.get(camera["id"]).config.password
        assert kept == Secret("another")
        answer = await served.admin.patch(path, json={"name": "Gate"})
        assert answer.status_code == 200
