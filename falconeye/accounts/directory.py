"""All users, sessions, tokens and displays in memory, so that no request asks a disk.

It says what ended.
"""

import asyncio
import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from falconeye.accounts.model import Principal, PrincipalKind, Role
from falconeye.accounts.revocations import Ended, Revocation, Revocations
from falconeye.storage.stores.account_store import (
    AccountRows,
    AccountStore,
    StoredSession,
    StoredToken,
    StoredUser,
    name_key,
)
from falconeye.storage.stores.display_store import DisplayStore, StoredDisplay

log = logging.getLogger(__name__)


def secret_hash(secret: str) -> bytes:
    """SHA-256: enough for secrets of 128 random bits and more."""
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True, slots=True)
class _Snapshot:
    users: dict[str, StoredUser] = field(default_factory=dict)  # by id, ordered by name
    sessions: dict[bytes, StoredSession] = field(default_factory=dict)  # by hash, oldest first
    tokens: dict[bytes, StoredToken] = field(default_factory=dict)  # by hash, ordered by name
    sessions_by_id: dict[str, StoredSession] = field(default_factory=dict)
    tokens_by_id: dict[str, StoredToken] = field(default_factory=dict)
    users_beside: bool = False
    displays: dict[str, StoredDisplay] = field(default_factory=dict)  # by id, ordered by name
    displays_by_hash: dict[bytes, StoredDisplay] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: AccountRows, displays: Sequence[StoredDisplay]) -> "_Snapshot":
        return cls(
            {user.id: user for user in rows.users},
            {session.secret_hash: session for session in rows.sessions},
            {token.secret_hash: token for token in rows.tokens},
            {session.id: session for session in rows.sessions},
            {token.id: token for token in rows.tokens},
            rows.users_beside,
            {display.id: display for display in displays},
            {each.secret_hash: each for each in displays if each.secret_hash is not None},
        )


class AccountDirectory:
    """The rows as last read. `reload` publishes what ended or lost or gained rights since."""

    def __init__(
        self, store: AccountStore, displays: DisplayStore, revocations: Revocations
    ) -> None:
        self._store = store
        self._display_store = displays
        self._revocations = revocations
        self._now = _Snapshot()
        self._said = False  # that there is no admin
        self._reading = asyncio.Lock()  # an older answer never replaces a newer one

    async def reload(self) -> None:
        """Read everything again: after each change of ours, and when another process made one."""
        async with self._reading:
            rows, displays = await self._store.load(), await self._display_store.load()
            before, self._now = self._now, _Snapshot.of(rows, displays)
        for revocation in _ended(before, self._now):
            self._revocations.publish(revocation)
        if self.has_users and not self.has_admin and not self._said:
            log.error(
                "nobody may administer this recorder any more: two nodes may have removed each "
                "other's last admin. `falconeye setup-link`, run on the machine of any node, makes "
                "a link for a new one"
            )
        self._said = self.has_users and not self.has_admin

    @property
    def has_users(self) -> bool:
        """Whether anybody can sign in, here or with a newer release."""
        return bool(self._now.users) or self._now.users_beside

    @property
    def has_admin(self) -> bool:
        """Whether somebody may do everything, for good; a newer release may know who does."""
        return self._now.users_beside or any(
            user.role == Role.ADMIN.value
            and user.password_hash  # who was invited may never come
            and user.cameras is None
            and not user.live_only
            and user.expires_at_us is None
            for user in self._now.users.values()
        )

    @property
    def users(self) -> list[StoredUser]:
        return list(self._now.users.values())

    @property
    def sessions(self) -> list[StoredSession]:
        return list(self._now.sessions.values())

    @property
    def tokens(self) -> list[StoredToken]:
        return list(self._now.tokens.values())

    @property
    def displays(self) -> list[StoredDisplay]:
        return list(self._now.displays.values())

    def user(self, user_id: str) -> StoredUser | None:
        return self._now.users.get(user_id)

    def user_named(self, name: str) -> StoredUser | None:
        key = name_key(name)
        return next((user for user in self.users if name_key(user.name) == key), None)

    def invited_by(self, secret: str) -> StoredUser | None:
        """Whom the link with that secret invites, also when it is over."""
        hashed = secret_hash(secret)
        return next(
            (u for u in self.users if u.invitation_hash == hashed and not u.password_hash), None
        )

    def session(self, cookie: str) -> StoredSession | None:
        return self._now.sessions.get(secret_hash(cookie))

    def session_by_id(self, session_id: str) -> StoredSession | None:
        return self._now.sessions_by_id.get(session_id)

    def token(self, plain: str) -> StoredToken | None:
        return self._now.tokens.get(secret_hash(plain))

    def token_by_id(self, token_id: str) -> StoredToken | None:
        return self._now.tokens_by_id.get(token_id)

    def display(self, cookie: str) -> StoredDisplay | None:
        return self._now.displays_by_hash.get(secret_hash(cookie))

    def display_by_id(self, display_id: str) -> StoredDisplay | None:
        return self._now.displays.get(display_id)


def user_principal(user: StoredUser, session_id: str | None) -> Principal:
    """The user as asking through that session."""
    return Principal(
        PrincipalKind.USER,
        user.id,
        user.name,
        Role(user.role),
        user.cameras,
        user.live_only,
        user.expires_at_us,
        session_id,
    )


def token_principal(token: StoredToken) -> Principal:
    """The program that holds the token."""
    return Principal(
        PrincipalKind.TOKEN,
        token.id,
        token.name,
        Role(token.role),
        token.cameras,
        token.live_only,
        token.expires_at_us,
    )


def _ended(before: _Snapshot, now: _Snapshot) -> Iterator[Revocation]:
    for user_id, user in before.users.items():
        later = now.users.get(user_id)
        if later is None or user_principal(user, None) != user_principal(later, None):
            yield Revocation(Ended.USER, user_id)
    for hashed, session in before.sessions.items():
        if hashed not in now.sessions:
            yield Revocation(Ended.SESSION, session.id)
    for hashed, token in before.tokens.items():
        same = now.tokens.get(hashed)
        if same is None or token_principal(token) != token_principal(same):
            yield Revocation(Ended.TOKEN, token.id)
    for display_id, display in before.displays.items():
        left = now.displays.get(display_id)
        if left is None or _access(display) != _access(left):
            yield Revocation(Ended.DISPLAY, display_id)


def _access(display: StoredDisplay) -> StoredDisplay:
    """The same without what is merely noted of it."""
    return replace(
        display,
        paired_at_us=None,
        link_hash=None,
        link_until_us=None,
        address="",
        user_agent="",
        is_secure=False,
        last_seen_us=0,
        active_us=0,
    )
