"""Access for programs: the list, a new token that is shown once, its limits, its end."""

from collections.abc import Mapping
from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath

from falconeye.accounts.model import Action
from falconeye.accounts.tokens import Token
from falconeye.base.errors import Conflict, FalconEyeError, InvalidInput, NotFound
from falconeye.web import people
from falconeye.web.confirming import asks_password, confirmation_errors
from falconeye.web.pages.asking import Asking, go_to, sentence, services_of, show, texts
from falconeye.web.pages.people_input import Given, given_of
from falconeye.web.people_contexts import (
    TokenFormPage,
    TokenMadePage,
    TokenRemovePage,
    TokensPage,
)
from falconeye.web.people_views import rights_form, token_row
from falconeye.web.security.access import needs

HERE: Final = "/people/tokens"
_TOKENS: Final = needs(Action.MANAGE_TOKENS)
_ONE: Final = f"{HERE}/{{token_id:str}}"


@get(HERE, opt=_TOKENS, include_in_schema=False)
async def tokens_page(request: Asking) -> Response[str]:
    """What programs may do, and when they last did."""
    tokens = services_of(request).accounts.tokens.list()
    page = TokensPage(tuple(token_row(request, token) for token in tokens))
    return show(request, "pages/tokens.html", page)


@get(f"{HERE}/add", opt=_TOKENS, include_in_schema=False)
async def add_form(request: Asking) -> Response[str]:
    """The empty form."""
    page = TokenFormPage(rights_form(request, None), asks_password(request))
    return show(request, "pages/token_form.html", page)


@post(f"{HERE}/add", opt=_TOKENS, include_in_schema=False, status_code=200)
async def add_token(request: Asking) -> Response[str]:
    """Make it, and show its secret this once."""
    given = await given_of(request)
    if errors := await confirmation_errors(request, given.texts):
        return _again(request, given, errors)
    try:
        rights = given.rights(request)
        plain, token = await people.add_token(request, given.texts.get("name", ""), rights)
    except (InvalidInput, Conflict) as error:
        return _again(request, given, _at_field(error, "name"), status=error.status)
    return show(request, "pages/token_made.html", TokenMadePage(token.name, plain))


@get(_ONE, opt=_TOKENS, include_in_schema=False)
async def rights_question(request: Asking, token_id: FromPath[str]) -> Response[str]:
    """Role and limits, to be changed."""
    token = _token(request, token_id)
    page = TokenFormPage(rights_form(request, token), asks_password(request), token.name, token_id)
    return show(request, "pages/token_form.html", page)


@post(_ONE, opt=_TOKENS, include_in_schema=False)
async def change_rights(request: Asking, token_id: FromPath[str]) -> Response[str]:
    """Change them; what the program has open ends."""
    token = _token(request, token_id)
    given = await given_of(request)
    if errors := await confirmation_errors(request, given.texts):
        return _again(request, given, errors, token)
    try:
        await people.change_token(request, token, given.rights(request, token))
    except InvalidInput as error:
        return _again(request, given, _at_field(error, ""), token)
    return go_to(HERE, done="saved")


@get(f"{_ONE}/remove", opt=_TOKENS, include_in_schema=False)
async def remove_question(request: Asking, token_id: FromPath[str]) -> Response[str]:
    """Who is shut out by it."""
    token = _token(request, token_id)
    page = TokenRemovePage(token_row(request, token), asks_password(request))
    return show(request, "pages/token_remove.html", page)


@post(f"{_ONE}/remove", opt=_TOKENS, include_in_schema=False)
async def remove_token(request: Asking, token_id: FromPath[str]) -> Response[str]:
    """End it at once."""
    token = _token(request, token_id)
    if errors := await confirmation_errors(request, await texts(request)):
        page = TokenRemovePage(token_row(request, token), asks_password(request), errors)
        return show(request, "pages/token_remove.html", page, status=422)
    await people.remove_token(request, token)
    return go_to(HERE, done="token-removed")


def _token(request: Asking, token_id: str) -> Token:
    for token in services_of(request).accounts.tokens.list():
        if token.id == token_id:
            return token
    raise NotFound("there is no such token")


def _at_field(error: FalconEyeError, otherwise: str) -> dict[str, str]:
    return {getattr(error, "field", None) or otherwise: sentence(error)}


def _again(
    request: Asking,
    given: Given,
    errors: Mapping[str, str],
    token: Token | None = None,
    *,
    status: int = 422,
) -> Response[str]:
    page = TokenFormPage(
        rights=given.form(request, token),
        asks_password=asks_password(request),
        name=token.name if token else given.texts.get("name", ""),
        token_id=token.id if token else "",
        errors=errors,
    )
    return show(request, "pages/token_form.html", page, status=status)
