"""The ledger's rows of a clock that proved wrong, moved to their right times in one transaction.

Steps of the times between, as other processes noted them, stay. Cameras that were added under that
clock were added at another time, too.
"""

from collections.abc import Sequence
from itertools import groupby

from sqlalchemy import and_, delete, exists, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.times import MINUTE_US
from falconeye.storage.ledger.clocks import KnownClock, Proof, set_state
from falconeye.storage.ledger.coverage import MIN_GAP_US, GapReason, Step
from falconeye.storage.ledger.ledger import put_step
from falconeye.storage.ledger.seams import move_seam_after, step_left
from falconeye.storage.tables.footage import protections, runs, streams
from falconeye.storage.tables.ledger import (
    clocks,
    coverage_steps,
    deletions,
    events,
    undated_steps,
    uptimes,
)
from falconeye.storage.tables.node import CAMERAS


async def move_ledger(known: KnownClock, connection: AsyncConnection) -> bool:
    """Move them; whether a camera's time of adding changed."""
    shift_us = known.shift_us or 0
    cameras = await _move_cameras(connection, known.id, shift_us)
    await _move_events(connection, known.id, shift_us)
    await _move_steps(connection, known.id, shift_us)
    await _move_deletions(connection, known.id, shift_us)
    await _move_protections(connection, known.id, shift_us)
    await _move_uptimes(connection, known.id, shift_us)
    await set_state(connection, known.id, Proof.LEDGER_MOVED)
    return cameras


async def _move_cameras(connection: AsyncConnection, clock_id: int, shift_us: int) -> bool:
    """Before the uptimes, by which they are found.

    A clock that began in the past may claim the time in which a camera was added before: one that
    has runs from before the clock's own is not of its time. In one statement, or a camera that
    comes to another stretch of the clock would be moved again.
    """
    is_of_clock = exists().where(
        uptimes.c.clock_id == clock_id,
        CAMERAS.c.created_at_us.between(uptimes.c.from_us, uptimes.c.to_us),
    )
    first_run = select(func.min(runs.c.id)).where(runs.c.clock_id == clock_id).scalar_subquery()
    was_there = exists().where(
        streams.c.camera_id == CAMERAS.c.id,
        runs.c.stream_id == streams.c.id,
        runs.c.id < first_run,
    )
    done = await connection.execute(
        update(CAMERAS)
        .where(is_of_clock, ~was_there)
        .values(created_at_us=CAMERAS.c.created_at_us + shift_us)
    )
    return done.rowcount > 0


async def _move_events(connection: AsyncConnection, clock_id: int, shift_us: int) -> None:
    """What happened in stretches of that clock; before the uptimes, too.

    What another clock claims as well stays: which of them it was nobody has noted.
    """
    other = uptimes.alias()
    at_us = events.c.at_us
    rows = await connection.execute(
        select(events).where(
            exists().where(
                uptimes.c.clock_id == clock_id, at_us.between(uptimes.c.from_us, uptimes.c.to_us)
            ),
            ~exists().where(
                other.c.clock_id.is_distinct_from(clock_id),
                at_us.between(other.c.from_us, other.c.to_us),
            ),
        )
    )
    found = rows.mappings().all()
    for row in found:
        mine = (events.c.camera_id == row["camera_id"]) & (at_us == row["at_us"])
        await connection.execute(delete(events).where(mine))
    for row in found:
        moved_us = row["at_us"] + shift_us
        while await connection.scalar(
            select(exists().where(events.c.camera_id == row["camera_id"], at_us == moved_us))
        ):
            moved_us += 1
        until_us = max(row["until_us"] + shift_us, moved_us)
        await connection.execute(
            insert(events).values({**row, "at_us": moved_us, "until_us": until_us})
        )


async def _move_steps(connection: AsyncConnection, clock_id: int, shift_us: int) -> None:
    mine = undated_steps.c.clock_id == clock_id
    rows = (await connection.execute(select(undated_steps).where(mine))).all()
    for row in rows:
        # Gone already where the clock was set back, or said anew by the clock that is right.
        same = and_(
            coverage_steps.c.camera_id == row.camera_id,
            coverage_steps.c.since_us == row.since_us,
            coverage_steps.c.reason.is_not_distinct_from(row.reason),
            coverage_steps.c.detail == row.detail,
        )
        await connection.execute(delete(coverage_steps).where(same))
    for row in rows:
        reason = GapReason(row.reason) if row.reason else None
        await put_step(connection, row.camera_id, Step(row.since_us + shift_us, reason, row.detail))
    await connection.execute(delete(undated_steps).where(mine))


async def _move_deletions(connection: AsyncConnection, clock_id: int, shift_us: int) -> None:
    """Of runs of that clock: a rule, or a person, was faster.

    A row may tell of several runs, some of them of another clock: it is cut where they begin and
    end. What is left beside them by what wall times are exact to goes along.
    """
    rows = await connection.execute(
        select(deletions, runs.c.started_us, runs.c.ended_us)
        .join(runs, runs.c.stream_id == deletions.c.stream_id)
        .where(
            runs.c.clock_id == clock_id,
            runs.c.ended_us > deletions.c.from_us,
            runs.c.started_us < deletions.c.to_us,
        )
        .order_by(deletions.c.stream_id, deletions.c.from_us, runs.c.started_us)
    )
    moved: list[dict[str, object]] = []
    stays: list[dict[str, object]] = []
    keys: set[tuple[int, int]] = set()
    for (stream_id, from_us), of_it in groupby(rows.all(), lambda row: (row[0], row[1])):
        mine = list(of_it)
        row = mine[0]
        keys.add((stream_id, from_us))
        said = {"stream_id": stream_id, "reason": row.reason, "detail": row.detail}
        at_us = from_us
        for begin, end in _pieces(row.from_us, row.to_us, [(run[-2], run[-1]) for run in mine]):
            moved.append(said | {"from_us": begin + shift_us, "to_us": end + shift_us})
            if begin > at_us:
                stays.append(said | {"from_us": at_us, "to_us": begin})
            at_us = end
        if at_us < row.to_us:
            stays.append(said | {"from_us": at_us, "to_us": row.to_us})
    for stream_id, from_us in keys:
        await connection.execute(
            delete(deletions).where(
                deletions.c.stream_id == stream_id, deletions.c.from_us == from_us
            )
        )
    for values in [*stays, *moved]:
        row_of_it = upsert(deletions).values(values)
        await connection.execute(
            row_of_it.on_conflict_do_update(
                index_elements=[deletions.c.stream_id, deletions.c.from_us],
                set_={"to_us": func.max(deletions.c.to_us, row_of_it.excluded.to_us)},
            )
        )


def _pieces(from_us: int, to_us: int, ran: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What of [from, to) was footage of these runs, the short holes between them included."""
    found: list[tuple[int, int]] = []
    for started_us, ended_us in ran:
        begin = from_us if started_us - from_us < MIN_GAP_US else started_us
        end = to_us if to_us - ended_us < MIN_GAP_US else ended_us
        if found and begin - found[-1][1] <= MINUTE_US:  # over no longer one reaches a row
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


async def _move_protections(connection: AsyncConnection, clock_id: int, shift_us: int) -> None:
    """What is protected of stretches of that clock is protected at its right times, too.

    Footage follows file by file: the wrong times stay until all of it has (`redate_rows`). What
    another clock claims as well stays for good: it may be of that one's footage. Before the
    uptimes, by which they are found.
    """
    other = uptimes.alias()
    is_shared = exists().where(
        other.c.clock_id.is_distinct_from(clock_id),
        other.c.from_us < protections.c.to_us,
        other.c.to_us > protections.c.from_us,
    )
    begin_us = func.max(protections.c.from_us, uptimes.c.from_us)
    end_us = func.min(protections.c.to_us, uptimes.c.to_us)
    rows = await connection.execute(
        select(
            protections,
            begin_us.label("begin_us"),
            end_us.label("end_us"),
            is_shared.label("is_shared"),
        )
        .join(
            uptimes,
            (uptimes.c.from_us < protections.c.to_us) & (uptimes.c.to_us > protections.c.from_us),
        )
        .where(uptimes.c.clock_id == clock_id)
    )
    for row in rows.all():
        said = {"camera_id": row.camera_id, "by": row.by, "reason": row.reason}
        times = {"from_us": row.begin_us + shift_us, "to_us": row.end_us + shift_us}
        await connection.execute(insert(protections).values(**said, **times))
        is_whole = (row.begin_us, row.end_us) == (row.from_us, row.to_us)
        if is_whole and not row.is_shared:
            mine = protections.c.id == row.id
            await connection.execute(update(protections).where(mine).values(clock_id=clock_id))


async def _move_uptimes(connection: AsyncConnection, clock_id: int, shift_us: int) -> None:
    """And note when it was so, for pages and for the journal."""
    mine = uptimes.c.clock_id == clock_id
    found = (await connection.execute(select(uptimes).where(mine))).all()
    if not found:
        return
    await connection.execute(delete(uptimes).where(mine))
    for row in found:
        values = {
            "to_us": row.to_us + shift_us,
            "ended": row.ended,
            "clock_id": None,
            "step_us": None if row.step_us is None else step_left(row.step_us + shift_us),
        }
        await connection.execute(
            upsert(uptimes)
            .values(from_us=row.from_us + shift_us, **values)
            .on_conflict_do_update(index_elements=[uptimes.c.from_us], set_=values)
        )
    for row in found:
        if row.ended == GapReason.CLOCK_CHANGED:
            await move_seam_after(connection, row.to_us, shift_us)
    await connection.execute(
        update(clocks)
        .where(clocks.c.id == clock_id)
        .values(
            from_us=min(row.from_us for row in found) + shift_us,
            to_us=max(row.to_us for row in found) + shift_us,
        )
    )
