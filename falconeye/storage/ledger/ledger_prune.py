"""The ledger does not grow for ever: reasons of times long gone are forgotten."""

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.times import DAY_US
from falconeye.storage.tables.ledger import coverage_steps, deletions, events, uptimes

KEPT_US = 2 * 366 * DAY_US  # a camera that flaps every 10 s writes 17 000 rows a day


async def prune(before_us: int, connection: AsyncConnection) -> None:
    """Forget what ended before; the step that holds at `before_us` stays, of each camera."""
    later = coverage_steps.alias()
    holds_us = (
        select(func.max(later.c.since_us))
        .where(later.c.camera_id == coverage_steps.c.camera_id, later.c.since_us <= before_us)
        .scalar_subquery()
    )
    await connection.execute(delete(coverage_steps).where(coverage_steps.c.since_us < holds_us))
    await connection.execute(delete(events).where(events.c.until_us < before_us))
    await connection.execute(delete(uptimes).where(uptimes.c.to_us < before_us))
    await connection.execute(delete(deletions).where(deletions.c.to_us < before_us))
