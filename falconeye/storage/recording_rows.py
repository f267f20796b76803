"""Recordings as values, and the statements that read them."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Row, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.layout import recording_file_name
from falconeye.storage.recording_index import in_recording
from falconeye.storage.segment_tables import fragments, inits, recordings, runs, segments
from falconeye.storage.segments import RecordingKind


class RecordingStatus(StrEnum):
    """api.md's states of a recording."""

    RECORDING = "recording"
    STOPPED = "stopped"
    COMPLETED = "completed"
    FAILED = "failed"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording as pages and API show it; a growing one as of its last closed segment."""

    id: str
    camera_id: str
    camera_name: str  # as it was; kept when the camera is gone
    kind: RecordingKind
    status: RecordingStatus
    start_us: int
    end_us: int | None  # None: nothing is on the disk yet
    duration_us: int  # of the download: holes are closed up
    size_bytes: int  # of the footage; the download's length differs a little
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
class Gap:
    """A hole in a recording, closed up in its download."""

    from_us: int
    to_us: int
    reason: str | None  # `RunEnd`; None when the run went on


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


_MIN_GAP_US = 100_000


def to_recording(row: Row[Any]) -> Recording:
    """A row of `recordings` as a value."""
    return Recording(
        id=row.id,
        camera_id=row.camera_id,
        camera_name=row.camera_name,
        kind=RecordingKind(row.kind),
        status=RecordingStatus(row.status),
        start_us=row.start_us,
        end_us=row.end_us,
        duration_us=row.duration_us,
        size_bytes=row.size_bytes,
        segments=row.segments,
        node_name=row.node_name,
        error_message=row.error_message,
        camera_deleted=row.camera_deleted,
        protected=row.protected,
        external_path=row.external_path,
    )


async def read_list(query: Query, connection: AsyncConnection) -> tuple[list[Recording], int]:
    """The page asked for, newest first, and how many match."""
    conditions = _conditions(query)
    total = (
        await connection.execute(select(func.count()).select_from(recordings).where(*conditions))
    ).scalar_one()
    found = await connection.execute(
        select(recordings)
        .where(*conditions)
        .order_by(recordings.c.start_us.desc(), recordings.c.id)
        .limit(query.limit)
        .offset(query.offset)
    )
    return [to_recording(row) for row in found], total


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


async def read_gaps(row: Row[Any], connection: AsyncConnection) -> list[Gap]:
    """Where the footage of a recording has holes."""
    found = await read_segments(row, connection)
    gaps: list[Gap] = []
    for before, after in pairwise(found):
        end_us = before.start_us + before.wall_duration_us
        if after.start_us - end_us < _MIN_GAP_US:
            continue
        reason = None
        if before.run_id != after.run_id:
            reason = (
                await connection.execute(
                    select(runs.c.end_reason).where(runs.c.id == before.run_id)
                )
            ).scalar()
        gaps.append(Gap(end_us, after.start_us, reason))
    return gaps


def _conditions(query: Query) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [~recordings.c.hidden]
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
