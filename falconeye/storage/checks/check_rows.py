"""The rows that `check` compares with files."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.media.samples import StreamKind
from falconeye.storage.segments.layout import SegmentName, segment_path
from falconeye.storage.tables.footage import (
    fragments,
    moves,
    open_files,
    segments,
    streams,
    volumes,
)
from falconeye.storage.tables.jobs import jobs

_BATCH = 500


def path_of(row: Row[Any]) -> str:
    name = SegmentName(row.camera_id, StreamKind(row.kind), row.start_us + row.named_offset_us)
    return segment_path(name)


async def rows_of(
    volume: int, stream_id: int, after_us: int, connection: AsyncConnection
) -> Sequence[Row[Any]]:
    found = await connection.execute(
        select(segments, fragments.c.places, streams.c.camera_id, streams.c.kind)
        .join(streams, streams.c.id == segments.c.stream_id)
        .outerjoin(
            fragments,
            (fragments.c.stream_id == segments.c.stream_id)
            & (fragments.c.start_us == segments.c.start_us),
        )
        .where(
            segments.c.stream_id == stream_id,
            segments.c.volume_id == volume,
            segments.c.start_us > after_us,
        )
        .order_by(segments.c.start_us)
        .limit(_BATCH)
    )
    return found.all()


async def streams_of(volume: int, connection: AsyncConnection) -> Sequence[int]:
    found = await connection.execute(
        select(segments.c.stream_id).where(segments.c.volume_id == volume).distinct()
    )
    return found.scalars().all()


async def moved_to(volume: int, connection: AsyncConnection) -> Sequence[str]:
    found = await connection.execute(select(moves.c.path).where(moves.c.volume_id == volume))
    return found.scalars().all()


async def opened(volume: int, connection: AsyncConnection) -> Sequence[str]:
    found = await connection.execute(
        select(open_files.c.named_start_us, streams.c.camera_id, streams.c.kind)
        .join(streams, streams.c.id == open_files.c.stream_id)
        .where(open_files.c.volume_id == volume)
    )
    return [
        segment_path(SegmentName(row.camera_id, StreamKind(row.kind), row.named_start_us))
        for row in found
    ]


async def being_written(connection: AsyncConnection) -> set[tuple[int, str]]:
    """(volume, path) of the files that are open, or are being moved there, on all volumes."""
    moved = await connection.execute(select(moves.c.volume_id, moves.c.path))
    found = {(row.volume_id, row.path) for row in moved}
    is_open = await connection.execute(
        select(open_files, streams.c.camera_id, streams.c.kind).join(
            streams, streams.c.id == open_files.c.stream_id
        )
    )
    for row in is_open:
        name = SegmentName(row.camera_id, StreamKind(row.kind), row.named_start_us)
        found.add((row.volume_id, segment_path(name)))
    return found


async def has_job(job_id: str, connection: AsyncConnection) -> bool:
    return (
        await connection.execute(select(jobs.c.id).where(jobs.c.id == job_id))
    ).first() is not None


async def forget_open(volume: int, connection: AsyncConnection) -> None:
    """All files were looked at: none is open, or being moved, any more."""
    await connection.execute(delete(moves).where(moves.c.volume_id == volume))
    await connection.execute(delete(open_files).where(open_files.c.volume_id == volume))


async def volume_of(name: SegmentName, connection: AsyncConnection) -> int | None:
    """The volume on which the index has this file; None when it does not know it.

    No index finds it by its name (its start may have been re-dated), so that with one volume, where
    the answer would help nobody, it is not asked: a lost index has a hundred thousand such files.
    """
    if (await connection.execute(select(func.count()).select_from(volumes))).scalar_one() < 2:
        return None
    found = await connection.execute(
        select(segments.c.volume_id)
        .join(streams, streams.c.id == segments.c.stream_id)
        .where(
            streams.c.camera_id == name.camera_id,
            streams.c.kind == name.stream.value,
            segments.c.start_us + segments.c.named_offset_us == name.start_us,
        )
    )
    number: int | None = found.scalar()
    return number
