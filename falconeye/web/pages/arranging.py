"""A wall arranged: order, what is hidden, and how it is shown; by a form, with scripts or without.

The form carries the order and what is hidden itself, so nothing is stored before somebody saves.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from falconeye.accounts.model import Action
from falconeye.accounts.walls import WallWish, may_change, may_own, may_share
from falconeye.base.errors import Conflict, InvalidInput, NotAllowed
from falconeye.cameras.views import Camera
from falconeye.storage.stores.wall_store import Wall
from falconeye.web import views
from falconeye.web.i18n import gettext as _
from falconeye.web.own_walls import add_wall, change_wall, remove_wall
from falconeye.web.pages.asking import Asking, go_to, sentence, services_of, show
from falconeye.web.security.access import needs, principal_of
from falconeye.web.wall_contexts import ArrangePage, Place
from falconeye.web.wall_views import ordered

TEMPLATE: Final = "pages/wall_arrange.html"
_LONGEST: Final = 40_000  # characters of a field: `MAX_CAMERAS` ids
_STEPS: Final = {"first": -1_000_000, "earlier": -1, "later": 1}


@get("/walls/new", opt=needs(Action.VIEW_LIVE), include_in_schema=False)
async def new_form(request: Asking) -> Response[str]:
    """A wall to be, of all cameras."""
    return show(request, TEMPLATE, _page(request, None, ordered(None, _cameras(request)), ()))


@post("/walls/new", opt=needs(Action.VIEW_LIVE), include_in_schema=False)
async def new_wall(request: Asking) -> Response[str]:
    """Move something, or save it."""
    return await _take(request, None)


@get("/walls/{wall_id:str}", opt=needs(Action.VIEW_LIVE), include_in_schema=False)
async def arrange_form(request: Asking, wall_id: FromPath[str]) -> Response[str]:
    """A saved wall, to be arranged anew, or as the beginning of another one."""
    wall = await services_of(request).accounts.walls.find_for(principal_of(request), wall_id)
    cameras = ordered(wall, _cameras(request))
    # Of one that takes none, too: whoever arranges it may add them.
    placed = {camera.config.id for camera in cameras}
    rest = [camera for camera in _cameras(request) if camera.config.id not in placed]
    hidden = wall.hidden | {camera.config.id for camera in rest}
    return show(request, TEMPLATE, _page(request, wall, [*cameras, *rest], hidden))


@post("/walls/{wall_id:str}", opt=needs(Action.VIEW_LIVE), include_in_schema=False)
async def arrange(request: Asking, wall_id: FromPath[str]) -> Response[str]:
    """Move something, save it, or save it as another one."""
    walls = services_of(request).accounts.walls
    return await _take(request, await walls.find_for(principal_of(request), wall_id))


@post("/walls/{wall_id:str}/delete", opt=needs(Action.VIEW_LIVE), include_in_schema=False)
async def delete_wall(request: Asking, wall_id: FromPath[str]) -> Response[str]:
    """The wall goes, its cameras stay."""
    await remove_wall(request, wall_id)
    return go_to("/", done="wall-deleted")


async def _take(request: Asking, wall: Wall | None) -> Response[str]:
    form = await _form(request)
    cameras = {camera.config.id: camera for camera in _cameras(request)}
    order = [one for one in _split(form, "order") if one in cameras]
    order += [one for one in cameras if one not in order]  # added since the form was made
    hidden = {one for one in _split(form, "hidden") if one in cameras}
    act, _sep, camera_id = form.get("act", "").partition(":")
    said = ""
    if camera_id in cameras:
        said = _moved(order, hidden, act, camera_id, cameras[camera_id].config.name)
    errors: dict[str, str] = {}
    if act in {"save", "save-new"}:
        wish = _wish(form, order, hidden)
        try:
            if act == "save" and wall is not None:
                saved = await change_wall(request, wall.id, wish)
            else:
                saved = await add_wall(request, wish)
        except (InvalidInput, Conflict, NotAllowed) as error:
            field = error.field if isinstance(error, InvalidInput) else None
            errors = {field or "": sentence(error)}
        else:
            return go_to(f"/?wall={saved.id}", done="saved")
    page = _page(request, wall, [cameras[one] for one in order], hidden, form, said, errors)
    return show(request, TEMPLATE, page, status=422 if errors else 200)


def _moved(order: list[str], hidden: set[str], act: str, camera_id: str, name: str) -> str:
    """Do one act to the order or to what is hidden; what to say of it, "" for no act."""
    if act == "hide":
        hidden.add(camera_id)
        return _("{name} is hidden.").format(name=name)
    if act == "show":
        hidden.discard(camera_id)
        return _("{name} is shown.").format(name=name)
    if act not in _STEPS:
        return ""
    place = min(max(0, order.index(camera_id) + _STEPS[act]), len(order) - 1)
    order.remove(camera_id)
    order.insert(place, camera_id)
    return _("{name} is at place {place} of {count} now.").format(
        name=name, place=place + 1, count=len(order)
    )


def _wish(form: Mapping[str, str], order: Sequence[str], hidden: Iterable[str]) -> WallWish:
    """What was typed. A wall that takes no new cameras has those that are shown, and no others."""
    takes_new = "takes_new" in form
    gone = set(hidden)
    return WallWish(
        name=form.get("name", ""),
        shared=form.get("shared") == "yes",
        camera_ids=list(order) if takes_new else [one for one in order if one not in gone],
        hidden=sorted(gone) if takes_new else [],
        size=form.get("size", ""),
        takes_new=takes_new,
        cycle_s=_seconds(form),
    )


def _page(
    request: Asking,
    wall: Wall | None,
    cameras: Sequence[Camera],
    hidden: Iterable[str],
    form: Mapping[str, str] | None = None,
    said: str = "",
    errors: Mapping[str, str] | None = None,
) -> ArrangePage:
    who = principal_of(request)
    gone = set(hidden)
    places = tuple(
        Place(one.config.id, one.config.name, one.config.id in gone, one.state.online)
        for one in cameras
    )
    typed = _stored(wall, shared=may_share(who)) if form is None else _typed(form)
    return ArrangePage(
        places=places,
        wall_id=wall.id if wall else "",
        may_save=wall is None or may_change(who, wall),
        may_share=may_share(who),
        may_own=may_own(who),
        said=said,
        errors=errors or {},
        **typed,
    )


def _stored(wall: Wall | None, *, shared: bool) -> dict[str, Any]:
    """`shared`: of a new one. Who may share does so mostly: only such walls can be displayed."""
    if wall is None:
        return {"shared": shared}
    return {
        "name": wall.name,
        "shared": wall.shared,
        "size": wall.size,
        "takes_new": wall.takes_new,
        "cycle_s": wall.cycle_s,
    }


def _typed(form: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": form.get("name", ""),
        "shared": form.get("shared") == "yes",
        "size": form.get("size", ""),
        "takes_new": "takes_new" in form,
        "cycle_s": max(0, _seconds(form)),
    }


def _seconds(form: Mapping[str, str]) -> int:
    """-1 for what is no number."""
    text = form.get("cycle_s", "0")
    return int(text) if text.isdecimal() and len(text) <= 4 else -1


def _cameras(request: Asking) -> list[Camera]:
    return views.shown_cameras(services_of(request), principal_of(request))


def _split(form: Mapping[str, str], name: str) -> list[str]:
    return list(dict.fromkeys(form.get(name, "").split(",")))


async def _form(request: Asking) -> dict[str, str]:
    """The text fields; orders are longer than other forms' fields."""
    form = await request.form()
    return {
        name: value.strip()[:_LONGEST] for name, value in form.items() if isinstance(value, str)
    }
