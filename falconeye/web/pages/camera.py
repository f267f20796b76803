"""One camera: live, its facts, start and stop, and the question before it is deleted."""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath

from falconeye.accounts.model import Action
from falconeye.base.errors import BadRequest, InvalidInput
from falconeye.base.times import MINUTE_US, to_us
from falconeye.config.addresses import stays_with_node
from falconeye.storage.segments.recording_rows import Query
from falconeye.web import i18n, own_protections, views
from falconeye.web.audit import record
from falconeye.web.claim_views import claim_views
from falconeye.web.contexts import CameraPage, DeleteCameraPage
from falconeye.web.htmx import is_htmx
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import Asking, go_to, part, services_of, show, texts
from falconeye.web.peers.recordings import gather
from falconeye.web.recording_contexts import RecordingRow
from falconeye.web.security.access import may_on, needs, principal_of

_PAUSES: Final = ("", "15", "60", "480")  # minutes; without: until somebody switches it on
_UNTIL: Final = "until"  # a time of the day, instead of minutes
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
    camera = services.cameras.get(camera_id).anywhere
    rows: tuple[RecordingRow, ...] = ()
    if may_on(principal_of(request), Action.VIEW_FOOTAGE, camera_id):
        query = Query(camera_id=camera_id, limit=views.LATEST_RECORDINGS)
        recordings = (await gather(request, query)).rows
        now_us = services.clock.utc_us()
        rows = tuple(views.recording_row(recording, now_us) for recording in recordings)
    may_move = may_on(principal_of(request), Action.CONTROL, camera_id)
    context = CameraPage(
        camera=views.shown_camera(services, camera),
        address=views.shown_address(camera),
        recordings=rows,
        claims=claim_views(request, camera),
        asks_ptz=may_move and services.onvif.ptz.can_move(camera_id) is not False,
        same_address=views.same_addresses(services, principal_of(request)).get(camera_id, ()),
        stays=stays_with_node(camera.config),
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
            services = services_of(request)
            now_us = services.clock.utc_us()
            until_us = _pause_end(await texts(request), now_us, services.stored_settings.zone)
            by = principal_of(request).name
            camera = await cameras.pause(camera_id, by=by, until_us=until_us)
        case "switch_on":
            camera = await cameras.switch_on(camera_id)
        case _:
            raise BadRequest(_("There is no such action."))
    audited, done = _DONE[action]
    await record(request, audited, "camera", camera_id, camera.config.name)
    return go_to(f"/cameras/{camera_id}", done=done)


def _pause_end(given: Mapping[str, str], now_us: int, zone: tzinfo) -> int | None:
    """When a pause ends; None: when somebody switches it on."""
    choice = given.get("minutes", "")
    if choice == _UNTIL:
        return next_time(given.get("until", ""), now_us, zone)
    if choice not in _PAUSES:
        raise InvalidInput(_("Choose how long."), field="minutes")
    return now_us + int(choice) * MINUTE_US if choice else None


def next_time(text: str, now_us: int, zone: tzinfo) -> int:
    """When clocks of the zone show a time (18:00) next, in UTC; InvalidInput for what is none.

    In the night in which they are set on over it, as much later as they leap.
    """
    try:
        wanted = datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - a time of any day
    except ValueError:
        raise InvalidInput(_("A time looks like 18:00."), field="until") from None
    today = i18n.local(now_us, zone).date()
    moments = [
        (
            to_us(datetime.combine(today + timedelta(days=days), wanted.replace(fold=fold), zone)),
            fold,
        )
        for days in (0, 1)
        for fold in (0, 1)
    ]
    # A time that is leapt over has a second reading, too: before it.
    shown = [us for us, fold in moments if not fold or i18n.local(us, zone).time() == wanted]
    return min(us for us in shown if us > now_us)


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
        is_protected=bool(
            await own_protections.kept_of(services, camera_id, 0, services.clock.utc_us())
        ),
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
