"""A person is invited by a link, and chooses the password: no admin ever knows it.

Who is invited is a user at once, with a role and limits, and without a password. So whatever is
said of users between nodes holds for them: a link that was made on one node works on all, who is
removed stays removed, and of two passwords chosen on two sides of a partition one stands.
"""

import secrets
from dataclasses import dataclass

from falconeye.accounts.attempts import LoginAttempts
from falconeye.accounts.directory import AccountDirectory, secret_hash
from falconeye.accounts.passwords import PasswordHasher
from falconeye.accounts.users import Rights, User, Users
from falconeye.base.clock import Clock
from falconeye.base.errors import Conflict, NotFound
from falconeye.base.secret import Secret
from falconeye.base.times import DAY_US
from falconeye.storage.stores.account_store import AccountStore, StoredUser

LINK_US = 7 * DAY_US
_LINK_BYTES = 24  # 192 random bits


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link that was just made: its secret cannot be had again."""

    user: User
    secret: str


class Invitations:
    """`attempts` counts wrong links by address, as it does wrong passwords."""

    def __init__(
        self,
        directory: AccountDirectory,
        store: AccountStore,
        users: Users,
        hasher: PasswordHasher,
        attempts: LoginAttempts,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._store = store
        self._users = users
        self._hasher = hasher
        self._attempts = attempts
        self._clock = clock

    def list(self) -> list[User]:
        """Who was invited and has not chosen a password yet, by name; also by links now over."""
        return [user for user in self._users.list() if user.is_invited]

    def find(self, user_id: str) -> User:
        """NotFound where nobody with that id is invited (any more)."""
        for user in self.list():
            if user.id == user_id:
                return user
        raise _gone()

    async def invite(self, name: str, rights: Rights) -> Invitation:
        """InvalidInput for a bad name, Conflict for one that is taken."""
        secret = _new_secret()
        until_us = self._clock.utc_us() + LINK_US
        stored = self._users.without_password(name, rights, secret_hash(secret), until_us)
        await self._store.add_user(stored)
        await self._directory.reload()
        return Invitation(self.find(stored.id), secret)

    async def renew(self, user_id: str) -> Invitation:
        """Another link; the one before is void. NotFound; Conflict for who has a password."""
        user = self._users.find(user_id)
        secret = _new_secret()
        until_us = self._clock.utc_us() + LINK_US
        if not await self._store.renew_invitation(user.id, secret_hash(secret), until_us):
            raise Conflict("this person has chosen a password already")
        await self._directory.reload()
        return Invitation(self.find(user.id), secret)

    async def withdraw(self, user_id: str) -> User:
        """Take the link back, and the account that nobody has used. NotFound."""
        user = self.find(user_id)
        if not await self._store.withdraw_invitation(user.id):
            raise _gone()
        await self._directory.reload()
        return user

    def whose(self, secret: str, address: str) -> User:
        """Whom the link invites; NotFound, TooManyAttempts while the address has to wait."""
        return self._users.find(self._look(secret, address).id)

    async def accept(self, secret: str, password: Secret, address: str) -> User:
        """Choose the password, and use the link up.

        NotFound, TooManyAttempts; InvalidInput for a bad password (the link stays good then).
        """
        stored = self._look(secret, address)
        await self._hasher.check(password, stored.name)
        hashed = await self._hasher.hash(password)
        now = self._clock.utc_us()
        if not await self._store.accept_invitation(secret_hash(secret), hashed, now):
            raise _gone()
        await self._directory.reload()
        return self._users.find(stored.id)

    def _look(self, secret: str, address: str) -> StoredUser:
        self._attempts.check_address(address)
        user = self._directory.invited_by(secret)
        if user is None:
            self._attempts.address_failed(address)
            raise _gone()
        if self._clock.utc_us() >= (user.invited_until_us or 0):
            raise _gone()
        return user


def _new_secret() -> str:
    return secrets.token_urlsafe(_LINK_BYTES)


def _gone() -> NotFound:
    return NotFound("this invitation was used, was taken back, or has ended")
