"""One's own account: what one may do, another password, the devices that are signed in."""

from collections.abc import Mapping
from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath

from falconeye.accounts.model import PrincipalKind
from falconeye.accounts.users import User
from falconeye.base.errors import InvalidInput, NotAllowed
from falconeye.base.secret import Secret
from falconeye.web import people
from falconeye.web.confirming import password_errors
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import Asking, go_to, sentence, services_of, show, texts
from falconeye.web.people_contexts import AccountPage
from falconeye.web.people_views import rights_row, session_rows
from falconeye.web.security.access import principal_of, signed_in

HERE: Final = "/account"


@get(HERE, opt=signed_in(), include_in_schema=False)
async def account_page(request: Asking) -> Response[str]:
    """For everybody with a password."""
    return _show(request, {})


@post(f"{HERE}/password", opt=signed_in(), include_in_schema=False)
async def change_password(request: Asking) -> Response[str]:
    """Another password, by the present one; all other devices are signed out."""
    user, who = _own(request), principal_of(request)
    given = await texts(request)
    if errors := await password_errors(request, given):
        return _show(request, errors)
    if given.get("again_password") != given.get("new_password"):
        return _show(request, {"again_password": _("The two passwords differ.")})
    try:
        password = Secret(given.get("new_password", ""))
        await people.set_password(request, user, password, keep_session=who.session_id)
    except InvalidInput as error:
        return _show(request, {"new_password": sentence(error)})
    return go_to(HERE, done="password-set")


@post(f"{HERE}/sessions/{{session_id:str}}/end", opt=signed_in(), include_in_schema=False)
async def end_session(request: Asking, session_id: FromPath[str]) -> Response[str]:
    """Sign one device out; `others` stands for all but the one that asks."""
    user, this = _own(request), principal_of(request).session_id
    sessions = services_of(request).accounts.sessions.list(user.id)
    if session_id == "others":
        chosen = [each for each in sessions if each.id != this]
    else:
        chosen = [each for each in sessions if each.id == session_id]
    await people.end_sessions(request, user, chosen)
    return go_to(HERE, done="device-signed-out")


def _own(request: Asking) -> User:
    who = principal_of(request)
    if who.kind is not PrincipalKind.USER:
        raise NotAllowed("a token has no account: this page is for people")
    return services_of(request).accounts.users.by_id(who.id)


def _show(request: Asking, errors: Mapping[str, str]) -> Response[str]:
    user = _own(request)
    page = AccountPage(
        name=user.name,
        rights=rights_row(request, user),
        sessions=session_rows(request, services_of(request).accounts.sessions.list(user.id)),
        errors=errors,
    )
    return show(request, "pages/account.html", page, status=422 if errors else 200)
