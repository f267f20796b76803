"""`/display`: what a screen on a wall opens. First a code that an admin types, then live pictures.

Nobody signs in here. The code becomes a cookie of the screen's own by a POST of its page.
"""

from dataclasses import replace
from typing import Any, Final

from litestar import MediaType, Response, get, post
from litestar.params import FromPath

from falconeye.accounts.displays import Display
from falconeye.accounts.model import Principal
from falconeye.accounts.pairings import shown_code
from falconeye.base.errors import FalconEyeError, NotFound
from falconeye.web import rendering
from falconeye.web.audit import address_of, record_of
from falconeye.web.base_path import address_at
from falconeye.web.display_changes import displays_of
from falconeye.web.display_contexts import DisplayLinkPage, PairingPage
from falconeye.web.display_views import display_cameras, display_page, seen_now
from falconeye.web.frame import frame_of
from falconeye.web.pages.asking import Asking, go_to, services_of
from falconeye.web.security.access import principal_or_none, public
from falconeye.web.security.cookies import cookie_of
from falconeye.web.security.credentials import Credential
from falconeye.web.security.display_cookies import (
    PAIRING_COOKIE,
    display_cookie,
    pairing_cookie,
)
from falconeye.web.shell import shell_of

PAIRED: Final = "paired"
WAITING: Final = "waiting"
OVER: Final = "over"  # the code has ended: the page gets another one


@get("/display", opt=public(), include_in_schema=False)
async def show_display(request: Asking) -> Response[str]:
    """Live pictures for a display; a code for every other screen."""
    who = principal_or_none(request)
    return _live(request, who) if who is not None else _code(request)


@post("/display/pairing", opt=public(csrf=False), include_in_schema=False, status_code=200)
async def ask_pairing(request: Asking) -> Response[Any]:
    """Whether somebody has typed the code of this screen; then it gets its cookie, once.

    JSON for the page's script; a browser without scripts is sent to the page.
    """
    state, cookie = await _outcome(request)
    if "application/json" in request.headers.get("accept", ""):
        answer: Response[Any] = Response({"state": state}, media_type=MediaType.JSON)
    else:
        answer = go_to("/display")
    if cookie:
        _be_display(request, answer, cookie)
    return answer


@get("/display/link/{secret:str}", opt=public(), include_in_schema=False)
async def link_page(request: Asking, secret: FromPath[str]) -> Response[str]:
    """A pairing link, opened on the screen: it is used by a button, not by being looked at."""
    display = displays_of(request).of_link(secret, address_of(request))
    if display is None:
        return _gate(request, "pages/display_link.html", DisplayLinkPage(None), status=404)
    page = DisplayLinkPage(display.name, f"/display/link/{secret}")
    return _gate(request, "pages/display_link.html", page)


@post("/display/link/{secret:str}", opt=public(csrf=False), include_in_schema=False)
async def use_link(request: Asking, secret: FromPath[str]) -> Response[str]:
    """This screen is the display from now on."""
    try:
        display, cookie = await displays_of(request).redeem(secret, seen_now(request))
    except NotFound:
        return _gate(request, "pages/display_link.html", DisplayLinkPage(None), status=404)
    await _write_down(request, display)
    answer = go_to("/display")
    _be_display(request, answer, cookie)
    return answer


async def _outcome(request: Asking) -> tuple[str, str]:
    """The state of the screen's pairing; the cookie where it is a display now."""
    displays = displays_of(request)
    secret = cookie_of(request, PAIRING_COOKIE)
    if displays.pairings.find(secret) is None:
        return OVER, ""
    display_id = displays.pairings.take(secret)
    if display_id is None:
        return WAITING, ""
    try:
        display, cookie = await displays.pair(display_id, seen_now(request))
    except FalconEyeError as error:
        displays.pairings.give_back(secret)
        if isinstance(error, NotFound):  # made at another node, and on its way here
            return WAITING, ""
        raise
    displays.pairings.done(secret)
    await _write_down(request, display)
    return PAIRED, cookie


async def _write_down(request: Asking, display: Display) -> None:
    who = await services_of(request).accounts.principal_by_display_id(display.id)
    await record_of(request, who, "display.began", "display", display.id, display.name)


def _live(request: Asking, who: Principal) -> Response[str]:
    services = services_of(request)
    services.accounts.displays.note(who.id, seen_now(request))
    page = display_page(request, who, display_cameras(services, who))
    answer = _rendered(request, "pages/display.html", page)
    credential: Credential = request.scope["auth"]
    _be_display(request, answer, credential.value)
    return answer


def _code(request: Asking) -> Response[str]:
    """The code that this screen shows already, else a new one."""
    pairings = displays_of(request).pairings
    secret = cookie_of(request, PAIRING_COOKIE)
    screen = pairings.find(secret)
    root = frame_of(request).root
    new = ""
    if screen is None:
        seen = seen_now(request)
        new, screen = pairings.open(seen.address, seen.user_agent)
    address = address_at(request, "/people/displays")
    answer = _gate(
        request, "pages/display_code.html", PairingPage(shown_code(screen.code), address)
    )
    if new:
        answer.cookies.append(pairing_cookie(new, root, secure=_is_secure(request)))
    return answer


def _be_display(request: Asking, answer: Response[Any], cookie: str) -> None:
    """The cookie of the display, or the same for another 400 days; no code any more."""
    root, secure = frame_of(request).root, _is_secure(request)
    answer.cookies.append(display_cookie(cookie, root, secure=secure))
    if cookie_of(request, PAIRING_COOKIE):
        answer.cookies.append(pairing_cookie("", root, secure=secure))


def _gate(request: Asking, template: str, page: Any, *, status: int = 200) -> Response[str]:
    """A page for nobody: a screen has no menu, even where it is a display already."""
    frame = replace(frame_of(request), user=None)
    html = rendering.render(shell_of(request).templates, template, frame, page)
    return Response(html, status_code=status, media_type=MediaType.HTML)


def _rendered(request: Asking, template: str, page: Any) -> Response[str]:
    html = rendering.render(shell_of(request).templates, template, frame_of(request), page)
    return Response(html, media_type=MediaType.HTML)


def _is_secure(request: Asking) -> bool:
    return request.scope["scheme"] == "https"
