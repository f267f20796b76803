"""Footage that is known not to be as old as its times say: conditions on `segments`."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.ledger.clocks import IS_UNSETTLED, Proof
from falconeye.storage.tables.footage import runs, segments
from falconeye.storage.tables.ledger import clocks

# Its clock proved wrong, and its run waits for its right times (for a disk, perhaps for long).
WAITS = exists().where(runs.c.id == segments.c.run_id, clocks.c.id == runs.c.clock_id, IS_UNSETTLED)


async def seems_its_age(
    connection: AsyncConnection, boot: str, stream_ids: Sequence[int]
) -> list[ColumnElement[bool]]:
    """The conditions that leave out what waits, and what clocks of `boot` made that lie behind."""
    behind = await _behind(connection, boot, stream_ids)
    if not behind:
        return [~WAITS]
    is_of_boot = exists().where(
        runs.c.id == segments.c.run_id, clocks.c.id == runs.c.clock_id, _is_unjudged(boot)
    )
    return [~WAITS, ~and_(segments.c.stream_id.in_(behind), is_of_boot)]


def _is_unjudged(boot: str) -> ColumnElement[bool]:
    """A setting of this boot that NTP has neither kept nor proved wrong."""
    return and_(clocks.c.boot == boot, ~clocks.c.synchronised, clocks.c.state == Proof.OPEN.value)


async def _behind(connection: AsyncConnection, boot: str, stream_ids: Sequence[int]) -> list[int]:
    """Streams of which footage of another time seems newer than that of such a clock."""
    if not await connection.scalar(select(exists().where(_is_unjudged(boot)))):
        return []
    found: list[int] = []
    for stream_id in stream_ids:
        newest = await connection.execute(
            select(clocks.c.id)
            .select_from(segments)
            .outerjoin(runs, runs.c.id == segments.c.run_id)
            .outerjoin(clocks, and_(clocks.c.id == runs.c.clock_id, _is_unjudged(boot)))
            .where(segments.c.stream_id == stream_id)
            .order_by(segments.c.start_us.desc())
            .limit(1)
        )
        if newest.scalar() is None:
            found.append(stream_id)
    return found
