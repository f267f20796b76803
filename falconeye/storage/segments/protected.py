"""What is protected, as conditions on rows: of recordings, and of times that a person named."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, union, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.times import HOUR_US
from falconeye.storage.tables.footage import protections, recordings, segments, streams

END_US = segments.c.start_us + segments.c.wall_duration_us
# A recording is a view on the main stream; the substream of its time is protected with it.
_BY_RECORDING = and_(
    recordings.c.camera_id == streams.c.camera_id,
    recordings.c.stream_id.is_not(None),
    recordings.c.protected,
    recordings.c.start_us < END_US,
    or_(recordings.c.end_us.is_(None), recordings.c.end_us > segments.c.start_us),
)
_BY_TIME = and_(
    protections.c.camera_id == streams.c.camera_id,
    protections.c.from_us < END_US,
    protections.c.to_us > segments.c.start_us,
)
# Of a segment, joined with its stream.
PROTECTED = or_(exists().where(_BY_RECORDING), exists().where(_BY_TIME))
_HAS_PROTECTED_TIME = and_(
    recordings.c.stream_id.is_not(None),
    exists().where(
        protections.c.camera_id == recordings.c.camera_id,
        protections.c.to_us > recordings.c.start_us,
        protections.c.from_us < func.coalesce(recordings.c.end_us, protections.c.to_us),
    ),
)
# Of a recording: by itself, or by a time within.
RECORDING_STAYS = or_(recordings.c.protected, _HAS_PROTECTED_TIME)


def protected_of(stream_ids: Sequence[int]) -> ColumnElement[bool]:
    """As `PROTECTED`, which looks at all recordings before each segment: over months, minutes."""
    camera_ids = select(streams.c.camera_id).where(streams.c.id.in_(stream_ids))
    whole = select(recordings.c.camera_id, recordings.c.start_us, recordings.c.end_us).where(
        recordings.c.camera_id.in_(camera_ids),
        recordings.c.stream_id.is_not(None),
        recordings.c.protected,
    )
    times = select(protections.c.camera_id, protections.c.from_us, protections.c.to_us).where(
        protections.c.camera_id.in_(camera_ids)
    )
    kept = union_all(whole, times).cte("kept").prefix_with("MATERIALIZED")
    return exists().where(
        kept.c.camera_id == streams.c.camera_id,
        kept.c.start_us < END_US,
        or_(kept.c.end_us.is_(None), kept.c.end_us > segments.c.start_us),
    )


async def recording_stays(recording_id: str, connection: AsyncConnection) -> bool:
    """Whether nobody may delete it."""
    wanted = select(recordings.c.id).where(recordings.c.id == recording_id, RECORDING_STAYS)
    return (await connection.execute(wanted)).first() is not None


async def protected_bytes(camera_id: str, connection: AsyncConnection) -> int:
    """What protected recordings and times of a camera hold, each segment once."""
    of_segment = select(segments.c.stream_id, segments.c.start_us, segments.c.size_bytes)
    by_recording = (
        of_segment.select_from(recordings)
        .join(streams, streams.c.camera_id == recordings.c.camera_id)
        .join(segments, segments.c.stream_id == streams.c.id)
        .where(
            recordings.c.camera_id == camera_id,
            _BY_RECORDING,
            # No segment lasts an hour: both lines let the key find the few that there are.
            segments.c.start_us > recordings.c.start_us - HOUR_US,
            segments.c.start_us < func.coalesce(recordings.c.end_us, 1 << 62),
        )
    )
    by_time = (
        of_segment.select_from(protections)
        .join(streams, streams.c.camera_id == protections.c.camera_id)
        .join(segments, segments.c.stream_id == streams.c.id)
        .where(
            protections.c.camera_id == camera_id,
            _BY_TIME,
            segments.c.start_us > protections.c.from_us - HOUR_US,
            segments.c.start_us < protections.c.to_us,
        )
    )
    held = union(by_recording, by_time).subquery()  # no segment twice
    found = await connection.execute(select(func.coalesce(func.sum(held.c.size_bytes), 0)))
    held_bytes: int = found.scalar_one()
    return held_bytes
