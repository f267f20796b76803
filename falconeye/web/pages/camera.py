"""One camera: live, its facts, start and stop, and the question before it is deleted."""

from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath

from falconeye.accounts.model import Action
from falconeye.base.errors import BadRequest, InvalidInput
from falconeye.base.times import MINUTE_US
from falconeye.web import views
from falconeye.web.audit import record
from falconeye.web.contexts import CameraPage, DeleteCameraPage
from falconeye.web.htmx import is_htmx
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import Asking, go_to, part, services_of, show, texts
from falconeye.web.recording_contexts import RecordingRow
from falconeye.web.security.access import may_on, needs, principal_of

_PAUSES: Final = ("", "15", "60", "480")  # minutes; without: until somebody switches it on
# Action → what the audit log calls it, as the API does; what the page then says.
_DONE: Final = {
    "start": ("camera.started", "started"),
    "stop": ("camera.stopped", "stopped"),
    "restart": ("camera.restarted", "restarted"),
    "start_recording": ("recording.started", "recording-started"),
    "stop_recording": ("recording.stopped", "recording-stopped"),
    "pause": ("camera.paused", "paused"),
    "switch_on": ("camera.switched_on", "switched-on"),
}


@get("/cameras/{camera_id:str}", opt=needs(Action.VIEW_LIVE), include_in_schema=False)
async def camera_page(request: Asking, camera_id: FromPath[str]) -> Response[str]:
    """The camera, large."""
    services = services_of(request)
    camera = services.cameras.get(camera_id)
    rows: tuple[RecordingRow, ...] = ()
    if may_on(principal_of(request), Action.VIEW_FOOTAGE, camera_id):
        recordings, _total = await services.recordings.list(
            camera_id=camera_id, limit=views.LATEST_RECORDINGS
        )
        now_us = services.clock.utc_us()
        rows = tuple(views.recording_row(recording, now_us) for recording in recordings)
    context = CameraPage(
        camera=views.shown_camera(services, camera),
        address=views.shown_address(camera),
        recordings=rows,
    )
    return show(request, "pages/camera.html", context)


@get("/cameras/{camera_id:str}/streams", opt=needs(Action.VIEW_LIVE), include_in_schema=False)
async def camera_streams(request: Asking, camera_id: FromPath[str]) -> Response[str]:
    """The figures beside the picture, asked for again every few seconds."""
    camera = services_of(request).cameras.get(camera_id)
    return part(request, "partials/camera_streams.html", camera=camera, counted=True)


@post("/cameras/{camera_id:str}/action", opt=needs(Action.CONTROL), include_in_schema=False)
async def camera_action(request: Asking, camera_id: FromPath[str]) -> Response[str]:
    """Start, stop, restart, record."""
    action = (await texts(request)).get("action", "")
    cameras = services_of(request).cameras
    match action:
        case "start":
            camera = await cameras.start(camera_id)
        case "stop":
            camera = await cameras.stop(camera_id, by=principal_of(request).name)
        case "restart":
            camera = await cameras.restart(camera_id)
        case "start_recording":
            camera = await cameras.start_recording(camera_id)
        case "stop_recording":
            camera = await cameras.stop_recording(camera_id, by=principal_of(request).name)
        case "pause":
            minutes = _minutes((await texts(request)).get("minutes", ""))
            now_us = services_of(request).clock.utc_us()
            until_us = None if minutes is None else now_us + minutes * MINUTE_US
            by = principal_of(request).name
            camera = await cameras.pause(camera_id, by=by, until_us=until_us)
        case "switch_on":
            camera = await cameras.switch_on(camera_id)
        case _:
            raise BadRequest(_("There is no such action."))
    audited, done = _DONE[action]
    await record(request, audited, "camera", camera_id, camera.config.name)
    return go_to(f"/cameras/{camera_id}", done=done)


def _minutes(text: str) -> int | None:
    """How long; None: until somebody switches it on."""
    if text not in _PAUSES:
        raise InvalidInput(_("Choose how long."), field="minutes")
    return int(text) if text else None


@get("/cameras/{camera_id:str}/delete", opt=needs(Action.CHANGE_CAMERA), include_in_schema=False)
async def delete_question(request: Asking, camera_id: FromPath[str]) -> Response[str]:
    """Keep or delete the recordings? As a page, or as the inside of a dialog."""
    services = services_of(request)
    camera = services.cameras.get(camera_id)
    question = DeleteCameraPage(
        camera_id=camera_id,
        name=camera.config.name,
        recordings_count=await services.recordings.count(camera_id),
        recordings_bytes=await services.recordings.footage_bytes(camera_id),
    )
    if is_htmx(request):
        return part(request, "partials/delete_camera.html", question=question)
    return show(request, "pages/camera_delete.html", question)


@post("/cameras/{camera_id:str}/delete", opt=needs(Action.CHANGE_CAMERA), include_in_schema=False)
async def delete_camera(request: Asking, camera_id: FromPath[str]) -> Response[str]:
    """Delete the camera, and its recordings where that was chosen."""
    choice = (await texts(request)).get("footage", "")
    if choice not in {"keep", "delete"}:
        raise InvalidInput(_("Choose whether the recordings stay."), field="footage")
    cameras = services_of(request).cameras
    name = cameras.get(camera_id).config.name
    await cameras.delete(camera_id)
    await record(request, "camera.deleted", "camera", camera_id, f"{name}, footage: {choice}")
    if choice == "delete":
        await cameras.delete_footage(camera_id, who=principal_of(request).name)
    done = "camera-deleted" if choice == "keep" else "camera-and-footage-deleted"
    return go_to("/", done=done)
