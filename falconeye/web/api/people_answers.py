"""People, tokens and sessions as JSON: cameras by id, times in RFC 3339, never a secret."""

from typing import Annotated, Any, Literal

from litestar import Request
from pydantic import BaseModel, ConfigDict, Field

from falconeye.accounts.model import Principal, Role
from falconeye.accounts.sessions import Session
from falconeye.accounts.tokens import Token
from falconeye.accounts.users import Rights, User
from falconeye.base.errors import InvalidInput
from falconeye.base.times import rfc3339
from falconeye.web.api.parameters import read_time
from falconeye.web.base_path import OwnAddress
from falconeye.web.browser_words import device_words
from falconeye.web.people import checked_rights, is_online, rights_of
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

_MAX_CAMERAS = 1000
Name = Annotated[str, Field(max_length=1000)]
Password = Annotated[str, Field(max_length=4000)]
CameraIds = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=_MAX_CAMERAS)]
Moment = Annotated[str, Field(max_length=64)]


class RightsInput(BaseModel):
    """Role and limits. What is absent stays as it is; of who is new it is no limit."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    role: Literal["viewer", "operator", "admin"] | None = None
    cameras: CameraIds | None = None  # ids; null: all cameras, also those added later
    live_only: bool | None = None
    expires_at: Moment | None = None  # RFC 3339; null: no end

    def rights(self, request: Asking, before: User | Token | None = None) -> Rights:
        """What was asked for, checked. InvalidInput with `field`."""
        had = rights_of(before) if before else Rights(Role.VIEWER)
        given = self.model_fields_set
        if "role" in given and self.role is None:
            raise InvalidInput("role: viewer, operator or admin", field="role")
        cameras = None if self.cameras is None else frozenset(self.cameras)
        zone = shell_of(request).services.stored_settings.zone
        ends = read_time(self.expires_at, zone, field="expires_at")
        rights = Rights(
            role=Role(self.role) if self.role else had.role,
            cameras=cameras if "cameras" in given else had.cameras,
            live_only=had.live_only if self.live_only is None else self.live_only,
            expires_at_us=ends if "expires_at" in given else had.expires_at_us,
        )
        return checked_rights(request, rights, had if before else None)


class UserInput(RightsInput):
    """Somebody who can sign in at once."""

    name: Name
    password: Password


class InvitationInput(RightsInput):
    """Somebody who chooses the password by the link."""

    name: Name


class TokenInput(RightsInput):
    """A program's access."""

    name: Name


class PasswordInput(BaseModel):
    """Another password."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    password: Password


class OwnPasswordInput(PasswordInput):
    """One's own: `present_password` is the one of now."""

    present_password: Password


class RightsAnswer(BaseModel):
    """Role and limits."""

    role: Role
    cameras: list[str] | None  # ids; null: all. Some may be of cameras that were deleted
    live_only: bool
    expires_at: str | None


class UserAnswer(RightsAnswer):
    """A person. `invited`: there is no password yet, and nobody can sign in."""

    id: str
    name: str
    created_at: str
    password_changed_at: str | None
    invited: bool
    invited_until: str | None
    online: bool  # now, at this node; other nodes tell theirs once an hour
    last_seen_at: str | None  # null: signed in nowhere
    sessions: int

    @classmethod
    def of(cls, request: Asking, user: User) -> "UserAnswer":
        sessions = shell_of(request).services.accounts.sessions.list(user.id)
        changed = None if user.is_invited else rfc3339(user.password_changed_at_us)
        return cls(
            id=user.id,
            name=user.name,
            **rights_answer(user),
            created_at=rfc3339(user.created_at_us),
            password_changed_at=changed,
            invited=user.is_invited,
            invited_until=_moment(user.invited_until_us),
            online=is_online(request, sessions),
            last_seen_at=_moment(sessions[0].last_seen_us if sessions else None),
            sessions=len(sessions),
        )


class UserList(BaseModel):
    """All of them, by name."""

    users: list[UserAnswer]
    total: int


class InvitationAnswer(UserAnswer):
    """The link: it is shown this once, and works at every node."""

    url: str  # as the one who asks reaches this node
    path: OwnAddress


class TokenAnswer(RightsAnswer):
    """A program's access, without its secret."""

    id: str
    name: str
    created_at: str
    created_by: str  # a name; empty: the command line
    last_used_at: str | None  # at this node

    @classmethod
    def of(cls, token: Token) -> "TokenAnswer":
        return cls(**token_values(token))


class TokenMadeAnswer(TokenAnswer):
    """The secret is shown this once."""

    token: str


class TokenList(BaseModel):
    """All of them, by name."""

    tokens: list[TokenAnswer]
    total: int


class SessionAnswer(BaseModel):
    """A browser that is signed in."""

    id: str
    user_id: str
    device: str  # of what the browser says, which nobody proves
    user_agent: str
    address: str  # from where the person signed in
    created_at: str
    last_seen_at: str  # at this node; at others to the hour
    this: bool  # the one that asks

    @classmethod
    def of(cls, request: Asking, session: Session) -> "SessionAnswer":
        return cls(
            id=session.id,
            user_id=session.user_id,
            device=device_words(session.user_agent),
            user_agent=session.user_agent,
            address=session.address,
            created_at=rfc3339(session.created_at_us),
            last_seen_at=rfc3339(session.last_seen_us),
            this=session.id == principal_of(request).session_id,
        )


class SessionList(BaseModel):
    """The newest use first."""

    sessions: list[SessionAnswer]
    total: int


class EndedAnswer(BaseModel):
    """How many browsers were signed out."""

    ended: int


class RemovedAnswer(BaseModel):
    """What is gone."""

    id: str
    name: str


class AccountAnswer(RightsAnswer):
    """Who asks."""

    kind: str  # user or token
    id: str
    name: str
    session_id: str | None
    confirmed: bool  # the password was shown in this session within the last ten minutes


class ConfirmedAnswer(BaseModel):
    """For so long people and tokens can be changed in this session, at this node."""

    seconds: int


def rights_answer(account: User | Token | Principal) -> dict[str, Any]:
    """The fields of `RightsAnswer`."""
    return {
        "role": account.role,
        "cameras": None if account.cameras is None else sorted(account.cameras),
        "live_only": account.live_only,
        "expires_at": _moment(account.expires_at_us),
    }


def token_values(token: Token) -> dict[str, Any]:
    """The fields of `TokenAnswer`."""
    return {
        "id": token.id,
        "name": token.name,
        **rights_answer(token),
        "created_at": rfc3339(token.created_at_us),
        "created_by": token.created_by,
        "last_used_at": _moment(token.last_used_us),
    }


def session_list(request: Asking, sessions: list[Session]) -> SessionList:
    """As the answer of a list."""
    rows = [SessionAnswer.of(request, session) for session in sessions]
    return SessionList(sessions=rows, total=len(rows))


def _moment(utc_us: int | None) -> str | None:
    return None if utc_us is None else rfc3339(utc_us)
