"""The rows of footage that moves from one volume to another.

A row of `moves` is committed before the copy is begun and goes with the change of the segment's
volume, in one transaction. What a crash leaves in it is a half copy: garbage. So at each step a
segment is on exactly one volume by the index, and no file is left that nobody knows of.
"""

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, and_, delete, exists, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.media.samples import StreamKind
from falconeye.storage.segments.layout import SegmentName, segment_path
from falconeye.storage.segments.segment_index import add_garbage
from falconeye.storage.segments.usage_totals import UsageChange, change_usage
from falconeye.storage.tables.footage import garbage, moves, segments, streams, usage, volumes
from falconeye.storage.volumes.volume_facts import Role

BATCH = 32  # files


@dataclass(frozen=True, slots=True)
class Movable:
    """A segment that may lie on another volume as well."""

    stream_id: int
    start_us: int
    wall_duration_us: int
    size_bytes: int
    volume_id: int  # where it lies
    named_start_us: int  # of its file
    path: str  # on either volume


async def oldest_on(
    volume: int,
    after: Mapping[int, int],
    passed_over: Collection[tuple[int, int]],
    connection: AsyncConnection,
) -> list[Movable]:
    """The oldest segments of a volume over all streams, protected ones too; at most a `BATCH`.

    `after`: by stream, a time before which it has nothing on the volume: all that lies on another
    one would have to be passed over each time. `passed_over`: (stream, start) of those not wanted.
    """
    holders = await connection.execute(
        select(usage.c.stream_id, streams.c.camera_id, streams.c.kind)
        .join(streams, streams.c.id == usage.c.stream_id)
        .where(usage.c.volume_id == volume, usage.c.segments > 0)
    )
    found: list[list[Movable]] = []
    for stream in holders.all():  # each by its key: together SQLite would sort all there are
        rows = await connection.execute(
            select(segments)
            .where(
                segments.c.stream_id == stream.stream_id,
                segments.c.start_us >= after.get(stream.stream_id, 0),
                segments.c.volume_id == volume,
            )
            .order_by(segments.c.start_us)
            # Beyond those that are not wanted: a batch of these alone must not hide the others.
            .limit(BATCH + sum(stream_id == stream.stream_id for stream_id, _ in passed_over))
        )
        name = partial(SegmentName, stream.camera_id, StreamKind(stream.kind))
        found.append(
            [
                _movable(row, name(row.start_us + row.named_offset_us))
                for row in rows
                if (row.stream_id, row.start_us) not in passed_over
            ]
        )
    oldest = heapq.merge(*found, key=lambda segment: segment.start_us)
    return [segment for segment, _ in zip(oldest, range(BATCH), strict=False)]


def _movable(row: Row[Any], name: SegmentName) -> Movable:
    return Movable(
        row.stream_id,
        row.start_us,
        row.wall_duration_us,
        row.size_bytes,
        row.volume_id,
        name.start_us,
        segment_path(name),
    )


async def begin(
    to_volume: int,
    wanted: Sequence[Movable],
    connection: AsyncConnection,
    *,
    is_media_dir: bool = False,
) -> list[Movable]:
    """Note that they are about to be copied; those of them that may be.

    Not one whose path on the other volume is garbage: the deleter may unlink it at any moment.
    None at all to a volume that was removed a moment ago (the media directory needs no role).
    """
    begun: list[Movable] = []
    is_used = volumes.c.role != Role.NONE.value
    used = await connection.execute(select(is_used).where(volumes.c.id == to_volume))
    if not (used.scalar_one() or is_media_dir):
        return begun
    for segment in wanted:
        is_garbage = await connection.execute(
            select(exists().where(_is_file(garbage, to_volume, segment.path)))
        )
        if is_garbage.scalar_one():
            continue
        await connection.execute(
            insert(moves).values(
                volume_id=to_volume, path=segment.path, size_bytes=segment.size_bytes
            )
        )
        begun.append(segment)
    return begun


async def finish(
    to_volume: int, copied: Sequence[Movable], connection: AsyncConnection
) -> list[Movable]:
    """The copies are on the disk: from now on they are the footage; those that were moved.

    The originals are garbage, or the copy is where the segment was deleted meanwhile. A volume that
    was forgotten meanwhile has no rows in `moves` any more: what was copied there counts for
    nothing.
    """
    moved: list[Movable] = []
    for segment in copied:
        if not await _forget(connection, to_volume, segment.path):
            continue
        changed = await connection.execute(
            update(segments)
            .where(
                segments.c.stream_id == segment.stream_id,
                segments.c.start_us == segment.start_us,
                segments.c.volume_id == segment.volume_id,
                # Re-dating may have brought another one to this start: the file's name tells.
                segments.c.start_us + segments.c.named_offset_us == segment.named_start_us,
            )
            .values(volume_id=to_volume)
        )
        if changed.rowcount == 0:
            await add_garbage(connection, to_volume, segment.path, segment.size_bytes)
            continue
        await add_garbage(connection, segment.volume_id, segment.path, segment.size_bytes)
        size, duration = segment.size_bytes, segment.wall_duration_us
        await change_usage(
            connection,
            [
                UsageChange(segment.stream_id, segment.volume_id, -1, -size, -duration),
                UsageChange(segment.stream_id, to_volume, 1, size, duration),
            ],
        )
        moved.append(segment)
    return moved


async def give_up(
    to_volume: int, segments_of_it: Sequence[Movable], connection: AsyncConnection
) -> None:
    """They could not be copied: what is there of them is garbage."""
    for segment in segments_of_it:
        if await _forget(connection, to_volume, segment.path):
            await add_garbage(connection, to_volume, segment.path, segment.size_bytes)


async def give_up_all(connection: AsyncConnection, *, of_volume: int | None = None) -> None:
    """What had been begun is garbage: at a start, or of one volume where its end was refused."""
    which = true() if of_volume is None else moves.c.volume_id == of_volume
    for row in (await connection.execute(select(moves).where(which))).all():
        await add_garbage(connection, row.volume_id, row.path, row.size_bytes)
    await connection.execute(delete(moves).where(which))


async def _forget(connection: AsyncConnection, volume: int, path: str) -> bool:
    """Take it out of `moves`; whether it was there."""
    gone = await connection.execute(delete(moves).where(_is_file(moves, volume, path)))
    return gone.rowcount > 0


def _is_file(table: Table, volume: int, path: str) -> ColumnElement[bool]:
    return and_(table.c.volume_id == volume, table.c.path == path)
