"""Live pictures for browsers and other programs: MJPEG, stills, MP4, and the live socket."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from litestar import Controller, Request, Response, WebSocket, get, websocket
from litestar.params import FromQuery, QueryParameter

from falconeye.accounts.model import Action
from falconeye.base.errors import FalconEyeError, Unavailable
from falconeye.cameras.registry import Camera
from falconeye.events.camera_state import CameraStatus
from falconeye.media.samples import StreamKind
from falconeye.web import languages
from falconeye.web.api.documentation import documented
from falconeye.web.api.live_socket import StreamChoice, close_with, pump
from falconeye.web.api.parameters import CameraId
from falconeye.web.live_audit import note_watched
from falconeye.web.open_streams import open_connection
from falconeye.web.range_response import StreamResponse, http_date
from falconeye.web.security.access import needs
from falconeye.web.shell import shell_of

FIRST_PICTURE_LIMIT_S = 15.0  # a camera that is connecting; then 502
PICTURE_LIMIT_S = 20.0
BOUNDARY = "frame"
_LIVE = {"cache-control": "no-store", "x-accel-buffering": "no"}

Asking = Request[Any, Any, Any]
Height = Annotated[
    int | None, QueryParameter(ge=16, le=4320, description="pixels; as it is if absent")
]


class MediaController(Controller):
    """`/api/cameras/{id}`: what is watched."""

    path = "/api/cameras/{camera_id:str}"
    tags = ("Live",)

    @get(
        "/stream",
        media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}",
        **documented(Action.VIEW_LIVE, "MJPEG, endless", 404, 502, 503),
    )
    async def mjpeg(self, request: Asking, camera_id: CameraId) -> StreamResponse:
        cameras = shell_of(request).services.cameras
        require_running(cameras.get(camera_id))
        await note_watched(request, camera_id, "MJPEG")
        return StreamResponse(
            mjpeg_parts(cameras.mjpeg(camera_id)),
            media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}",
            headers=_LIVE,
            first_limit_s=FIRST_PICTURE_LIMIT_S,
        )

    @get(
        "/live.mp4",
        media_type="video/mp4",
        **documented(Action.VIEW_LIVE, "Fragmented MP4, endless, for players", 404, 422, 502, 503),
    )
    async def live_mp4(
        self, request: Asking, camera_id: CameraId, stream: FromQuery[StreamKind] = StreamKind.MAIN
    ) -> StreamResponse:
        cameras = shell_of(request).services.cameras
        require_running(cameras.get(camera_id))
        await note_watched(request, camera_id, "MP4")
        return StreamResponse(
            closing(cameras.live_mp4(camera_id, stream)),
            media_type="video/mp4",
            headers=_LIVE,
            first_limit_s=FIRST_PICTURE_LIMIT_S,
        )

    @get(
        "/snapshot.jpg",
        media_type="image/jpeg",
        **documented(Action.VIEW_LIVE, "The latest keyframe", 404, 422, 503),
    )
    async def snapshot(
        self, request: Asking, camera_id: CameraId, height: Height = None
    ) -> Response[bytes]:
        return await latest_picture(request, camera_id, height)

    @websocket("/live", opt=needs(Action.VIEW_LIVE))
    async def live(
        self,
        socket: WebSocket[Any, Any, Any],
        camera_id: CameraId,
        stream: FromQuery[StreamChoice] = "auto",
    ) -> None:
        await serve_live(socket, camera_id, stream)


async def serve_live(
    socket: WebSocket[Any, Any, Any], camera_id: str, stream: StreamChoice = "auto"
) -> None:
    """The live socket of a camera, to its end."""
    await socket.accept()
    languages.speak(socket)  # why there is no picture stands on the page
    try:
        session = shell_of(socket).services.cameras.live_session(camera_id)
    except FalconEyeError as error:
        await close_with(socket, error)
        return
    async with asyncio.TaskGroup() as tasks:  # the first picture does not wait for a disk
        tasks.create_task(note_watched(socket, camera_id, "video"), name="live:audit")
        await pump(socket, session, connection=open_connection(socket), preferred=stream)


async def latest_picture(request: Asking, camera_id: str, height: int | None) -> Response[bytes]:
    """The latest keyframe of a camera as JPEG, with when it was taken."""
    picture, taken_us = await shell_of(request).services.cameras.snapshot(camera_id, height=height)
    await note_watched(request, camera_id, "still")
    return Response(
        picture,
        media_type="image/jpeg",
        headers={"cache-control": "no-store", "last-modified": http_date(taken_us)},
    )


def require_running(camera: Camera) -> None:
    """Unavailable, with the reason, for a camera from which nothing will come soon."""
    if camera.state.status not in {CameraStatus.RUNNING, CameraStatus.CREATING}:
        raise Unavailable(camera.state.reason or "the camera is not running")


async def closing(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The same chunks; closing this closes the generator behind them at once."""
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()


async def mjpeg_parts(
    pictures: AsyncIterator[bytes], *, idle_limit_s: float = PICTURE_LIMIT_S
) -> AsyncGenerator[bytes, None]:
    """JPEGs as parts of multipart/x-mixed-replace (RFC 2046 5.1), until none comes any more.

    The delimiter is sent with the part it ends, so that a browser shows a picture when it has come
    and not with the next one. A stream without pictures ends: a still one must not pass for live.
    """
    delimiter = f"--{BOUNDARY}\r\n".encode()
    opening = delimiter
    async with aclosing(closing(pictures)) as each:
        while (picture := await _next(each, idle_limit_s)) is not None:
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n".encode()
            yield b"".join((opening, head, picture, b"\r\n", delimiter))
            opening = b""


async def _next(each: AsyncGenerator[bytes, None], limit_s: float) -> bytes | None:
    try:
        async with asyncio.timeout(limit_s):
            return await anext(each, None)
    except TimeoutError:
        return None
