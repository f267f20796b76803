"""Events of ONVIF cameras that record by them: subscribed, recorded, noted, and left in peace."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from falconeye.events.bus import CameraStateChanged
from falconeye.storage.stores.event_store import CameraEvent
from tests.integration.api.conftest import Served
from tests.integration.api.onvif_site import OnvifSite, onvif_site
from tests.peers.onvif_device import PASSWORD, USER
from tests.peers.onvif_devices import until

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


async def test_only_cameras_that_record_by_events_are_asked(served: Served) -> None:
    with onvif_site() as site:
        camera_id = await added(served, site, record="continuous")
        assert served.services.onvif.heard == frozenset()
        path = f"/api/cameras/{camera_id}"
        _ = await served.operator.post(f"{path}/stop")
        assert (await served.admin.patch(path, json={"record": "event"})).status_code == 200
        assert served.services.onvif.heard == frozenset()  # it is stopped
        _ = await served.operator.post(f"{path}/start")
        await heard(site)
        _ = await served.operator.post(f"{path}/stop")
        await until(site.device, lambda: site.device.unsubscribed)
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
        await until(site.device, lambda: site.refusals)
        assert onvif.heard == {camera_id}
        # Who moves it now learns that from us, not from the camera.
        answer = await served.operator.get(f"{path}/ptz")
        assert answer.status_code == 503
        assert site.refusals == 1
        _ = await served.admin.patch(path, json={"password": "new"})
        await heard(site)
        assert site.refusals == 1


async def test_a_camera_without_events_is_asked_once(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with onvif_site(has_events=False) as site:
        camera_id = await added(served, site)
        onvif = served.services.onvif
        _, task = onvif._heard[camera_id]
        await asyncio.wait_for(asyncio.shield(task), 5)
        assert "has no ONVIF events" in caplog.text
        asked = len(site.device.operations)
        _ = await served.services.cameras.update(camera_id, {"name": "Other"})
        assert onvif._heard[camera_id][1] is task
        assert len(site.device.operations) == asked
