"""Who asks, and one's own sessions and password."""

from typing import Any

from litestar import Controller, Request, delete, get, post
from litestar.params import JSONBody

from falconeye.accounts.confirmations import KEPT_US
from falconeye.accounts.model import PrincipalKind
from falconeye.accounts.users import User
from falconeye.base.errors import InvalidInput, NotAllowed, NotAuthenticated
from falconeye.base.secret import Secret
from falconeye.base.times import SECOND_US
from falconeye.web import people
from falconeye.web.api.documentation import documented_signed_in
from falconeye.web.api.people_answers import (
    AccountAnswer,
    ConfirmedAnswer,
    EndedAnswer,
    OwnPasswordInput,
    PasswordInput,
    SessionList,
    UserAnswer,
    rights_answer,
    session_list,
)
from falconeye.web.audit import address_of
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


class AccountController(Controller):
    """`/api/account`."""

    path = "/api/account"
    tags = ("Account",)

    @get("/", **documented_signed_in("Who asks, and what they may do"))
    async def get_account(self, request: Asking) -> AccountAnswer:
        who = principal_of(request)
        return AccountAnswer(
            kind=who.kind.value,
            id=who.id,
            name=who.name,
            **rights_answer(who),
            session_id=who.session_id,
            confirmed=shell_of(request).services.accounts.is_confirmed(who),
        )

    @post(
        "/confirm",
        status_code=200,
        **documented_signed_in(
            "Show one's password again: in this session, at this node, people, tokens and "
            "invitations can be changed for ten minutes. Only for people, not for tokens",
            422,
            429,
        ),
    )
    async def confirm(self, request: Asking, data: JSONBody[PasswordInput]) -> ConfirmedAnswer:
        await _require_own_password(request, data.password, "password")
        return ConfirmedAnswer(seconds=KEPT_US // SECOND_US)

    @post(
        "/password",
        status_code=200,
        **documented_signed_in(
            "Another password of one's own; all other sessions end. Only for people", 422, 429
        ),
    )
    async def change_password(
        self, request: Asking, data: JSONBody[OwnPasswordInput]
    ) -> UserAnswer:
        user, who = _own(request), principal_of(request)
        await _require_own_password(request, data.present_password, "present_password")
        password = Secret(data.password)
        await people.set_password(request, user, password, keep_session=who.session_id)
        return UserAnswer.of(request, _own(request))

    @get("/sessions", **documented_signed_in("Where one is signed in. Only for people"))
    async def list_sessions(self, request: Asking) -> SessionList:
        user = _own(request)
        return session_list(request, shell_of(request).services.accounts.sessions.list(user.id))

    @delete(
        "/sessions",
        status_code=200,
        **documented_signed_in("Sign all other browsers out. Only for people"),
    )
    async def end_other_sessions(self, request: Asking) -> EndedAnswer:
        user, this = _own(request), principal_of(request).session_id
        sessions = shell_of(request).services.accounts.sessions.list(user.id)
        others = [session for session in sessions if session.id != this]
        return EndedAnswer(ended=await people.end_sessions(request, user, others))


def _own(request: Asking) -> User:
    who = principal_of(request)
    if who.kind is not PrincipalKind.USER:
        raise NotAllowed("a token has no account: this is for people")
    return shell_of(request).services.accounts.users.by_id(who.id)


async def _require_own_password(request: Asking, password: str, field: str) -> None:
    """InvalidInput for another one: a 401 would say that nobody is signed in."""
    _ = _own(request)
    accounts = shell_of(request).services.accounts
    try:
        await accounts.confirm(principal_of(request), password, address_of(request))
    except NotAuthenticated as error:
        raise InvalidInput("this is not your password", field=field) from error
