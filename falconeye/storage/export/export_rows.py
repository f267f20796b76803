"""What the index knows of a span of a camera, for an export: its segments, and how big they are."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.times import HOUR_US
from falconeye.media.samples import StreamKind
from falconeye.storage.export.export_part import SourceSegment
from falconeye.storage.segments.layout import SegmentName, segment_path
from falconeye.storage.segments.segment_writer import OpenSegment
from falconeye.storage.stores.job_store import JobState
from falconeye.storage.tables.footage import fragments, inits, segments, streams, usage
from falconeye.storage.tables.jobs import jobs


def _in_span(camera_id: str, from_us: int, to_us: int) -> list[ColumnElement[bool]]:
    main = (streams.c.camera_id == camera_id) & (streams.c.kind == StreamKind.MAIN.value)
    return [
        segments.c.stream_id == select(streams.c.id).where(main).scalar_subquery(),
        segments.c.start_us > from_us - HOUR_US,  # no segment lasts an hour
        segments.c.start_us < to_us,
        segments.c.start_us + segments.c.wall_duration_us > from_us,
    ]


async def read_sources(
    camera_id: str, from_us: int, to_us: int, connection: AsyncConnection
) -> list[SourceSegment]:
    """Closed segments with something of [from, to); by run, as clocks may be set back."""
    found = await connection.execute(
        select(segments, fragments.c.places)
        .join(
            fragments,
            (fragments.c.stream_id == segments.c.stream_id)
            & (fragments.c.start_us == segments.c.start_us),
        )
        .where(*_in_span(camera_id, from_us, to_us))
        .order_by(segments.c.run_id, segments.c.start_us)
    )
    rows = found.all()
    wanted = {row.init_id for row in rows}
    known = await connection.execute(select(inits.c.id, inits.c.data).where(inits.c.id.in_(wanted)))
    init = {row.id: row.data for row in known}
    return [_source(camera_id, row, init[row.init_id]) for row in rows]


def _source(camera_id: str, row: Row[Any], init: bytes) -> SourceSegment:
    name = SegmentName(camera_id, StreamKind.MAIN, row.start_us + row.named_offset_us)
    return SourceSegment(
        volume=row.volume_id,
        path=segment_path(name),
        run_id=row.run_id,
        start_us=row.start_us,
        end_us=row.start_us + row.wall_duration_us,
        media_offset_90k=row.media_offset_90k,
        size_bytes=row.size_bytes,
        init=init,
        table=row.places,
    )


async def read_size(camera_id: str, from_us: int, to_us: int, connection: AsyncConnection) -> int:
    """An upper bound of what an export of closed footage takes; 0: there is none."""
    found = await connection.execute(
        select(func.sum(segments.c.size_bytes)).where(*_in_span(camera_id, from_us, to_us))
    )
    return int(found.scalar() or 0)


async def read_held(volume: int, connection: AsyncConnection) -> tuple[int, int]:
    """What exports take on a volume, and what footage takes there; bytes."""
    held = await connection.execute(
        select(func.sum(func.json_extract(jobs.c.result, "$.size_bytes"))).where(
            jobs.c.state == JobState.COMPLETE.value,
            func.json_extract(jobs.c.result, "$.volume") == volume,
        )
    )
    recorded = await connection.execute(
        select(func.sum(usage.c.size_bytes)).where(usage.c.volume_id == volume)
    )
    return int(held.scalar() or 0), int(recorded.scalar() or 0)


def with_open(
    closed: Sequence[SourceSegment], opened: Sequence[OpenSegment], from_us: int, to_us: int
) -> list[SourceSegment]:
    """The same, with what is written of open files, which were looked at before the rows.

    One that was closed in between is among the rows.
    """
    known = {(source.volume, source.path) for source in closed}
    more = [
        source
        for source in map(_open_source, opened)
        if source is not None
        and (source.volume, source.path) not in known
        and source.start_us < to_us
        and source.end_us > from_us
    ]
    return sorted([*closed, *more], key=lambda source: (source.run_id, source.start_us))


def _open_source(segment: OpenSegment) -> SourceSegment | None:
    start, table, growing = segment.start, segment.written, segment.growing
    if growing is None or not table.fragments or start.stream is not StreamKind.MAIN:
        return None
    return SourceSegment(
        volume=segment.key.volume,
        path=segment.path,
        run_id=start.run_id,
        start_us=start.start_us,
        end_us=start.start_us + growing.duration_us,
        media_offset_90k=start.media_offset_90k,
        size_bytes=table.head_bytes + sum(place.size_bytes for place in table.fragments),
        init=start.init.data,
        table=table,
    )
