"""Start and stop a camera's recording, and ask whether it records (api.md)."""

from typing import Any

from litestar import Controller, Request, get, post, put
from litestar.params import JSONBody
from pydantic import BaseModel, ConfigDict

from falconeye.accounts.model import Action
from falconeye.base.times import rfc3339
from falconeye.cameras.registry import Camera
from falconeye.storage.segments.layout import recording_file_name
from falconeye.web.api.camera_answers import RecordingStatus
from falconeye.web.api.documentation import documented
from falconeye.web.api.parameters import CameraId
from falconeye.web.audit import record
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


class RecordingWish(BaseModel):
    """Whether it is to record: what switches of home automation send."""

    model_config = ConfigDict(strict=True, extra="forbid")

    recording: bool


class RecordingControlController(Controller):
    """`/api/cameras/{id}/recording`."""

    path = "/api/cameras/{camera_id:str}/recording"
    tags = ("Recording control",)

    @get("/status", **documented(Action.VIEW_LIVE, "Whether it records now", 404))
    async def recording_status(self, request: Asking, camera_id: CameraId) -> RecordingStatus:
        return _status(shell_of(request).services.cameras.get(camera_id))

    @put(
        "/",
        **documented(
            Action.CONTROL,
            "Record, or do not: `start` or `stop` as one switch. Harmless when it is so already",
            400,
            404,
            409,
            422,
        ),
    )
    async def switch_recording(
        self, request: Asking, camera_id: CameraId, data: JSONBody[RecordingWish]
    ) -> RecordingStatus:
        if not data.recording:
            return await _stop(request, camera_id)
        camera = shell_of(request).services.cameras.get(camera_id)
        if camera.recording_id is not None:
            return _status(camera)
        return await _start(request, camera_id)

    @post(
        "/start",
        status_code=200,
        **documented(
            Action.CONTROL,
            "Begin to record; answers once the first picture is written, or after 6 s",
            400,
            404,
            409,
        ),
    )
    async def start_recording(self, request: Asking, camera_id: CameraId) -> RecordingStatus:
        return await _start(request, camera_id)

    @post(
        "/stop",
        status_code=200,
        **documented(Action.CONTROL, "Stop recording, until somebody starts it again", 404),
    )
    async def stop_recording(self, request: Asking, camera_id: CameraId) -> RecordingStatus:
        return await _stop(request, camera_id)


async def _start(request: Asking, camera_id: str) -> RecordingStatus:
    camera = await shell_of(request).services.cameras.start_recording(camera_id)
    await record(request, "recording.started", "camera", camera_id, camera.config.name)
    return _status(camera)


async def _stop(request: Asking, camera_id: str) -> RecordingStatus:
    by = principal_of(request).name
    camera = await shell_of(request).services.cameras.stop_recording(camera_id, by=by)
    await record(request, "recording.stopped", "camera", camera_id, camera.config.name)
    return _status(camera)


def _status(camera: Camera) -> RecordingStatus:
    config = camera.config
    if camera.recording_id is None:
        return RecordingStatus(camera_id=config.id, camera_name=config.name, status="idle")
    since_us = camera.recording_since_us
    return RecordingStatus(
        recording_id=camera.recording_id,
        camera_id=config.id,
        camera_name=config.name,
        file_name=None if since_us is None else recording_file_name(config.name, since_us),
        start_time=None if since_us is None else rfc3339(since_us),
        status="recording",
    )
