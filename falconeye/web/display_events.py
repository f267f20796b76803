"""`/display/api/events`: what a screen on a wall has to know, as JSON (server-sent events).

`hello` comes first: the version of this server, the layout, its time. `state` has the changing
part of each tile; `alive` comes whenever nothing else did for `KEEP_ALIVE_S`, so that a screen
notices a network that hangs. `signed-out` or `closing` comes last.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from litestar import Request, get

from falconeye.web.display_views import (
    display_cameras,
    display_grid,
    layout_of,
    seen_now,
    tiles_html,
    version_of,
)
from falconeye.web.frame import frame_of
from falconeye.web.open_streams import OpenConnection, open_connection
from falconeye.web.partials import set_language
from falconeye.web.range_response import StreamResponse
from falconeye.web.security.access import for_displays, principal_of
from falconeye.web.security.credentials import Credential
from falconeye.web.security.display_cookies import display_cookie
from falconeye.web.shell import shell_of
from falconeye.web.sse import INTERVAL_S, goodbye, next_batch

Asking = Request[Any, Any, Any]

KEEP_ALIVE_S: Final = 5.0


@get("/display/api/events", opt=for_displays(), include_in_schema=False)
async def display_events(request: Asking) -> StreamResponse:
    """The stream of changes for one screen; its cookie lasts longer by it."""
    who = principal_of(request)
    shell_of(request).services.accounts.displays.note(who.id, seen_now(request))
    return StreamResponse(
        _messages(request, open_connection(request)),
        media_type="text/event-stream",
        headers={
            "cache-control": "no-store",
            "x-accel-buffering": "no",
            "set-cookie": renewed_cookie(request),
        },
    )


def renewed_cookie(request: Asking) -> str:
    """The header that keeps the display's cookie for another 400 days."""
    credential: Credential = request.scope["auth"]
    secure = request.scope["scheme"] == "https"
    cookie = display_cookie(credential.value, frame_of(request).root, secure=secure)
    return cookie.to_header(header="")


async def _messages(request: Asking, connection: OpenConnection) -> AsyncGenerator[bytes, None]:
    connection.says_goodbye = True
    set_language(request)
    services, who = shell_of(request).services, principal_of(request)
    with services.bus.subscribe() as subscription:
        cameras = display_cameras(services, who)
        yield _message("hello", {
            "version": version_of(request),
            "layout": layout_of(display_grid(services, who, cameras)),
            "now_ms": services.clock.utc_us() // 1000,
            "quiet_s": KEEP_ALIVE_S,
        })  # fmt: skip
        told = None
        while connection.reason is None:
            cameras = display_cameras(services, who)
            layout = layout_of(display_grid(services, who, cameras))
            now = (layout, [camera.state for camera in cameras])
            if now != told:
                tiles = tiles_html(request, cameras)
                yield _message("state", {"layout": layout, "tiles": tiles})
            else:
                yield _message("alive", {})
            told = now
            not_before = asyncio.get_running_loop().time() + INTERVAL_S
            await connection.run(next_batch(subscription, not_before, KEEP_ALIVE_S))
        yield goodbye(connection.reason)


def _message(name: str, data: Mapping[str, Any]) -> bytes:
    """One named message; JSON has no line breaks (WHATWG HTML 9.2.5)."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
