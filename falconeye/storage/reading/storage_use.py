"""What footage takes on the disks, how it grows and how long that lasts: from the index alone.

Sizes come from running totals. The history reads two weeks of segments, each stream by its key,
and is kept for five minutes: it changes slowly.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from functools import partial
from itertools import pairwise

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.clock import Clock
from falconeye.base.times import DAY_US, HOUR_US, MINUTE_US, to_datetime, to_us
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.segments.retention import Keep
from falconeye.storage.tables.footage import recordings, segments, streams, usage
from falconeye.storage.tables.ledger import deletions
from falconeye.storage.tables.node import CAMERAS

HISTORY_DAYS = 14
RATE_DAYS = 7  # growth is the mean of so many days, or of as many as there is footage
_KEPT_US = 5 * MINUTE_US
_BUCKET_US = 15 * MINUTE_US  # the finest that any time zone's day begins at
_BY_RULE = (
    GapReason.DELETED_BY_AGE.value,
    GapReason.DELETED_BY_SIZE.value,
    GapReason.DELETED_FOR_ROOM.value,
)


_DayBuckets = tuple[date, range]


@dataclass(frozen=True, slots=True)
class DayBytes:
    """What is there of a day of the site's zone."""

    day: date
    size_bytes: int


@dataclass(frozen=True, slots=True)
class CameraUse:
    """A camera's footage, both streams."""

    camera_id: str
    name: str
    camera_deleted: bool
    size_bytes: int
    segments: int
    on_volumes: Mapping[int, int]  # volume number → bytes
    oldest_us: int | None
    keep: Keep  # its own rule, None where the node's holds
    days: Sequence[DayBytes]  # the oldest first, today last
    bytes_per_day: float | None  # None: not known yet, less than an hour of it is there


@dataclass(frozen=True, slots=True)
class Lasting:
    """When the oldest footage of a camera begins to go, and by which rule."""

    days: float  # 0: it goes now
    reason: GapReason


@dataclass(slots=True)
class _Camera:
    name: str
    deleted: bool
    keep: Keep
    stream_ids: list[int] = field(default_factory=list)
    volumes: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    segments: int = 0
    oldest_us: int | None = None


@dataclass(frozen=True, slots=True)
class _History:
    """Of one stream: bytes by bucket (`_BUCKET_US` since the epoch), and since when it counts."""

    buckets: Mapping[int, int]
    counts_from_us: int  # nothing was deleted by a rule after it


class StorageUse:
    """Asks the index. Lives on the loop."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._histories: dict[int, _History] = {}
        self._read_at_us: int | None = None  # monotonic
        self._one = asyncio.Lock()

    async def cameras(self, zone: tzinfo) -> list[CameraUse]:
        """All cameras that are or have footage, by name; days are those of `zone`."""
        now_us = self._clock.utc_us()
        found = await self._database.read(_read_cameras)
        histories = await self._read_histories(
            [stream for camera in found.values() for stream in camera.stream_ids], now_us
        )
        days = _day_buckets(now_us, zone)  # once: with many cameras zones would take most of it
        uses = [
            _use(camera_id, camera, [histories[s] for s in camera.stream_ids], now_us, days)
            for camera_id, camera in found.items()
        ]
        return sorted(
            uses, key=lambda use: (use.camera_deleted, use.name.casefold(), use.camera_id)
        )

    async def _read_histories(
        self, stream_ids: Sequence[int], now_us: int
    ) -> Mapping[int, _History]:
        async with self._one:  # who comes meanwhile gets the same
            monotonic_us = self._clock.monotonic_us()
            if self._read_at_us is None or monotonic_us - self._read_at_us >= _KEPT_US:
                self._histories, self._read_at_us = {}, monotonic_us
            for stream_id in stream_ids:
                if stream_id not in self._histories:
                    self._histories[stream_id] = await self._database.read(
                        partial(_read_history, stream_id, now_us)
                    )
            return dict(self._histories)


def lasting(
    use: CameraUse, node_keep: Keep, disk_days: float | None, now_us: int
) -> Lasting | None:
    """What takes a camera's oldest footage first; None: nothing in sight."""
    found: list[Lasting] = []
    days = use.keep.days or node_keep.days
    if days is not None and use.oldest_us is not None:
        age = (now_us - use.oldest_us) / DAY_US
        found.append(Lasting(max(0.0, days - age), GapReason.DELETED_BY_AGE))
    size_bytes = use.keep.size_bytes or node_keep.size_bytes
    if size_bytes is not None and (use.bytes_per_day or use.size_bytes >= size_bytes):
        left = max(0, size_bytes - use.size_bytes)
        rate = use.bytes_per_day or 0.0
        found.append(Lasting(left / rate if left else 0.0, GapReason.DELETED_BY_SIZE))
    if disk_days is not None and use.size_bytes:
        found.append(Lasting(disk_days, GapReason.DELETED_FOR_ROOM))
    return min(found, key=lambda one: one.days, default=None)


def room_days(free_bytes: int, uses: Sequence[CameraUse]) -> float | None:
    """How long the room above the floor lasts as all cameras grow; None: nothing grows."""
    growth = sum(use.bytes_per_day or 0.0 for use in uses)
    return max(0, free_bytes) / growth if growth else None


def _use(
    camera_id: str,
    camera: _Camera,
    histories: Sequence[_History],
    now_us: int,
    days: Sequence[_DayBuckets],
) -> CameraUse:
    return CameraUse(
        camera_id=camera_id,
        name=camera.name or camera_id,
        camera_deleted=camera.deleted,
        size_bytes=sum(camera.volumes.values()),
        segments=camera.segments,
        on_volumes=dict(camera.volumes),
        oldest_us=camera.oldest_us,
        keep=camera.keep,
        days=_days(histories, days),
        bytes_per_day=_growth(histories, now_us),
    )


def _day_buckets(now_us: int, zone: tzinfo) -> list[_DayBuckets]:
    """The buckets of each of the last days of that zone, the oldest first."""
    today = to_datetime(now_us).astimezone(zone).date()
    days = [today - timedelta(days=back) for back in reversed(range(-1, HISTORY_DAYS))]
    begins = [to_us(datetime.combine(day, time.min, zone)) // _BUCKET_US for day in days]
    return [(day, range(*span)) for day, span in zip(days, pairwise(begins), strict=False)]


def _days(histories: Sequence[_History], days: Sequence[_DayBuckets]) -> tuple[DayBytes, ...]:
    sizes = [item for history in histories for item in history.buckets.items()]
    return tuple(
        DayBytes(day, sum(size for bucket, size in sizes if bucket in buckets))
        for day, buckets in days
    )


def _growth(histories: Sequence[_History], now_us: int) -> float | None:
    """Bytes a day of all streams together, over the time of which nothing was deleted by a rule."""
    rates = [rate for history in histories if (rate := _rate(history, now_us)) is not None]
    return sum(rates) if rates else None


def _rate(history: _History, now_us: int) -> float | None:
    from_us = max(history.counts_from_us, now_us - RATE_DAYS * DAY_US)
    elapsed_us = now_us - from_us
    if not history.buckets or elapsed_us < HOUR_US:
        return None
    total = sum(
        size for bucket, size in history.buckets.items() if (bucket + 1) * _BUCKET_US > from_us
    )
    return total * DAY_US / elapsed_us


async def _read_cameras(connection: AsyncConnection) -> dict[str, _Camera]:
    found: dict[str, _Camera] = {}
    for row in await connection.execute(
        select(CAMERAS.c.id, CAMERAS.c.name, CAMERAS.c.keep_days, CAMERAS.c.keep_bytes)
    ):
        found[row.id] = _Camera(row.name, deleted=False, keep=Keep(row.keep_days, row.keep_bytes))
    # Three statements in all, however many cameras: each answer has a way between threads.
    oldest = select(func.min(segments.c.start_us)).where(segments.c.stream_id == streams.c.id)
    of_streams: dict[int, _Camera] = {}
    for row in (
        await connection.execute(select(streams, oldest.scalar_subquery().label("oldest_us")))
    ).all():
        camera = found.get(row.camera_id)
        if camera is None:
            name = await _last_name(row.camera_id, connection)
            camera = _Camera(name, deleted=True, keep=Keep(row.keep_days, row.keep_bytes))
            found[row.camera_id] = camera
        camera.stream_ids.append(row.id)
        of_streams[row.id] = camera
        if row.oldest_us is not None:
            camera.oldest_us = min(row.oldest_us, camera.oldest_us or row.oldest_us)
    for total in await connection.execute(select(usage).where(usage.c.segments > 0)):
        owner = of_streams.get(total.stream_id)
        if owner is not None:
            owner.volumes[total.volume_id] += total.size_bytes
            owner.segments += total.segments
    return {
        camera_id: camera
        for camera_id, camera in found.items()
        if camera.segments or not camera.deleted
    }


async def _last_name(camera_id: str, connection: AsyncConnection) -> str:
    """What a camera that was deleted was called."""
    found = await connection.scalar(
        select(recordings.c.camera_name)
        .where(recordings.c.camera_id == camera_id)
        .order_by(recordings.c.start_us.desc())
        .limit(1)
    )
    return found or ""


async def _read_history(stream_id: int, now_us: int, connection: AsyncConnection) -> _History:
    from_us = now_us - (HISTORY_DAYS + 1) * DAY_US
    bucket = segments.c.start_us // _BUCKET_US
    rows = await connection.execute(
        select(
            bucket.label("bucket"),
            func.sum(segments.c.size_bytes).label("size_bytes"),
        )
        .where(segments.c.stream_id == stream_id, segments.c.start_us >= from_us)
        .group_by("bucket")
    )
    deleted_to_us = await connection.scalar(
        select(func.max(deletions.c.to_us)).where(
            deletions.c.stream_id == stream_id,
            deletions.c.reason.in_(_BY_RULE),
            deletions.c.to_us > from_us,
        )
    )
    buckets = {row.bucket: row.size_bytes for row in rows}
    first_us = min(buckets, default=0) * _BUCKET_US
    return _History(buckets, max(first_us, deleted_to_us or 0))
