"""The ledger's rows of a clock that proved wrong, moved to their right times in one transaction.

Steps of the times between, as other processes noted them, stay. Cameras that were added under that
clock were added at another time, too.
"""

from sqlalchemy import and_, delete, func, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.ledger.clocks import KnownClock, Proof, set_state
from falconeye.storage.ledger.coverage import GapReason, Step
from falconeye.storage.ledger.ledger import put_step
from falconeye.storage.tables.footage import runs
from falconeye.storage.tables.ledger import (
    clocks,
    coverage_steps,
    deletions,
    undated_steps,
    uptimes,
)
from falconeye.storage.tables.node import CAMERAS


async def move_ledger(known: KnownClock, connection: AsyncConnection) -> bool:
    """Move them; whether a camera's time of adding changed."""
    shift_us = known.shift_us or 0
    cameras = await _move_cameras(connection, known.id, shift_us)
    await _move_steps(connection, known.id, shift_us)
    await _move_deletions(connection, known.id, shift_us)
    await _move_uptimes(connection, known.id, shift_us)
    await set_state(connection, known.id, Proof.LEDGER_MOVED)
    return cameras


async def _move_cameras(connection: AsyncConnection, clock_id: int, shift_us: int) -> bool:
    """Before the uptimes, by which they are found."""
    changed = 0
    rows = await connection.execute(select(uptimes).where(uptimes.c.clock_id == clock_id))
    for row in rows.all():
        done = await connection.execute(
            update(CAMERAS)
            .where(CAMERAS.c.created_at_us.between(row.from_us, row.to_us))
            .values(created_at_us=CAMERAS.c.created_at_us + shift_us)
        )
        changed += done.rowcount
    return changed > 0


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
    """Of runs of that clock: a rule, or a person, was faster."""
    rows = await connection.execute(
        select(deletions)
        .join(runs, runs.c.stream_id == deletions.c.stream_id)
        .where(
            runs.c.clock_id == clock_id,
            deletions.c.from_us >= runs.c.started_us,
            deletions.c.to_us <= func.coalesce(runs.c.ended_us, runs.c.started_us),
        )
        .distinct()
    )
    found = rows.all()
    keys = [(row.stream_id, row.from_us) for row in found]
    await connection.execute(
        delete(deletions).where(tuple_(deletions.c.stream_id, deletions.c.from_us).in_(keys))
    )
    for row in found:
        moved = upsert(deletions).values(
            stream_id=row.stream_id,
            from_us=row.from_us + shift_us,
            to_us=row.to_us + shift_us,
            reason=row.reason,
            detail=row.detail,
        )
        await connection.execute(
            moved.on_conflict_do_update(
                index_elements=[deletions.c.stream_id, deletions.c.from_us],
                set_={"to_us": func.max(deletions.c.to_us, moved.excluded.to_us)},
            )
        )


async def _move_uptimes(connection: AsyncConnection, clock_id: int, shift_us: int) -> None:
    """And note when it was so, for pages and for the journal."""
    mine = uptimes.c.clock_id == clock_id
    found = (await connection.execute(select(uptimes).where(mine))).all()
    if not found:
        return
    await connection.execute(delete(uptimes).where(mine))
    for row in found:
        values = {"to_us": row.to_us + shift_us, "ended": row.ended, "clock_id": None}
        await connection.execute(
            upsert(uptimes)
            .values(from_us=row.from_us + shift_us, **values)
            .on_conflict_do_update(index_elements=[uptimes.c.from_us], set_=values)
        )
    await connection.execute(
        update(clocks)
        .where(clocks.c.id == clock_id)
        .values(
            from_us=min(row.from_us for row in found) + shift_us,
            to_us=max(row.to_us for row in found) + shift_us,
        )
    )
