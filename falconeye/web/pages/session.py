"""Set-up, sign in, sign out: the pages for people who are nobody yet."""

import math
from typing import Any, Final

from litestar import MediaType, Request, Response, Router, get, post
from litestar.params import FromPath, FromQuery
from litestar.types import ControllerRouterHandler

from falconeye.base.errors import (
    Conflict,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    TooManyAttempts,
)
from falconeye.web.audit import address_of, record_of
from falconeye.web.contexts import LoginPage, SetupPage
from falconeye.web.frame import page
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import sentence, set_language
from falconeye.web.security.access import principal_of, principal_or_none, public, signed_in
from falconeye.web.security.credentials import (
    ended_session_cookie,
    session_cookie,
)
from falconeye.web.security.paths import safe_next
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

_MAX_NAME: Final = 64


@get("/login", opt=public(), include_in_schema=False)
async def login_page(request: Asking, next: FromQuery[str] = "/") -> Response[str]:  # noqa: A002 - the name in the address
    """The form; whoever is signed in goes on, and before the first user there is only set-up."""
    if principal_or_none(request) is not None:
        return _go_to(safe_next(next))
    accounts = shell_of(request).services.accounts
    if not await accounts.has_users():
        return _go_to("/setup")
    context = LoginPage(next=safe_next(next), without_admin=not await accounts.has_admin())
    return page(request, "pages/login.html", context)


@post("/login", opt=public(csrf=False), include_in_schema=False, status_code=303)
async def login(request: Asking) -> Response[str]:
    """Sign in with a new session, whatever cookie came along (session fixation)."""
    name, password = await _field(request, "name"), await _field(request, "password")
    back = safe_next(await _field(request, "next"))
    try:
        return await begin_session(request, name, password, back)
    except TooManyAttempts as error:
        seconds = math.ceil(max(1.0, error.retry_after_s))
        words = _("Too many wrong passwords.")
        context = LoginPage(name=name, next=back, error=words, retry_after_s=seconds)
        headers = {"retry-after": str(seconds)}
        return page(request, "pages/login.html", context, status=429, headers=headers)
    except NotAuthenticated:
        words = _("The name or the password is wrong.")
        await record_of(request, None, "login.refused", "user", None, name[:_MAX_NAME])
        context = LoginPage(name=name, next=back, error=words)
        return page(request, "pages/login.html", context, status=401)


@post("/logout", opt=signed_in(), include_in_schema=False, status_code=303)
async def logout(request: Asking) -> Response[str]:
    """End the session, here and for every stream it holds open."""
    who = principal_of(request)
    await shell_of(request).services.accounts.logout(who)
    await record_of(request, who, "logout", "user", None, who.name)
    answer = _go_to("/login")
    answer.cookies.append(ended_session_cookie(secure=_is_secure(request)))
    return answer


@get("/setup", opt=public(), include_in_schema=False)
async def setup_explained(request: Asking) -> Response[str]:
    """Before there is an admin: where the set-up link is found."""
    if await shell_of(request).services.accounts.has_admin():
        return _go_to("/login")
    return page(request, "pages/setup.html", SetupPage(valid=False))


@get("/setup/{secret:str}", opt=public(), include_in_schema=False)
async def setup_page(request: Asking, secret: FromPath[str]) -> Response[str]:
    """The set-up link: shows the form, and is not used up by that."""
    accounts = shell_of(request).services.accounts
    if await accounts.has_admin():
        return _go_to("/login")
    if not await accounts.setup_link_is_valid(secret, address_of(request)):
        return page(request, "pages/setup.html", SetupPage(valid=False), status=404)
    return page(request, "pages/setup.html", SetupPage(valid=True))


@post("/setup/{secret:str}", opt=public(csrf=False), include_in_schema=False, status_code=303)
async def setup(request: Asking, secret: FromPath[str]) -> Response[str]:
    """Make the first account with the link, which dies by it, and sign in."""
    name, password = await _field(request, "name"), await _field(request, "password")
    accounts, address = shell_of(request).services.accounts, address_of(request)
    try:
        user = await accounts.redeem_setup_link(secret, name, password, address)
    except InvalidInput as error:
        context = SetupPage(valid=True, name=name, errors={error.field or "": sentence(error)})
        return page(request, "pages/setup.html", context, status=422)
    except NotFound:
        return page(request, "pages/setup.html", SetupPage(valid=False), status=404)
    except Conflict:
        return _go_to("/login")
    await record_of(request, None, "setup", "user", user.id, user.name)
    return await begin_session(request, user.name, password, "/")


async def begin_session(request: Asking, name: str, password: str, back: str) -> Response[str]:
    accounts = shell_of(request).services.accounts
    agent = request.headers.get("user-agent", "")
    cookie, who = await accounts.login(name, password, address_of(request), agent)
    before = principal_or_none(request)
    if before is not None:
        await accounts.logout(before)
    await record_of(request, who, "login", "user", who.id, who.name)
    answer = _go_to(back)
    answer.cookies.append(session_cookie(cookie, secure=_is_secure(request)))
    return answer


async def _field(request: Asking, name: str) -> str:
    """A text field of the posted form; empty when it is missing or a file."""
    value = (await request.form()).get(name, "")
    return value if isinstance(value, str) else ""


def _is_secure(request: Asking) -> bool:
    return request.scope["scheme"] == "https"


def _go_to(path: str) -> Response[str]:
    return Response("", status_code=303, headers={"location": path}, media_type=MediaType.HTML)


ROUTES: Final[list[ControllerRouterHandler]] = [
    Router(
        path="/",
        before_request=set_language,
        route_handlers=[login_page, login, logout, setup_explained, setup_page, setup],
    )
]
