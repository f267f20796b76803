"""Displays for admins: the list, and the forms by which they are added, changed and removed."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath

from falconeye.accounts.displays import Display, Shown, ShownWall
from falconeye.accounts.model import Action
from falconeye.base.errors import (
    Conflict,
    FalconEyeError,
    InvalidInput,
    NotAuthenticated,
    TooManyAttempts,
)
from falconeye.base.times import LATEST_US, parse_rfc3339
from falconeye.web import display_changes
from falconeye.web.base_path import address_at
from falconeye.web.device_words import device_words
from falconeye.web.display_changes import NO_SCREEN, confirm, displays_of
from falconeye.web.display_contexts import (
    DisplayForm,
    DisplayFormPage,
    DisplayPairPage,
    DisplayRemovePage,
    DisplayRow,
    DisplaysPage,
)
from falconeye.web.i18n import gettext as _
from falconeye.web.i18n import ngettext
from falconeye.web.pages.asking import Asking, go_to, sentence, services_of, show, texts
from falconeye.web.security.access import needs

Walls = Mapping[str, ShownWall]
LIST: Final = "/people/displays"
_FORM: Final = "pages/display_form.html"
_REFUSALS: Final = (InvalidInput, Conflict, NotAuthenticated, TooManyAttempts)


@get(LIST, opt=needs(Action.MANAGE_USERS), include_in_schema=False)
async def displays_page(request: Asking) -> Response[str]:
    """All displays, by name."""
    walls = await displays_of(request).read_walls()
    rows = tuple(_row(request, each, walls) for each in displays_of(request).list())
    return show(request, "pages/displays.html", DisplaysPage(rows, _address(request)))


@get(f"{LIST}/add", opt=needs(Action.MANAGE_USERS), include_in_schema=False)
async def add_form(request: Asking) -> Response[str]:
    """What a new display needs."""
    return await _show_form(request, DisplayForm())


@post(f"{LIST}/add", opt=needs(Action.MANAGE_USERS), include_in_schema=False)
async def add_display(request: Asking) -> Response[str]:
    """Add it: with a code its screen begins, without one a link is shown, once."""
    form, password = await _read(request)
    try:
        shown = _shown(form)
        await confirm(request, password)
        display = await display_changes.add(request, form.name, shown, form.code)
    except _REFUSALS as error:
        return await _refuse_form(request, form, error)
    if form.code:
        return go_to(LIST, done="display-paired")
    return await _show_link(request, display)


@get(f"{LIST}/{{display_id:str}}", opt=needs(Action.MANAGE_USERS), include_in_schema=False)
async def edit_form(request: Asking, display_id: FromPath[str]) -> Response[str]:
    """One display, as it is."""
    display = displays_of(request).find(display_id)
    shown = display.shown
    what = "cameras" if shown.cameras is not None else "all"
    form = DisplayForm(
        name=display.name,
        what="wall" if shown.wall_id is not None else what,
        cameras=shown.cameras or frozenset(),
        wall_id=shown.wall_id or "",
        until_us=shown.expires_at_us,
    )
    return await _show_form(request, form, display)


@post(f"{LIST}/{{display_id:str}}", opt=needs(Action.MANAGE_USERS), include_in_schema=False)
async def change_display(request: Asking, display_id: FromPath[str]) -> Response[str]:
    """Another name, other cameras, another end."""
    display = displays_of(request).find(display_id)
    form, _password = await _read(request)
    try:
        await display_changes.change(request, display.id, form.name, _shown(form))
    except _REFUSALS as error:
        return await _refuse_form(request, form, error, display)
    return go_to(LIST, done="saved")


@get(f"{LIST}/{{display_id:str}}/pair", opt=needs(Action.MANAGE_USERS), include_in_schema=False)
async def pair_form(request: Asking, display_id: FromPath[str]) -> Response[str]:
    """Which screen it is to be."""
    display = displays_of(request).find(display_id)
    return show(request, "pages/display_pair.html", _pair_page(request, display))


@post(f"{LIST}/{{display_id:str}}/pair", opt=needs(Action.MANAGE_USERS), include_in_schema=False)
async def pair_display(request: Asking, display_id: FromPath[str]) -> Response[str]:
    """By the code of a screen; without one a link is shown, once."""
    display = displays_of(request).find(display_id)
    given = await texts(request)
    code = given.get("code", "")[:32]
    try:
        await confirm(request, given.get("password", ""))
        if code:
            await display_changes.pair(request, display.id, code)
    except _REFUSALS as error:
        page = replace(_pair_page(request, display), code=code, errors=_errors(error))
        return show(request, "pages/display_pair.html", page, status=_status(error))
    if code:
        return go_to(LIST, done="display-paired")
    return await _show_link(request, display)


@get(f"{LIST}/{{display_id:str}}/remove", opt=needs(Action.MANAGE_USERS), include_in_schema=False)
async def remove_question(request: Asking, display_id: FromPath[str]) -> Response[str]:
    """What ends with it."""
    display = displays_of(request).find(display_id)
    page = DisplayRemovePage(display.id, display.name, display.paired_at_us is not None)
    return show(request, "pages/display_remove.html", page)


@post(f"{LIST}/{{display_id:str}}/remove", opt=needs(Action.MANAGE_USERS), include_in_schema=False)
async def remove_display(request: Asking, display_id: FromPath[str]) -> Response[str]:
    """End it: its screen is dark at once."""
    await display_changes.remove(request, display_id)
    return go_to(LIST, done="display-removed")


async def _show_link(request: Asking, display: Display) -> Response[str]:
    link = await display_changes.make_link(request, display.id)
    page = replace(_pair_page(request, display), link=address_at(request, link))
    return show(request, "pages/display_pair.html", page)


def _pair_page(request: Asking, display: Display) -> DisplayPairPage:
    is_paired = display.paired_at_us is not None
    return DisplayPairPage(display.id, display.name, is_paired, _address(request))


async def _show_form(
    request: Asking,
    form: DisplayForm,
    display: Display | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response[str]:
    cameras = {each.config.id: each.config.name for each in services_of(request).cameras.list()}
    walls = await displays_of(request).read_walls()
    gone = sorted(form.cameras - cameras.keys()) if display else []
    named = sorted(cameras.items(), key=lambda each: each[1].casefold())
    page = DisplayFormPage(
        form=form,
        cameras=(*named, *((each, _("a camera that was deleted")) for each in gone)),
        walls=tuple((key, one.name) for key, one in walls.items()),
        address=_address(request),
        id=display.id if display else "",
        name=display.name if display else "",
        errors=errors or {},
    )
    return show(request, _FORM, page, status=status)


async def _refuse_form(
    request: Asking, form: DisplayForm, error: FalconEyeError, display: Display | None = None
) -> Response[str]:
    return await _show_form(request, form, display, _errors(error), _status(error))


def _errors(error: FalconEyeError) -> dict[str, str]:
    """What stands beside which field."""
    if isinstance(error, NotAuthenticated):
        return {"password": _("This is not your password.")}
    if isinstance(error, TooManyAttempts):
        return {"": sentence(error)}
    if isinstance(error, Conflict):
        return {"name": sentence(error)}
    field = error.field if isinstance(error, InvalidInput) else None
    if str(error) == NO_SCREEN:
        return {"code": _("No screen shows this code. Look again: each lasts ten minutes.")}
    here = "until" if field == "expires_at" else field  # as the form calls it
    return {here or "": sentence(error)}


def _status(error: FalconEyeError) -> int:
    return 429 if isinstance(error, TooManyAttempts) else 422


async def _read(request: Asking) -> tuple[DisplayForm, str]:
    """The form, and the password that came with it."""
    given = await texts(request)
    form = await request.form()
    zone = services_of(request).stored_settings.zone
    until_us, is_no_time = None, False
    try:
        until = given.get("until", "")
        until_us = min(max(parse_rfc3339(until, zone), 0), LATEST_US) if until else None
    except (ValueError, OverflowError):
        is_no_time = True
    read = DisplayForm(
        name=given.get("name", ""),
        code=given.get("code", "")[:32],
        what=given.get("what", "all"),
        cameras=frozenset(str(each)[:64] for each in form.getall("camera", [])),
        wall_id=given.get("wall", ""),
        until_us=until_us,
        is_no_time=is_no_time,
    )
    return read, given.get("password", "")


def _shown(form: DisplayForm) -> Shown:
    if form.is_no_time:
        raise InvalidInput(_("This is no time."), field="until")
    if form.what == "wall":
        return Shown(wall_id=form.wall_id, expires_at_us=form.until_us)
    if form.what == "cameras":
        if not form.cameras:
            raise InvalidInput(_("Choose at least one camera."), field="cameras")
        return Shown(cameras=form.cameras, expires_at_us=form.until_us)
    return Shown(expires_at_us=form.until_us)


def _row(request: Asking, display: Display, walls: Walls) -> DisplayRow:
    expires_at_us = display.shown.expires_at_us
    return DisplayRow(
        id=display.id,
        name=display.name,
        shows=_shows(request, display.shown, walls),
        created_by=display.created_by,
        expires_at_us=expires_at_us,
        is_over=expires_at_us is not None and expires_at_us <= services_of(request).clock.utc_us(),
        is_paired=display.paired_at_us is not None,
        last_seen_us=display.last_seen_us,
        address=display.address,
        device=device_words(display.user_agent),
        is_secure=display.is_secure,
    )


def _shows(request: Asking, shown: Shown, walls: Walls) -> str:
    if shown.wall_id is not None:
        wall = walls.get(shown.wall_id)
        if wall is None:
            return _("a wall that was deleted: nothing")
        return _("the wall “%(name)s”") % {"name": wall.name}
    if shown.cameras is None:
        return _("all cameras")
    names = {each.config.id: each.config.name for each in services_of(request).cameras.list()}
    known = sorted(names[each] for each in shown.cameras if each in names)
    if len(known) <= 3:
        return ", ".join(known) or _("cameras that were deleted: nothing")
    return ngettext("%(count)s camera", "%(count)s cameras", len(known)) % {"count": len(known)}


def _address(request: Asking) -> str:
    """To be opened on a screen."""
    return address_at(request, "/display")
