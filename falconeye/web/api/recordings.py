"""Recordings: list, look, register, change, delete (api.md)."""

from typing import Annotated, Any

from litestar import Controller, Request, delete, get, patch, post
from litestar.params import FromQuery, JSONBody, QueryParameter

from falconeye.accounts.model import Action
from falconeye.base.errors import NotFound
from falconeye.storage.segments.recording_rows import Query, Recording, RecordingStatus
from falconeye.web.api.documentation import documented
from falconeye.web.api.parameters import (
    DEFAULT_LIMIT,
    From,
    Limit,
    Offset,
    RecordingId,
    To,
    read_span,
)
from falconeye.web.api.recording_models import (
    RecordingAnswer,
    RecordingDeleted,
    RecordingInput,
    RecordingList,
    RecordingPatch,
)
from falconeye.web.audit import record
from falconeye.web.peers.recordings import gather
from falconeye.web.security.access import principal_of, require_camera
from falconeye.web.services import Services
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


class RecordingController(Controller):
    """`/api/recordings`."""

    path = "/api/recordings"
    tags = ("Recordings",)

    @get("/", **documented(Action.VIEW_FOOTAGE, "List recordings, newest first", 422))
    async def list_recordings(
        self,
        request: Asking,
        camera_id: Annotated[str | None, QueryParameter(max_length=64)] = None,
        status: FromQuery[RecordingStatus | None] = None,
        from_time: From = None,
        to_time: To = None,
        limit: Limit = DEFAULT_LIMIT,
        offset: Offset = 0,
    ) -> RecordingList:
        services = shell_of(request).services
        span = read_span(from_time, to_time, services.stored_settings.zone)
        cameras = principal_of(request).cameras
        query = Query(camera_id, status, span.from_us, span.to_us, cameras, limit, offset)
        found = await gather(request, query)
        return RecordingList(
            recordings=[RecordingAnswer.of(recording) for recording in found.rows],
            count=found.total,
            unreachable_nodes=list(found.silent),
        )

    @post(
        "/",
        status_code=201,
        **documented(Action.CONTROL, "Register a recording made elsewhere", 400, 422),
    )
    async def register_recording(
        self, request: Asking, data: JSONBody[RecordingInput]
    ) -> RecordingAnswer:
        services = shell_of(request).services
        require_camera(principal_of(request), Action.CONTROL, data.camera_id)
        new = data.to_import(
            services.stored_settings.zone, known_name=_camera_name(services, data.camera_id)
        )
        recording = await services.recordings.register(new)
        await record(request, "recording.registered", "recording", recording.id, new.path)
        return RecordingAnswer.of(recording)

    @get("/{recording_id:str}", **documented(Action.VIEW_FOOTAGE, "One recording", 404))
    async def get_recording(self, request: Asking, recording_id: RecordingId) -> RecordingAnswer:
        recording = await allowed_recording(request, recording_id, Action.VIEW_FOOTAGE)
        gaps = await shell_of(request).services.timelines.gaps_of(recording)
        return RecordingAnswer.of(recording, gaps)

    @patch(
        "/{recording_id:str}",
        **documented(Action.CONTROL, "Change a recording's notes or protection", 400, 404, 422),
    )
    async def change_recording(
        self, request: Asking, recording_id: RecordingId, data: JSONBody[RecordingPatch]
    ) -> RecordingAnswer:
        recording = await allowed_recording(request, recording_id, Action.CONTROL)
        services = shell_of(request).services
        changes = data.to_changes(recording, services.stored_settings.zone)
        if changes:
            recording = await services.recordings.update(recording_id, changes)
            detail = ", ".join(sorted(changes))
            await record(request, "recording.changed", "recording", recording_id, detail)
        return RecordingAnswer.of(recording)

    @delete(
        "/{recording_id:str}",
        status_code=200,
        **documented(
            Action.DELETE_FOOTAGE,
            "Take a recording off the list, or delete it with its footage",
            404,
            409,
            422,
        ),
    )
    async def delete_recording(
        self,
        request: Asking,
        recording_id: RecordingId,
        *,
        delete_file: Annotated[
            bool,
            QueryParameter(
                description="delete the footage; else it stays on the timeline until retention"
            ),
        ] = False,
    ) -> RecordingDeleted:
        await allowed_recording(request, recording_id, Action.DELETE_FOOTAGE)
        recordings = shell_of(request).services.recordings
        if delete_file:
            await recordings.delete(recording_id, who=principal_of(request).name)
        else:
            await recordings.hide(recording_id)
        action = "recording.deleted" if delete_file else "recording.hidden"
        await record(request, action, "recording", recording_id)
        words = "deleted with its footage" if delete_file else "taken off the list"
        return RecordingDeleted(message=f"recording {words}", id=recording_id)


async def allowed_recording(request: Asking, recording_id: str, action: Action) -> Recording:
    """The recording; NotFound, or NotAllowed where its camera is beyond the caller's scope."""
    recording = await shell_of(request).services.recordings.get(recording_id)
    require_camera(principal_of(request), action, recording.camera_id)
    return recording


def _camera_name(services: Services, camera_id: str) -> str | None:
    try:
        return services.cameras.get(camera_id).config.name
    except NotFound:
        return None
