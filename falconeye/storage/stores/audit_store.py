"""The audit log: who did what. Rows are added and read, never changed; the oldest go."""

import builtins
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, delete, func, insert, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.index.database import Database
from falconeye.storage.tables.node import AUDIT

PRUNED: Final = "audit.pruned"  # its object is the first entry that was left: triggers know it
KEPT_FOR_EVER: Final = "export.hash"


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
    camera_id: str | None = None  # what was done to it, and to its recordings


@dataclass(frozen=True, slots=True)
class Pruning:
    """What is about to go: `count` entries, the last of them dated `until_us`."""

    count: int
    until_us: int


@dataclass(frozen=True, slots=True)
class AuditWords:
    """What a filter can be set to."""

    actions: tuple[str, ...]
    names: tuple[str, ...]
    object_kinds: tuple[str, ...]


class AuditStore:
    """The database refuses changes by triggers, and deletions but from the beginning."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entry: AuditEntry) -> None:
        values = _values(entry)

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(insert(AUDIT).values(values))

        await self._database.write(write)

    async def list(
        self, wanted: AuditFilter, limit: int, offset: int, *, by_time: bool = False
    ) -> tuple[list[AuditEntry], int]:
        """Entries, the last noted first, and how many match in all.

        `by_time`: the last dated first. What several nodes tell can be merged by nothing else: one
        whose clock was wrong for a while noted its entries in another order than they are dated.
        """

        async def read(connection: AsyncConnection) -> tuple[list[AuditEntry], int]:
            matching = _matching(select(AUDIT), wanted)
            newest_first = (column.desc() for column in _order(by_time))
            page = matching.order_by(*newest_first).limit(limit).offset(offset)
            rows = await connection.execute(page)
            counted = _matching(select(func.count()).select_from(AUDIT), wanted)
            total: int = (await connection.execute(counted)).scalar_one()
            return [AuditEntry(**row) for row in rows.mappings()], total

        return await self._database.read(read)

    async def older(
        self, wanted: AuditFilter, before: AuditEntry | None, limit: int, *, by_time: bool = False
    ) -> builtins.list[AuditEntry]:
        """Entries after one in the order of `list` (None: the first); what is added moves none."""

        async def read(connection: AsyncConnection) -> builtins.list[AuditEntry]:
            matching = _matching(select(AUDIT), wanted)
            order = _order(by_time)
            if before is not None:
                values = (before.at_us, before.id)[0 if by_time else 1 :]
                matching = matching.where(tuple_(*order) < tuple_(*values))
            found = matching.order_by(*(column.desc() for column in order)).limit(limit)
            rows = await connection.execute(found)
            return [AuditEntry(**row) for row in rows.mappings()]

        return await self._database.read(read)

    async def prune(
        self,
        cutoff_us: int,
        now_us: int,
        limit: int,
        told: Callable[[Pruning], AuditEntry],
    ) -> int:
        """Delete at most `limit` of the oldest entries, from before the cutoff; how many.

        `told(pruning)` is the entry that stands for them, added in the same transaction. What lies
        before an entry that is to stay goes by its place in the log, not by its own date: a board
        without a battery wrote some in 1970. So entries dated later than `now_us` hold nothing up.
        """

        async def write(connection: AsyncConnection) -> int:
            first_kept = (await connection.execute(_first_since(cutoff_us, now_us))).scalar()
            oldest = select(AUDIT.c.id, AUDIT.c.at_us).where(AUDIT.c.action != KEPT_FOR_EVER)
            if first_kept is not None:
                oldest = oldest.where(AUDIT.c.id < first_kept)
            rows = (await connection.execute(oldest.order_by(AUDIT.c.id).limit(limit))).all()
            if not rows:
                return 0
            last_id, until_us = rows[-1]
            entry = replace(told(Pruning(len(rows), until_us)), object_id=str(last_id + 1))
            await connection.execute(insert(AUDIT).values(_values(entry)))
            doomed = delete(AUDIT).where(AUDIT.c.id <= last_id, AUDIT.c.action != KEPT_FOR_EVER)
            await connection.execute(doomed)
            return len(rows)

        return await self._database.write(write)

    async def words(self) -> AuditWords:
        """Every action, name and kind of object that stands in the log, in order."""

        async def read(connection: AsyncConnection) -> AuditWords:
            found = []
            for column in (AUDIT.c.action, AUDIT.c.who_name, AUDIT.c.object_kind):
                rows = await connection.execute(_each(column))
                found.append(tuple(word for word in rows.scalars() if word))
            return AuditWords(*found)

        return await self._database.read(read)


def _order(by_time: bool) -> tuple[ColumnElement[int], ...]:  # noqa: FBT001 - two orders
    return (AUDIT.c.at_us, AUDIT.c.id) if by_time else (AUDIT.c.id,)


def _values(entry: AuditEntry) -> dict[str, Any]:
    values = asdict(entry)
    del values["id"]
    return values


def _first_since(cutoff_us: int, now_us: int) -> Select[Any]:
    """The id of the first entry of that time.

    In the order of the log (`+ 0`: the index by time would read all that are to stay).
    """
    dated = AUDIT.c.at_us + 0
    wanted = select(AUDIT.c.id).where(dated >= cutoff_us, dated <= now_us)
    return wanted.order_by(AUDIT.c.id).limit(1)


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
    if wanted.camera_id is not None:
        # Ids of recordings are CAMERA_TIME, and CAMERA_TIME-NODE.
        own, after = f"{wanted.camera_id}_", f"{wanted.camera_id}`"  # "`" follows on "_"
        of_it = AUDIT.c.object_id
        query = query.where(or_(of_it == wanted.camera_id, (of_it >= own) & (of_it < after)))
    return query
