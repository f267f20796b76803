"""The audit log: who did what. Rows are added and read, never changed."""

import builtins
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.index.database import Database
from falconeye.storage.tables.node import AUDIT


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that somebody did; holds no credential."""

    at_us: int
    who_kind: str  # user | token | system | nobody
    who_id: str | None
    who_name: str
    action: str
    object_kind: str
    object_id: str | None
    detail: str
    address: str
    id: int | None = None  # given by the log


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What to list; None: any."""

    from_us: int | None = None
    to_us: int | None = None  # exclusive
    who_name: str | None = None
    action: str | None = None
    object_kind: str | None = None
    object_id: str | None = None


@dataclass(frozen=True, slots=True)
class AuditWords:
    """What a filter can be set to."""

    actions: tuple[str, ...]
    names: tuple[str, ...]
    object_kinds: tuple[str, ...]


class AuditStore:
    """Append-only; the database refuses changes by triggers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entry: AuditEntry) -> None:
        values = asdict(entry)
        del values["id"]

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(insert(AUDIT).values(values))

        await self._database.write(write)

    async def list(
        self, wanted: AuditFilter, limit: int, offset: int
    ) -> tuple[list[AuditEntry], int]:
        """Entries, newest first, and how many match in all."""

        async def read(connection: AsyncConnection) -> tuple[list[AuditEntry], int]:
            matching = _matching(select(AUDIT), wanted)
            page = matching.order_by(AUDIT.c.id.desc()).limit(limit).offset(offset)
            rows = await connection.execute(page)
            counted = _matching(select(func.count()).select_from(AUDIT), wanted)
            total: int = (await connection.execute(counted)).scalar_one()
            return [AuditEntry(**row) for row in rows.mappings()], total

        return await self._database.read(read)

    async def older(
        self, wanted: AuditFilter, before_id: int | None, limit: int
    ) -> builtins.list[AuditEntry]:
        """Entries below an id (None: the newest), newest first; what is added moves none."""

        async def read(connection: AsyncConnection) -> builtins.list[AuditEntry]:
            matching = _matching(select(AUDIT), wanted)
            if before_id is not None:
                matching = matching.where(AUDIT.c.id < before_id)
            rows = await connection.execute(matching.order_by(AUDIT.c.id.desc()).limit(limit))
            return [AuditEntry(**row) for row in rows.mappings()]

        return await self._database.read(read)

    async def words(self) -> AuditWords:
        """Every action, name and kind of object that stands in the log, in order."""

        async def read(connection: AsyncConnection) -> AuditWords:
            found = []
            for column in (AUDIT.c.action, AUDIT.c.who_name, AUDIT.c.object_kind):
                rows = await connection.execute(_each(column))
                found.append(tuple(word for word in rows.scalars() if word))
            return AuditWords(*found)

        return await self._database.read(read)


def _each(column: ColumnElement[str]) -> Select[str]:
    """What stands in a column, each once, in order.

    From one to the next by the column's index: DISTINCT would read all entries.
    """
    words = select(func.min(column).label("word")).cte("words", recursive=True)
    following = select(func.min(column)).where(column > words.c.word).scalar_subquery()
    words = words.union_all(select(following).where(words.c.word.is_not(None)))
    return select(words.c.word).where(words.c.word.is_not(None))


def _matching(query: Select[Any], wanted: AuditFilter) -> Select[Any]:
    if wanted.from_us is not None:
        query = query.where(AUDIT.c.at_us >= wanted.from_us)
    if wanted.to_us is not None:
        query = query.where(AUDIT.c.at_us < wanted.to_us)
    for column in ("who_name", "action", "object_kind", "object_id"):
        value = getattr(wanted, column)
        if value is not None:
            query = query.where(AUDIT.c[column] == value)
    return query
