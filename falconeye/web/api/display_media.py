"""Live pictures for screens on walls, below their own address: of the cameras that they show."""

from typing import Any

from litestar import Controller, Request, Response, WebSocket, get, websocket
from litestar.params import FromQuery

from falconeye.web.api.live_socket import StreamChoice
from falconeye.web.api.media import Height, latest_picture, serve_live
from falconeye.web.api.parameters import CameraId
from falconeye.web.security.access import for_displays


class DisplayMediaController(Controller):
    """`/display/api/cameras/{id}`: what a player asks, as at `/api/cameras/{id}`."""

    path = "/display/api/cameras/{camera_id:str}"
    include_in_schema = False

    @get("/snapshot.jpg", media_type="image/jpeg", opt=for_displays())
    async def snapshot(
        self, request: Request[Any, Any, Any], camera_id: CameraId, height: Height = None
    ) -> Response[bytes]:
        return await latest_picture(request, camera_id, height)

    @websocket("/live", opt=for_displays())
    async def live(
        self,
        socket: WebSocket[Any, Any, Any],
        camera_id: CameraId,
        stream: FromQuery[StreamChoice] = "auto",
    ) -> None:
        await serve_live(socket, camera_id, stream)
