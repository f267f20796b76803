"""Which found cameras nobody wants to be told of: their ids."""

from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.clock import Clock
from falconeye.storage.index.database import Database
from falconeye.storage.tables.node import IGNORED_CANDIDATES


class IgnoredStore:
    """Every change is on the disk when its method returns."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def load(self) -> frozenset[str]:
        """All of them."""

        async def read(connection: AsyncConnection) -> frozenset[str]:
            return frozenset((await connection.execute(select(IGNORED_CANDIDATES.c.id))).scalars())

        return await self._database.read(read)

    async def add(self, ids: Collection[str]) -> None:
        """Ignore these from now on."""
        at_us = self._clock.utc_us()
        rows = [{"id": each, "ignored_at_us": at_us} for each in ids]

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(insert(IGNORED_CANDIDATES).on_conflict_do_nothing(), rows)

        if rows:
            await self._database.write(write)

    async def remove(self, ids: Collection[str]) -> None:
        """Ignore these no longer."""

        async def write(connection: AsyncConnection) -> None:
            gone = IGNORED_CANDIDATES.c.id.in_(list(ids))
            await connection.execute(delete(IGNORED_CANDIDATES).where(gone))

        await self._database.write(write)
