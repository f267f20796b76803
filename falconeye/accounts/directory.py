"""All users, sessions and tokens in memory, so that a request asks no disk; it says what ended."""

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

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


def secret_hash(secret: str) -> bytes:
    """SHA-256: enough for secrets of 128 random bits and more."""
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True, slots=True)
class _Snapshot:
    users: dict[str, StoredUser] = field(default_factory=dict)  # by id, ordered by name
    sessions: dict[bytes, StoredSession] = field(default_factory=dict)  # by hash, oldest first
    tokens: dict[bytes, StoredToken] = field(default_factory=dict)  # by hash, ordered by name

    @classmethod
    def of(cls, rows: AccountRows) -> "_Snapshot":
        return cls(
            {user.id: user for user in rows.users},
            {session.secret_hash: session for session in rows.sessions},
            {token.secret_hash: token for token in rows.tokens},
        )


class AccountDirectory:
    """The rows as last read. `reload` publishes what ended or lost or gained rights since."""

    def __init__(self, store: AccountStore, revocations: Revocations) -> None:
        self._store = store
        self._revocations = revocations
        self._now = _Snapshot()
        self._reading = asyncio.Lock()  # an older answer never replaces a newer one

    async def reload(self) -> None:
        """Read everything again: after each change of ours, and when another process made one."""
        async with self._reading:
            before, self._now = self._now, _Snapshot.of(await self._store.load())
        for revocation in _ended(before, self._now):
            self._revocations.publish(revocation)

    @property
    def users(self) -> list[StoredUser]:
        return list(self._now.users.values())

    @property
    def sessions(self) -> list[StoredSession]:
        return list(self._now.sessions.values())

    @property
    def tokens(self) -> list[StoredToken]:
        return list(self._now.tokens.values())

    def user(self, user_id: str) -> StoredUser | None:
        return self._now.users.get(user_id)

    def user_named(self, name: str) -> StoredUser | None:
        key = name_key(name)
        return next((user for user in self.users if name_key(user.name) == key), None)

    def session(self, cookie: str) -> StoredSession | None:
        return self._now.sessions.get(secret_hash(cookie))

    def token(self, plain: str) -> StoredToken | None:
        return self._now.tokens.get(secret_hash(plain))


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
