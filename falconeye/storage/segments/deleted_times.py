"""What was deleted, for the ledger: rows that grow while the deleter works through a time."""

from collections.abc import Iterable

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.ledger.coverage import MIN_GAP_US, GapReason
from falconeye.storage.segments.retention import Doomed
from falconeye.storage.tables.ledger import deletions


async def note_deleted(gone: Iterable[Doomed], connection: AsyncConnection) -> None:
    """Write down the times of segments that go; in the transaction that takes their rows."""
    for stream_id, begin, end, reason, detail in _stretches(gone):
        mine = deletions.c.stream_id == stream_id
        before = (
            await connection.execute(
                select(deletions)
                .where(mine, deletions.c.from_us <= begin)
                .order_by(deletions.c.from_us.desc())
                .limit(1)
            )
        ).first()
        same = before is not None and (before.reason, before.detail) == (reason, detail)
        if before is not None and (
            before.from_us == begin or (same and before.to_us > begin - MIN_GAP_US)
        ):
            await connection.execute(
                update(deletions)
                .where(mine, deletions.c.from_us == before.from_us)
                .values(to_us=max(before.to_us, end), reason=reason, detail=detail)
            )
        else:
            await connection.execute(
                insert(deletions).values(
                    stream_id=stream_id, from_us=begin, to_us=end, reason=reason, detail=detail
                )
            )


def _stretches(
    gone: Iterable[Doomed],
) -> list[tuple[int, int, int, GapReason, str]]:
    """(stream, from, to, reason, detail), with neighbours joined."""
    found: list[tuple[int, int, int, GapReason, str]] = []
    for segment in sorted(gone, key=lambda segment: (segment.stream_id, segment.start_us)):
        begin, end = segment.start_us, segment.start_us + segment.wall_duration_us
        why = segment.reason, segment.detail
        if found:
            stream_id, from_us, to_us, *known = found[-1]
            if stream_id == segment.stream_id and (*known,) == why and begin - to_us < MIN_GAP_US:
                found[-1] = (stream_id, from_us, max(to_us, end), *why)
                continue
        found.append((segment.stream_id, begin, end, *why))
    return found
