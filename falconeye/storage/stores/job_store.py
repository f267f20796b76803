"""Jobs as values, and their rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.index.database import Database
from falconeye.storage.tables.jobs import jobs

_ROW: ColumnElement[int] = literal_column(
    "jobs.rowid"
)  # of one microsecond, the later row is the later job


class JobState(StrEnum):
    """api.md's states."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        return self in {JobState.COMPLETE, JobState.FAILED, JobState.CANCELLED}


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it is stored; how far it is, its runner knows."""

    id: str
    kind: str
    state: JobState
    camera_id: str
    owner_kind: str
    owner_id: str
    owner_name: str
    created_us: int
    request: Mapping[str, Any]
    started_us: int | None = None
    ended_us: int | None = None
    attempts: int = 0
    result: Mapping[str, Any] | None = None
    error: str | None = None


class JobStore:
    """Rows of `jobs`; each change is on the disk when it is answered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, job: Job) -> None:
        await self._database.write(partial(_add, asdict(job)))

    async def keep(self, job: Job, most: int) -> None:
        """Put one that is over there, or in its place, and forget all but the newest of its kind.

        So many stay, by their ends.
        """
        await self._database.write(partial(_keep, asdict(job), most))

    async def change(self, job_id: str, values: Mapping[str, Any]) -> None:
        await self._database.write(partial(_change, job_id, dict(values)))

    async def remove(self, job_ids: Collection[str]) -> None:
        await self._database.write(partial(_remove, list(job_ids)))

    async def get(self, job_id: str) -> Job | None:
        return await self._database.read(partial(_get, job_id))

    async def find_hash(self, sha256: str, kinds: Collection[str]) -> Job | None:
        """The latest one of these kinds that made a file with this hash, alone or within a zip."""
        return await self._database.read(partial(_find_hash, sha256, list(kinds)))

    async def list(
        self,
        *,
        owner: tuple[str, str] | None,
        cameras: Collection[str] | None,
        kinds: Collection[str],
        limit: int,
        offset: int,
    ) -> tuple[Sequence[Job], int]:
        """Newest first, and how many there are; of an owner (kind, id), of some cameras."""
        return await self._database.read(partial(_list, owner, cameras, list(kinds), limit, offset))

    async def of_time(
        self, camera_id: str, from_us: int, to_us: int, kinds: Collection[str]
    ) -> Sequence[Job]:
        """Those that have some of a camera's time in [from, to), or still may; newest first."""
        return await self._database.read(
            partial(_of_time, camera_id, (from_us, to_us), list(kinds))
        )

    async def in_states(self, states: Collection[JobState]) -> Sequence[Job]:
        """Oldest first."""
        return await self._database.read(partial(_in_states, list(states)))


def _job(row: Row[Any]) -> Job:
    values = row._asdict()
    return Job(**values | {"state": JobState(row.state)})


async def _add(values: dict[str, Any], connection: AsyncConnection) -> None:
    await connection.execute(insert(jobs).values(values))


async def _keep(values: dict[str, Any], most: int, connection: AsyncConnection) -> None:
    await connection.execute(delete(jobs).where(jobs.c.id == values["id"]))
    await connection.execute(insert(jobs).values(values))
    of_kind = jobs.c.kind == values["kind"]
    newest = select(jobs.c.id).where(of_kind).order_by(jobs.c.ended_us.desc()).limit(most)
    await connection.execute(delete(jobs).where(of_kind, jobs.c.id.not_in(newest)))


async def _change(job_id: str, values: dict[str, Any], connection: AsyncConnection) -> None:
    await connection.execute(update(jobs).where(jobs.c.id == job_id).values(values))


async def _remove(job_ids: list[str], connection: AsyncConnection) -> None:
    await connection.execute(delete(jobs).where(jobs.c.id.in_(job_ids)))


async def _get(job_id: str, connection: AsyncConnection) -> Job | None:
    row = (await connection.execute(select(jobs).where(jobs.c.id == job_id))).first()
    return None if row is None else _job(row)


async def _find_hash(sha256: str, kinds: list[str], connection: AsyncConnection) -> Job | None:
    within = func.json_each(jobs.c.result, "$.files").table_valued("value")
    is_part = exists(
        select(1)
        .select_from(within)
        .where(func.json_extract(within.c.value, "$.sha256") == sha256)
        .correlate(jobs)
    )
    found = await connection.execute(
        select(jobs)
        .where(
            jobs.c.kind.in_(kinds),
            or_(func.json_extract(jobs.c.result, "$.sha256") == sha256, is_part),
        )
        .order_by(jobs.c.created_us.desc(), _ROW.desc())
        .limit(1)
    )
    row = found.first()
    return None if row is None else _job(row)


async def _list(
    owner: tuple[str, str] | None,
    cameras: Collection[str] | None,
    kinds: list[str],
    limit: int,
    offset: int,
    connection: AsyncConnection,
) -> tuple[Sequence[Job], int]:
    conditions: list[ColumnElement[bool]] = [jobs.c.kind.in_(kinds)]
    if owner is not None:
        conditions += [jobs.c.owner_kind == owner[0], jobs.c.owner_id == owner[1]]
    if cameras is not None:
        conditions += _within(list(cameras))
    count = (
        await connection.execute(select(func.count()).select_from(jobs).where(*conditions))
    ).scalar_one()
    rows = await connection.execute(
        select(jobs)
        .where(*conditions)
        .order_by(jobs.c.created_us.desc(), _ROW.desc())
        .limit(limit)
        .offset(offset)
    )
    return [_job(row) for row in rows], count


def _within(cameras: list[str]) -> list[ColumnElement[bool]]:
    """Jobs of these cameras alone; one of several names them in its request."""
    each = func.json_each(jobs.c.request, "$.cameras").table_valued("value")
    beyond = exists(
        select(1)
        .select_from(each)
        .where(func.json_extract(each.c.value, "$.id").not_in(cameras))
        .correlate(jobs)
    )
    return [jobs.c.camera_id.in_(cameras), ~beyond]


async def _of_time(
    camera_id: str, span: tuple[int, int], kinds: list[str], connection: AsyncConnection
) -> Sequence[Job]:
    each = func.json_each(jobs.c.request, "$.cameras").table_valued("value")
    is_named = exists(
        select(1)
        .select_from(each)
        .where(func.json_extract(each.c.value, "$.id") == camera_id)
        .correlate(jobs)
    )
    over_in_vain = [state.value for state in (JobState.FAILED, JobState.CANCELLED)]
    rows = await connection.execute(
        select(jobs)
        .where(
            jobs.c.kind.in_(kinds),
            jobs.c.state.not_in(over_in_vain),
            or_(jobs.c.camera_id == camera_id, is_named),
            func.json_extract(jobs.c.request, "$.from_us") < span[1],
            func.json_extract(jobs.c.request, "$.to_us") > span[0],
        )
        .order_by(jobs.c.created_us.desc(), _ROW.desc())
    )
    return [_job(row) for row in rows]


async def _in_states(states: list[JobState], connection: AsyncConnection) -> Sequence[Job]:
    rows = await connection.execute(
        select(jobs)
        .where(jobs.c.state.in_([state.value for state in states]))
        .order_by(jobs.c.created_us, _ROW)
    )
    return [_job(row) for row in rows]
