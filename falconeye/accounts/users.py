"""People who can sign in: added, limited, given another password, removed."""

import unicodedata
import uuid
from dataclasses import dataclass

from falconeye.accounts.directory import AccountDirectory
from falconeye.accounts.model import Role
from falconeye.accounts.passwords import PasswordHasher
from falconeye.base.clock import Clock
from falconeye.base.errors import InvalidInput, NotFound
from falconeye.base.secret import Secret
from falconeye.storage.stores.account_store import AccountStore, StoredUser

MAX_NAME = 64


@dataclass(frozen=True, slots=True)
class User:
    """A user without the password."""

    id: str
    name: str
    role: Role
    cameras: frozenset[str] | None
    live_only: bool
    expires_at_us: int | None
    created_at_us: int
    password_changed_at_us: int
    is_invited: bool = False  # there is no password yet
    invited_until_us: int | None = None


@dataclass(frozen=True, slots=True)
class Rights:
    """What a user may do: the role, narrowed."""

    role: Role
    cameras: frozenset[str] | None = None  # None: all
    live_only: bool = False
    expires_at_us: int | None = None


class Users:
    """There is always an unlimited admin once there was one."""

    def __init__(
        self, directory: AccountDirectory, store: AccountStore, hasher: PasswordHasher, clock: Clock
    ) -> None:
        self._directory = directory
        self._store = store
        self._hasher = hasher
        self._clock = clock

    def list(self) -> list[User]:
        """All users, by name."""
        return [_without_password(user) for user in self._directory.users]

    def find(self, name_or_id: str) -> User:
        """NotFound when there is none."""
        stored = self._directory.user(name_or_id) or self._directory.user_named(name_or_id)
        if stored is None:
            raise NotFound("there is no such user")
        return _without_password(stored)

    def by_id(self, user_id: str) -> User:
        """NotFound when nobody has that id: for addresses, where a name would be ambiguous."""
        stored = self._directory.user(user_id)
        if stored is None:
            raise NotFound("there is no such user")
        return _without_password(stored)

    async def add(self, name: str, password: Secret, rights: Rights) -> User:
        """InvalidInput for a bad name or password, Conflict for a name that is taken."""
        stored = await self.prepared(name, password, rights)
        await self._store.add_user(stored)
        await self._directory.reload()
        return _without_password(stored)

    async def prepared(
        self, name: str, password: Secret, rights: Rights, *, salt: bytes | None = None
    ) -> StoredUser:
        """A user checked and hashed (see `PasswordHasher.hash`), not yet stored."""
        name = checked_name(name)
        await self._hasher.check(password, name)
        now = self._clock.utc_us()
        return StoredUser(
            str(uuid.uuid4()),
            name,
            await self._hasher.hash(password, salt=salt),
            rights.role.value,
            rights.cameras,
            rights.live_only,
            rights.expires_at_us,
            now,
            now,
        )

    def without_password(
        self, name: str, rights: Rights, invitation_hash: bytes, until_us: int
    ) -> StoredUser:
        """A user who is invited by the link with that hash, checked and not yet stored."""
        now = self._clock.utc_us()
        return StoredUser(
            str(uuid.uuid4()),
            checked_name(name),
            "",
            rights.role.value,
            rights.cameras,
            rights.live_only,
            rights.expires_at_us,
            now,
            now,
            invitation_hash,
            until_us,
        )

    async def set_rights(self, user_id: str, rights: Rights) -> User:
        """Change role and limits; sessions end when something is taken away.

        NotFound; Conflict for the last unlimited admin.
        """
        user = self.find(user_id)
        await self._store.change_rights(
            user.id,
            end_sessions=not _covers(rights, user),
            role=rights.role.value,
            cameras=rights.cameras,
            live_only=rights.live_only,
            expires_at_us=rights.expires_at_us,
        )
        await self._directory.reload()
        return self.find(user.id)

    async def set_role(self, user_id: str, role: Role) -> User:
        """`set_rights` with the limits as they are."""
        user = self.find(user_id)
        rights = Rights(role, user.cameras, user.live_only, user.expires_at_us)
        return await self.set_rights(user.id, rights)

    async def set_password(
        self, user_id: str, password: Secret, *, keep_session: str | None = None
    ) -> None:
        """Another password; all sessions of the user end, but for `keep_session`."""
        user = self.find(user_id)
        await self._hasher.check(password, user.name)
        hashed = await self._hasher.hash(password)
        await self._store.change_password(user.id, hashed, self._clock.utc_us(), keep_session)
        await self._directory.reload()

    async def remove(self, user_id: str) -> User:
        """The user and all sessions; NotFound; Conflict for the last unlimited admin."""
        user = self.find(user_id)
        await self._store.remove_user(user.id)
        await self._directory.reload()
        return user


def checked_name(name: str) -> str:
    """A name as it is stored; InvalidInput for none, a long one, or one with control characters."""
    name = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(name) <= MAX_NAME:
        msg = f"a name has 1 to {MAX_NAME} characters"
        raise InvalidInput(msg, field="name")
    # A colon would end the user name in HTTP Basic (RFC 7617, 2).
    if ":" in name or any(unicodedata.category(letter).startswith("C") for letter in name):
        raise InvalidInput("a name has no colon and no invisible characters", field="name")
    return name


def _covers(rights: Rights, user: User) -> bool:
    """Whether the new rights take nothing away."""
    cameras = rights.cameras is None or (
        user.cameras is not None and rights.cameras >= user.cameras
    )
    live = user.live_only or not rights.live_only
    date = rights.expires_at_us is None or rights.expires_at_us == user.expires_at_us
    return rights.role.includes(user.role) and cameras and live and date


def _without_password(stored: StoredUser) -> User:
    return User(
        stored.id,
        stored.name,
        Role(stored.role),
        stored.cameras,
        stored.live_only,
        stored.expires_at_us,
        stored.created_at_us,
        stored.password_changed_at_us,
        not stored.password_hash,
        stored.invited_until_us,
    )
