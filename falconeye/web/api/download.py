"""A recording as one file: whole or in ranges, to keep or to play in the page."""

from typing import Annotated, Any

from litestar import HttpMethod, Request, route
from litestar.params import QueryParameter

from falconeye.accounts.model import Action
from falconeye.web.api.documentation import documented
from falconeye.web.api.parameters import RecordingId
from falconeye.web.api.recordings import allowed_recording
from falconeye.web.audit_once import record_once
from falconeye.web.range_response import Representation, StreamResponse, range_response
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


@route(
    "/api/recordings/{recording_id:str}/download",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    status_code=200,
    media_type="video/mp4",
    tags=["Recordings"],
    **documented(
        Action.VIEW_FOOTAGE,
        "The recording as one MP4 file; ranges are supported (206)",
        304,
        404,
        412,
        416,
        503,
    ),
)
async def download(
    request: Asking,
    recording_id: RecordingId,
    *,
    inline: Annotated[
        bool, QueryParameter(description="to be played in the page, not to be kept")
    ] = False,
) -> StreamResponse:
    recording = await allowed_recording(
        request, recording_id, Action.VIEW_FOOTAGE if inline else Action.DOWNLOAD
    )
    plan = await shell_of(request).services.recordings.download(recording_id)
    response = range_response(
        Representation(plan.length, plan.etag, plan.last_modified_us, plan.mime_type, plan.read),
        {name.lower(): value for name, value in request.headers.items()},
        method=request.method,
        file_name=plan.file_name,
        inline=inline,
    )
    if request.method == "GET" and response.status_code in {200, 206}:
        action = "recording.viewed" if inline else "recording.downloaded"
        await record_once(request, recording.id, action, "recording", recording.id)
    return response
