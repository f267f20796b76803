"""Times of a camera that a person protects: what has any of its footage within, stays.

Beside protected recordings, which are whole; `retention` asks for both. Where a clock proves wrong
its footage goes to other times, file by file: until all of it has, both times are protected
(`redate_ledger`).
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Row, delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.clock import Clock
from falconeye.base.errors import Conflict, InvalidInput, NotFound
from falconeye.base.times import DAY_US
from falconeye.storage.index.database import Database
from falconeye.storage.segments.free_space import Deleter
from falconeye.storage.tables.footage import protections, recordings
from falconeye.storage.tables.node import CAMERAS

MAX_OF_CAMERA = 1000
MAX_LENGTH_US = 366 * DAY_US
_LAST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Protection:
    """From `from_us` up to `to_us` (UTC) nothing of a camera is deleted."""

    id: int
    camera_id: str
    from_us: int
    to_us: int
    by: str  # who wants it
    reason: str


@dataclass(frozen=True, slots=True)
class ProtectedRecording:
    """One that is protected as a whole; `to_us` None: it is being made."""

    id: str
    from_us: int
    to_us: int | None


class Protections:
    """Lives on the loop."""

    def __init__(self, database: Database, deleter: Deleter, clock: Clock) -> None:
        self._database = database
        self._deleter = deleter
        self._clock = clock

    async def add(
        self, camera_id: str, from_us: int, to_us: int, *, by: str, reason: str
    ) -> Protection:
        """Protect a time that has passed. InvalidInput, Conflict when there are too many.

        It waits for a person's deletion and for footage that moves to its right times: what is
        there afterwards stays.
        """
        if to_us <= from_us:
            raise InvalidInput("to: lies before from", field="to")
        if to_us > self._clock.utc_us():
            raise InvalidInput("to: this time has not come yet", field="to")
        if to_us - from_us > MAX_LENGTH_US:
            raise InvalidInput("from: more than 366 days before to", field="from")
        async with self._deleter.times, self._deleter.alone:
            return await self._database.write(
                partial(_add, Protection(0, camera_id, from_us, to_us, by, reason))
            )

    async def remove(self, camera_id: str, wanted: int) -> Protection:
        """Rules and people may delete it from now on; NotFound."""
        return await self._database.write(partial(_remove, camera_id, wanted))

    async def of_camera(
        self, camera_id: str, from_us: int | None = None, to_us: int | None = None
    ) -> list[Protection]:
        """Those that have something of [from, to), in the order of time."""
        return await self._database.read(partial(_read, camera_id, from_us, to_us))

    async def of_deleted_cameras(self) -> list[tuple[str, Protection]]:
        """Those of cameras that are not there any more, by the names that they had, then by time.

        The name is empty where no recording tells it.
        """
        return await self._database.read(_read_left)

    async def kept(
        self, camera_id: str, from_us: int, to_us: int
    ) -> tuple[list[Protection], list[ProtectedRecording]]:
        """The protected times and recordings that have something of [from, to), in their order.

        Imported recordings are no part of a camera's time, and none of them.
        """
        return await self._database.read(partial(_read_kept, camera_id, from_us, to_us))


async def _add(new: Protection, connection: AsyncConnection) -> Protection:
    of_it = protections.c.camera_id == new.camera_id
    known = await connection.scalar(select(func.count()).select_from(protections).where(of_it))
    if (known or 0) >= MAX_OF_CAMERA:
        msg = "this camera has too many protected times: take some away first"
        raise Conflict(msg)
    values = {
        "camera_id": new.camera_id,
        "from_us": new.from_us,
        "to_us": new.to_us,
        "by": new.by,
        "reason": new.reason,
    }
    made = await connection.execute(insert(protections).values(values).returning(protections))
    return _protection(made.one())


async def _remove(camera_id: str, wanted: int, connection: AsyncConnection) -> Protection:
    if wanted > _LAST_ID:  # it comes from an address, and SQLite takes no such number
        raise NotFound("there is no such protected time")
    mine = (protections.c.id == wanted) & (protections.c.camera_id == camera_id)
    gone = await connection.execute(delete(protections).where(mine).returning(protections))
    row = gone.first()
    if row is None:
        raise NotFound("there is no such protected time")
    return _protection(row)


async def _read(
    camera_id: str, from_us: int | None, to_us: int | None, connection: AsyncConnection
) -> list[Protection]:
    wanted = [protections.c.camera_id == camera_id]
    if from_us is not None:
        wanted.append(protections.c.to_us > from_us)
    if to_us is not None:
        wanted.append(protections.c.from_us < to_us)
    rows = await connection.execute(
        select(protections).where(*wanted).order_by(protections.c.from_us, protections.c.id)
    )
    return [_protection(row) for row in rows]


async def _read_left(connection: AsyncConnection) -> list[tuple[str, Protection]]:
    name = (
        select(recordings.c.camera_name)
        .where(recordings.c.camera_id == protections.c.camera_id)
        .order_by(recordings.c.start_us.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = await connection.execute(
        select(protections, func.coalesce(name, "").label("name"))
        .where(protections.c.camera_id.not_in(select(CAMERAS.c.id)))
        .order_by("name", protections.c.camera_id, protections.c.from_us, protections.c.id)
    )
    return [(row.name, _protection(row)) for row in rows]


async def _read_kept(
    camera_id: str, from_us: int, to_us: int, connection: AsyncConnection
) -> tuple[list[Protection], list[ProtectedRecording]]:
    times = await _read(camera_id, from_us, to_us, connection)
    rows = await connection.execute(
        select(recordings.c.id, recordings.c.start_us, recordings.c.end_us)
        .where(
            recordings.c.camera_id == camera_id,
            recordings.c.stream_id.is_not(None),
            recordings.c.protected,
            recordings.c.start_us < to_us,
            or_(recordings.c.end_us.is_(None), recordings.c.end_us > from_us),
        )
        .order_by(recordings.c.start_us, recordings.c.id)
    )
    return times, [ProtectedRecording(row.id, row.start_us, row.end_us) for row in rows]


def _protection(row: Row[Any]) -> Protection:
    return Protection(row.id, row.camera_id, row.from_us, row.to_us, row.by, row.reason)
