"""One person: rights, password, devices, and the end of the account."""

from collections.abc import Mapping

from litestar import Response, get, post
from litestar.params import FromPath

from falconeye.accounts.users import User
from falconeye.base.errors import Conflict, InvalidInput
from falconeye.base.secret import Secret
from falconeye.web import people
from falconeye.web.confirming import asks_password, confirmation_errors
from falconeye.web.pages.asking import Asking, go_to, sentence, services_of, show, texts
from falconeye.web.pages.people import HERE, USERS, show_link
from falconeye.web.pages.people_input import given_of
from falconeye.web.people_contexts import (
    PersonPage,
    PersonPasswordPage,
    PersonRemovePage,
    PersonRightsPage,
    RightsForm,
)
from falconeye.web.people_views import person_row, rights_form, session_rows
from falconeye.web.security.access import principal_of

_ONE = f"{HERE}/{{user_id:str}}"


@get(_ONE, opt=USERS, include_in_schema=False)
async def person_page(request: Asking, user_id: FromPath[str]) -> Response[str]:
    """What the person may do, and from where they are signed in."""
    return _person(request, _user(request, user_id), {})


@post(f"{_ONE}/invitation", opt=USERS, include_in_schema=False, status_code=200)
async def renew_invitation(request: Asking, user_id: FromPath[str]) -> Response[str]:
    """Another link; the one before is void."""
    user = _user(request, user_id)
    if errors := await confirmation_errors(request, await texts(request)):
        return _person(request, user, errors)
    return show_link(request, await people.renew_invitation(request, user.id))


@get(f"{_ONE}/rights", opt=USERS, include_in_schema=False)
async def rights_question(request: Asking, user_id: FromPath[str]) -> Response[str]:
    """Role and limits, to be changed."""
    user = _user(request, user_id)
    return _rights(request, user, rights_form(request, user), {})


@post(f"{_ONE}/rights", opt=USERS, include_in_schema=False)
async def change_rights(request: Asking, user_id: FromPath[str]) -> Response[str]:
    """Change them; what is taken away ends at once."""
    user = _user(request, user_id)
    given = await given_of(request)
    form = given.form(request, user)
    if errors := await confirmation_errors(request, given.texts):
        return _rights(request, user, form, errors)
    try:
        await people.change_rights(request, user, given.rights(request, user))
    except InvalidInput as error:
        return _rights(request, user, form, {error.field or "": sentence(error)})
    except Conflict as error:  # the last unlimited admin
        return _rights(request, user, form, {"": sentence(error)}, error.status)
    return go_to(f"{HERE}/{user.id}", done="saved")


@get(f"{_ONE}/password", opt=USERS, include_in_schema=False)
async def password_question(request: Asking, user_id: FromPath[str]) -> Response[str]:
    """The field for another password."""
    user = _user(request, user_id)
    page = PersonPasswordPage(user.id, user.name, asks_password(request))
    return show(request, "pages/person_password.html", page)


@post(f"{_ONE}/password", opt=USERS, include_in_schema=False)
async def set_password(request: Asking, user_id: FromPath[str]) -> Response[str]:
    """Another password; the person's devices are signed out, but for the one that asks."""
    user = _user(request, user_id)
    given = await texts(request)
    errors = await confirmation_errors(request, given)
    if not errors:
        who = principal_of(request)
        keep = who.session_id if who.id == user.id else None
        password = Secret(given.get("new_password", ""))
        try:
            await people.set_password(request, user, password, keep_session=keep)
        except InvalidInput as error:
            errors = {"new_password": sentence(error)}
    if errors:
        page = PersonPasswordPage(user.id, user.name, asks_password(request), errors)
        return show(request, "pages/person_password.html", page, status=422)
    return go_to(f"{HERE}/{user.id}", done="password-set")


@get(f"{_ONE}/remove", opt=USERS, include_in_schema=False)
async def remove_question(request: Asking, user_id: FromPath[str]) -> Response[str]:
    """What ends with the account."""
    return _removal(request, _user(request, user_id), {})


@post(f"{_ONE}/remove", opt=USERS, include_in_schema=False)
async def remove_person(request: Asking, user_id: FromPath[str]) -> Response[str]:
    """Remove the account, or the invitation that nobody took."""
    user = _user(request, user_id)
    given = await texts(request)
    if errors := await confirmation_errors(request, given):
        return _removal(request, user, errors)
    if user.is_invited:
        await people.withdraw_invitation(request, user.id)
        return go_to(HERE, done="invitation-withdrawn")
    try:
        with_tokens = given.get("tokens") == "yes"
        await people.remove_user(request, user, with_tokens=with_tokens)
    except Conflict as error:
        return _removal(request, user, {"": sentence(error)}, error.status)
    return go_to(HERE, done="person-removed")


@post(f"{_ONE}/sessions/{{session_id:str}}/end", opt=USERS, include_in_schema=False)
async def end_session(
    request: Asking, user_id: FromPath[str], session_id: FromPath[str]
) -> Response[str]:
    """Sign one device out; `all` stands for every one."""
    user = _user(request, user_id)
    sessions = services_of(request).accounts.sessions.list(user.id)
    chosen = [each for each in sessions if session_id in {each.id, "all"}]
    await people.end_sessions(request, user, chosen)
    return go_to(f"{HERE}/{user.id}", done="device-signed-out")


def _user(request: Asking, user_id: str) -> User:
    return services_of(request).accounts.users.by_id(user_id)


def _person(request: Asking, user: User, errors: Mapping[str, str]) -> Response[str]:
    page = PersonPage(
        person=person_row(request, user),
        sessions=session_rows(request, services_of(request).accounts.sessions.list(user.id)),
        asks_password=asks_password(request),
        errors=errors,
    )
    return show(request, "pages/person.html", page, status=422 if errors else 200)


def _rights(
    request: Asking, user: User, form: RightsForm, errors: Mapping[str, str], status: int = 422
) -> Response[str]:
    page = PersonRightsPage(
        user_id=user.id,
        name=user.name,
        rights=form,
        asks_password=asks_password(request),
        is_self=principal_of(request).id == user.id,
        errors=errors,
    )
    return show(request, "pages/person_rights.html", page, status=status if errors else 200)


def _removal(
    request: Asking, user: User, errors: Mapping[str, str], status: int = 422
) -> Response[str]:
    page = PersonRemovePage(
        person=person_row(request, user),
        sessions=len(services_of(request).accounts.sessions.list(user.id)),
        tokens=tuple(token.name for token in people.tokens_by(request, user)),
        asks_password=asks_password(request),
        errors=errors,
    )
    return show(request, "pages/person_remove.html", page, status=status if errors else 200)
