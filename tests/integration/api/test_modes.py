"""Events, schedules and privacy by HTTP, with cameras that run."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from falconeye.accounts.model import Role
from falconeye.base.errors import Conflict, Unavailable
from falconeye.cameras.recorders import CameraRecorders
from falconeye.config.camera import CameraConfig, RecordMode
from falconeye.config.schedule import DAYS
from falconeye.media.init_segment import make_init_segment
from falconeye.media.samples import StreamKind
from falconeye.recording.event_recorder import EventRecorder
from falconeye.recording.recorder import Recorder
from falconeye.storage.segments.layout import recording_id
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.web.api import health
from falconeye.web.api.camera_events import EventAnswer
from falconeye.web.metrics import exposition
from tests.integration.api.conftest import Served
from tests.integration.api.test_camera_life import demo, until
from tests.integration.api.test_live import control, socket
from tests.integration.api.test_timeline import reasons
from tests.peers.media_samples import audio_clip, video_clip
from tests.peers.replay_rtsp import ReplayServer
from tests.streams import clip_parameters

pytestmark = pytest.mark.timeout(40)
ALWAYS = {day: ["00:00-24:00"] for day in DAYS}
ZONE = ZoneInfo("Europe/Vienna")


def never_now() -> dict[str, list[str]]:
    """A schedule that is far from now."""
    day = DAYS[(datetime.now(ZONE) + timedelta(days=3)).weekday()]
    return {day: ["12:00-12:15"]}


def recorder_of(served: Served, path: str) -> EventRecorder:
    pipeline = served.services.cameras._pipeline(path.rpartition("/")[2])
    recorder = pipeline.recorders[StreamKind.MAIN]
    assert isinstance(recorder, EventRecorder)
    return recorder


async def event(served: Served, path: str, **body: Any) -> dict[str, Any]:
    answer = await served.operator.post(f"{path}/events", json={"kind": "doorbell", **body})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


# -- events --------------------------------------------------------------------------------


async def test_an_event_is_recorded_with_what_was_before_it(served: Served) -> None:
    path = await demo(served, record="event", pre_roll_s=2, post_roll_s=5)
    before = await until(served, path, lambda camera: (camera["pre_roll_held_s"] or 0) >= 2)
    assert (before["recording"], before["record"], before["pre_roll_short"]) == (
        False, "event", False,
    )  # fmt: skip
    taken = await event(served, path, label="Somebody rings")
    assert (taken["recorded"], taken["reason"]) == (True, "")
    begun = await until(served, path, lambda camera: camera["recording"])
    assert begun["recording_id"]
    made = await until(
        served,
        f"/api/recordings/{begun['recording_id']}",
        lambda it: it["status"] == "completed",
    )
    began, rang = (datetime.fromisoformat(text) for text in (made["start_time"], taken["at"]))
    assert 1.9 <= (rang - began).total_seconds() <= 5
    assert 7 <= made["duration_seconds"] <= 13
    found = await until(
        served,
        f"{path}/timeline",
        lambda it: it["gaps"] and it["gaps"][-1]["reason"] == "outside_events",
    )
    assert ("outside_events", "") in reasons(found)
    assert not {reason for reason, _ in reasons(found)} & {"unknown", "internal"}
    assert [(one["kind"], one["label"]) for one in found["events"]] == [
        ("doorbell", "Somebody rings")
    ]
    (span,) = found["spans"]
    assert span["kind"] == "event"


@pytest.mark.parametrize("pre_roll_s", [20, 0])
async def test_an_event_of_a_camera_that_has_just_gone(served: Served, pre_roll_s: int) -> None:
    """Who cuts the cable is on the last pictures: they are recorded, and the answer says so."""
    with ReplayServer() as server:
        camera = server.add("door", video=video_clip(gop=25), audio=audio_clip())
        path = await demo(
            served, protocol="rtsp", source_url=f"rtsp://127.0.0.1:{server.port}/door",
            record="event", pre_roll_s=pre_roll_s, post_roll_s=5,
        )  # fmt: skip
        wanted = min(2, pre_roll_s)
        await until(
            served, path, lambda it: (it["pre_roll_held_s"] or 0) >= wanted and it["online"]
        )
        camera.faults.statuses["DESCRIBE"] = (503, "Service Unavailable")
        camera.faults.cut = True
        await until(served, path, lambda it: not it["online"])
        taken = await event(served, path)
        assert taken["recorded"] is (pre_roll_s > 0)
        assert taken["reason"]
        listed = await until(
            served,
            f"/api/recordings/?camera_id={path.rpartition('/')[2]}",
            lambda it: (
                bool(it["recordings"]) is (pre_roll_s > 0)
                and all(one["status"] == "completed" for one in it["recordings"])
            ),
        )
        assert all(one["duration_seconds"] > 1 for one in listed["recordings"])


async def test_an_event_of_a_camera_that_records_anyway_is_noted(served: Served) -> None:
    path = await demo(served)
    await until(served, path, lambda camera: camera["recording"])
    taken = await event(served, path, kind="motion.person", duration_s=5)
    assert taken["recorded"]
    assert taken["recording_id"]
    (listed,) = (await served.viewer.get(f"{path}/events")).json()["events"]
    assert listed["kind"] == "motion.person"
    length = datetime.fromisoformat(listed["until"]) - datetime.fromisoformat(listed["at"])
    assert length == timedelta(seconds=5)


async def test_the_ledger_forgets_a_camera_that_is_deleted_in_mid_event(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What keeps a camera from recording that is not there would be a fault without an end."""
    path = await demo(served, record="event")
    await until(served, path, lambda camera: camera["pre_roll_held_s"] is not None)
    cameras, camera_id = served.services.cameras, path.rpartition("/")[2]
    begun, go_on = asyncio.Event(), asyncio.Event()
    trigger = CameraRecorders.trigger

    async def slow(self: CameraRecorders, length_us: int | None) -> None:
        begun.set()
        await go_on.wait()
        await trigger(self, length_us)

    monkeypatch.setattr(CameraRecorders, "trigger", slow)
    happening = asyncio.create_task(cameras.event(camera_id, 0))
    await begun.wait()
    await cameras.delete(camera_id)
    go_on.set()
    assert not (await happening)[0]
    assert camera_id not in served.services.alerts._ledger.present
    assert served.services.alerts.everything_records()


async def test_an_event_that_nothing_records_says_why(served: Served) -> None:
    path = await demo(served, record="manual")
    taken = await event(served, path)
    assert (taken["recorded"], taken["reason"], taken["recording_id"]) == (
        False, "recording_off", None,
    )  # fmt: skip
    path = await demo(served, record="event", schedule=never_now())
    taken = await event(served, path)
    assert (taken["recorded"], taken["reason"]) == (False, "outside_schedule")


@pytest.mark.rtsp
async def test_a_camera_that_comes_back_in_time_goes_on_with_its_event(served: Served) -> None:
    with ReplayServer() as cameras:
        _ = cameras.add("door", video=await asyncio.to_thread(video_clip))
        body = {
            "name": "Door", "protocol": "rtsp", "source_url": cameras.url("door"), "start": True,
            "record": "event", "pre_roll_s": 1, "post_roll_s": 5,
        }  # fmt: skip
        path = f"/api/cameras/{(await served.admin.post('/api/cameras/', json=body)).json()['id']}"
        await until(served, path, lambda camera: camera["online"])
        await event(served, path, duration_s=6)
        begun = await until(served, path, lambda camera: camera["recording"])
        recording = f"/api/recordings/{begun['recording_id']}"
        cameras.cameras["door"].faults.cut = True
        await until(served, path, lambda camera: not camera["online"])
        await until(served, recording, lambda it: it["status"] == "completed")
        cameras.cameras["door"].faults.cut = False
        back = await until(served, path, lambda camera: camera["recording_id"])
        assert back["recording_id"] == begun["recording_id"]
        await until(served, recording, lambda it: it["status"] == "recording")
        made = await until(served, recording, lambda it: it["status"] == "completed")
        assert made["gaps"]


@pytest.mark.parametrize(
    "body",
    [{}, {"kind": ""}, {"kind": "Ring!"}, {"kind": "x" * 51}, {"kind": "a", "duration_s": -1},
     {"kind": "a", "duration_s": 3601}, {"kind": "a", "duration_s": "long"},
     {"kind": "a", "label": "x" * 201}, {"kind": "a", "label": "a\nb"}, {"kind": "a", "more": 1}],
)  # fmt: skip
async def test_what_is_no_event_is_refused(served: Served, body: dict[str, Any]) -> None:
    path = await demo(served, record="event")
    answer = await served.operator.post(f"{path}/events", json=body)
    assert answer.status_code in {400, 422}, answer.text
    assert not recorder_of(served, path).is_active
    assert (await served.viewer.get(f"{path}/events")).json()["events"] == []


async def test_neither_many_events_nor_all_metrics_hold_up_the_loop(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty thousand events took half a second as text, the metrics of 64 cameras 11 ms."""
    path = await demo(served)
    body = {"kind": "doorbell"}
    assert (await served.operator.post(f"{path}/events", json=body)).status_code == 201
    threads: dict[str, threading.Thread] = {}

    def noted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def note(*given: Any, **named: Any) -> Any:
            threads[name] = threading.current_thread()
            return function(*given, **named)

        return note

    monkeypatch.setattr(EventAnswer, "of", noted("events", EventAnswer.of))
    monkeypatch.setattr(health, "exposition", noted("metrics", exposition))
    assert len((await served.viewer.get(f"{path}/events")).json()["events"]) == 1
    assert "falconeye_camera_state" in (await served.viewer.get("/metrics")).text
    assert set(threads) == {"events", "metrics"}
    assert threading.main_thread() not in threads.values()


async def test_who_may_tell_and_read_events(served: Served) -> None:
    path = await demo(served, record="event")
    body = {"kind": "doorbell"}
    assert (await served.viewer.post(f"{path}/events", json=body)).status_code == 403
    assert (await served.operator.post("/api/cameras/none/events", json=body)).status_code == 404
    async with AsyncExitStack() as stack:
        for limits in ({"live_only": True}, {"cameras": frozenset({"another"})}):
            client = await served.client(Role.VIEWER, **limits)
            stack.push_async_callback(client.aclose)
            assert (await client.get(f"{path}/events")).status_code == 403


async def test_record_by_hand_holds_on_until_stop_and_waits_for_events_again(
    served: Served,
) -> None:
    path = await demo(served, record="event", post_roll_s=5)
    started = await served.operator.post(f"{path}/recording/start")
    assert (started.status_code, started.json()["status"]) == (200, "recording")
    again = await served.operator.post(f"{path}/recording/start")
    assert again.status_code == 409
    assert (await served.operator.post(f"{path}/recording/stop")).json()["status"] == "idle"
    assert not recorder_of(served, path).is_active
    taken = await event(served, path)
    assert taken["recorded"]


# -- schedule ------------------------------------------------------------------------------


async def test_a_change_of_the_schedule_counts_at_once(served: Served) -> None:
    path = await demo(served)
    await until(served, path, lambda camera: camera["recording"])
    changed = await served.admin.patch(path, json={"schedule": never_now()})
    assert (changed.status_code, changed.json()["record"]) == (200, "schedule")
    assert served.services.cameras.get(path.rpartition("/")[2]).recording_id is None
    await until(served, path, lambda camera: not camera["recording"] and camera["online"])
    found = await until(
        served,
        f"{path}/timeline",
        lambda it: it["gaps"] and it["gaps"][-1]["reason"] == "outside_schedule",
    )
    assert served.services.alerts.active() == []
    _ = await served.admin.patch(path, json={"record": "schedule", "schedule": ALWAYS})
    await until(served, path, lambda camera: camera["recording"])
    assert found["spans"]


async def test_the_hour_itself_begins_and_ends_the_recording(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node looks once a second; here the week turns instead of the clock."""
    path = await demo(served, schedule=ALWAYS, record="schedule")
    await until(served, path, lambda camera: camera["recording"])
    schedule = served.services.cameras.get(path.rpartition("/")[2]).config.schedule
    assert schedule
    monkeypatch.setattr(type(schedule), "is_open", lambda *_: False)
    await until(served, path, lambda camera: not camera["recording"] and camera["online"])
    monkeypatch.setattr(type(schedule), "is_open", lambda *_: True)
    await until(served, path, lambda camera: camera["recording"])


async def test_a_person_may_record_outside_the_schedule(served: Served) -> None:
    path = await demo(served, record="schedule", schedule=never_now())
    started = await served.operator.post(f"{path}/recording/start")
    assert started.json()["status"] == "recording"
    served.services.cameras._pipeline(path.rpartition("/")[2]).follow()
    assert (await served.viewer.get(f"{path}/recording/status")).json()["status"] == "recording"
    assert (await served.operator.post(f"{path}/recording/stop")).status_code == 200
    camera = (await served.viewer.get(path)).json()
    assert camera["recording_stopped_by"] is None  # the schedule's next hours count


async def test_no_schedule_ends_what_a_person_began_on_a_camera_that_records_events(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await demo(served, record="event", schedule=ALWAYS)
    await until(served, path, lambda camera: camera["pre_roll_held_s"] is not None)
    started = (await served.operator.post(f"{path}/recording/start")).json()
    assert started["status"] == "recording"
    pipeline = served.services.cameras._pipeline(path.rpartition("/")[2])
    monkeypatch.setattr(type(pipeline.config.schedule), "is_open", lambda *_: False)
    pipeline.follow()
    status = (await served.viewer.get(f"{path}/recording/status")).json()
    assert (status["status"], status["recording_id"]) == ("recording", started["recording_id"])
    assert (await served.operator.post(f"{path}/recording/stop")).status_code == 200
    assert not pipeline.recorders  # outside its schedule it waits for no events
    monkeypatch.undo()
    await until(served, path, lambda camera: camera["pre_roll_held_s"] is not None)


async def test_two_recordings_of_one_second_are_two(served: Served) -> None:
    """Stopped and started, or another mode, before the second was over: also by a new pipeline."""
    path = await demo(served, record="manual")
    cameras, camera_id = served.services.cameras, path.rpartition("/")[2]
    init = make_init_segment(clip_parameters(await asyncio.to_thread(video_clip)), None)
    second_us = served.services.clock.utc_us() // 1_000_000 * 1_000_000
    found: list[str | None] = []
    for millisecond, mode in ((100, RecordMode.MANUAL), (600, RecordMode.CONTINUOUS)):
        recorder = cameras._pipeline(camera_id)._recorders._new(StreamKind.MAIN, mode)
        assert isinstance(recorder, Recorder)
        found.append(recorder._ids.for_segment(second_us + millisecond * 1000, init))
        _ = await cameras.update(camera_id, {"record": RecordMode.CONTINUOUS})
    plain = recording_id(camera_id, second_us)
    assert found == [plain, f"{plain}-600000"]


async def test_who_lifts_a_stop_outside_the_schedule_has_it_recorded(served: Served) -> None:
    path = await demo(served)
    await until(served, path, lambda camera: camera["recording"])
    assert (await served.operator.post(f"{path}/recording/stop")).status_code == 200
    _ = await served.admin.patch(path, json={"record": "schedule", "schedule": never_now()})
    started = await served.operator.post(f"{path}/recording/start")
    assert started.json()["status"] == "recording"
    camera = (await served.viewer.get(path)).json()
    assert camera["recording_stopped_by"] is None


# -- privacy -------------------------------------------------------------------------------


async def test_privacy_disconnects_and_tells_viewers_at_once(served: Served) -> None:
    path = await demo(served)
    await until(served, path, lambda camera: camera["recording"])
    camera_id = path.rpartition("/")[2]
    assert (await served.viewer.get(f"{path}/snapshot.jpg")).status_code == 200
    async with socket(served, camera_id, served.viewer, "?stream=main") as live:
        _ = await control(live, "hello")
        answer = await served.operator.post(f"{path}/privacy", json={})
        assert answer.status_code == 200, answer.text
        said = await control(live, "offline")
    words = "paused by operator [] until switched on"
    assert (said["reason_code"], said["reason"]) == ("paused", words)
    camera = answer.json()
    assert (camera["status"], camera["online"], camera["recording"]) == ("stopped", False, False)
    assert (camera["reason"], camera["paused"]) == (words, {"by": "operator []", "until": None})
    assert not any(stream["connected"] for stream in camera["streams"])
    for what in ("snapshot.jpg", "stream", "live.mp4"):
        refused = await served.admin.get(f"{path}/{what}")
        assert (refused.status_code, words in refused.text) == (503, True), what
    assert (await served.operator.post(f"{path}/recording/start")).status_code == 400
    refused = await served.operator.post(f"{path}/events", json={"kind": "motion"})
    assert (refused.status_code, words in refused.text) == (409, True)
    found = await until(
        served, f"{path}/timeline", lambda it: it["gaps"] and it["gaps"][-1]["reason"] == "paused"
    )
    assert reasons(found)[-1] == ("paused", "operator []")
    assert served.services.alerts.active() == []


async def test_privacy_waits_for_no_database(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await demo(served)

    async def fails(_store: CameraStore, _config: CameraConfig) -> None:
        raise Unavailable("the database's disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(CameraStore, "update", fails)
        answer = await served.operator.post(f"{path}/privacy", json={})
        assert (answer.status_code, "disk is full" in answer.text) == (503, True)
    camera = await until(
        served, path, lambda camera: not any(each["connected"] for each in camera["streams"])
    )
    assert camera["paused"]


@pytest.mark.parametrize("change", ["start", "reconnect", "patch", "reload"])
async def test_what_began_before_a_pause_does_not_show_the_camera_again(
    served: Served, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """The database is slow: a change has read the camera as it was, the pause waits its turn."""
    path = await demo(served)
    cameras, camera_id = served.services.cameras, path.rpartition("/")[2]
    begun, go_on, pause_stored = asyncio.Event(), asyncio.Event(), asyncio.Event()
    store, store_list = CameraStore.update, CameraStore.list

    async def slow(self: CameraStore, config: CameraConfig) -> None:
        if config.paused_by is not None:
            await pause_stored.wait()
        else:
            begun.set()
            await go_on.wait()
        await store(self, config)

    async def slow_list(self: CameraStore) -> list[CameraConfig]:
        found = [replace(one, location="yard") for one in await store_list(self)]
        begun.set()
        await go_on.wait()
        return found

    if change == "start":
        assert (await served.operator.post(f"{path}/stop")).status_code == 200
    monkeypatch.setattr(CameraStore, "update", slow)
    monkeypatch.setattr(CameraStore, "list", slow_list)
    changes: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
        "start": partial(cameras.start, camera_id),
        "reconnect": partial(cameras.update, camera_id, {"framerate": 20}),
        "patch": partial(cameras.update, camera_id, {"location": "yard"}),
        "reload": cameras.reload,
    }
    changing = asyncio.create_task(changes[change]())
    await begun.wait()
    pausing = asyncio.create_task(cameras.pause(camera_id, by="Anna", until_us=None))
    await asyncio.sleep(0)
    assert cameras.get(camera_id).pause
    go_on.set()
    await changing
    camera = cameras.get(camera_id)
    assert (camera.pause and camera.pause.by, camera.state.online) == ("Anna", False)
    assert not cameras._pipeline(camera_id)._sources
    pause_stored.set()
    await pausing
    assert cameras.get(camera_id).config.paused_by == "Anna"
    monkeypatch.undo()
    assert (await served.operator.delete(f"{path}/privacy")).json()["paused"] is None
    await until(served, path, lambda camera: camera["online"])


async def test_it_is_switched_on_again_and_records(served: Served) -> None:
    path = await demo(served)
    _ = await served.operator.post(f"{path}/privacy", json={})
    answer = await served.operator.delete(f"{path}/privacy")
    assert (answer.status_code, answer.json()["paused"]) == (200, None)
    await until(served, path, lambda camera: camera["online"] and camera["recording"])
    assert (await served.operator.delete(f"{path}/privacy")).status_code == 200  # harmless


async def test_neither_start_nor_restart_nor_a_change_lifts_it(served: Served) -> None:
    path = await demo(served)
    _ = await served.operator.post(f"{path}/privacy", json={})
    for change in (
        served.operator.post(f"{path}/start"),
        served.operator.post(f"{path}/restart"),
        served.admin.patch(path, json={"framerate": 20}),
        served.operator.post(f"{path}/stop"),
        served.operator.post(f"{path}/start"),
    ):
        answer = await change
        assert answer.status_code == 200
        assert answer.json()["paused"]
        assert not any(stream["connected"] for stream in answer.json()["streams"])
    assert (await served.viewer.get(path)).json()["reason_code"] == "paused"
    refused = await served.admin.get(f"{path}/snapshot.jpg")
    assert refused.status_code == 503


async def test_it_ends_by_itself(served: Served) -> None:
    path = await demo(served)
    soon = (datetime.now(ZONE) + timedelta(seconds=2)).isoformat()
    answer = await served.operator.post(f"{path}/privacy", json={"until": soon})
    assert answer.json()["paused"]["until"]
    await until(served, path, lambda camera: camera["online"] and camera["paused"] is None)


async def test_times_that_are_none_or_past_are_refused(served: Served) -> None:
    path = await demo(served)
    for given in ("yesterday", "2001-01-01T00:00:00Z", 5, "9999-01-01T00:00:00Z"):
        answer = await served.operator.post(f"{path}/privacy", json={"until": given})
        assert answer.status_code in {400, 422}, given
    assert (await served.viewer.get(path)).json()["paused"] is None


async def test_only_operators_pause_and_switch_on(served: Served) -> None:
    path = await demo(served)
    assert (await served.viewer.post(f"{path}/privacy", json={})).status_code == 403
    assert (await served.viewer.delete(f"{path}/privacy")).status_code == 403
    client = await served.client(Role.OPERATOR, cameras=frozenset({"another"}))
    assert (await client.post(f"{path}/privacy", json={})).status_code == 403
    await client.aclose()


async def test_a_privacy_schedule_pauses_and_somebody_may_lift_it(served: Served) -> None:
    path = await demo(served)
    _ = await served.admin.patch(path, json={"privacy_schedule": ALWAYS})
    camera = (await served.viewer.get(path)).json()
    assert camera["reason"] == "paused by its schedule until switched on"
    assert camera["paused"] == {"by": None, "until": None}
    assert not any(stream["connected"] for stream in camera["streams"])
    assert (await served.operator.delete(f"{path}/privacy")).status_code == 200
    await until(served, path, lambda camera: camera["online"])


async def test_the_stored_picture_of_a_camera_that_is_not_to_be_seen_is_tested_by_nobody(
    served: Served,
) -> None:
    path = await demo(served)
    _ = await served.operator.post(f"{path}/privacy", json={})
    with pytest.raises(Conflict, match="paused by"):
        _ = await served.services.cameras.test_stored(path.rpartition("/")[2], {})


# -- sound ---------------------------------------------------------------------------------


@pytest.mark.rtsp
async def test_without_sound_no_track_of_it_is_recorded_or_shown(served: Served) -> None:
    with ReplayServer() as cameras:
        video = await asyncio.to_thread(video_clip)
        cameras.add("door", video=video, audio=await asyncio.to_thread(audio_clip))
        answer = await served.admin.post(
            "/api/cameras/",
            json={
                "name": "Door", "protocol": "rtsp", "source_url": cameras.url("door"),
                "start": True, "audio": False,
            },
        )  # fmt: skip
        path = f"/api/cameras/{answer.json()['id']}"
        camera = await until(served, path, lambda it: it["recording"])
        stream = camera["streams"][0]
        assert (stream["audio"], "mp4a" in stream["codecs"]) == (None, False)
        async with socket(served, path.rpartition("/")[2], served.viewer, "?stream=main") as live:
            offer = json.loads(str(await live.recv()))
        assert offer["streams"][0]["audio"] is False
        pipeline = served.services.cameras._pipeline(path.rpartition("/")[2])
        recorder = pipeline.recorders[StreamKind.MAIN]
        assert recorder._init.audio is None  # type: ignore[union-attr]
        _ = await served.admin.patch(path, json={"audio": True})
        with_sound = await until(
            served, path, lambda it: it["streams"] and it["streams"][0]["audio"] is not None
        )
        assert with_sound["audio"] is True
