"""Events of ONVIF cameras: subscribed, recorded by those that do, noted, and left in peace."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from falconeye.cameras.identity.onvif_logins import Access
from falconeye.cameras.onvif import onvif_cameras
from falconeye.cameras.onvif.happenings import Happenings
from falconeye.events.bus import CameraHappened, CameraStateChanged
from falconeye.events.camera_state import ReasonCode
from falconeye.storage.stores.event_store import CameraEvent
from tests.integration.api.conftest import Served
from tests.integration.api.onvif_site import OnvifSite, onvif_site
from tests.peers.known_neighbours import KnownNeighbours
from tests.peers.onvif_device import PASSWORD, USER
from tests.peers.onvif_devices import NotedBackoff, until

REFUSED = ReasonCode.PASSWORD_REFUSED
MOTION = "tns1:VideoSource/MotionAlarm"


async def added(served: Served, site: OnvifSite, **fields: Any) -> str:
    body = {
        "name": "Door", "protocol": "onvif", "source_url": site.address, "start": True,
        "username": USER, "password": PASSWORD, "record": "event", **fields,
    }  # fmt: skip
    with served.services.bus.subscribe() as changes:
        answer = await served.admin.post("/api/cameras/", json=body)
        assert answer.status_code == 201, answer.text
        camera_id: str = answer.json()["id"]
        while body["start"]:
            change = await changes.get()
            if isinstance(change, CameraStateChanged) and change.state.online:
                break
    return camera_id


async def heard(site: OnvifSite) -> None:
    """We have our subscription, and ask for what is in it."""
    await until(site.device, lambda: any(s.pulls for s in site.device.subscriptions.values()))


def watched(monkeypatch: pytest.MonkeyPatch, served: Served) -> Callable[[int], Any]:
    """Wait until so many events are noted; they are on the disk then."""
    store, changed = served.services.events, asyncio.Condition()
    noted: list[CameraEvent] = []
    add = store.add

    async def adding(event: CameraEvent) -> None:
        await add(event)
        async with changed:
            noted.append(event)
            changed.notify_all()

    monkeypatch.setattr(store, "add", adding)

    async def wait(count: int) -> list[CameraEvent]:
        async with asyncio.timeout(8), changed:
            await changed.wait_for(lambda: len(noted) >= count)
        return noted

    return wait


async def test_motion_is_recorded_and_noted_and_the_camera_is_left(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []
    recorded = served.services.cameras.event

    async def recording(camera_id: str, length_us: int) -> tuple[bool, str]:
        asked.append((camera_id, length_us))
        return await recorded(camera_id, length_us)

    monkeypatch.setattr(served.services.cameras, "event", recording)
    noted = watched(monkeypatch, served)
    with onvif_site() as site:
        camera_id = await added(served, site)
        await heard(site)
        site.device.tell(MOTION, active=True)
        site.device.tell(MOTION, active=False)
        (event,) = await noted(1)
        assert (event.camera_id, event.kind) == (camera_id, "motion")
        assert asked[0][0] == camera_id
        assert asked[0][1] > 0  # it goes on
        assert asked[-1] == (camera_id, 0)  # it is over
        listed = (await served.viewer.get(f"/api/cameras/{camera_id}/events")).json()["events"]
        assert [each["kind"] for each in listed] == ["motion"]
        await served.services.cameras.delete(camera_id)
        await until(site.device, lambda: site.device.unsubscribed)
        assert served.services.onvif.heard == frozenset()
        assert site.device.most_at_once == 1


async def test_a_camera_is_heard_however_it_records_while_it_is_started(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = watched(monkeypatch, served)
    with onvif_site() as site, served.services.bus.subscribe() as changes:
        camera_id = await added(served, site, record="continuous")
        await heard(site)
        for topic, source in (
            ("tns1:VideoSource/GlobalSceneChange/AnalyticsService", "VideoSource_1"),
            ("tns1:Device/Trigger/DigitalInput", "door"),
            ("tns1:Device/Trigger/Relay", "lamp"),
        ):
            site.device.tell(topic, active=True, source=source)
            site.device.tell(topic, active=False, source=source)
        kinds = ["tamper", "digital_input", "relay"]
        assert [each.kind for each in await noted(3)] == kinds
        path = f"/api/cameras/{camera_id}"
        listed = (await served.viewer.get(f"{path}/events")).json()["events"]
        assert sorted(each["kind"] for each in listed) == sorted(kinds)
        told: list[str] = []
        while len(told) < 3:
            change = await changes.get()
            if isinstance(change, CameraHappened):
                assert change.camera_id == camera_id
                told.append(change.kind)
        assert told == kinds
        _ = await served.operator.post(f"{path}/stop")
        await until(site.device, lambda: site.device.unsubscribed)
        assert served.services.onvif.heard == frozenset()
        _ = await served.operator.post(f"{path}/start")
        await heard(site)
        assert (site.device.created, site.device.most_at_once) == (2, 1)


async def test_what_a_camera_switches_is_noted_and_begins_no_recording(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = watched(monkeypatch, served)
    with onvif_site() as site:
        camera_id = await added(served, site)
        await heard(site)
        asked: list[str] = []

        async def recording(camera_id: str, _length_us: int) -> tuple[bool, str]:
            asked.append(camera_id)
            return True, ""

        monkeypatch.setattr(served.services.cameras, "event", recording)
        relay, motion = "tns1:Device/Trigger/Relay", MOTION
        site.device.tell(relay, active=True, source="lamp")
        site.device.tell(relay, active=False, source="lamp")
        assert [each.kind for each in await noted(1)] == ["relay"]
        assert asked == []
        site.device.tell(motion, active=True)
        site.device.tell(motion, active=False)
        _ = await noted(2)
        assert set(asked) == {camera_id}


async def test_who_takes_its_address_is_not_heard(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel, cameras = KnownNeighbours(), served.services.cameras
    kernel.table["127.0.0.1"] = "00:1a:2b:3c:4d:5e"
    monkeypatch.setattr(cameras, "_parts", replace(cameras._parts, neighbours=kernel))
    with onvif_site() as site, served.services.bus.subscribe() as changes:
        camera_id = await added(served, site)
        await heard(site)
        assert served.services.onvif.heard == {camera_id}
        kernel.table["127.0.0.1"] = "00:1a:2b:00:00:99"
        site.rtsp.drop_connections()
        while True:
            change = await changes.get()
            state = change.state if isinstance(change, CameraStateChanged) else None
            if state and state.reason_code is ReasonCode.DEVICE_CONFLICT:
                break
        await until(site.device, lambda: site.device.unsubscribed)
        assert served.services.onvif.heard == frozenset()
        assert site.device.created == 1


async def test_a_paused_camera_tells_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = watched(monkeypatch, served)
    with onvif_site() as site:
        camera_id = await added(served, site)
        await heard(site)
        _ = await served.services.cameras.pause(camera_id, by="ann", until_us=None)
        site.device.tell(MOTION, active=True)
        site.device.tell(MOTION, active=False)
        await until(
            site.device, lambda: not any(s.waiting for s in site.device.subscriptions.values())
        )
        _ = await served.services.cameras.switch_on(camera_id)
        site.device.tell("tns1:Device/Trigger/DigitalInput", active=True, source="input")
        site.device.tell("tns1:Device/Trigger/DigitalInput", active=False, source="input")
        assert [each.kind for each in await noted(1)] == ["digital_input"]


@pytest.mark.parametrize("silent", [False, True])
async def test_the_node_stops_at_once_also_beside_a_silent_camera(
    served: Served, silent: bool
) -> None:
    with onvif_site() as site:
        _ = await added(served, site)
        await heard(site)
        if silent:
            site.device.deviations.answers["Unsubscribe"] = "silent"
        before = time.monotonic()
        await served.services.onvif.stop()
        assert time.monotonic() - before < 1
        assert site.device.unsubscribed == (not silent)


async def test_a_refused_password_is_shown_once(served: Served) -> None:
    with onvif_site(rtsp_login="none") as site:
        camera_id = await added(served, site, record="manual", start=False)
        site.device.token_check.password = "new"
        onvif = served.services.onvif
        path = f"/api/cameras/{camera_id}"
        _ = await served.admin.patch(path, json={"record": "event"})
        _ = await served.services.cameras.start(camera_id)
        while not site.refusals:
            _ = await served.viewer.get("/api/health")
        assert onvif.heard == frozenset()  # nobody knows whether it is the camera
        # Who moves it now learns that from us, not from the camera.
        answer = await served.operator.get(f"{path}/ptz")
        assert answer.status_code == 503
        assert site.refusals == 1
        _ = await served.admin.patch(path, json={"password": "new"})
        await heard(site)
        assert site.refusals == 1


async def test_a_camera_whose_service_breaks_is_asked_ever_more_seldom(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = NotedBackoff()
    monkeypatch.setattr(onvif_cameras, "Backoff", lambda *_: waits)
    with onvif_site() as site:
        camera_id = await added(served, site, start=False)
        site.device.deviations.answers["GetServices"] = "reset"
        _ = await served.services.cameras.start(camera_id)
        while len(waits.waits) < 5:
            _ = await served.viewer.get("/api/health")
        assert min(waits.waits[2:]) > waits.waits[0]
        site.device.deviations.answers.clear()
        await heard(site)
        assert site.device.most_at_once == 1


async def test_a_camera_without_events_is_asked_once(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with onvif_site(has_events=False) as site:
        camera_id = await added(served, site)
        onvif = served.services.onvif
        while "GetServices" not in site.device.operations or camera_id not in onvif.heard:
            _ = await served.viewer.get("/api/health")
        _, task = onvif._heard[camera_id]
        await asyncio.wait_for(asyncio.shield(task), 5)
        assert "has no ONVIF events" in caplog.text
        asked = len(site.device.operations)
        _ = await served.services.cameras.update(camera_id, {"name": "Other"})
        assert onvif._heard[camera_id][1] is task
        assert len(site.device.operations) == asked


async def test_an_error_of_ours_does_not_end_the_listening(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(onvif_cameras, "BROKEN_S", 0.01)
    take, broken = Happenings.take, [True]

    def take_once_wrong(*given: Any) -> list[CameraEvent]:
        if broken:
            broken.clear()
            raise RuntimeError("of ours")
        return take(*given)

    monkeypatch.setattr(Happenings, "take", take_once_wrong)
    noted = watched(monkeypatch, served)
    with onvif_site() as site:
        _ = await added(served, site)
        await heard(site)
        site.device.tell(MOTION, active=True)
        await until(site.device, lambda: site.device.created == 2)
        site.device.tell(MOTION, active=False)
        assert [each.kind for each in await noted(1)] == ["motion"]
        assert "of ours" in caplog.text
        caplog.clear()


async def test_a_password_that_its_streams_refuse_is_not_shown_to_its_events_as_well(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[Access] = []
    logins = served.services.onvif.logins
    device_of = logins.device

    def device(access: Access) -> Any:
        connected.append(access)
        return device_of(access)

    monkeypatch.setattr(logins, "device", device)
    with onvif_site(rtsp_password="another") as site:
        with served.services.bus.subscribe() as changes:
            body = {
                "name": "Door", "protocol": "onvif", "source_url": site.address, "start": True,
                "username": USER, "password": PASSWORD, "record": "event",
            }  # fmt: skip
            added = (await served.admin.post("/api/cameras/", json=body)).json()
            while True:
                change = await changes.get()
                if isinstance(change, CameraStateChanged) and change.state.reason_code is REFUSED:
                    break
        assert served.services.onvif.heard == frozenset()
        # A camera counts wrong logins at all of its doors together, and locks them at five.
        assert connected == []
        for clip in site.rtsp.cameras.values():
            clip.gate.password = PASSWORD
        _ = await served.operator.post(f"/api/cameras/{added['id']}/restart")
        await heard(site)
