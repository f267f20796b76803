"""What happened at cameras, as programs told it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, fields

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import InvalidInput
from falconeye.base.times import HOUR_US
from falconeye.storage.index.database import Database
from falconeye.storage.tables.ledger import events

KEPT = 100_000  # of a camera; the oldest beyond it go
PRUNE_EVERY = 250  # events of a camera: to find the oldest kept one, all of them are walked (8 ms)
MAX_LENGTH_US = HOUR_US
MAX_LISTED = 20_000
_AT_ONCE = 500  # rows between two turns of the loop


@dataclass(frozen=True, slots=True)
class CameraEvent:
    """Something of a kind, from `at_us` to `until_us` (UTC)."""

    camera_id: str
    at_us: int
    until_us: int
    kind: str  # a word for programs
    label: str = ""  # words for people


class EventStore:
    """Lives on the loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._added: dict[str, int] = {}  # by camera, since the start

    async def add(self, event: CameraEvent) -> None:
        """It is on the disk when this returns; of two in one microsecond the second moves on."""
        added = self._added.get(event.camera_id, 0)
        self._added[event.camera_id] = added + 1

        async def write(connection: AsyncConnection) -> None:
            mine = events.c.camera_id == event.camera_id
            taken = select(func.max(events.c.at_us)).where(mine, events.c.at_us >= event.at_us)
            last_us = await connection.scalar(taken.where(events.c.at_us < event.at_us + 1000))
            at_us = event.at_us if last_us is None else last_us + 1
            await connection.execute(
                insert(events).values(
                    camera_id=event.camera_id,
                    at_us=at_us,
                    until_us=max(event.until_us, at_us),
                    kind=event.kind,
                    label=event.label,
                )
            )
            if added % PRUNE_EVERY:
                return
            oldest = (
                select(events.c.at_us)
                .where(mine)
                .order_by(events.c.at_us.desc())
                .offset(KEPT)
                .limit(1)
                .scalar_subquery()
            )
            await connection.execute(delete(events).where(mine, events.c.at_us <= oldest))

        await self._database.write(write)

    async def between(self, camera_id: str, from_us: int, to_us: int) -> Sequence[CameraEvent]:
        """Those that have something of [from, to), in order; InvalidInput where they are too many.

        The longest lasts an hour (`MAX_LENGTH_US`), so that the key finds them.
        """
        listed = await self.newest(camera_id, from_us, to_us, MAX_LISTED + 1)
        if len(listed) > MAX_LISTED:
            msg = "from: too much happened in this time to list it: ask for a shorter one"
            raise InvalidInput(msg, field="from")
        return listed[::-1]

    async def newest(
        self, camera_id: str, from_us: int, to_us: int, limit: int
    ) -> Sequence[CameraEvent]:
        """As `between`, the newest first, at most so many."""

        async def read(connection: AsyncConnection) -> Sequence[CameraEvent]:
            found = await connection.execute(
                select(*(events.c[field.name] for field in fields(CameraEvent)))
                .where(
                    events.c.camera_id == camera_id,
                    events.c.at_us >= from_us - MAX_LENGTH_US,
                    events.c.at_us < to_us,
                    events.c.until_us >= from_us,
                )
                .order_by(events.c.at_us.desc())
                .limit(limit)
            )
            listed: list[CameraEvent] = []
            for rows in found.partitions(_AT_ONCE):
                listed += [CameraEvent(*row) for row in rows]
                await asyncio.sleep(0)  # thousands take the loop for long
            return listed

        return await self._database.read(read)
