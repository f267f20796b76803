"""Which footage may go: the oldest on a disk, what is beyond its time or size, what a person names.

Only looks; `free_space.Deleter` deletes. Protected footage, of a recording or of a time, is never
among it, and does not count against a camera's bytes: else protecting much of it would take the
room of everything new.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.clock import Clock
from falconeye.base.times import DAY_US, HOUR_US, MINUTE_US
from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.segments import misdated
from falconeye.storage.segments.layout import SegmentName, segment_path
from falconeye.storage.segments.protected import (
    END_US,
    PROTECTED,
    protected_bytes,
    protected_of,
)
from falconeye.storage.tables.footage import segments, streams, usage
from falconeye.storage.tables.node import CAMERAS

BATCH = 200  # segments a transaction: others wait for it
SETTLE_US = 10 * MINUTE_US
_JUMP_US = HOUR_US


@dataclass(frozen=True, slots=True)
class Keep:
    """How long, and how much, of a camera's footage is kept; None: no limit."""

    days: int | None = None
    size_bytes: int | None = None  # both streams together


@dataclass(frozen=True, slots=True)
class Doomed:
    """A segment that is to go, and why: that is what the ledger says of its time."""

    stream_id: int
    start_us: int
    wall_duration_us: int
    size_bytes: int
    volume_id: int
    path: str
    reason: GapReason
    detail: str = ""  # in words: who, and what for


class SettledTime:
    """UTC, once NTP has set it and it has run on for ten minutes without a jump of an hour.

    A board without a battery, or with an empty one, may start in another year. By its clock all
    footage could be too old, and what is deleted then does not come back when the clock is set.
    NTP may go away again: the clock stays good until it jumps.
    """

    def __init__(self, clock: Clock, is_synchronised: Callable[[], bool]) -> None:
        self._clock = clock
        self._is_synchronised = is_synchronised
        self._was_synchronised = False
        self.lacks_ntp = False  # it would be relied on, had it been set
        self._offset_us: int | None = None  # UTC - monotonic, at the last look
        self._since_us = 0

    def now_us(self) -> int | None:
        """UTC; None while it is not to be relied on. Ask about once a minute."""
        monotonic_us, utc_us = self._clock.monotonic_us(), self._clock.utc_us()
        offset_us = utc_us - monotonic_us
        if self._offset_us is None or abs(offset_us - self._offset_us) > _JUMP_US:
            self._since_us = monotonic_us
            self._was_synchronised = False
        self._offset_us = offset_us
        self._was_synchronised = self._was_synchronised or self._is_synchronised()
        settled = monotonic_us - self._since_us >= SETTLE_US
        self.lacks_ntp = settled and not self._was_synchronised
        return utc_us if settled and self._was_synchronised else None


_COLUMNS = (
    segments.c.stream_id,
    segments.c.start_us,
    segments.c.wall_duration_us,
    segments.c.size_bytes,
    segments.c.named_offset_us,
    segments.c.volume_id,
    streams.c.camera_id,
    streams.c.kind,
)


@dataclass(frozen=True, slots=True)
class Spared:
    """Footage of a camera in [from, to), which is wanted this moment."""

    camera_id: str
    from_us: int
    to_us: int


async def oldest_on(
    volume: int,
    need_bytes: int,
    connection: AsyncConnection,
    *,
    spared: Sequence[Spared] = (),
    boot: str = "",
    before_us: int | None = None,
) -> list[Doomed]:
    """The oldest segments of a volume, over all streams, that make `need_bytes`; a `BATCH`.

    `before_us`: what began later is not the oldest: files before it are not in the index yet.
    """
    holders = await connection.execute(
        select(usage.c.stream_id).where(usage.c.volume_id == volume, usage.c.segments > 0)
    )
    there = [segments.c.volume_id == volume, *(~_is_spared(one) for one in spared)]
    if before_us is not None:
        there.append(segments.c.start_us < before_us)
    found = holders.scalars().all(), GapReason.DELETED_FOR_ROOM, need_bytes
    return await _dated_first(connection, boot, *found, *there)


def _is_spared(one: Spared) -> ColumnElement[bool]:
    return and_(
        streams.c.camera_id == one.camera_id,
        segments.c.start_us < one.to_us,
        one.from_us < END_US,
    )


@dataclass(frozen=True, slots=True)
class Named:
    """What a person named: all that starts in [from, to), or that has any of its time within."""

    stream_ids: Sequence[int]
    from_us: int
    to_us: int
    who: str
    runs: tuple[int, int] | None = None  # only of those, from the first to the second
    overlapping: bool = False


async def named(wanted: Named, connection: AsyncConnection) -> list[Doomed]:
    """The segments of it that are not protected; a `BATCH`."""
    rows = await connection.execute(
        select(*_COLUMNS)
        .join(streams, streams.c.id == segments.c.stream_id)
        .where(*_is_named(wanted), ~protected_of(wanted.stream_ids))
        .limit(BATCH)
    )
    return [doomed(row, GapReason.DELETED_BY_PERSON, wanted.who) for row in rows]


async def count_named(wanted: Named, connection: AsyncConnection) -> int:
    """How many segments there are of it, protected ones too."""
    found = await connection.execute(
        select(func.count()).select_from(segments).where(*_is_named(wanted))
    )
    count: int = found.scalar_one()
    return count


@dataclass(frozen=True, slots=True)
class NamedTotals:
    """What a person named, before it goes."""

    files: int
    size_bytes: int
    protected: int  # of the files: they stay


async def total_named(wanted: Named, connection: AsyncConnection) -> NamedTotals:
    """How much there is of it."""
    both = select(func.count(), func.coalesce(func.sum(segments.c.size_bytes), 0))
    all_of_it = (
        await connection.execute(both.select_from(segments).where(*_is_named(wanted)))
    ).one()
    kept = await connection.scalar(
        select(func.count())
        .select_from(segments)
        .join(streams, streams.c.id == segments.c.stream_id)
        .where(*_is_named(wanted), protected_of(wanted.stream_ids))
    )
    return NamedTotals(all_of_it[0], all_of_it[1], kept or 0)


def _is_named(wanted: Named) -> list[ColumnElement[bool]]:
    conditions = [segments.c.stream_id.in_(wanted.stream_ids), segments.c.start_us < wanted.to_us]
    if wanted.overlapping:  # no segment lasts an hour: that lets the key find them
        conditions += [segments.c.start_us > wanted.from_us - HOUR_US, wanted.from_us < END_US]
    else:
        conditions.append(segments.c.start_us >= wanted.from_us)
    if wanted.runs:
        conditions.append(segments.c.run_id.between(*wanted.runs))
    return conditions


async def beyond_keep(
    of_the_node: Keep, now_us: int | None, connection: AsyncConnection, *, boot: str = ""
) -> list[Doomed]:
    """The oldest segments that no camera's rule keeps, at most a `BATCH`.

    `now_us` None: nothing is too old; `boot`: as `_dated_first`. A camera that was deleted is still
    kept by its own rule.
    """
    chosen: list[Doomed] = []
    for camera_id, stored_bytes, days, size_bytes in await _rules(connection):
        keep = Keep(days or of_the_node.days, size_bytes or of_the_node.size_bytes)
        if keep.days is not None and now_us is not None:
            aged = await _ended_by(camera_id, now_us - keep.days * DAY_US, connection)
            chosen += aged
            if aged:
                continue  # its bytes when that is done: no segment may be chosen twice
        if keep.size_bytes is not None and stored_bytes > keep.size_bytes:
            chosen += await _above(camera_id, stored_bytes, keep.size_bytes, boot, connection)
        if len(chosen) >= BATCH:
            break
    return chosen[:BATCH]


async def _rules(
    connection: AsyncConnection,
) -> list[tuple[str, int, int | None, int | None]]:
    """(camera, bytes stored, its own days, its own bytes) of all cameras with footage."""
    rows = await connection.execute(
        select(
            streams.c.camera_id,
            func.sum(usage.c.size_bytes),
            func.max(func.coalesce(CAMERAS.c.keep_days, streams.c.keep_days)),
            func.max(func.coalesce(CAMERAS.c.keep_bytes, streams.c.keep_bytes)),
        )
        .join(usage, usage.c.stream_id == streams.c.id)
        .outerjoin(CAMERAS, CAMERAS.c.id == streams.c.camera_id)
        .where(usage.c.segments > 0)
        .group_by(streams.c.camera_id)
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def _ended_by(camera_id: str, time_us: int, connection: AsyncConnection) -> list[Doomed]:
    found = await _oldest(
        connection,
        await _streams_of(camera_id, connection),
        GapReason.DELETED_BY_AGE,
        segments.c.start_us < time_us,  # for the key; what follows says it
        time_us >= END_US,
        ~misdated.WAITS,
    )
    return _enough(found, None)


async def _above(
    camera_id: str, stored_bytes: int, limit_bytes: int, boot: str, connection: AsyncConnection
) -> list[Doomed]:
    excess = stored_bytes - await protected_bytes(camera_id, connection) - limit_bytes
    if excess <= 0:
        return []
    of_it = await _streams_of(camera_id, connection)
    return await _dated_first(connection, boot, of_it, GapReason.DELETED_BY_SIZE, excess)


async def _dated_first(
    connection: AsyncConnection,
    boot: str,
    stream_ids: Iterable[int],
    reason: GapReason,
    need_bytes: int,
    *conditions: ColumnElement[bool],
) -> list[Doomed]:
    """The oldest; only when nothing else is left those that are known to seem older than they are.

    These wait for their right times, or are of this `boot`, by a clock that NTP has not set and
    that lies behind: a board with an empty battery and no network would delete each minute what it
    has just recorded, and keep what is years old.
    """
    stream_ids = list(stream_ids)
    dated = [*conditions, *await misdated.seems_its_age(connection, boot, stream_ids)]
    return _enough(await _oldest(connection, stream_ids, reason, *dated), need_bytes) or _enough(
        await _oldest(connection, stream_ids, reason, *conditions), need_bytes
    )


async def _streams_of(camera_id: str, connection: AsyncConnection) -> Sequence[int]:
    found = await connection.execute(select(streams.c.id).where(streams.c.camera_id == camera_id))
    return found.scalars().all()


async def _oldest(
    connection: AsyncConnection,
    stream_ids: Iterable[int],
    reason: GapReason,
    *conditions: ColumnElement[bool],
) -> Iterator[Doomed]:
    """Segments that are not protected, the oldest of all streams first; a `BATCH` of each."""
    found: list[list[Doomed]] = []
    for stream_id in stream_ids:  # each by its key: together SQLite would sort all there are
        rows = await connection.execute(
            select(*_COLUMNS)
            .join(streams, streams.c.id == segments.c.stream_id)
            .where(segments.c.stream_id == stream_id, *conditions, ~PROTECTED)
            .order_by(segments.c.start_us)
            .limit(BATCH)
        )
        found.append([doomed(row, reason) for row in rows])
    return heapq.merge(*found, key=lambda segment: segment.start_us)


def _enough(found: Iterable[Doomed], need_bytes: int | None) -> list[Doomed]:
    """The first ones that make `need_bytes` (None: any), at most a `BATCH`."""
    chosen: list[Doomed] = []
    gained = 0
    for segment in found:
        if len(chosen) == BATCH or (need_bytes is not None and gained >= need_bytes):
            break
        chosen.append(segment)
        gained += segment.size_bytes
    return chosen


def doomed(row: Row[*tuple[Any, ...]], reason: GapReason, detail: str = "") -> Doomed:
    """A segment's row that has its camera's id and its stream's kind, too (`_COLUMNS`)."""
    name = SegmentName(row.camera_id, StreamKind(row.kind), row.start_us + row.named_offset_us)
    return Doomed(
        row.stream_id,
        row.start_us,
        row.wall_duration_us,
        row.size_bytes,
        row.volume_id,
        segment_path(name),
        reason,
        detail,
    )
