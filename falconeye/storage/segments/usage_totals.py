"""The running totals of footage, counted anew: for `falconeye check`."""

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.tables.footage import segments, usage

_SUMS = (
    select(
        segments.c.stream_id,
        segments.c.volume_id,
        func.count().label("segments"),
        func.sum(segments.c.size_bytes).label("size_bytes"),
        func.sum(segments.c.wall_duration_us).label("duration_us"),
    )
    .group_by(segments.c.stream_id, segments.c.volume_id)
    .order_by(segments.c.stream_id)
)


async def wrong_totals(connection: AsyncConnection) -> list[tuple[int, int]]:
    counted = {
        (row.stream_id, row.volume_id): tuple(row)[2:] for row in await connection.execute(_SUMS)
    }
    kept = {
        (row.stream_id, row.volume_id): (row.segments, row.size_bytes, row.duration_us)
        for row in await connection.execute(select(usage))
        if row.segments or row.size_bytes or row.duration_us
    }
    return sorted(key for key in counted.keys() | kept.keys() if counted.get(key) != kept.get(key))


async def count_anew(connection: AsyncConnection) -> None:
    await connection.execute(delete(usage))
    await connection.execute(
        usage.insert().from_select(
            ["stream_id", "volume_id", "segments", "size_bytes", "duration_us"], _SUMS
        )
    )
