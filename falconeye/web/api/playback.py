"""Recorded footage for players: an HLS playlist, its media by ranges, and stills (api.md)."""

from collections.abc import AsyncGenerator
from functools import partial
from typing import Annotated, Any

from litestar import HttpMethod, Request, Response, get, route
from litestar.params import FromPath, FromQuery, QueryParameter

from falconeye.accounts.model import Action, require
from falconeye.base.errors import InvalidInput
from falconeye.base.times import HOUR_US, LATEST_US, rfc3339
from falconeye.media.samples import StreamKind
from falconeye.storage.export.export_result import file_name
from falconeye.storage.reading.playback import Beside
from falconeye.web.api.documentation import documented
from falconeye.web.api.media import Height
from falconeye.web.api.parameters import CameraId, From, To, read_span, read_time
from falconeye.web.audit import record
from falconeye.web.audit_once import note_elsewhere, record_once
from falconeye.web.peers import playback as peers_playback
from falconeye.web.peers.playback import MAX_WINDOW_US, Window, silent_headers
from falconeye.web.peers.stills import Wanted, fetch, holder_of
from falconeye.web.range_response import (
    Representation,
    StreamResponse,
    attachment,
    http_date,
    range_response,
)
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
DEFAULT_WINDOW_US = HOUR_US
WATCHED_US = 2 * MAX_WINDOW_US  # media that a playlist of ours names is asked for in that time
PICTURE_TIME = "x-picture-time"
_IMMUTABLE = "private, max-age=31536000, immutable"  # its name is the hash of its bytes
_CHECKED = "private, no-cache"
_READ = [HttpMethod.GET, HttpMethod.HEAD]
At = Annotated[
    str | None,
    QueryParameter(max_length=64, description="RFC 3339; now if absent"),
]


@get(
    "/api/cameras/{camera_id:str}/playback.m3u8",
    media_type=PLAYLIST_TYPE,
    tags=["Recordings"],
    **documented(
        Action.VIEW_FOOTAGE,
        "Footage as an HLS playlist, at most two hours of it; without `from` the hour before `to`. "
        "Without `to` it is what there is now; with one that lies ahead the playlist grows",
        404,
        422,
        503,
    ),
)
async def playlist(
    request: Asking,
    camera_id: CameraId,
    stream: FromQuery[StreamKind] = StreamKind.MAIN,
    from_time: From = None,
    to_time: To = None,
) -> Response[bytes]:
    services = shell_of(request).services
    _ = services.cameras.get(camera_id)
    span = read_span(from_time, to_time, services.stored_settings.zone)
    now_us = services.clock.utc_us()
    if span.from_us is None:
        to_us = now_us if span.to_us is None else span.to_us
        from_us = max(to_us - DEFAULT_WINDOW_US, 0)
    else:
        from_us = span.from_us
        to_us = min(now_us, from_us + MAX_WINDOW_US) if span.to_us is None else span.to_us
    if to_us - from_us > MAX_WINDOW_US:
        raise InvalidInput("to: more than two hours after from", field="to")
    wanted = Window(camera_id, stream, from_us, to_us, grows=span.to_us is not None)
    made = await peers_playback.playlist(request, wanted)
    # One entry for a playlist, however often it is asked for while it grows.
    window = f"{stream.value} {rfc3339(from_us)} – {rfc3339(to_us)}"
    asked = window if span.to_us is not None else f"{stream.value} {from_time}"
    await _write_down(request, camera_id, asked, window)
    note_elsewhere(request, _of_media(camera_id), "footage.viewed", WATCHED_US)
    headers = silent_headers(made.silent)
    return Response(made.text.encode(), media_type=PLAYLIST_TYPE, headers=headers)


@route(
    "/api/cameras/{camera_id:str}/footage/{name:str}",
    http_method=_READ,
    status_code=200,
    media_type="video/mp4",
    tags=["Recordings"],
    **documented(
        Action.VIEW_FOOTAGE,
        "Media that a playlist names; ranges are supported (206)",
        304,
        404,
        412,
        416,
        503,
    ),
)
async def media(request: Asking, camera_id: CameraId, name: FromPath[str]) -> StreamResponse:
    plan = await shell_of(request).services.playback.media(camera_id, name)
    # Whoever asks for footage by a name that they did not get from a playlist of ours.
    await record_once(
        request, _of_media(camera_id), "footage.viewed", "camera", camera_id, name,
        within_us=WATCHED_US,
    )  # fmt: skip
    whole = Representation(plan.length, plan.etag, plan.last_modified_us, plan.mime_type, plan.read)
    return _ranges(request, whole, plan.file_name)


@route(
    "/api/cameras/{camera_id:str}/inits/{name:str}",
    http_method=_READ,
    status_code=200,
    media_type="video/mp4",
    tags=["Recordings"],
    **documented(
        Action.VIEW_FOOTAGE,
        "An init segment that a playlist names; ranges are supported (206)",
        304,
        404,
        412,
        416,
    ),
)
async def init(request: Asking, camera_id: CameraId, name: FromPath[str]) -> StreamResponse:
    digest = name.removesuffix(".mp4")
    data = await shell_of(request).services.playback.init(camera_id, digest)
    return _ranges(
        request,
        Representation(len(data), f'"{digest[:32]}"', 0, "video/mp4", partial(_slice, data)),
        name,
        cache_control=_IMMUTABLE,
    )


@get(
    "/api/cameras/{camera_id:str}/still.jpg",
    media_type="image/jpeg",
    tags=["Recordings"],
    **documented(
        Action.VIEW_FOOTAGE,
        "The recorded keyframe at or before a moment; `X-Picture-Time` tells when it was taken. "
        "With `save` it comes as a file, and the audit log tells of it",
        304,
        404,
        422,
        503,
    ),
)
async def still(
    request: Asking,
    camera_id: CameraId,
    at: At = None,
    height: Height = None,
    stream: FromQuery[StreamKind] = StreamKind.MAIN,
    beside: Annotated[
        Beside | None,
        QueryParameter(description="the last keyframe before the moment, or the next, over holes"),
    ] = None,
    *,
    save: Annotated[
        bool, QueryParameter(description="as a file to keep, named by camera and local time")
    ] = False,
) -> Response[bytes]:
    services = shell_of(request).services
    name = services.cameras.get(camera_id).config.name
    if save:
        require(principal_of(request), Action.DOWNLOAD, camera_id)
    read_us = read_time(at, services.stored_settings.zone, field="at")
    at_us = services.clock.utc_us() if read_us is None else read_us
    wanted = Wanted(
        camera_id=camera_id, stream=stream, at_us=min(max(at_us, 0), LATEST_US), beside=beside
    )
    if (holder := await holder_of(request, wanted)) is not None:
        return await fetch(request, holder)
    found = await services.stills.at(camera_id, stream, at_us, height, beside)
    if save:
        taken = f"{stream.value} {rfc3339(found.at_us)}"
        await record(request, "footage.still_saved", "camera", camera_id, taken)
    else:
        await _write_down(request, camera_id, f"{stream.value} stills", f"{stream.value} stills")
    headers = {
        "cache-control": "private, no-cache",
        "etag": f'"{found.key}"',
        "last-modified": http_date(found.at_us),
        PICTURE_TIME: rfc3339(found.at_us),
    }
    if save:
        file = file_name(name, found.at_us, services.stored_settings.zone, ".jpg")
        headers["content-disposition"] = attachment(file, inline=False)
    elif headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, media_type="image/jpeg", headers=headers)
    return Response(found.jpeg, media_type="image/jpeg", headers=headers)


def _ranges(
    request: Asking, whole: Representation, file_name: str, cache_control: str = _CHECKED
) -> StreamResponse:
    headers = {header.lower(): value for header, value in request.headers.items()}
    return range_response(
        whole,
        headers,
        method=request.method,
        file_name=file_name,
        inline=True,
        cache_control=cache_control,
    )


async def _slice(data: bytes, first: int, end: int) -> AsyncGenerator[bytes, None]:
    yield data[first:end]


def _of_media(camera_id: str) -> str:
    return f"{camera_id} media"


async def _write_down(request: Asking, camera_id: str, asked: str, detail: str) -> None:
    """Who saw which footage, once in ten minutes (as downloads do it)."""
    what = f"{camera_id} {asked}"
    await record_once(request, what, "footage.viewed", "camera", camera_id, detail)
