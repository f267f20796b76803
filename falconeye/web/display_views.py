"""What a screen on a wall shows: its cameras in their order, and what tells that a page is old."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

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
from falconeye.web.wall_contexts import WallPage
from falconeye.web.wall_views import Chosen

Asking = Request[Any, Any, Any]

TURN_S: Final = 20  # of a wall with more pages that stands still: nobody at a screen can turn them


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
    grid = display_grid(shell_of(request).services, who, cameras)
    return DisplayPage(
        name=who.name,
        tiles=grid.tiles,
        version=version_of(request),
        layout=layout_of(grid),
        cycle_s=grid.cycle_s if grid.pages > 1 else 0,
    )


def display_grid(services: Services, who: Principal, cameras: Sequence[Camera]) -> WallPage:
    """These cameras on the pages of the display's wall, as that was saved; else all on one."""
    wall = services.accounts.displays.wall_of(who.id)
    if wall is None:
        return wall_views.wall_page(cameras, Chosen())
    grid = wall_views.wall_page(cameras, Chosen(wall.size, cycle_s=wall.cycle_s))
    if grid.cycle_s or grid.pages == 1:
        return grid
    return wall_views.wall_page(cameras, Chosen(wall.size, cycle_s=TURN_S))


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


def layout_of(grid: WallPage) -> str:
    """Another one when cameras come, go, change places or names, or the pages are others."""
    tiles = [(tile.id, tile.name, tile.sheet) for tile in grid.tiles]
    shown = json.dumps([grid.cycle_s if grid.pages > 1 else 0, tiles])
    return hashlib.sha256(shown.encode()).hexdigest()[:16]


def seen_now(request: Asking) -> Seen:
    """Who asks now, from where, and whether over TLS."""
    return Seen(
        shell_of(request).services.clock.utc_us(),
        address_of(request),
        request.headers.get("user-agent", ""),
        request.scope["scheme"] == "https",
    )
