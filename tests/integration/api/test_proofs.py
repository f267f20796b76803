"""Where the kernel knows no hardware, ONVIF cameras are asked who they are before anything else."""

import time
from dataclasses import replace
from typing import Any

import pytest

from falconeye.cameras.identity import identities
from falconeye.cameras.identity.identities import Proof
from falconeye.events.bus import CameraStateChanged, Subscription
from falconeye.events.camera_state import CameraState, ReasonCode
from tests.integration.api.conftest import Served
from tests.integration.api.onvif_site import OnvifSite, onvif_site
from tests.peers.known_neighbours import KnownNeighbours
from tests.peers.onvif_device import PASSWORD, USER

OWN, OTHER = "00:1a:2b:3c:4d:5e", "00:1a:2b:00:00:99"
HERE = "127.0.0.1"
ANOTHER = "urn:uuid:99999999-2222-4333-8444-555555555555"


@pytest.fixture
def kernel(served: Served, monkeypatch: pytest.MonkeyPatch) -> KnownNeighbours:
    cameras, kernel = served.services.cameras, KnownNeighbours()
    monkeypatch.setattr(cameras, "_parts", replace(cameras._parts, neighbours=kernel))
    served.services.onvif.logins = cameras.identities.logins
    return kernel


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions and patience."""
    monkeypatch.setattr(identities, "ASK_S", 0.3)
    monkeypatch.setattr(identities, "HOLD_S", 1.0)


async def added(served: Served, site: OnvifSite, **fields: Any) -> str:
    body = {
        "name": "Door", "protocol": "onvif", "source_url": site.address, "start": True,
        "username": USER, "password": PASSWORD, **fields,
    }  # fmt: skip
    answer = await served.admin.post("/api/cameras/", json=body)
    assert answer.status_code == 201, answer.text
    camera_id: str = answer.json()["id"]
    return camera_id


async def until(changes: Subscription, *codes: ReasonCode, online: bool = False) -> CameraState:
    while True:
        change = await changes.get()
        state = change.state if isinstance(change, CameraStateChanged) else None
        if state and (state.reason_code in codes or (online and state.online)):
            return state


def described(site: OnvifSite) -> int:
    return sum(each.requests.get("DESCRIBE", 0) for each in site.rtsp.cameras.values())


async def events(served: Served, camera_id: str) -> list[dict[str, str]]:
    answer = await served.viewer.get(f"/api/cameras/{camera_id}/events/")
    return [each for each in answer.json()["events"] if each["kind"] == "identity_unproven"]


@pytest.mark.parametrize("by_serial", [False, True])
async def test_another_device_is_not_recorded_until_a_person_says_that_it_is_the_camera(
    served: Served, kernel: KnownNeighbours, by_serial: bool
) -> None:
    assert kernel.table == {}
    with (
        onvif_site(has_endpoint_reference=not by_serial) as site,
        served.services.bus.subscribe() as changes,
    ):
        camera_id = await added(served, site)
        _ = await until(changes, online=True)
        site.device.endpoint_reference = ANOTHER
        if by_serial:
            _ = await served.services.cameras.update(camera_id, {"metadata": {"serial": "9999"}})
        before = described(site)
        site.rtsp.drop_connections()
        found = await until(changes, ReasonCode.DEVICE_CONFLICT)
        assert "it says so" in found.reason
        assert described(site) == before
        path = f"/cameras/{camera_id}/edit"
        form = {
            "name": "Door", "source_url": site.stream("main"), "username": USER, "record": "off",
            "transport": "auto", "allow_local": "true", "is_replaced": "true",
        }  # fmt: skip
        assert "It was replaced" in (await served.admin.get(path)).text
        assert (await served.admin.post(path, data=form)).status_code == 303
        _ = await until(changes, online=True)
        config = served.services.cameras.get(camera_id).config
        assert (config.endpoint_reference, config.mac_address) == (None, None)
        assert "serial" not in config.metadata
    assert "It was replaced" not in (await served.admin.get(path)).text


async def test_the_camera_itself_is_asked_without_its_login_where_it_answers_so(
    served: Served, kernel: KnownNeighbours
) -> None:
    assert kernel.table == {}
    with (
        onvif_site(open_operations=frozenset({"GetEndpointReference"})) as site,
        served.services.bus.subscribe() as changes,
    ):
        camera_id = await added(served, site, start=False)
        asked, logins = len(site.device.operations), len(site.device.logins)
        _ = await served.services.cameras.start(camera_id)
        _ = await until(changes, online=True)
        assert site.device.operations[asked] == "GetEndpointReference"
        assert "GetEndpointReference" not in [one.operation for one in site.device.logins[logins:]]
        assert await events(served, camera_id) == []


async def test_where_the_kernel_knows_the_hardware_nobody_is_asked(
    served: Served, kernel: KnownNeighbours
) -> None:
    kernel.table[HERE] = OWN
    with onvif_site(has_events=False) as site, served.services.bus.subscribe() as changes:
        _ = await added(served, site)
        _ = await until(changes, online=True)
        assert site.device.operations.count("GetEndpointReference") == 1  # when it was added
        site.device.endpoint_reference = ANOTHER
        site.rtsp.drop_connections()
        _ = await until(changes, ReasonCode.DISCONNECTED)
        _ = await until(changes, online=True)


@pytest.mark.usefixtures("short")
async def test_silence_holds_the_recording_back_for_a_while_and_then_it_is_told(
    served: Served, kernel: KnownNeighbours
) -> None:
    assert kernel.table == {}
    with onvif_site() as site, served.services.bus.subscribe() as changes:
        camera_id = await added(served, site, start=False)
        site.device.deviations.answers["GetEndpointReference"] = "silent"
        before = described(site)
        _ = await served.services.cameras.start(camera_id)
        found = await until(changes, ReasonCode.NO_ANSWER)
        assert "waits for the ONVIF service" in found.reason
        assert described(site) == before
        _ = await until(changes, online=True)
        while not (told := await events(served, camera_id)):
            pass
        assert "did not say that it is this camera" in told[0]["label"]
        # It comes to its words again, and they are another's.
        proving = served.services.onvif.proving
        await proving.ask(camera_id)
        assert camera_id in served.services.cameras.identities.unproven
        del site.device.deviations.answers["GetEndpointReference"]
        site.device.endpoint_reference = ANOTHER
        await proving.ask(camera_id)
        _ = await until(changes, ReasonCode.DEVICE_CONFLICT)
        assert "another device" in (await events(served, camera_id))[1]["label"]
        # Its silence takes that back no more.
        site.device.deviations.answers["GetEndpointReference"] = "silent"
        described_then = described(site)
        config = served.services.cameras.get(camera_id).config
        assert served.services.cameras.identities._standing(config).latest is Proof.OTHER
        asked = len(site.device.operations)
        while site.device.operations[asked:].count("GetEndpointReference") < 2:
            served.services.cameras.hurry()
            _ = await served.viewer.get("/api/health")
        assert described(site) == described_then


@pytest.mark.usefixtures("short")
async def test_who_was_silent_the_last_time_too_is_not_waited_for_and_may_say_it_later(
    served: Served, kernel: KnownNeighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kernel.table == {}
    with onvif_site(has_events=False) as site, served.services.bus.subscribe() as changes:
        camera_id = await added(served, site, start=False)
        site.device.deviations.answers["GetEndpointReference"] = "reset"
        _ = await served.services.cameras.start(camera_id)
        _ = await until(changes, online=True)
        monkeypatch.setattr(identities, "AWAY_US", 0)  # as if it was away for long
        site.rtsp.drop_connections()
        _ = await until(changes, ReasonCode.DISCONNECTED)
        assert (await until(changes, ReasonCode.NO_ANSWER, online=True)).online
        site.device.deviations.answers.clear()
        await served.services.onvif.proving.ask(camera_id)
        assert served.services.cameras.identities.unproven == {}
        said = [each["label"] for each in await events(served, camera_id)]
        assert said[-1] == "its ONVIF service says that it is this camera"


async def test_a_camera_behind_a_repeater_is_known_by_its_words_and_by_nothing_less(
    served: Served, kernel: KnownNeighbours
) -> None:
    kernel.table[HERE] = OWN
    with onvif_site(has_events=False) as site, served.services.bus.subscribe() as changes:
        camera_id = await added(served, site, start=False)
        _ = await served.services.cameras.update(camera_id, {"mac_address": OWN})
        kernel.table |= {HERE: OTHER, "127.0.0.9": OTHER}
        _ = await served.services.cameras.start(camera_id)
        _ = await until(changes, online=True)
        site.device.deviations.answers["GetEndpointReference"] = "reset"
        before = described(site)
        site.rtsp.drop_connections()
        _ = await until(changes, ReasonCode.NO_ANSWER)
        assert described(site) == before
        del kernel.table["127.0.0.9"]  # then it is a device of its own
        _ = await until(changes, ReasonCode.DEVICE_CONFLICT)


async def test_a_stop_does_not_wait_for_the_answer(served: Served, kernel: KnownNeighbours) -> None:
    assert kernel.table == {}
    with onvif_site() as site:
        camera_id = await added(served, site, start=False)
        site.device.deviations.answers["GetEndpointReference"] = "silent"
        asked = len(site.device.operations)
        _ = await served.services.cameras.start(camera_id)
        while "GetEndpointReference" not in site.device.operations[asked:]:
            _ = await served.viewer.get(f"/api/cameras/{camera_id}")
        before = time.monotonic()
        _ = await served.services.cameras.stop(camera_id, by="ann")
        assert time.monotonic() - before < 1
