"""The wall that a request asks for, as its page and the live updates of that page show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from litestar import Request

from falconeye.accounts.model import Action
from falconeye.accounts.walls import MAX_CYCLE_S, MIN_CYCLE_S, may_change, may_own, may_share
from falconeye.cameras.views import Camera
from falconeye.storage.stores.wall_store import Wall
from falconeye.web import views
from falconeye.web.security.access import may_on, principal_of
from falconeye.web.shell import shell_of
from falconeye.web.wall_contexts import GRID, TABLE, WallPage
from falconeye.web.wall_counts import count
from falconeye.web.wall_table import table_of
from falconeye.web.wall_views import MAX_PAGE, Chosen, cameras_of, wall_links, wall_page

Asking = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which wall, and how; what is not valid is as if it were not there."""

    wall_id: str = ""  # "": all cameras
    chosen: Chosen = field(default_factory=Chosen)
    view: str = GRID
    sort: str = "name"
    show: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Asked":
        """As an address says it, that of a page or that of its updates."""
        number = query.get("page", "1")
        if number == "wall":  # of the updates, which call the page's number otherwise
            number = query.get("number", "1")
        return cls(
            query.get("wall", ""),
            Chosen(query.get("layout"), _number(number, 1, MAX_PAGE) or 1, _cycle(query)),
            TABLE if query.get("view") == TABLE else GRID,
            query.get("sort", "name"),
            query.get("show", ""),
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A wall and those of its cameras that the asking person may see."""

    wall: Wall | None  # None: all cameras
    cameras: Sequence[Camera]


async def find(request: Asking, wall_id: str) -> Found:
    """NotFound for one that is not there, or is somebody else's own."""
    services, who = shell_of(request).services, principal_of(request)
    wall = await services.accounts.walls.find_for(who, wall_id) if wall_id else None
    return Found(wall, cameras_of(wall, views.shown_cameras(services, who)))


def grid_of(request: Asking, found: Found, asked: Asked) -> WallPage:
    """The wall without what has to be asked for: its heading and its table."""
    services, who = shell_of(request).services, principal_of(request)
    movable = [
        camera.config.id
        for camera in found.cameras
        if may_on(who, Action.CONTROL, camera.config.id)
        and services.onvif.ptz.can_move(camera.config.id) is not False
    ]
    page = wall_page(found.cameras, asked.chosen, found.wall, movable)
    return replace(
        page,
        may_change=found.wall is not None and may_change(who, found.wall),
        may_arrange=may_own(who) or may_share(who),
        view=asked.view,
    )


async def whole(
    request: Asking, found: Found, asked: Asked, budget_s: float | None = None
) -> WallPage:
    """The wall with its heading, and its table where that is asked for."""
    services, who = shell_of(request).services, principal_of(request)
    page = replace(
        grid_of(request, found, asked),
        walls=wall_links(await services.accounts.walls.list_for(who)),
        counts=await count(request, found.cameras, budget_s),
    )
    if asked.view != TABLE:
        return page
    return replace(page, table=await table_of(request, found.cameras, asked.sort, asked.show))


def _number(text: str, least: int, most: int) -> int | None:
    if not text.isdecimal() or len(text) > len(str(most)):
        return None
    return min(max(least, int(text)), most)


def _cycle(query: Mapping[str, str]) -> int | None:
    text = query.get("cycle", "")
    return 0 if text == "0" else _number(text, MIN_CYCLE_S, MAX_CYCLE_S)
