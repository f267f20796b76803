"""The wall: many cameras at once, as pictures or as a table; all of them, or a saved choice."""

from typing import Annotated, Final

from litestar import Response, get
from litestar.params import QueryParameter

from falconeye.accounts.model import Action
from falconeye.base.errors import NotFound
from falconeye.web.pages.asking import Asking, show
from falconeye.web.partials import part_of_page, partial, set_language
from falconeye.web.peer_notices import has_others
from falconeye.web.security.access import needs
from falconeye.web.security.cookies import choice_cookie, cookie_of
from falconeye.web.sse import Changes, register_partials
from falconeye.web.wall_asking import Asked, Found, find, grid_of, whole
from falconeye.web.wall_contexts import GRID, TABLE
from falconeye.web.wall_counts import PAGE_BUDGET_S, count

VIEW_COOKIE: Final = "falconeye_view"  # of this device
_COUNTED: Final = "wall_counts"  # in the state of a stream of updates: what it told last
_Word = Annotated[str | None, QueryParameter(max_length=16)]


@get("/", opt=needs(Action.VIEW_LIVE), include_in_schema=False)
async def wall(
    request: Asking,
    wall: Annotated[str | None, QueryParameter(max_length=64)] = None,
    layout: _Word = None,
    page: Annotated[int, QueryParameter(ge=1, le=10_000)] = 1,
    cycle: _Word = None,
    view: _Word = None,
    sort: _Word = None,
    show: _Word = None,
) -> Response[str]:
    """The cameras of a saved wall, or all, that the viewer may see; which way is remembered."""
    given = {
        "wall": wall, "layout": layout, "page": str(page), "cycle": cycle, "sort": sort,
        "show": show, "view": view or cookie_of(request, VIEW_COOKIE),
    }  # fmt: skip
    asked = Asked.of({name: value for name, value in given.items() if value is not None})
    context = await whole(request, await find(request, asked.wall_id), asked, PAGE_BUDGET_S)
    answer = _shown(request, context)
    if view in {GRID, TABLE}:
        answer.cookies.append(choice_cookie(VIEW_COOKIE, view))
    return answer


def _shown(request: Asking, context: object) -> Response[str]:
    return show(request, "pages/wall.html", context)


@register_partials
async def changed_wall(request: Asking, changes: Changes) -> str:
    """What a page with a wall shows again."""
    if request.query_params.get("page") != "wall":
        return ""
    set_language(request)
    asked = Asked.of(request.query_params)
    try:
        found = await find(request, asked.wall_id)
    except NotFound:
        return partial(
            "wall-area", part_of_page(request, "partials/wall_gone.html", "/"), "innerMorph"
        )
    # A wall without cameras says how many were found.
    is_told = changes.candidates or (changes.nodes and has_others(request))
    is_told = is_told and not found.cameras
    if changes.everything or changes.cameras or changes.walls or is_told:
        return await _everything(request, found, asked)
    # Not by "+", see `partials`.
    return "".join((_states(request, found, asked, changes), await _counts(request, found)))


async def _everything(request: Asking, found: Found, asked: Asked) -> str:
    page = await whole(request, found, asked)
    head = part_of_page(request, "partials/wall_head.html", "/", page=page)
    area = part_of_page(request, "partials/wall_area.html", "/", page=page)
    return partial("wall-head", head, "innerMorph") + partial("wall-area", area, "innerMorph")


def _states(request: Asking, found: Found, asked: Asked, changes: Changes) -> str:
    tiles = [one for one in grid_of(request, found, asked).tiles if one.id in changes.states]
    if asked.view == TABLE:
        states = {one.config.id: one.state for one in found.cameras}
        return "".join(
            partial(
                f"row-{camera_id}-{cell}",
                part_of_page(request, f"partials/wall_row_{cell}.html", "/", state=state),
            )
            for camera_id, state in states.items()
            if camera_id in changes.states
            for cell in ("state", "recording")
        )
    return "".join(
        partial(
            f"tile-state-{tile.id}",
            part_of_page(request, "partials/tile_state.html", "/", tile=tile),
        )
        for tile in tiles
    )


async def _counts(request: Asking, found: Found) -> str:
    """Only where they changed since this stream told them."""
    counts = await count(request, found.cameras)
    if request.state.get(_COUNTED) == counts:
        return ""
    request.state[_COUNTED] = counts
    page = grid_of(request, found, Asked.of(request.query_params))
    html = part_of_page(request, "partials/wall_counts.html", "/", page=page, counts=counts)
    return partial("wall-counts", html)
