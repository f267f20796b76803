"""What a screen on a wall shows: its cameras in their order, and what tells that a page is old."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from litestar import Request

from falconeye import __version__
from falconeye.accounts.model import Principal
from falconeye.cameras.views import Camera
from falconeye.storage.stores.display_store import Seen
from falconeye.web import views, wall_views
from falconeye.web.audit import address_of
from falconeye.web.display_contexts import DisplayPage
from falconeye.web.frame import frame_of
from falconeye.web.rendering import render_part
from falconeye.web.services import Services
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


def display_cameras(services: Services, who: Principal) -> list[Camera]:
    """The cameras that the display may show, in the order of its wall, else by name."""
    cameras = views.shown_cameras(services, who)
    wall = services.accounts.displays.wall_of(who.id)
    if wall is None:
        return cameras
    places = {camera_id: place for place, camera_id in enumerate(wall.cameras)}
    return sorted(cameras, key=lambda camera: places.get(camera.config.id, len(places)))


def display_page(request: Asking, who: Principal, cameras: Sequence[Camera]) -> DisplayPage:
    """The page of these cameras."""
    return DisplayPage(
        name=who.name,
        tiles=tuple(wall_views.tile(camera) for camera in cameras),
        version=version_of(request),
        layout=layout_of(cameras),
    )


def tiles_html(request: Asking, cameras: Sequence[Camera]) -> dict[str, str]:
    """The changing part of each tile, by camera id."""
    templates, frame = shell_of(request).templates, frame_of(request)
    return {
        camera.config.id: render_part(
            templates, "partials/display_state.html", frame, tile=wall_views.tile(camera)
        )
        for camera in cameras
    }


def version_of(request: Asking) -> str:
    """Another one after an update: the page that is open is to be loaded again."""
    return f"{__version__}-{shell_of(request).assets.version}"


def layout_of(cameras: Sequence[Camera]) -> str:
    """Another one when cameras come, go, change places or names."""
    shown = json.dumps([(camera.config.id, camera.config.name) for camera in cameras])
    return hashlib.sha256(shown.encode()).hexdigest()[:16]


def seen_now(request: Asking) -> Seen:
    """Who asks now, from where, and whether over TLS."""
    return Seen(
        shell_of(request).services.clock.utc_us(),
        address_of(request),
        request.headers.get("user-agent", ""),
        request.scope["scheme"] == "https",
    )
