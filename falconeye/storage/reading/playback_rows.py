"""The statements that playback reads; each is one step of a `Database.read`."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Row, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.times import HOUR_US
from falconeye.media.samples import StreamKind
from falconeye.storage.tables.footage import fragments, inits, runs, segments, streams

# Two files may claim one µs after a clock was set back: the index moves the later one on.
_NEAR_US = 64


def _of(camera_id: str, kind: StreamKind) -> ColumnElement[bool]:
    mine = (streams.c.camera_id == camera_id) & (streams.c.kind == kind.value)
    return segments.c.stream_id == select(streams.c.id).where(mine).scalar_subquery()


def _with_places() -> Any:
    """A segment without its fragment table is damaged, and still told of."""
    same = (fragments.c.stream_id == segments.c.stream_id) & (
        fragments.c.start_us == segments.c.start_us
    )
    return (
        select(
            segments,
            fragments.c.places,
            inits.c.sha256,
            func.length(inits.c.data).label("init_bytes"),
            runs.c.started_us.label("run_started_us"),
        )
        .outerjoin(fragments, same)
        .join(inits, inits.c.id == segments.c.init_id)
        .join(runs, runs.c.id == segments.c.run_id)
    )


async def read_window(
    camera_id: str, kind: StreamKind, from_us: int, to_us: int, connection: AsyncConnection
) -> list[Row[Any]]:
    """Segments that have something of [from, to), with their tables.

    By run, so that a clock set back does not mix two of them up.
    """
    found = await connection.execute(
        _with_places()
        .where(
            _of(camera_id, kind),
            segments.c.start_us > from_us - HOUR_US,  # no segment lasts an hour
            segments.c.start_us < to_us,
            segments.c.start_us + segments.c.wall_duration_us > from_us,
        )
        .order_by(segments.c.run_id, segments.c.start_us)
    )
    return list(found.all())


async def read_segment(
    camera_id: str, kind: StreamKind, run_id: int, start_us: int, connection: AsyncConnection
) -> Row[Any] | None:
    """The segment of a run that began then, with the `data` of its init; None when it is gone."""
    found = await connection.execute(
        _with_places()
        .add_columns(inits.c.data)
        .where(
            _of(camera_id, kind),
            segments.c.start_us.between(start_us, start_us + _NEAR_US),
            segments.c.run_id == run_id,
        )
        .order_by(segments.c.start_us)
        .limit(1)
    )
    row: Row[Any] | None = found.first()
    return row


async def read_run_starts(run_ids: Collection[int], connection: AsyncConnection) -> dict[int, int]:
    """When runs began (UTC), by id."""
    found = await connection.execute(
        select(runs.c.id, runs.c.started_us).where(runs.c.id.in_(run_ids))
    )
    return {row.id: row.started_us for row in found}


async def read_latest(
    camera_id: str, kind: StreamKind, at_us: int, connection: AsyncConnection
) -> Row[Any] | None:
    """The segment of `at_us`, else the last one before it, with the `data` of its init.

    Where a clock was set back and several claim that time, it is that of the first run.
    """
    end_us = segments.c.start_us + segments.c.wall_duration_us
    claims = end_us > at_us
    wanted_us = (
        select(segments.c.start_us)
        .where(
            _of(camera_id, kind),
            segments.c.start_us > at_us - HOUR_US,
            segments.c.start_us <= at_us,
        )
        .order_by(claims.desc(), case((claims, segments.c.run_id), else_=-end_us))
        .limit(1)
    )
    found = await connection.execute(
        _with_places()
        .add_columns(inits.c.data)
        .where(_of(camera_id, kind), segments.c.start_us == wanted_us.scalar_subquery())
    )
    row: Row[Any] | None = found.first()
    return row


async def read_beside(
    camera_id: str, kind: StreamKind, at_us: int, *, later: bool, connection: AsyncConnection
) -> list[Row[Any]]:
    """As `read_latest`, however long ago; `later`: and the first that began after `at_us`."""
    ours = _with_places().add_columns(inits.c.data).where(_of(camera_id, kind))
    start = segments.c.start_us
    wanted = [ours.where(start < at_us + later).order_by(start.desc())]
    if later:
        wanted.append(ours.where(start > at_us).order_by(start))
    return [row for each in wanted for row in await connection.execute(each.limit(1))]


async def read_init(camera_id: str, digest: str, connection: AsyncConnection) -> bytes | None:
    """An init segment by its hash, if the camera has footage with it."""
    mine = select(streams.c.id).where(streams.c.camera_id == camera_id)
    used = (
        select(segments.c.start_us)
        .where(segments.c.stream_id.in_(mine), segments.c.init_id == inits.c.id)
        .exists()
    )
    found = await connection.execute(select(inits.c.data).where(inits.c.sha256 == digest, used))
    data: bytes | None = found.scalar()
    return data
