"""Recordings as values, and the statements that read them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.segments.layout import recording_file_name
from falconeye.storage.segments.recording_index import in_recording
from falconeye.storage.segments.segments import RecordingKind
from falconeye.storage.tables.footage import (
    fragments,
    inits,
    recordings,
    segments,
    streams,
    usage,
)

# After a restore: of others no file is in the index yet, if there is any.
_HAS_FOOTAGE = or_(
    recordings.c.segments > 0,
    recordings.c.status == "recording",
    recordings.c.external_path.is_not(None),
)


class RecordingStatus(StrEnum):
    """api.md's states of a recording."""

    RECORDING = "recording"
    STOPPED = "stopped"
    COMPLETED = "completed"
    FAILED = "failed"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording as pages and API show it.

    A growing one: `end_us`, `segments` and the download are as of its last closed segment;
    `duration_us` and `size_bytes` count what is written of the open one, too.
    """

    id: str
    camera_id: str
    camera_name: str  # as it was; kept when the camera is gone
    kind: RecordingKind
    status: RecordingStatus
    start_us: int
    end_us: int | None  # None: nothing is on the disk yet
    duration_us: int  # media time, holes closed up; up to the last fragment written
    size_bytes: int  # of the footage up to there; the download's length differs a little
    segments: int
    node_name: str
    error_message: str | None
    camera_deleted: bool
    protected: bool
    external_path: str | None  # of an imported one

    @property
    def file_name(self) -> str:
        """The name of the download."""
        return recording_file_name(self.camera_name, self.start_us)


@dataclass(frozen=True, slots=True)
class Query:
    """Which recordings to list; None means any."""

    camera_id: str | None = None
    status: RecordingStatus | None = None
    from_us: int | None = None  # those with footage at or after it
    to_us: int | None = None  # those that began before it
    cameras: Collection[str] | None = None  # the ids that may be seen
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Growing:
    """What is written of a recording's open segment."""

    start_us: int
    duration_us: int
    size_bytes: int


def to_recording(row: Row[Any], growing: Sequence[Growing] = ()) -> Recording:
    """A row of `recordings` as a value; `growing`: its open segments, seen before the row was read.

    One that was indexed in between is in the row already: it starts before the row's end.
    """
    opened = [more for more in growing if more.start_us >= (row.end_us or 0)]
    return Recording(
        id=row.id,
        camera_id=row.camera_id,
        camera_name=row.camera_name,
        kind=RecordingKind(row.kind),
        status=RecordingStatus(row.status),
        start_us=row.start_us,
        end_us=row.end_us,
        duration_us=row.duration_us + sum(more.duration_us for more in opened),
        size_bytes=row.size_bytes + sum(more.size_bytes for more in opened),
        segments=row.segments,
        node_name=row.node_name,
        error_message=row.error_message,
        camera_deleted=row.camera_deleted,
        protected=row.protected,
        external_path=row.external_path,
    )


async def read_list(
    query: Query, growing: Mapping[str, Sequence[Growing]], connection: AsyncConnection
) -> tuple[list[Recording], int]:
    """The page asked for, newest first, and how many match."""
    conditions = _conditions(query)
    total = await count(conditions, connection)
    found = await connection.execute(
        select(recordings)
        .where(*conditions)
        .order_by(recordings.c.start_us.desc(), recordings.c.id)
        .limit(query.limit)
        .offset(query.offset)
    )
    return [to_recording(row, growing.get(row.id, ())) for row in found], total


async def count(conditions: Sequence[ColumnElement[bool]], connection: AsyncConnection) -> int:
    """How many recordings meet the conditions."""
    found = await connection.execute(
        select(func.count()).select_from(recordings).where(*conditions)
    )
    number: int = found.scalar_one()
    return number


async def read_count(query: Query, connection: AsyncConnection) -> int:
    """How many match, whatever the page."""
    return await count(_conditions(query), connection)


async def read_footage_bytes(camera_id: str | None, connection: AsyncConnection) -> int:
    """Of both streams (of a camera): from the running totals, no sum over segments."""
    total = select(func.coalesce(func.sum(usage.c.size_bytes), 0))
    if camera_id is not None:
        total = total.join(streams, streams.c.id == usage.c.stream_id).where(
            streams.c.camera_id == camera_id
        )
    size_bytes: int = (await connection.execute(total)).scalar_one()
    return size_bytes


async def read_one(recording_id: str, connection: AsyncConnection) -> Row[Any] | None:
    """The row, unless there is none or it was hidden."""
    found = await connection.execute(
        select(recordings).where(recordings.c.id == recording_id, ~recordings.c.hidden)
    )
    return found.first()


async def read_segments(row: Row[Any], connection: AsyncConnection) -> list[Row[Any]]:
    """Its segments; first by run, so that a clock set back does not mix them up."""
    if row.stream_id is None:
        return []
    found = await connection.execute(
        select(segments).where(*in_recording(row)).order_by(segments.c.run_id, segments.c.start_us)
    )
    return list(found.all())


async def read_places(row: Row[Any], connection: AsyncConnection) -> dict[int, bytes]:
    """The fragment tables of a recording's segments, by start."""
    found = await connection.execute(
        select(fragments.c.start_us, fragments.c.places)
        .join(
            segments,
            (segments.c.stream_id == fragments.c.stream_id)
            & (segments.c.start_us == fragments.c.start_us),
        )
        .where(*in_recording(row))
    )
    return {found_row.start_us: found_row.places for found_row in found}


async def read_init(init_id: int, connection: AsyncConnection) -> Row[Any]:
    return (await connection.execute(select(inits).where(inits.c.id == init_id))).one()


def _conditions(query: Query) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [~recordings.c.hidden, _HAS_FOOTAGE]
    if query.camera_id is not None:
        conditions.append(recordings.c.camera_id == query.camera_id)
    if query.cameras is not None:
        allowed = recordings.c.camera_id.in_(list(query.cameras)) if query.cameras else false()
        conditions.append(allowed)
    if query.status is not None:
        conditions.append(recordings.c.status == query.status.value)
    if query.from_us is not None:
        ends = or_(recordings.c.end_us.is_(None), recordings.c.end_us > query.from_us)
        conditions.append(ends)
    if query.to_us is not None:
        conditions.append(recordings.c.start_us < query.to_us)
    return conditions
