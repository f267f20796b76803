"""The running totals of footage: changed with its rows, counted anew for `falconeye check`."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.sqlite import insert as upsert
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


@dataclass(frozen=True, slots=True)
class UsageChange:
    """What comes to the running totals of a stream on a volume; negative: what goes."""

    stream_id: int
    volume_id: int
    segments: int
    size_bytes: int
    duration_us: int


async def change_usage(connection: AsyncConnection, changes: Sequence[UsageChange]) -> None:
    """One step of a transaction (`Database.write`)."""
    if not changes:
        return
    row = upsert(usage)
    await connection.execute(
        row.on_conflict_do_update(
            index_elements=["stream_id", "volume_id"],
            set_={
                "segments": usage.c.segments + row.excluded.segments,
                "size_bytes": usage.c.size_bytes + row.excluded.size_bytes,
                "duration_us": usage.c.duration_us + row.excluded.duration_us,
            },
        ),
        [
            {
                "stream_id": change.stream_id,
                "volume_id": change.volume_id,
                "segments": change.segments,
                "size_bytes": change.size_bytes,
                "duration_us": change.duration_us,
            }
            for change in changes
        ],
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
