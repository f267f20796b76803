"""The first admin: by a one-time link, or from a password file on unattended installs."""

import asyncio
import logging
import secrets
from pathlib import Path

from falconeye.accounts.attempts import LoginAttempts
from falconeye.accounts.directory import AccountDirectory, secret_hash
from falconeye.accounts.model import Role
from falconeye.accounts.users import Rights, User, Users
from falconeye.base.clock import Clock
from falconeye.base.errors import Conflict, InvalidInput, NotFound, StartError
from falconeye.base.secret import Secret
from falconeye.base.times import HOUR_US
from falconeye.storage.index.database import Database
from falconeye.storage.stores.account_store import AccountStore

log = logging.getLogger(__name__)

LINK_US = HOUR_US
_LINK_BYTES = 16  # 128 random bits
ADMIN = "admin"


class Setup:
    """Works only while there is no admin: at first, or after two nodes removed each other's."""

    def __init__(
        self,
        directory: AccountDirectory,
        store: AccountStore,
        users: Users,
        database: Database,
        attempts: LoginAttempts,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._store = store
        self._users = users
        self._database = database
        self._attempts = attempts
        self._clock = clock
        self._own: tuple[bytes, int] | None = None  # the newest link of this process; monotonic

    async def make_link(self, base_url: str) -> str:
        """A link `BASE/setup/SECRET`; it replaces every earlier one.

        It dies after use, after an hour, and when the server that runs now (or starts next) ends.
        Conflict when there is an admin already.
        """
        await self._directory.reload()
        if self._directory.has_admin:
            msg = "there is an admin already: `falconeye user passwd NAME` gives another password"
            raise Conflict(msg)
        secret = secrets.token_urlsafe(_LINK_BYTES)
        expires = self._clock.utc_us() + LINK_US
        served = await self._database.is_served()
        await self._store.add_setup_link(secret_hash(secret), expires, served=served)
        self._own = secret_hash(secret), self._clock.monotonic_us() + LINK_US
        return f"{base_url.rstrip('/')}/setup/{secret}"

    async def is_valid(self, secret: str, address: str = "") -> bool:
        """Whether the link would work now.

        Wrong ones of one `address` are counted with wrong passwords, before they are looked at, so
        that many at once gain nothing: TooManyAttempts while it has to wait. "": this machine.
        """
        if not address:
            return await self._is_good(secret)
        self._attempts.check_address(address)
        self._attempts.address_failed(address)
        is_good = await self._is_good(secret)
        if is_good:
            self._attempts.address_withdrawn(address)
        return is_good

    async def _is_good(self, secret: str) -> bool:
        hashed = secret_hash(secret)
        expires = await self._store.setup_link_expiry(hashed)
        if expires is None:
            return False
        # A node without a clock chip prints its link before NTP sets the clock, by months.
        if self._own is not None and self._own[0] == hashed:
            return self._clock.monotonic_us() < self._own[1]
        return self._clock.utc_us() < expires

    async def redeem(self, secret: str, name: str, password: Secret, address: str = "") -> User:
        """Make the first admin, and use the link up.

        NotFound when the link is over, Conflict when there is an admin, InvalidInput for a bad
        name or password (the link stays good then); TooManyAttempts as `is_valid`.
        """
        if not await self.is_valid(secret, address):
            raise NotFound("this set-up link was used or has ended")
        stored = await self._users.prepared(name, password, Rights(Role.ADMIN))
        await self._store.add_first_user(stored, secret_hash(secret))
        await self._directory.reload()
        return self._users.find(stored.id)

    async def ensure_admin_from_file(self, path: Path) -> bool:
        """Make the user "admin" with the password in the file, unless there is a user.

        StartError when the file cannot be read or its password must not be used.
        """
        if self._directory.has_users:
            return False
        try:
            text = await asyncio.to_thread(path.read_text, encoding="utf-8")
            await self._users.add(ADMIN, Secret(text.rstrip("\r\n")), Rights(Role.ADMIN))
        except (OSError, UnicodeDecodeError, InvalidInput) as error:
            msg = f"no admin could be made from {path}: {error}"
            raise StartError(msg) from error
        log.info("made the user “%s” with the password from %s", ADMIN, path)
        return True
