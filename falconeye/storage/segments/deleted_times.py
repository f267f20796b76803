"""What was deleted, for the ledger: rows that grow while the deleter works through a time."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Row,
    ScalarSelect,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.times import HOUR_US
from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.clocks import Proof
from falconeye.storage.ledger.coverage import MIN_GAP_US, GapReason
from falconeye.storage.segments.retention import Doomed
from falconeye.storage.segments.segments import MAX_HOLE_US
from falconeye.storage.tables.footage import runs, segments, streams
from falconeye.storage.tables.ledger import clocks, deletions


async def note_deleted(gone: Iterable[Doomed], connection: AsyncConnection) -> None:
    """Write down the times of main-stream segments that go; with the rows, before they are taken.

    Of a substream nobody asks: its time has the reason of the main stream.
    """
    is_main = streams.c.kind == StreamKind.MAIN.value
    main = set((await connection.execute(select(streams.c.id).where(is_main))).scalars())
    of_main = [segment for segment in gone if segment.stream_id in main]
    shifts = await _shifts(of_main, connection)
    for stretch in _stretches(of_main, shifts):
        before = await _before(stretch, connection)
        if before is not None and (
            before.from_us == stretch.from_us or await _continues(before, stretch, connection)
        ):
            await connection.execute(
                update(deletions)
                .where(
                    deletions.c.stream_id == stretch.stream_id,
                    deletions.c.from_us == before.from_us,
                )
                .values(
                    to_us=max(before.to_us, stretch.to_us),
                    reason=stretch.reason,
                    detail=stretch.detail,
                )
            )
        else:
            await connection.execute(insert(deletions).values(stretch._asdict()))


class _Stretch(NamedTuple):
    """A row of `deletions`."""

    stream_id: int
    from_us: int
    to_us: int
    reason: GapReason
    detail: str


async def _shifts(
    gone: Sequence[Doomed], connection: AsyncConnection
) -> dict[tuple[int, int], int]:
    """What the times of segments lack that go before they have their right ones.

    The ledger of their clock was moved already: nobody would move what is noted now.
    """
    is_moved = clocks.c.state == Proof.LEDGER_MOVED.value
    if not await connection.scalar(select(exists().where(is_moved))):
        return {}
    found: dict[tuple[int, int], int] = {}
    for segment in gone:
        row = await connection.execute(
            select(clocks.c.shift_us)
            .join(runs, runs.c.clock_id == clocks.c.id)
            .join(segments, segments.c.run_id == runs.c.id)
            .where(
                is_moved,
                segments.c.stream_id == segment.stream_id,
                segments.c.start_us == segment.start_us,
                func.abs(segments.c.named_offset_us) < func.abs(clocks.c.shift_us) / 2,
            )
        )
        found[segment.stream_id, segment.start_us] = row.scalar() or 0
    return found


async def _before(stretch: _Stretch, connection: AsyncConnection) -> Row[Any] | None:
    found = await connection.execute(
        select(deletions)
        .where(deletions.c.stream_id == stretch.stream_id, deletions.c.from_us <= stretch.from_us)
        .order_by(deletions.c.from_us.desc())
        .limit(1)
    )
    return found.first()


async def _continues(before: Row[Any], stretch: _Stretch, connection: AsyncConnection) -> bool:
    """Whether one row may tell of both, so that a camera that flaps does not fill the table.

    Over a short hole that is so where no footage is left in it, and where the runs on either side
    tell of it as exactly as the ledger is: whoever reads the row leaves such holes out.
    """
    if (before.reason, before.detail) != (stretch.reason, stretch.detail):
        return False
    hole_us = stretch.from_us - before.to_us
    if hole_us < MIN_GAP_US:
        return True
    if hole_us > MAX_HOLE_US:
        return False
    begin, end = before.to_us, stretch.from_us
    found = await connection.execute(
        select(
            _left_between(stretch.stream_id, begin, end).label("is_left"),
            _nearest_run(runs.c.ended_us, stretch.stream_id, end, first=False).label("ended_us"),
            _nearest_run(runs.c.started_us, stretch.stream_id, end, first=True).label("begun_us"),
        )
    )
    row = found.one()
    return not row.is_left and _is_near(row.ended_us, begin) and _is_near(row.begun_us, end)


def _left_between(stream_id: int, begin: int, end: int) -> ColumnElement[bool]:
    return exists().where(
        segments.c.stream_id == stream_id,
        segments.c.start_us > begin - HOUR_US,  # no segment lasts an hour
        segments.c.start_us < end,
        segments.c.start_us + segments.c.wall_duration_us > begin,
    )


def _nearest_run(
    wanted: Column[int], stream_id: int, at_us: int, *, first: bool
) -> ScalarSelect[int]:
    """Of the first run with footage that began about then or later, or of the last one before."""
    since_us = at_us - MIN_GAP_US
    begun_us = runs.c.started_us
    return (
        select(wanted)
        .where(
            runs.c.stream_id == stream_id,
            runs.c.ended_us.is_not(None),
            begun_us > since_us if first else begun_us <= since_us,
        )
        .order_by(begun_us if first else begun_us.desc())
        .limit(1)
        .scalar_subquery()
    )


def _is_near(time_us: int | None, wanted_us: int) -> bool:
    return time_us is not None and abs(time_us - wanted_us) < MIN_GAP_US


def _stretches(gone: Iterable[Doomed], shifts: Mapping[tuple[int, int], int]) -> list[_Stretch]:
    """In order, with neighbours joined."""
    found: list[_Stretch] = []

    def right_start(segment: Doomed) -> tuple[int, int]:
        shift_us = shifts.get((segment.stream_id, segment.start_us), 0)
        return segment.stream_id, segment.start_us + shift_us

    for segment in sorted(gone, key=right_start):
        begin = right_start(segment)[1]
        end = begin + segment.wall_duration_us
        one = _Stretch(segment.stream_id, begin, end, segment.reason, segment.detail)
        last = found[-1] if found else None
        if (
            last is not None
            and (last.stream_id, last.reason, last.detail) == (one.stream_id, *one[3:])
            and begin - last.to_us < MIN_GAP_US
        ):
            found[-1] = last._replace(to_us=max(last.to_us, end))
        else:
            found.append(one)
    return found
