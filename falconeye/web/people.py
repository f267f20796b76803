"""What page and API do to people and tokens: checked, done, and written down."""

from collections.abc import Iterable, Sequence
from typing import Any

from litestar import Request

from falconeye.accounts.granting import require_grantable, require_reach
from falconeye.accounts.invitations import Invitation
from falconeye.accounts.model import Principal
from falconeye.accounts.sessions import Session
from falconeye.accounts.tokens import Token
from falconeye.accounts.users import Rights, User
from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.base.times import LATEST_US, MINUTE_US, rfc3339
from falconeye.base.words import counted
from falconeye.web.audit import record
from falconeye.web.base_path import address_at
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

ONLINE_US = 2 * MINUTE_US  # a page that is open keeps its session alive once a minute
INVITATION_PATH = "/invitation/"


def camera_names(request: Asking) -> dict[str, str]:
    """The cameras there are, by id, in the order of their names."""
    cameras = shell_of(request).services.cameras.list()
    named = sorted(cameras, key=lambda camera: camera.config.name.casefold())
    return {camera.config.id: camera.config.name for camera in named}


def checked_rights(request: Asking, rights: Rights, before: Rights | None = None) -> Rights:
    """Rights that can be given. What was there `before` may stay: a deleted camera, a past end.

    InvalidInput with `field`, also where they are more than those of who asks.
    """
    require_grantable(principal_of(request), rights, before)
    if rights.cameras is not None:
        had = before.cameras if before and before.cameras else frozenset[str]()
        unknown = rights.cameras - camera_names(request).keys() - had
        if unknown:
            msg = f"there is no camera {min(unknown)}"
            raise InvalidInput(msg, field="cameras")
        if not rights.cameras:
            raise InvalidInput("choose at least one camera", field="cameras")
    ends = rights.expires_at_us
    if ends is not None and (before is None or before.expires_at_us != ends):
        if ends <= shell_of(request).services.clock.utc_us():
            raise InvalidInput("this end is over already", field="expires_at")
        if ends > LATEST_US:
            msg = "this lies after the year 2199: leave it out for no end"
            raise InvalidInput(msg, field="expires_at")
    return rights


def rights_of(account: User | Token | Principal) -> Rights:
    """What it may do now."""
    return Rights(account.role, account.cameras, account.live_only, account.expires_at_us)


async def add_user(request: Asking, name: str, password: Secret, rights: Rights) -> User:
    """As `Users.add`."""
    user = await shell_of(request).services.accounts.users.add(name, password, rights)
    await record(request, "user.added", "user", user.id, _said(request, user.name, rights))
    return user


async def invite(request: Asking, name: str, rights: Rights) -> Invitation:
    """As `Invitations.invite`."""
    made = await shell_of(request).services.accounts.invitations.invite(name, rights)
    said = _said(request, made.user.name, rights)
    await record(request, "user.invited", "user", made.user.id, said)
    return made


async def renew_invitation(request: Asking, user_id: str) -> Invitation:
    """As `Invitations.renew`; NotAllowed where the account is more than that of who asks."""
    _require_reach(request, user_id)
    made = await shell_of(request).services.accounts.invitations.renew(user_id)
    await record(request, "invitation.renewed", "user", made.user.id, made.user.name)
    return made


async def withdraw_invitation(request: Asking, user_id: str) -> User:
    """As `Invitations.withdraw`."""
    user = await shell_of(request).services.accounts.invitations.withdraw(user_id)
    await record(request, "invitation.withdrawn", "user", user.id, user.name)
    return user


async def change_rights(request: Asking, user: User, rights: Rights) -> User:
    """As `Users.set_rights`; nothing is noted where nothing changed."""
    if rights == rights_of(user):
        return user
    changed = await shell_of(request).services.accounts.users.set_rights(user.id, rights)
    await record(request, "user.changed", "user", user.id, _said(request, user.name, rights))
    return changed


async def set_password(
    request: Asking, user: User, password: Secret, *, keep_session: str | None = None
) -> None:
    """As `Users.set_password`; NotAllowed where the account is more than that of who asks."""
    _require_reach(request, user.id)
    users = shell_of(request).services.accounts.users
    await users.set_password(user.id, password, keep_session=keep_session)
    await record(request, "user.password_changed", "user", user.id, user.name)


async def remove_user(request: Asking, user: User, *, with_tokens: bool = False) -> None:
    """As `Users.remove`; `with_tokens`: those, too, that the person made."""
    made = tokens_by(request, user) if with_tokens else ()
    await shell_of(request).services.accounts.users.remove(user.id)
    await record(request, "user.removed", "user", user.id, user.name)
    for token in made:
        await remove_token(request, token)


def tokens_by(request: Asking, user: User) -> Sequence[Token]:
    """The tokens that this person made: they go on without their maker."""
    tokens = shell_of(request).services.accounts.tokens.list()
    return [token for token in tokens if token.created_by == user.name]


async def add_token(request: Asking, name: str, rights: Rights) -> tuple[str, Token]:
    """As `Tokens.add`."""
    plain, token = await shell_of(request).services.accounts.tokens.add(
        name,
        rights.role,
        cameras=rights.cameras,
        live_only=rights.live_only,
        expires_at_us=rights.expires_at_us,
        created_by=principal_of(request).name,
    )
    await record(request, "token.added", "token", token.id, _said(request, token.name, rights))
    return plain, token


async def change_token(request: Asking, token: Token, rights: Rights) -> Token:
    """As `Tokens.set_rights`; nothing is noted where nothing changed."""
    if rights == rights_of(token):
        return token
    changed = await shell_of(request).services.accounts.tokens.set_rights(token.id, rights)
    await record(request, "token.changed", "token", token.id, _said(request, token.name, rights))
    return changed


async def remove_token(request: Asking, token: Token) -> None:
    """As `Tokens.remove`."""
    await shell_of(request).services.accounts.tokens.remove(token.id)
    await record(request, "token.revoked", "token", token.id, token.name)


async def end_sessions(request: Asking, user: User, sessions: Iterable[Session]) -> int:
    """Sign those browsers of the person out; how many."""
    ids = [session.id for session in sessions]
    if ids:
        await shell_of(request).services.accounts.sessions.end(ids)
        said = f"{user.name}: {counted(len(ids), 'session')}"
        await record(request, "session.ended", "user", user.id, said)
    return len(ids)


def is_online(request: Asking, sessions: Sequence[Session]) -> bool:
    """Whether one of them is used now, as far as this node knows (others tell it hourly)."""
    now = shell_of(request).services.clock.utc_us()
    return any(now - session.last_seen_us < ONLINE_US for session in sessions)


def invitation_url(request: Asking, secret: str) -> str:
    """The link as the browser of who asks reaches this node."""
    return address_at(request, f"{INVITATION_PATH}{secret}")


def _require_reach(request: Asking, user_id: str) -> None:
    user = shell_of(request).services.accounts.users.by_id(user_id)
    require_reach(principal_of(request), rights_of(user))


def _said(request: Asking, name: str, rights: Rights) -> str:
    """Name and rights for the audit log, which is in English."""
    words = [rights.role.value]
    if rights.live_only:
        words.append("live only")
    if rights.cameras is not None:
        names = camera_names(request)
        listed = sorted(names.get(camera, camera) for camera in rights.cameras)
        words.append(f"only {', '.join(listed)}")
    if rights.expires_at_us is not None:
        words.append(f"until {rfc3339(rights.expires_at_us)}")
    return f"{name}: {'; '.join(words)}"
