"""Deletions that persons have asked for and that are under way: of months they take minutes."""

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.clock import Clock
from falconeye.base.errors import Conflict, NotFound
from falconeye.base.words import counted
from falconeye.storage.index.database import Database
from falconeye.storage.segments.retention import Doomed, Named, NamedTotals, total_named
from falconeye.storage.tables.footage import streams


class Cancelled(Conflict):
    """Somebody ended it; what went by then is gone."""


@dataclass(slots=True)
class Deletion:
    """One of them, while it lasts."""

    number: int  # since the node's start
    camera_id: str
    wanted: Named
    since_us: int  # UTC
    files: int  # that are to go
    gone_files: int = 0
    gone_bytes: int = 0
    is_cancelled: bool = False

    @property
    def may_end(self) -> bool:
        """Whether it may be cancelled: of a time, or of all of a camera; half a recording is none.

        What went is gone then, and the rest stays as if it had not been asked for.
        """
        return self.wanted.overlapping or self.wanted.from_us == 0

    def require_wanted(self) -> None:
        """Cancelled once it was."""
        if self.is_cancelled:
            files = counted(self.files, "file")
            gone = f"{self.gone_files} of {files} {'is' if self.files == 1 else 'are'} gone"
            msg = f"it was cancelled: {gone}"
            raise Cancelled(msg)

    def note(self, gone: Sequence[Doomed]) -> None:
        """So many more are gone."""
        self.gone_files += len(gone)
        self.gone_bytes += sum(one.size_bytes for one in gone)


class Deletions:
    """Lives on the loop."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._numbers = itertools.count(1)
        self._under_way: dict[int, Deletion] = {}

    def list(self) -> Sequence[Deletion]:
        """Those under way, the first first."""
        return tuple(self._under_way.values())

    def cancel(self, number: int) -> Deletion:
        """End it after the batch at hand. NotFound; Conflict for one that goes whole or not."""
        deletion = self._under_way.get(number)
        if deletion is None:
            raise NotFound("there is no such deletion")
        if not deletion.may_end:
            raise Conflict("a recording is deleted as a whole")
        deletion.is_cancelled = True
        return deletion

    @asynccontextmanager
    async def under_way(self, wanted: Named) -> AsyncIterator[Deletion]:
        """Listed within it."""
        totals, camera_id = await self._database.read(partial(_read, wanted))
        files = totals.files - totals.protected
        deletion = Deletion(
            next(self._numbers), camera_id, wanted, self._clock.utc_us(), max(0, files)
        )
        self._under_way[deletion.number] = deletion
        try:
            yield deletion
        finally:
            del self._under_way[deletion.number]


async def _read(wanted: Named, connection: AsyncConnection) -> tuple[NamedTotals, str]:
    of_first = select(streams.c.camera_id).where(streams.c.id.in_(wanted.stream_ids)).limit(1)
    return await total_named(wanted, connection), await connection.scalar(of_first) or ""
