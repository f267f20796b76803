"""Who may sign in: people, their sessions, and invitations."""

from typing import Annotated, Any, Final

from litestar import Controller, Request, delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter

from falconeye.accounts.invitations import Invitation
from falconeye.accounts.model import Action, may
from falconeye.accounts.users import User
from falconeye.base.errors import NotFound
from falconeye.base.secret import Secret
from falconeye.web import people
from falconeye.web.api.documentation import documented, documented_signed_in
from falconeye.web.api.people_answers import (
    EndedAnswer,
    InvitationAnswer,
    InvitationInput,
    PasswordInput,
    RemovedAnswer,
    RightsInput,
    SessionList,
    UserAnswer,
    UserInput,
    UserList,
    session_list,
)
from falconeye.web.confirming import require_confirmed
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

CONFIRMED: Final = (
    "In a browser's session the password must have been shown within ten minutes "
    "(`POST /api/account/confirm`), else 403 with the code `confirm_password`; a token needs that "
    "not: its secret is what is shown with each request"
)


class UserController(Controller):
    """`/api/users`."""

    path = "/api/users"
    tags = ("People",)

    @get("/", **documented(Action.MANAGE_USERS, "Who may sign in, by name"))
    async def list_users(self, request: Asking) -> UserList:
        users = shell_of(request).services.accounts.users.list()
        rows = [UserAnswer.of(request, user) for user in users]
        return UserList(users=rows, total=len(rows))

    @post("/", **documented(Action.MANAGE_USERS, f"Add a person. {CONFIRMED}", 409, 422, 429))
    async def add_user(self, request: Asking, data: JSONBody[UserInput]) -> UserAnswer:
        require_confirmed(request)
        rights = data.rights(request)
        user = await people.add_user(request, data.name, Secret(data.password), rights)
        return UserAnswer.of(request, user)

    @get("/{user_id:str}", **documented(Action.MANAGE_USERS, "One person", 404))
    async def get_user(self, request: Asking, user_id: FromPath[str]) -> UserAnswer:
        return UserAnswer.of(request, _user(request, user_id))

    @patch(
        "/{user_id:str}",
        **documented(
            Action.MANAGE_USERS,
            "Change role and limits. Where something is taken away the person is signed out at "
            f"once, and streams end. {CONFIRMED}",
            404,
            409,
            422,
        ),
    )
    async def change_user(
        self, request: Asking, user_id: FromPath[str], data: JSONBody[RightsInput]
    ) -> UserAnswer:
        require_confirmed(request)
        user = _user(request, user_id)
        changed = await people.change_rights(request, user, data.rights(request, user))
        return UserAnswer.of(request, changed)

    @delete(
        "/{user_id:str}",
        status_code=200,
        **documented(
            Action.MANAGE_USERS,
            f"Remove a person, who is signed out at once; never the last admin. {CONFIRMED}",
            404,
            409,
        ),
    )
    async def remove_user(
        self,
        request: Asking,
        user_id: FromPath[str],
        *,
        tokens: Annotated[
            bool, QueryParameter(description="remove the tokens that the person made, too")
        ] = False,
    ) -> RemovedAnswer:
        require_confirmed(request)
        user = _user(request, user_id)
        await people.remove_user(request, user, with_tokens=tokens)
        return RemovedAnswer(id=user.id, name=user.name)

    @post(
        "/{user_id:str}/password",
        status_code=200,
        **documented(
            Action.MANAGE_USERS,
            "Give a person another password; all of their sessions end but the one that asks. "
            f"{CONFIRMED}",
            404,
            422,
            429,
        ),
    )
    async def set_password(
        self, request: Asking, user_id: FromPath[str], data: JSONBody[PasswordInput]
    ) -> UserAnswer:
        require_confirmed(request)
        user, who = _user(request, user_id), principal_of(request)
        keep = who.session_id if who.id == user.id else None
        await people.set_password(request, user, Secret(data.password), keep_session=keep)
        return UserAnswer.of(request, _user(request, user_id))

    @get(
        "/{user_id:str}/sessions",
        **documented(Action.MANAGE_USERS, "Where a person is signed in", 404),
    )
    async def list_sessions(self, request: Asking, user_id: FromPath[str]) -> SessionList:
        user = _user(request, user_id)
        return session_list(request, shell_of(request).services.accounts.sessions.list(user.id))


@delete(
    "/api/sessions/{session_id:str}",
    status_code=200,
    tags=("People",),
    **documented_signed_in(
        "Sign a browser out; what it has open ends. One's own, and those of others for admins",
        404,
    ),
)
async def end_session(request: Asking, session_id: FromPath[str]) -> EndedAnswer:
    """Another person's session is none for who may not manage users."""
    who, accounts = principal_of(request), shell_of(request).services.accounts
    session = accounts.sessions.find(session_id)
    if session.user_id != who.id and not may(who, Action.MANAGE_USERS):
        raise NotFound("there is no such session")
    user = accounts.users.by_id(session.user_id)
    return EndedAnswer(ended=await people.end_sessions(request, user, [session]))


class InvitationController(Controller):
    """`/api/invitations`."""

    path = "/api/invitations"
    tags = ("People",)

    @get("/", **documented(Action.MANAGE_USERS, "Who was invited and has no password yet"))
    async def list_invitations(self, request: Asking) -> UserList:
        users = shell_of(request).services.accounts.invitations.list()
        rows = [UserAnswer.of(request, user) for user in users]
        return UserList(users=rows, total=len(rows))

    @post(
        "/",
        **documented(
            Action.MANAGE_USERS,
            "Invite a person by a link, good once, for seven days, at every node: by it the "
            f"password is chosen. {CONFIRMED}",
            409,
            422,
        ),
    )
    async def invite(self, request: Asking, data: JSONBody[InvitationInput]) -> InvitationAnswer:
        require_confirmed(request)
        made = await people.invite(request, data.name, data.rights(request))
        return _link(request, made)

    @post(
        "/{user_id:str}/renew",
        status_code=200,
        **documented(
            Action.MANAGE_USERS, f"Another link; the one before is void. {CONFIRMED}", 404, 409
        ),
    )
    async def renew(self, request: Asking, user_id: FromPath[str]) -> InvitationAnswer:
        require_confirmed(request)
        _ = _user(request, user_id)
        return _link(request, await people.renew_invitation(request, user_id))

    @delete(
        "/{user_id:str}",
        status_code=200,
        **documented(
            Action.MANAGE_USERS,
            f"Take an invitation back, and with it the person who has no password yet. {CONFIRMED}",
            404,
        ),
    )
    async def withdraw(self, request: Asking, user_id: FromPath[str]) -> RemovedAnswer:
        require_confirmed(request)
        user = await people.withdraw_invitation(request, user_id)
        return RemovedAnswer(id=user.id, name=user.name)


def _user(request: Asking, user_id: str) -> User:
    return shell_of(request).services.accounts.users.by_id(user_id)


def _link(request: Asking, made: Invitation) -> InvitationAnswer:
    answer = UserAnswer.of(request, made.user).model_dump()
    return InvitationAnswer(
        **answer,
        url=people.invitation_url(request, made.secret),
        path=f"{people.INVITATION_PATH}{made.secret}",
    )
