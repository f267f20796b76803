"""Sign-in sessions: on the server, known to the browser by a cookie, ended by time or hand."""

import builtins
import secrets
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from falconeye.accounts.directory import AccountDirectory, secret_hash, user_principal
from falconeye.accounts.model import Principal
from falconeye.base.clock import Clock
from falconeye.base.errors import NotFound
from falconeye.base.times import DAY_US
from falconeye.storage.stores.account_store import AccountStore, StoredSession, StoredUser, name_key

IDLE_US = 14 * DAY_US
ABSOLUTE_US = 90 * DAY_US
MAX_PER_USER = 100  # overflow policy: the one seen longest ago ends
_COOKIE_BYTES = 32
_MAX_USER_AGENT = 200


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in, without its secret."""

    id: str
    user_id: str
    created_at_us: int
    last_seen_us: int  # by this node; by another to the hour
    address: str  # where the person signed in from
    user_agent: str


class Sessions:
    """Creates, recognises and ends sessions. When each was last seen lives in memory first."""

    def __init__(self, directory: AccountDirectory, store: AccountStore, clock: Clock) -> None:
        self._directory = directory
        self._store = store
        self._clock = clock
        self._seen: dict[str, int] = {}

    async def create(
        self, user: StoredUser, address: str, user_agent: str
    ) -> tuple[str, str] | None:
        """A new session: its cookie's value (256 random bits), which is stored hashed only; its id.

        None when the user, as known when the password was verified, has another one by now.
        """
        cookie = secrets.token_urlsafe(_COOKIE_BYTES)
        now = self._clock.utc_us()
        stored = StoredSession(
            str(uuid.uuid4()),
            secret_hash(cookie),
            user.id,
            now,
            now,
            address,
            user_agent[:_MAX_USER_AGENT],
            active_us=now,
            password_us=user.password_changed_at_us,
        )
        if not await self._store.add_session(stored, user.password_hash):
            return None
        surplus = sorted(
            (old for old in self._directory.sessions if old.user_id == user.id),
            key=self._last_seen,
        )
        await self._store.remove_sessions(
            session.id for session in surplus[: max(0, len(surplus) + 1 - MAX_PER_USER)]
        )
        await self._directory.reload()
        return cookie, stored.id

    def authenticate(self, cookie: str) -> Principal | None:
        """Whose session it is now; None when it is none's, or over. Notes that it was used."""
        return self._used(self._directory.session(cookie))

    def by_id(self, session_id: str) -> Principal | None:
        """As `authenticate`, for another node that has seen the cookie and names the session."""
        return self._used(self._directory.session_by_id(session_id))

    def _used(self, stored: StoredSession | None) -> Principal | None:
        if stored is None or self._over(stored):
            return None
        user = self._directory.user(stored.user_id)
        now = self._clock.utc_us()
        if user is None:
            return None
        who = user_principal(user, stored.id)
        if who.ended(now):
            return None
        # Never back: a node without a clock chip starts in 1970, and must not find it idle later.
        self._seen[stored.id] = max(now, self._last_seen(stored))
        return who

    def list(self, user_id: str | None = None) -> builtins.list[Session]:
        """Those that are not over, of one person or of all, the newest use first."""
        found = [
            Session(
                stored.id,
                stored.user_id,
                stored.created_at_us,
                self._last_seen(stored),
                stored.address,
                stored.user_agent,
            )
            for stored in self._directory.sessions
            if user_id in {None, stored.user_id} and not self._over(stored)
        ]
        return sorted(found, key=lambda session: -session.last_seen_us)

    def find(self, session_id: str) -> Session:
        """NotFound where there is none, or none any more."""
        for session in self.list():
            if session.id == session_id:
                return session
        raise NotFound("there is no such session")

    async def end(self, session_ids: Iterable[str]) -> None:
        """End sessions at once; those that are over already are no error."""
        await self._store.remove_sessions(session_ids)
        await self._directory.reload()

    async def end_those_over(self) -> None:
        """Remove what time has ended: this closes what they still hold open."""
        over = [stored.id for stored in self._directory.sessions if self._over(stored)]
        if over:
            await self.end(over)

    def for_each_origin(self, note: Callable[[str, str], None]) -> None:
        """Call `note(user name key, address)` for each place somebody is signed in from."""
        for stored in self._directory.sessions:
            user = self._directory.user(stored.user_id)
            if user is not None and not self._over(stored):
                note(name_key(user.name), stored.address)

    def take_seen(self) -> dict[str, int]:
        """When sessions were last seen, as far as that is not stored yet."""
        stored = {session.id: session.last_seen_us for session in self._directory.sessions}
        self._seen = {key: seen for key, seen in self._seen.items() if key in stored}
        return {key: seen for key, seen in self._seen.items() if seen != stored[key]}

    def _over(self, stored: StoredSession) -> bool:
        now = self._clock.utc_us()
        if now - self._last_seen(stored) >= IDLE_US or now - stored.created_at_us >= ABSOLUTE_US:
            return True
        # Another node set another password, and had not heard of this session.
        user = self._directory.user(stored.user_id)
        return user is not None and stored.password_us not in {0, user.password_changed_at_us}

    def _last_seen(self, stored: StoredSession) -> int:
        """By this node or another."""
        return max(self._seen.get(stored.id, stored.last_seen_us), stored.active_us)
