"""What becomes of recordings, viewers and other cameras when one camera is changed or deleted."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from websockets.exceptions import ConnectionClosed

from falconeye.base.errors import Unavailable
from falconeye.base.secret import Secret
from falconeye.cameras.pipeline import CameraPipeline
from falconeye.cameras.trial import MAX_TRIALS
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import Protocol
from falconeye.events.bus import CameraChanged
from falconeye.media.samples import StreamKind
from falconeye.sources.stream_source import StreamSource
from falconeye.storage.stores.credentials import CredentialCipher
from tests.integration.api.conftest import Served
from tests.integration.api.test_live import control, socket

pytestmark = pytest.mark.timeout(30)
LOOK_S = 0.05


async def until(served: Served, path: str, good: Callable[[dict[str, Any]], bool]) -> Any:
    """The camera's answer, once it is good."""
    async with asyncio.timeout(15):
        while not good(answer := (await served.viewer.get(path)).json()):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
    return answer


async def demo(served: Served, **fields: Any) -> str:
    """A demo camera that delivers; its path."""
    body = {"name": "Demo", "protocol": "demo", "start": True, **fields}
    answer = await served.admin.post("/api/cameras/", json=body)
    assert answer.status_code == 201, answer.text
    path = f"/api/cameras/{answer.json()['id']}"
    await until(served, path, lambda camera: camera["online"])
    return path


async def closed_with(served: Served, path: str, change: Any) -> tuple[int, list[str]]:
    """Watch, make the change; the close code, and what was said until then."""
    said: list[str] = []
    async with socket(served, path.rpartition("/")[2], served.viewer, "?stream=main") as live:
        _ = await control(live, "hello")
        assert (await change).status_code == 200
        with suppress(ConnectionClosed):
            async for message in live:
                if isinstance(message, str):
                    said.append(message)  # noqa: PERF401 - kept at the close
    assert live.close_code is not None
    return live.close_code, said


async def test_another_name_disturbs_neither_viewers_nor_the_recording(served: Served) -> None:
    path = await demo(served, record="manual")
    started = (await served.operator.post(f"{path}/recording/start")).json()
    camera_id = path.rpartition("/")[2]
    async with socket(served, camera_id, served.viewer, "?stream=main") as live:
        _ = await control(live, "hello")
        assert (await served.admin.patch(path, json={"name": "Yard"})).json()["name"] == "Yard"
        for _number in range(30):
            assert isinstance(await live.recv(), bytes)
    status = (await served.viewer.get(f"{path}/recording/status")).json()
    assert (status["recording_id"], status["status"]) == (started["recording_id"], "recording")


async def test_viewers_come_again_when_the_camera_is_set_up_anew(served: Served) -> None:
    path = await demo(served)
    code, said = await closed_with(served, path, served.admin.patch(path, json={"framerate": 20}))
    assert (code, said) == (1001, [])


async def test_viewers_of_a_deleted_camera_are_told_to_go(served: Served) -> None:
    path = await demo(served)
    code, _ = await closed_with(served, path, served.admin.delete(path))
    assert code == 1001


async def test_a_stopped_manual_recording_is_no_word_about_a_continuous_one(
    served: Served,
) -> None:
    path = await demo(served, record="manual")
    started = (await served.operator.post(f"{path}/recording/start")).json()
    assert started["status"] == "recording"
    assert started["recording_id"]
    assert (await served.operator.post(f"{path}/recording/stop")).status_code == 200
    assert (await served.viewer.get(path)).json()["recording_stopped_by"] is None
    changed = (await served.admin.patch(path, json={"record": "continuous"})).json()
    assert changed["recording_stopped_by"] is None
    await until(served, path, lambda camera: camera["recording"])


async def test_a_stopped_continuous_recording_is_allowed_again_while_the_camera_is_off(
    served: Served,
) -> None:
    path = await demo(served)
    await until(served, path, lambda camera: camera["recording"])
    assert (await served.operator.post(f"{path}/recording/stop")).status_code == 200
    stopped = (await served.viewer.get(path)).json()
    assert stopped["recording_stopped_by"] == "operator []"
    assert (await served.operator.post(f"{path}/stop")).status_code == 200
    answer = await served.operator.post(f"{path}/recording/start")
    assert (answer.status_code, answer.json()["status"]) == (200, "idle")
    assert (await served.viewer.get(path)).json()["recording_stopped_by"] is None
    assert (await served.operator.post(f"{path}/start")).status_code == 200
    await until(served, path, lambda camera: camera["recording"])


async def test_a_camera_whose_deletion_fails_goes_on(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await demo(served)
    before = await until(served, path, lambda camera: camera["recording"])

    async def full(_camera_id: str) -> None:
        raise Unavailable("the disk of the database is full")

    with monkeypatch.context() as patched:
        patched.setattr(served.services.cameras._store, "delete", full)
        assert (await served.admin.delete(path)).status_code == 503
    camera = (await served.viewer.get(path)).json()
    assert (camera["status"], camera["recording_id"]) == ("running", before["recording_id"])
    assert (await served.admin.delete(path)).status_code == 200
    assert (await served.viewer.get(path)).status_code == 404


async def test_footage_that_cannot_be_deleted_keeps_no_camera(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await demo(served)
    await until(served, path, lambda camera: camera["recording"])

    async def gone(_camera_id: str, **_who: str) -> int:
        raise Unavailable("the disk does not answer")

    monkeypatch.setattr(served.services.recordings, "delete_camera_footage", gone)
    with served.services.bus.subscribe() as events:
        answer = await served.admin.delete(path, params={"delete_footage": "true"})
        async for event in events:
            if isinstance(event, CameraChanged) and event.kind == "deleted":
                break
    assert answer.status_code == 503
    assert "the camera is deleted" in answer.json()["detail"]
    assert (await served.viewer.get(path)).status_code == 404
    listed = (await served.viewer.get("/api/recordings/")).json()["recordings"]
    assert [recording["camera_deleted"] for recording in listed] == [True]
    entries, _ = await served.services.accounts.audit.list()
    assert entries[0].action == "camera.deleted"


async def test_a_camera_removed_by_another_process_leaves_marked_recordings(
    served: Served,
) -> None:
    path = await demo(served)
    await until(served, path, lambda camera: camera["recording"])
    cameras = served.services.cameras
    await cameras._store.delete(path.rpartition("/")[2])
    listed = (await served.viewer.get("/api/recordings/")).json()["recordings"]
    assert [recording["camera_deleted"] for recording in listed] == [True]
    await cameras.reload()
    assert (await served.viewer.get(path)).status_code == 404


async def test_the_command_line_stops_and_starts_a_camera(served: Served) -> None:
    path = await demo(served)
    cameras = served.services.cameras
    config = cameras.get(path.rpartition("/")[2]).config
    await cameras._store.update(replace(config, started=False))
    await cameras.reload()
    assert (await served.viewer.get(path)).json()["status"] == "stopped"
    await cameras._store.update(replace(config, started=True))
    await cameras.reload()
    await until(served, path, lambda camera: camera["online"])


async def test_the_trouble_of_one_camera_ends_no_others_look(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = await demo(served, record="manual")
    sick = path.rpartition("/")[2]
    healthy = (await demo(served, name="Other")).rpartition("/")[2]
    looked: list[str] = []
    rounds = asyncio.Event()
    real = CameraPipeline.tick

    def tick(self: CameraPipeline, *, creating_timeout_us: int) -> None:
        looked.append(self.config.id)
        if looked.count(healthy) == 2:
            rounds.set()
        if self.config.id == sick:
            raise RuntimeError("can't start new thread")
        real(self, creating_timeout_us=creating_timeout_us)

    monkeypatch.setattr(CameraPipeline, "tick", tick)
    await asyncio.wait_for(rounds.wait(), 10)
    assert looked.count(sick) == 2
    assert sick in caplog.text
    caplog.clear()


async def test_a_camera_that_cannot_be_begun_is_an_error_and_the_node_not_ready(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cameras = served.services.cameras
    assert cameras.all_started

    def start(_self: StreamSource) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(StreamSource, "start", start)
        body = {"name": "Demo", "protocol": "demo", "start": True}
        camera = (await served.admin.post("/api/cameras/", json=body)).json()
    assert (camera["status"], camera["reason_code"]) == ("error", "internal")
    assert not served.status._pipelines_started()
    caplog.clear()
    path = f"/api/cameras/{camera['id']}"
    assert (await served.operator.post(f"{path}/start")).status_code == 200
    await until(served, path, lambda answer: answer["recording"])
    assert cameras.all_started


async def test_a_password_that_cannot_be_read_is_said_and_not_left_out(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    asked = asyncio.Event()

    def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        camera = (
            await served.admin.post(
                "/api/cameras/",
                json={
                    "name": "Gate",
                    "protocol": "rtsp",
                    "source_url": f"rtsp://admin:secret@127.0.0.1:{port}/main",
                },
            )
        ).json()
        path = f"/api/cameras/{camera['id']}"
        cameras = served.services.cameras
        cameras._store._cipher = CredentialCipher([Fernet.generate_key()], "/data/other.key")
        await cameras.reload()
        started = (await served.operator.post(f"{path}/start")).json()
        assert (started["status"], started["reason_code"]) == ("error", "password_needed")
        assert "/data/other.key" in started["reason"]
        assert "/data/other.key" in caplog.text
        assert cameras.all_started  # not the node's fault
        trial = await cameras.test_stored(camera["id"], {})
        assert (trial.ok, trial.reason) == (False, started["reason"])
        assert not asked.is_set()
        _ = await cameras.update(camera["id"], {"password": Secret("new")})
        await asyncio.wait_for(asked.wait(), 10)
    await cameras.stop(camera["id"], by="ann")


async def test_trials_are_bounded_and_end_with_the_node(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falconeye.cameras.trial.MEASURE_S", 1e9)  # none ends by itself
    monkeypatch.setattr("falconeye.cameras.trial.TRIAL_S", 1e9)
    new = NewCamera("x", Protocol.DEMO, None, framerate=1)
    cameras = served.services.cameras
    async with asyncio.TaskGroup() as tasks:
        trials = [tasks.create_task(refused(cameras.test(new))) for _ in range(MAX_TRIALS)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="being tested already"):
            await cameras.test(new)
        await cameras.close()
        assert {await trial for trial in trials} == {"the node is stopping"}
    with pytest.raises(Unavailable, match="stopping"):
        await cameras.test(new)
    with pytest.raises(Unavailable, match="stopping"):
        await cameras.start("any")
    assert not cameras.all_started


async def refused(trial: Any) -> str:
    with pytest.raises(Unavailable) as caught:
        await trial
    return str(caught.value)


async def test_a_substream_that_is_given_up_leaves_nothing_behind(served: Served) -> None:
    cameras = served.services.cameras
    path = await demo(served)
    pipeline = cameras._pipelines[path.rpartition("/")[2]]
    pipeline._sources[StreamKind.SUB] = dropped = pipeline._sources[StreamKind.MAIN]
    pipeline._drop_substream()
    assert pipeline._ending == [dropped]
    await asyncio.to_thread(dropped.join)
    pipeline.tick(creating_timeout_us=1)
    assert pipeline._ending == []


async def test_the_default_frame_rate_is_for_cameras_that_take_one(served: Served) -> None:
    await served.admin.patch("/api/settings/", json={"default_framerate": 7})
    demo_camera = {"name": "A", "protocol": "demo"}
    network = {"name": "B", "protocol": "rtsp", "source_url": "rtsp://192.0.2.9/"}
    rates = [
        (await served.admin.post("/api/cameras/", json=body)).json()["framerate"]
        for body in (demo_camera, {**demo_camera, "framerate": 9}, network)
    ]
    assert rates == [7, 9, 15]
