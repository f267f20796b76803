"""Accounts: the one door for signing in, and for all about users, tokens and the audit log."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from falconeye.accounts.attempts import LoginAttempts
from falconeye.accounts.audit import AuditLog
from falconeye.accounts.audit_pruning import AuditPruning, KeepDays
from falconeye.accounts.confirmations import Confirmations
from falconeye.accounts.directory import AccountDirectory, user_principal
from falconeye.accounts.displays import Displays
from falconeye.accounts.invitations import Invitations
from falconeye.accounts.model import Principal, PrincipalKind
from falconeye.accounts.passwords import PasswordHasher
from falconeye.accounts.revocations import Ended, Revocation, Revocations
from falconeye.accounts.sessions import Sessions
from falconeye.accounts.setup import Setup
from falconeye.accounts.tokens import Tokens, is_well_formed
from falconeye.accounts.users import User, Users
from falconeye.accounts.walls import Walls
from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.base.errors import FalconEyeError, NotAllowed, NotAuthenticated, TooManyAttempts
from falconeye.base.secret import Secret
from falconeye.base.tasks import TaskSet
from falconeye.base.times import SECOND_US
from falconeye.storage.index.database import Database
from falconeye.storage.stores.account_store import AccountStore, StoredUser, name_key
from falconeye.storage.stores.audit_store import AuditStore
from falconeye.storage.stores.display_store import DisplayStore
from falconeye.storage.stores.wall_store import WallStore

log = logging.getLogger(__name__)

TICK_S = 1.0
STORE_SEEN_US = 60 * SECOND_US
LOOK_AGAIN_US = SECOND_US // 20
LOGIN_TRIES = 3  # the hash may change meanwhile: by another password, or other parameters


class Accounts:
    """Lives on the loop. The attributes without an underscore are its public parts."""

    def __init__(
        self, database: Database, clock: Clock, *, hasher: PasswordHasher | None = None
    ) -> None:
        store = AccountStore(database)
        self.revocations = Revocations()
        self.audit = AuditLog(AuditStore(database), clock)
        self.walls = Walls(WallStore(database), clock)
        display_store = DisplayStore(database)
        self._directory = AccountDirectory(store, display_store, self.revocations)
        self._hasher = hasher or PasswordHasher()
        self.users = Users(self._directory, store, self._hasher, clock)
        self.tokens = Tokens(self._directory, store, clock)
        self._attempts = LoginAttempts(clock)
        self.displays = Displays(self._directory, display_store, self._attempts, clock)
        self._setup = Setup(self._directory, store, self.users, database, self._attempts, clock)
        self.sessions = Sessions(self._directory, store, clock)
        self.invitations = Invitations(
            self._directory, store, self.users, self._hasher, self._attempts, clock
        )
        self._confirmations = Confirmations(clock)
        self._store = store
        self._display_store = display_store
        self._clock = clock
        self._tasks = TaskSet("accounts")
        self._trouble = RepeatingLog(log, clock)
        self._stored_seen_us = clock.monotonic_us()
        self._past_date: frozenset[tuple[Ended, str]] = frozenset()
        # `ChangeWatch.check` of a serving node: an unknown token may be a moment old
        self.look_for_changes: Callable[[], Awaitable[object]] | None = None
        self._looked_us = -LOOK_AGAIN_US

    async def start(self, *, serving: bool, keep_audit_days: KeepDays | None = None) -> None:
        """Read everything. `serving`: a new boot begins (older set-up links die), time is watched.

        `keep_audit_days`: the setting; without it the audit log is not pruned. The caller
        subscribes `reload` to the `ChangeWatch` as well.
        """
        if serving:
            await self._store.begin_boot(secrets.token_hex(16))
        await self._directory.reload()
        self.sessions.for_each_origin(self._attempts.trust)
        if serving:
            _ = self._tasks.start(self._run(), "tick")
            if keep_audit_days is not None:
                pruning = AuditPruning(self.audit, self._clock, keep_audit_days)
                _ = self._tasks.start(pruning.run(), "audit")

    async def stop(self) -> None:
        """Store when sessions and tokens were last used; end the threads."""
        await self._tasks.stop()
        try:
            await self._store_seen()
        except FalconEyeError as error:  # the disk is full: no reason to end in failure
            self._trouble.warning(f"when sessions were last seen is not stored: {error}")
        finally:
            self._hasher.close()

    async def reload(self) -> None:
        """Another process changed something: read it, end what it ended."""
        await self._directory.reload()

    async def has_users(self) -> bool:
        return self._directory.has_users

    async def has_admin(self) -> bool:
        """Whether anybody may administer this node; else a set-up link makes somebody who may.

        There is always one but before the set-up, and where two nodes that did not hear each other
        removed each other's last admin: what was taken away stays so.
        """
        return self._directory.has_admin

    async def make_setup_link(self, base_url: str) -> str:
        """See `Setup.make_link`."""
        return await self._setup.make_link(base_url)

    async def setup_link_is_valid(self, secret: str, address: str = "") -> bool:
        """See `Setup.is_valid`."""
        return await self._setup.is_valid(secret, address)

    async def redeem_setup_link(
        self, secret: str, name: str, password: str, address: str = ""
    ) -> User:
        """See `Setup.redeem`; sign in afterwards with `login`."""
        return await self._setup.redeem(secret, name, Secret(password), address)

    async def ensure_admin_from_file(self, path: Path) -> bool:
        """See `Setup.ensure_admin_from_file`."""
        return await self._setup.ensure_admin_from_file(path)

    async def login(
        self, name: str, password: str, address: str, user_agent: str = ""
    ) -> tuple[str, Principal]:
        """A new session: the cookie's value and who it is.

        NotAuthenticated for a wrong name or password (the same path, words and cost for both) or
        a user past the end date; TooManyAttempts with `retry_after_s` while there is a back-off.
        """
        for _ in range(LOGIN_TRIES):
            user = self._directory.user_named(name)
            stored = user.password_hash if user else None
            await self._check_password(name_key(name), stored, Secret(password), address)
            if user is None or user_principal(user, None).ended(self._clock.utc_us()):
                break
            made = await self.sessions.create(user, address, user_agent)
            if made is not None:
                cookie, session_id = made
                await self._follow_parameters(user, Secret(password))
                return cookie, user_principal(user, session_id)
            await self._directory.reload()
        raise NotAuthenticated("the name or the password is wrong")

    async def _follow_parameters(self, user: StoredUser, password: Secret) -> None:
        """Hash it as today's are, while it is at hand."""
        if self._hasher.outdated(user.password_hash):
            with suppress(TooManyAttempts):  # the thread is busy: at the next login
                better = await self._hasher.hash(password)
                await self._store.rehash(user.id, user.password_hash, better)
                await self._directory.reload()

    async def confirm(self, who: Principal, password: str, address: str) -> None:
        """Before what a browser left open must not be enough for.

        NotAuthenticated unless it is the password of the person who asks, NotAllowed for a token,
        TooManyAttempts as at the login.
        """
        user = self._directory.user(who.id) if who.kind is PrincipalKind.USER else None
        if user is None:
            raise NotAllowed("only a person may, with a password")
        key = name_key(user.name)
        await self._check_password(key, user.password_hash, Secret(password), address)
        if who.session_id is not None:
            self._confirmations.note(who.session_id)

    def is_confirmed(self, who: Principal) -> bool:
        """Whether `confirm` was passed in the same session within the last ten minutes, here."""
        return who.session_id is not None and self._confirmations.hold(who.session_id)

    async def logout(self, who: Principal) -> None:
        """End the session `who` asks through; a token has none."""
        if who.session_id is not None:
            self._confirmations.forget(who.session_id)
            await self.sessions.end([who.session_id])

    async def authenticate_session(self, cookie: str) -> Principal | None:
        """Whose cookie it is now; None for nobody's. Counts as a use of the session."""
        return self.sessions.authenticate(cookie)

    async def authenticate_token(self, token: str) -> Principal | None:
        """Whose API token it is; None for nobody's. Counts as a use of the token.

        One that the command line added a moment ago counts at once: see `look_for_changes`.
        """
        who = self.tokens.authenticate(token)
        if who is None and is_well_formed(token):
            await self._look_again()
            who = self.tokens.authenticate(token)
        return who

    async def principal_by_session_id(self, session_id: str) -> Principal | None:
        """Who asks another node through that session; as `authenticate_session`, without a cookie.

        For requests that a member of the cluster has signed, never for what a client names.
        """
        return self.sessions.by_id(session_id)

    async def principal_by_token_id(self, token_id: str) -> Principal | None:
        """Who asks another node with that token; as `principal_by_session_id`."""
        return self.tokens.by_id(token_id)

    async def authenticate_display(self, cookie: str) -> Principal | None:
        """Whose cookie it is, of a screen on a wall; None for nobody's. Counts as a use of it."""
        return await self.displays.authenticate(cookie)

    async def principal_by_display_id(self, display_id: str) -> Principal | None:
        """Which display asks another node; as `principal_by_session_id`."""
        return await self.displays.by_id(display_id)

    async def _look_again(self) -> None:
        """Look once whether the command line changed anything, whoever asks how often."""
        now = self._clock.monotonic_us()
        if self.look_for_changes is None or now - self._looked_us < LOOK_AGAIN_US:
            return
        self._looked_us = now
        try:
            await self.look_for_changes()
        except FalconEyeError as error:  # the disk is full: what is known decides
            self._trouble.warning(f"accounts could not be read again: {error}")

    async def tick(self) -> None:
        """What time does: sessions and end dates that are over, and last-seen to the disk."""
        await self.sessions.end_those_over()
        self._publish_past_date()
        for revocation in await self.displays.look_at_walls():
            self.revocations.publish(revocation)
        if self._clock.monotonic_us() - self._stored_seen_us >= STORE_SEEN_US:
            await self._store_seen()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self.tick()
            except FalconEyeError as error:  # the disk is full: the next tick tries again
                self._trouble.warning(f"accounts could not be tidied: {error}")
            except Exception:  # the end of sessions depends on this loop
                log.exception("accounts could not be tidied")

    async def _check_password(
        self, key: str, stored: str | None, password: Secret, address: str
    ) -> None:
        """One path for known and unknown users, so that neither answer nor time tells them apart.

        Each try counts as a failure until it has succeeded: many at once gain nothing.
        """
        self._attempts.check(key, address)
        self._attempts.failed(key, address)
        try:
            right = await self._hasher.verify(stored, password)
        except TooManyAttempts:  # too many sign in: nobody looked at the password
            self._attempts.withdrawn(key, address)
            raise
        if not right:
            raise NotAuthenticated("the name or the password is wrong")
        self._attempts.succeeded(key, address)

    def _publish_past_date(self) -> None:
        """Streams of those whose end date comes end then, once."""
        now = self._clock.utc_us()
        past = frozenset(
            [(Ended.USER, user.id) for user in self._directory.users
             if user.expires_at_us is not None and now >= user.expires_at_us]
            + [(Ended.TOKEN, token.id) for token in self._directory.tokens
               if token.expires_at_us is not None and now >= token.expires_at_us]
            + [(Ended.DISPLAY, display.id) for display in self._directory.displays
               if display.expires_at_us is not None and now >= display.expires_at_us]
        )  # fmt: skip
        for what, ended_id in past - self._past_date:
            self.revocations.publish(Revocation(what, ended_id))
        self._past_date = past

    async def _store_seen(self) -> None:
        self._stored_seen_us = self._clock.monotonic_us()
        sessions, tokens = self.sessions.take_seen(), self.tokens.take_used()
        displays = self.displays.take_seen()
        if sessions or tokens:
            await self._store.note_seen(sessions, tokens)
        if displays:
            await self._display_store.note_seen(displays)
        if sessions or tokens or displays:
            await self._directory.reload()
