"""Saved walls as rows; rules about them stand in `accounts.walls`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import Conflict, NotFound
from falconeye.storage.index.database import Database
from falconeye.storage.tables.walls import walls

MAX_SHARED: Final = 100
MAX_OWN: Final = 20  # of one person


@dataclass(frozen=True, slots=True)
class Wall:
    """Which cameras somebody wants to see together. Ids may be of cameras that are gone."""

    id: str  # UUID
    name: str
    owner_id: str | None  # the user who made it; None: a program did
    shared: bool  # everybody sees it, else its owner alone
    camera_ids: tuple[str, ...]  # in order
    hidden: frozenset[str]  # ids of cameras that are not shown, whatever else is said
    size: str  # cameras at once: `known_values.WALL_SIZES`
    takes_new: bool  # cameras that are not among `camera_ids` follow those, by name
    cycle_s: int  # so long each page of it is shown; 0: it stands still
    created_at_us: int  # UTC


class WallStore:
    """Every change is on the disk when its method returns, and goes to all nodes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> list[Wall]:
        """All of them, by name."""

        async def read(connection: AsyncConnection) -> list[Wall]:
            rows = await connection.execute(select(walls).order_by(walls.c.name, walls.c.id))
            return [_wall(row) for row in rows.mappings()]

        return await self._database.read(read)

    async def get(self, wall_id: str) -> Wall:
        """NotFound."""

        async def read(connection: AsyncConnection) -> Wall | None:
            return await _one(connection, wall_id)

        found = await self._database.read(read)
        if found is None:
            raise NotFound("there is no such wall")
        return found

    async def add(self, wall: Wall) -> None:
        """Conflict where there are too many of its kind."""

        async def write(connection: AsyncConnection) -> None:
            await _refuse_too_many(connection, wall)
            await connection.execute(insert(walls).values(_row(wall)))

        await self._database.write(write)

    async def change(self, before: Wall, after: Wall) -> Wall:
        """Store what differs, and nothing else: a merge may have come between. As it is then.

        NotFound; Conflict where it comes to a kind of which there are too many.
        """
        was, wanted = _row(before), _row(after)
        values = {name: value for name, value in wanted.items() if value != was[name]}

        async def write(connection: AsyncConnection) -> Wall:
            if await _one(connection, before.id) is None:
                raise NotFound("there is no such wall")
            if after.shared != before.shared:
                await _refuse_too_many(connection, after)
            if values:
                await connection.execute(
                    update(walls).where(walls.c.id == before.id).values(values)
                )
            return await _one(connection, before.id) or after

        return await self._database.write(write)

    async def remove(self, wall_id: str) -> None:
        """NotFound."""

        async def write(connection: AsyncConnection) -> None:
            done = await connection.execute(delete(walls).where(walls.c.id == wall_id))
            if done.rowcount == 0:
                raise NotFound("there is no such wall")

        await self._database.write(write)


async def _one(connection: AsyncConnection, wall_id: str) -> Wall | None:
    rows = await connection.execute(select(walls).where(walls.c.id == wall_id))
    row = rows.mappings().first()
    return None if row is None else _wall(row)


async def _refuse_too_many(connection: AsyncConnection, wall: Wall) -> None:
    same = (
        walls.c.shared if wall.shared else (~walls.c.shared & (walls.c.owner_id == wall.owner_id))
    )
    count = await connection.scalar(select(func.count()).select_from(walls).where(same)) or 0
    most = MAX_SHARED if wall.shared else MAX_OWN
    if count >= most:
        whose = "walls for everybody" if wall.shared else "walls of your own"
        msg = f"there are {most} {whose} already: delete one first"
        raise Conflict(msg)


def _row(wall: Wall) -> dict[str, Any]:
    lists = {"camera_ids": list(wall.camera_ids), "hidden": sorted(wall.hidden)}
    return {**asdict(wall), **lists}


def _wall(row: Mapping[Any, Any]) -> Wall:
    lists = {"camera_ids": tuple(row["camera_ids"]), "hidden": frozenset(row["hidden"])}
    return Wall(**{**row, **lists})
