"""Saved walls, made, changed and deleted by a request; pages and API do it by this."""

from collections.abc import Sequence
from typing import Any

from litestar import Request

from falconeye.accounts.walls import WallWish
from falconeye.events.bus import WallsChanged
from falconeye.storage.stores.wall_store import Wall
from falconeye.web.audit import record
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of
from falconeye.web.views import visible_cameras

Asking = Request[Any, Any, Any]


async def add_wall(request: Asking, wish: WallWish) -> Wall:
    """Raises as `Walls.add`."""
    who, services = principal_of(request), shell_of(request).services
    wall = await services.accounts.walls.add(who, wish, _ids(request))
    await _done(request, "wall.added", wall)
    return wall


async def change_wall(request: Asking, wall_id: str, wish: WallWish) -> Wall:
    """Raises as `Walls.change`."""
    who, services = principal_of(request), shell_of(request).services
    wall = await services.accounts.walls.change(who, wall_id, wish, _ids(request))
    await _done(request, "wall.changed", wall)
    return wall


async def remove_wall(request: Asking, wall_id: str) -> Wall:
    """Raises as `Walls.remove`."""
    wall = await shell_of(request).services.accounts.walls.remove(principal_of(request), wall_id)
    await _done(request, "wall.deleted", wall)
    return wall


def _ids(request: Asking) -> Sequence[str]:
    cameras = visible_cameras(shell_of(request).services, principal_of(request))
    return [camera.config.id for camera in cameras]


async def _done(request: Asking, action: str, wall: Wall) -> None:
    shell_of(request).services.bus.publish(WallsChanged())
    whose = "for everybody" if wall.shared else "own"
    await record(request, action, "wall", wall.id, f"{wall.name}, {whose}")
