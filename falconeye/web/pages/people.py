"""The people who may sign in: the list, and who is new."""

import ipaddress
from collections.abc import Mapping
from typing import Final

from litestar import Response, get, post

from falconeye.accounts.invitations import Invitation
from falconeye.accounts.model import Action
from falconeye.base.errors import Conflict, InvalidInput
from falconeye.base.secret import Secret
from falconeye.web import people
from falconeye.web.confirming import asks_password, confirmation_errors
from falconeye.web.pages.asking import Asking, go_to, sentence, services_of, show
from falconeye.web.pages.people_input import Given, given_of
from falconeye.web.people_contexts import InvitedPage, PeoplePage, PersonAddPage
from falconeye.web.people_views import person_row, rights_form
from falconeye.web.security.access import needs

HERE: Final = "/people"
USERS: Final = needs(Action.MANAGE_USERS)
_PASSWORD: Final = "password"  # noqa: S105 - a way to come in, not a password


@get(HERE, opt=USERS, include_in_schema=False)
async def people_page(request: Asking) -> Response[str]:
    """Who may sign in, what they may do, and who is there."""
    accounts = services_of(request).accounts
    rows = tuple(person_row(request, user) for user in accounts.users.list())
    page = PeoplePage(people=rows, tokens=len(accounts.tokens.list()))
    return show(request, "pages/people.html", page)


@get(f"{HERE}/add", opt=USERS, include_in_schema=False)
async def add_form(request: Asking) -> Response[str]:
    """The empty form."""
    page = PersonAddPage(rights_form(request, None), asks_password(request))
    return show(request, "pages/person_add.html", page)


@post(f"{HERE}/add", opt=USERS, include_in_schema=False, status_code=200)
async def add_person(request: Asking) -> Response[str]:
    """Invite somebody, and show the link this once; or make the account with a password."""
    given = await given_of(request)
    name = given.texts.get("name", "")
    if errors := await confirmation_errors(request, given.texts):
        return _again(request, given, errors, 422)
    try:
        rights = given.rights(request)
        if given.texts.get("way") != _PASSWORD:
            return show_link(request, await people.invite(request, name, rights))
        password = Secret(given.texts.get("new_password", ""))
        await people.add_user(request, name, password, rights)
    except InvalidInput as error:
        field = "new_password" if error.field == "password" else error.field or ""
        return _again(request, given, {field: sentence(error)}, error.status)
    except Conflict as error:
        return _again(request, given, {"name": sentence(error)}, error.status)
    return go_to(HERE, done="person-added")


def show_link(request: Asking, made: Invitation) -> Response[str]:
    """The page that shows the link, this once."""
    page = InvitedPage(
        name=made.user.name,
        user_id=made.user.id,
        url=people.invitation_url(request, made.secret),
        until_us=made.user.invited_until_us or 0,
        is_loopback=_is_loopback(request.url.hostname or ""),
    )
    return show(request, "pages/person_invited.html", page)


def _again(request: Asking, given: Given, errors: Mapping[str, str], status: int) -> Response[str]:
    page = PersonAddPage(
        rights=given.form(request),
        asks_password=asks_password(request),
        name=given.texts.get("name", ""),
        way=given.texts.get("way", ""),
        errors=errors,
    )
    return show(request, "pages/person_add.html", page, status=status)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
