"""A recording as one file: whole or in ranges, to keep or to play in the page."""

from collections import OrderedDict
from typing import Annotated, Any

from litestar import HttpMethod, Request, route
from litestar.params import QueryParameter

from falconeye.accounts.model import Action, Principal
from falconeye.base.clock import Clock
from falconeye.base.times import SECOND_US
from falconeye.web.api.documentation import documented
from falconeye.web.api.parameters import RecordingId
from falconeye.web.api.recordings import allowed_recording
from falconeye.web.audit import record
from falconeye.web.range_response import Representation, StreamResponse, range_response
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

STATE_KEY = "download_audit"
SAME_DOWNLOAD_US = 600 * SECOND_US
MAX_REMEMBERED = 1000


class DownloadAudit:
    """Which downloads stand in the audit log: a player asks for many ranges of one recording."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, str], int] = OrderedDict()

    def is_new(self, who: Principal, recording_id: str, action: str, clock: Clock) -> bool:
        """Whether this is the first of them within ten minutes."""
        key = (who.id, recording_id, action)
        now = clock.monotonic_us()
        known_us = self._known.get(key)
        if known_us is not None and now - known_us < SAME_DOWNLOAD_US:
            return False
        self._known[key] = now
        self._known.move_to_end(key)
        while len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return True


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
        await _write_down(request, recording.id, "viewed" if inline else "downloaded")
    return response


async def _write_down(request: Asking, recording_id: str, what: str) -> None:
    shell = shell_of(request)
    audit = request.app.state.setdefault(STATE_KEY, DownloadAudit())
    who = request.scope["user"]
    if audit.is_new(who, recording_id, what, shell.services.clock):
        await record(request, f"recording.{what}", "recording", recording_id)
