"""Join codes that are valid: each once, for ten minutes; made by the page or the command line."""

import hashlib

from sqlalchemy import ColumnElement, delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.clock import Clock
from falconeye.base.errors import Conflict
from falconeye.base.times import MINUTE_US
from falconeye.storage.index.database import Database
from falconeye.storage.tables.joining import join_offers

VALID_US = 10 * MINUTE_US
MAX_OFFERS = 8


class JoinOffers:
    """Their secrets are stored hashed; every change is on the disk when its method returns."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, secret: bytes) -> int:
        """Valid from now on; until when (UTC µs). Conflict while eight others are."""
        until_us = self._clock.utc_us() + VALID_US

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(delete(join_offers).where(self._is_over()))
            count = select(func.count()).select_from(join_offers)
            if (await connection.execute(count)).scalar_one() >= MAX_OFFERS:
                raise Conflict("eight join codes are valid already; each lasts ten minutes")
            values = {"secret_hash": _hash(secret), "expires_at_us": until_us}
            await connection.execute(insert(join_offers).values(values))

        await self._database.write(write)
        return until_us

    async def is_valid(self, secret: bytes) -> bool:
        """Whether a code with this secret may be used now."""

        async def read(connection: AsyncConnection) -> bool:
            this = join_offers.c.secret_hash == _hash(secret)
            found = select(join_offers.c.expires_at_us).where(this, ~self._is_over())
            return (await connection.execute(found)).first() is not None

        return await self._database.read(read)

    async def use(self, secret: bytes) -> bool:
        """Take it: True once, for whoever comes first."""

        async def write(connection: AsyncConnection) -> bool:
            this = join_offers.c.secret_hash == _hash(secret)
            done = await connection.execute(delete(join_offers).where(this, ~self._is_over()))
            return done.rowcount == 1

        return await self._database.write(write)

    async def withdraw(self) -> None:
        """None is valid any more."""

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(delete(join_offers))

        await self._database.write(write)

    def _is_over(self) -> ColumnElement[bool]:
        """Past, or further ahead than any was made: the clock was set back meanwhile."""
        now_us = self._clock.utc_us()
        ends_us = join_offers.c.expires_at_us
        return or_(ends_us <= now_us, ends_us > now_us + VALID_US)


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
