"""The rows of footage whose clock proved wrong, moved to their right times step by step.

Each step is one transaction that leaves all rows true: it moves a recording with its segments, and
the substream's of its time, so that neither a reader nor a rule of retention sees half of it.
They go in the order in which none passes over another one that waits. What a kill leaves undone
is found by itself: a segment that was moved begins by its shift away from its file's name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.times import HOUR_US
from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.clocks import KnownClock, Proof, set_state
from falconeye.storage.ledger.coverage import MIN_GAP_US
from falconeye.storage.segments.recording_index import in_recording
from falconeye.storage.segments.usage_totals import UsageChange, change_usage
from falconeye.storage.tables.footage import (
    fragments,
    open_files,
    protections,
    recordings,
    runs,
    segments,
    streams,
)

BATCH = 200  # segments of a stream without recordings


@dataclass(frozen=True, slots=True)
class Step:
    """What came of one step."""

    progress: "Progress"
    files: int = 0  # that have their right times now


class Progress(StrEnum):
    """How far a clock's footage is."""

    MORE = "more"
    WAITS = "waits"  # files of it are open, or their disk is away
    DONE = "done"


@dataclass(frozen=True, slots=True)
class _Work:
    """The runs of one stream that can be moved now: all that it has of a clock."""

    stream_id: int
    camera_id: str
    clock_id: int
    shift_us: int

    @property
    def its_runs(self) -> ColumnElement[bool]:
        """The condition that picks them: a camera that flaps has too many to name each."""
        return and_(runs.c.stream_id == self.stream_id, runs.c.clock_id == self.clock_id)


async def unmoved_files(known: KnownClock, connection: AsyncConnection) -> int:
    """How many files of that clock have still to get their right times."""
    found = await connection.scalar(
        select(func.count())
        .select_from(segments)
        .where(
            segments.c.stream_id.in_(select(runs.c.stream_id).where(runs.c.clock_id == known.id)),
            segments.c.run_id.in_(select(runs.c.id).where(runs.c.clock_id == known.id)),
            func.abs(segments.c.named_offset_us) < abs(known.shift_us or 0) // 2,
        )
    )
    return found or 0


async def move_next(known: KnownClock, connection: AsyncConnection) -> Step:
    """One step: move some footage of a clock that proved wrong."""
    shift_us = known.shift_us or 0
    ready = await _ready(connection, known.id, shift_us)
    for work in ready:
        edge = await _edge(connection, work)
        if edge is not None:
            return Step(Progress.MORE, await _move_from(connection, work, edge, ready))
        await _settle_runs(connection, work)
    left = await connection.execute(select(exists().where(runs.c.clock_id == known.id)))
    if left.scalar_one():
        return Step(Progress.WAITS)
    await connection.execute(delete(protections).where(protections.c.clock_id == known.id))
    await set_state(connection, known.id, Proof.SETTLED)
    return Step(Progress.DONE)


async def _ready(connection: AsyncConnection, clock_id: int, shift_us: int) -> list[_Work]:
    """Main streams first: their recordings take the substream along."""
    is_open = exists().where(open_files.c.run_id == runs.c.id)
    rows = await connection.execute(
        select(runs.c.stream_id, streams.c.camera_id)
        .join(streams, streams.c.id == runs.c.stream_id)
        .where(runs.c.clock_id == clock_id)
        .group_by(runs.c.stream_id, streams.c.camera_id, streams.c.kind)
        .having(~func.max(is_open))
        .order_by(streams.c.kind != StreamKind.MAIN.value, runs.c.stream_id)
    )
    return [_Work(row.stream_id, row.camera_id, clock_id, shift_us) for row in rows]


def _unmoved(work: _Work) -> list[ColumnElement[bool]]:
    """A file's name differs from its start by microseconds; by the shift once it was moved."""
    return [
        segments.c.stream_id == work.stream_id,
        segments.c.run_id.in_(select(runs.c.id).where(work.its_runs)),
        func.abs(segments.c.named_offset_us) < abs(work.shift_us) // 2,
    ]


async def _edge(connection: AsyncConnection, work: _Work) -> Row[Any] | None:
    """The segment that is moved next: nothing lies where it goes that is still to be moved."""
    start = segments.c.start_us
    found = await connection.execute(
        select(segments)
        .where(*_unmoved(work))
        .order_by(start.desc() if work.shift_us > 0 else start)
        .limit(1)
    )
    return found.first()


async def _move_from(
    connection: AsyncConnection, work: _Work, edge: Row[Any], ready: Sequence[_Work]
) -> int:
    """Move what belongs to the segment at the edge: its recording, or a batch; so many files."""
    recording = await _recording_of(connection, work, edge)
    if recording is None:
        return len(await _move(connection, work, await _batch(connection, work)))
    whole = (await connection.execute(select(segments).where(*in_recording(recording)))).all()
    mine = (
        await connection.execute(select(segments).where(*in_recording(recording), *_unmoved(work)))
    ).all()
    files = len(mine)
    for other in ready:
        if other.camera_id == work.camera_id and other is not work:
            files += len(await _move(connection, other, await _beside(connection, other, mine)))
    moved = await _move(connection, work, mine)
    ends = {row.start_us: row.start_us + row.wall_duration_us for row in whole}
    for row in mine:
        del ends[row.start_us]
    ends |= moved
    await connection.execute(
        update(recordings)
        .where(recordings.c.id == recording.id)
        .values(start_us=min(ends), end_us=max(ends.values()))
    )
    return files


async def _recording_of(connection: AsyncConnection, work: _Work, row: Row[Any]) -> Row[Any] | None:
    found = await connection.execute(
        select(recordings).where(
            recordings.c.stream_id == work.stream_id,
            recordings.c.start_us <= row.start_us,
            recordings.c.end_us > row.start_us,
            recordings.c.first_run_id <= row.run_id,
            recordings.c.last_run_id >= row.run_id,
        )
    )
    return found.first()


async def _batch(connection: AsyncConnection, work: _Work) -> Sequence[Row[Any]]:
    start = segments.c.start_us
    found = await connection.execute(
        select(segments)
        .where(*_unmoved(work))
        .order_by(start.desc() if work.shift_us > 0 else start)
        .limit(BATCH)
    )
    return found.all()


async def _beside(
    connection: AsyncConnection, work: _Work, beside: Sequence[Row[Any]]
) -> Sequence[Row[Any]]:
    """Segments of another stream that touch the time of these."""
    first_us = min(row.start_us for row in beside)
    last_us = max(row.start_us + row.wall_duration_us for row in beside)
    found = await connection.execute(
        select(segments).where(
            *_unmoved(work),
            segments.c.start_us > first_us - HOUR_US,  # no segment lasts an hour
            segments.c.start_us < last_us,
            segments.c.start_us + segments.c.wall_duration_us > first_us,
        )
    )
    return found.all()


async def _move(
    connection: AsyncConnection, work: _Work, rows: Sequence[Row[Any]]
) -> dict[int, int]:
    """Move segments; (start → end) where they are then."""
    ends: dict[int, int] = {}
    for row in sorted(rows, key=lambda row: row.start_us, reverse=work.shift_us > 0):
        start_us = await _free(connection, work.stream_id, row.start_us + work.shift_us)
        late_us = start_us - row.start_us - work.shift_us
        wall_us = max(1, await _room(connection, row, start_us) - late_us)
        key = (segments.c.stream_id == row.stream_id) & (segments.c.start_us == row.start_us)
        await connection.execute(
            update(segments)
            .where(key)
            .values(
                start_us=start_us,
                named_offset_us=row.named_offset_us + row.start_us - start_us,
                wall_duration_us=wall_us,
            )
        )
        await connection.execute(
            update(fragments)
            .where(fragments.c.stream_id == row.stream_id, fragments.c.start_us == row.start_us)
            .values(start_us=start_us)
        )
        less_us = wall_us - row.wall_duration_us
        if less_us:
            change = UsageChange(row.stream_id, row.volume_id, 0, 0, less_us)
            await change_usage(connection, [change])
        ends[start_us] = start_us + wall_us
    return ends


async def _free(connection: AsyncConnection, stream_id: int, start_us: int) -> int:
    """That start, or the next one that no segment has."""
    while True:
        taken = await connection.execute(
            select(segments.c.run_id).where(
                segments.c.stream_id == stream_id, segments.c.start_us == start_us
            )
        )
        if taken.first() is None:
            return start_us
        start_us += 1


async def _room(connection: AsyncConnection, row: Row[Any], start_us: int) -> int:
    """How long it lasts there: what follows after the step was measured by another clock.

    They differ by what a wall time is exact to, and nothing may overlap that did not.
    """
    end_us = start_us + row.wall_duration_us
    following = await connection.execute(
        select(func.min(segments.c.start_us)).where(
            segments.c.stream_id == row.stream_id,
            segments.c.start_us > start_us,
            segments.c.start_us < end_us,
            segments.c.run_id > row.run_id,
        )
    )
    next_us: int | None = following.scalar()
    if next_us is None or end_us - next_us >= MIN_GAP_US:
        return int(row.wall_duration_us)
    return next_us - start_us


async def _settle_runs(connection: AsyncConnection, work: _Work) -> None:
    """All their segments were moved: the runs follow, and are right from now on."""
    await connection.execute(
        update(runs)
        .where(work.its_runs)
        .values(
            started_us=runs.c.started_us + work.shift_us,
            ended_us=runs.c.ended_us + work.shift_us,
            clock_id=None,
        )
    )
