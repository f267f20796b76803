"""Displays as rows; rules about them stand in `accounts`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import RowMapping, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import Conflict, NotFound
from falconeye.base.times import HOUR_US
from falconeye.storage.index.database import Database
from falconeye.storage.stores.account_store import name_key
from falconeye.storage.tables.node import DISPLAYS


@dataclass(frozen=True, slots=True)
class StoredDisplay:
    """A screen on a wall."""

    id: str
    name: str
    secret_hash: bytes | None  # of its cookie; None: not paired yet
    wall_id: str | None
    cameras: frozenset[str] | None  # None: all, or those of the wall
    expires_at_us: int | None
    created_at_us: int
    created_by: str
    paired_at_us: int | None
    link_hash: bytes | None  # of a pairing link that nobody has used yet
    link_until_us: int | None
    address: str
    user_agent: str
    is_secure: bool
    last_seen_us: int  # by this node; 0: never
    active_us: int  # by any node, to the hour; 0: never


@dataclass(frozen=True, slots=True)
class Seen:
    """A display was there: when (UTC µs), from where, as what, and whether over TLS."""

    at_us: int
    address: str
    user_agent: str
    is_secure: bool


class DisplayStore:
    """Every change is on the disk when its method returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> list[StoredDisplay]:
        """All of them, by name."""

        async def read(connection: AsyncConnection) -> list[StoredDisplay]:
            rows = await connection.execute(select(DISPLAYS).order_by(DISPLAYS.c.name_key))
            return [_stored(row) for row in rows.mappings()]

        return await self._database.read(read)

    async def add(self, display: StoredDisplay, most: int) -> None:
        """Conflict when the name (case apart) is taken, or there are `most` already."""

        async def write(connection: AsyncConnection) -> None:
            await _refuse_name(connection, display.name, display.id)
            count = select(func.count()).select_from(DISPLAYS)
            if (await connection.execute(count)).scalar_one() >= most:
                msg = f"there are {most} displays already: remove one first"
                raise Conflict(msg)
            values = {**_plain(asdict(display)), "name_key": name_key(display.name)}
            await connection.execute(insert(DISPLAYS).values(values))

        await self._database.write(write)

    async def change(self, display_id: str, **values: Any) -> None:
        """NotFound; Conflict for a name that is taken."""

        async def write(connection: AsyncConnection) -> None:
            changed = _plain(values)
            if "name" in changed:
                await _refuse_name(connection, changed["name"], display_id)
                changed["name_key"] = name_key(changed["name"])
            done = await connection.execute(
                update(DISPLAYS).where(DISPLAYS.c.id == display_id).values(changed)
            )
            if done.rowcount == 0:
                raise NotFound("there is no such display")

        await self._database.write(write)

    async def use_link(self, link_hash: bytes, **values: Any) -> None:
        """`values` for the display with that pairing link, which is used up; NotFound."""

        async def write(connection: AsyncConnection) -> None:
            done = await connection.execute(
                update(DISPLAYS)
                .where(DISPLAYS.c.link_hash == link_hash)
                .values(**values, link_hash=None, link_until_us=None)
            )
            if done.rowcount == 0:
                raise NotFound("this link was used or has ended")

        await self._database.write(write)

    async def remove(self, display_id: str) -> None:
        async def write(connection: AsyncConnection) -> None:
            await connection.execute(delete(DISPLAYS).where(DISPLAYS.c.id == display_id))

        await self._database.write(write)

    async def note_seen(self, seen: Mapping[str, Seen]) -> None:
        """Store when displays, by id, were last seen here, and as what."""
        # All nodes hear once an hour that a display is there, and when it is another thing.
        row = DISPLAYS.c.id == bindparam("row_id")
        last = update(DISPLAYS).where(row).values(last_seen_us=bindparam("seen_us"))
        is_news = bindparam("seen_us") - DISPLAYS.c.active_us >= HOUR_US
        active = update(DISPLAYS).where(row, is_news).values(active_us=bindparam("seen_us"))
        other = (DISPLAYS.c.address, DISPLAYS.c.user_agent, DISPLAYS.c.is_secure)
        now: dict[str, Any] = {each.name: bindparam(f"now_{each.name}") for each in other}
        as_what = update(DISPLAYS).where(row).values(now)

        async def write(connection: AsyncConnection) -> None:
            times = [{"row_id": key, "seen_us": one.at_us} for key, one in seen.items()]
            for statement in (last, active):
                await connection.execute(statement, times)
            await connection.execute(
                as_what,
                [
                    {
                        "row_id": key,
                        "now_address": one.address,
                        "now_user_agent": one.user_agent,
                        "now_is_secure": one.is_secure,
                    }
                    for key, one in seen.items()
                ],
            )

        if seen:
            await self._database.write(write)


async def _refuse_name(connection: AsyncConnection, name: str, display_id: str) -> None:
    same = select(DISPLAYS.c.id).where(
        DISPLAYS.c.name_key == name_key(name), DISPLAYS.c.id != display_id
    )
    if (await connection.execute(same)).first() is not None:
        msg = f"there is already a display named “{name}”"
        raise Conflict(msg)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """A list of cameras in an order that is always the same."""
    return {
        key: sorted(value) if isinstance(value, frozenset) else value
        for key, value in values.items()
    }


def _stored(row: RowMapping) -> StoredDisplay:
    values: dict[str, Any] = {str(key): value for key, value in row.items()}
    del values["name_key"]
    cameras = values["cameras"]
    values["cameras"] = None if cameras is None else frozenset(cameras)
    return StoredDisplay(**values)
