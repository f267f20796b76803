"""The one place where footage is deleted: for room on a disk, and because a person said so.

Order: row → garbage (one transaction), unlink, drop. A crash in between leaves garbage, which the
next start removes. Protected footage stays.
"""

import asyncio
import heapq
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from sqlalchemy import and_, delete, exists, or_, select, tuple_
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.media.samples import StreamKind
from falconeye.storage.database import Database
from falconeye.storage.layout import SegmentName, segment_path
from falconeye.storage.recording_index import recount_recordings
from falconeye.storage.segment_index import change_usage
from falconeye.storage.segment_tables import (
    fragments,
    garbage,
    recordings,
    segments,
    streams,
    usage,
)
from falconeye.storage.volume import ANSWER_S, Volume
from falconeye.storage.volumes import Volumes

log = logging.getLogger(__name__)

BATCH = 200  # segments a transaction: others wait for it
UNLINKED_AT_ONCE = 20  # files; a slow disk must be done with them in `ANSWER_S`
LAST_RESERVE_BYTES = 256 << 20  # with nothing left to delete, recording stops here
ON_FULL_SHARE = 200  # a full disk is given 1/200 of its size back at once


@dataclass(frozen=True, slots=True)
class Doomed:
    """A segment that is to go."""

    stream_id: int
    start_us: int
    wall_duration_us: int
    size_bytes: int
    volume_id: int
    path: str


class Deleter:
    """Deletes footage; one caller after the other. Lives on the loop."""

    def __init__(
        self, database: Database, volumes: Volumes, on_deleted: Callable[[str, str], None]
    ) -> None:
        self._database = database
        self._volumes = volumes
        self._on_deleted = on_deleted  # camera id, recording id
        self._one = asyncio.Lock()
        self.deleted_bytes = 0  # for room, since the start

    async def enforce(self) -> None:
        """Keep the floor on each volume that is present; every few seconds."""
        for volume in self._volumes.all:
            if volume.missing is None:
                await self._enforce(volume)

    async def make_room(self, volume: Volume, size_bytes: int) -> bool:
        """The disk is full: delete the oldest footage; False when there is none to delete."""
        space = await volume.space(ANSWER_S)
        need = size_bytes + space.total_bytes // ON_FULL_SHARE
        return await self._free(volume, need) > 0

    async def delete_where(
        self,
        stream_ids: Sequence[int],
        from_us: int,
        to_us: int,
        *,
        runs: tuple[int, int] | None = None,
    ) -> int:
        """Delete unprotected footage of streams that starts in [from, to); how many segments.

        `runs`: only of runs with ids from the first to the second.
        """
        count = 0
        async with self._one:
            while doomed := await self._database.read(
                partial(_in_range, stream_ids, from_us, to_us, runs)
            ):
                await self._delete(doomed)
                count += len(doomed)
        return count

    async def empty_garbage(self) -> None:
        """Unlink what is left of a crash, or what recovery threw away."""
        async with self._one:
            for volume in self._volumes.all:
                if volume.missing is None:
                    await self._empty_garbage(volume)

    async def _enforce(self, volume: Volume) -> None:
        try:
            space = await volume.space(ANSWER_S)
        except TimeoutError:
            volume.does_not_answer()
            return
        except OSError as error:
            log.warning("the space of %s is not known: %s", volume.path, error)
            return
        floor = self._volumes.floor_bytes(volume, space.total_bytes)
        lacking = floor - space.free_bytes
        freed = 0
        if lacking > 0:
            freed = await self._free(volume, lacking + space.total_bytes // 1000)
        reserve = min(floor, LAST_RESERVE_BYTES, space.total_bytes // 100)
        volume.is_full = freed == 0 and space.free_bytes < reserve

    async def _free(self, volume: Volume, need_bytes: int) -> int:
        """Delete the oldest until `need_bytes` are gained; the bytes gained."""
        freed = 0
        async with self._one:
            await self._empty_garbage(volume)
            while freed < need_bytes:
                doomed = await self._database.read(
                    partial(_oldest, volume.number, need_bytes - freed)
                )
                if not doomed:
                    break
                await self._delete(doomed)
                freed += sum(segment.size_bytes for segment in doomed)
        self.deleted_bytes += freed
        if freed:
            log.info("deleted %d MB of the oldest footage on %s", freed // 1_000_000, volume.path)
        return freed

    async def _delete(self, doomed: Sequence[Doomed]) -> None:
        gone = await self._database.write(partial(_to_garbage, doomed))
        for camera_id, recording_id in gone:
            self._on_deleted(camera_id, recording_id)
        for number in {segment.volume_id for segment in doomed}:
            volume = self._volumes.get(number)
            if volume is not None and volume.missing is None:
                await self._empty_garbage(volume)

    async def _empty_garbage(self, volume: Volume) -> None:
        while paths := await self._database.read(partial(_garbage_of, volume.number)):
            try:
                async with asyncio.timeout(ANSWER_S):
                    removed = await volume.readers.run(partial(_unlink_all, volume, paths))
            except TimeoutError:  # they stay garbage, and go when the disk is back
                volume.does_not_answer()
                return
            await self._database.write(partial(_drop, volume.number, removed))
            if len(removed) < len(paths):
                return  # the disk refuses: tried again at the next call


def _unlink_all(volume: Volume, paths: Sequence[str]) -> list[str]:
    removed: list[str] = []
    for path in paths:
        try:
            volume.unlink(path)
        except OSError as error:
            log.warning("%s cannot be deleted: %s", path, error)
        else:
            removed.append(path)
    return removed


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
_protected = exists().where(
    recordings.c.stream_id == segments.c.stream_id,
    recordings.c.protected,
    recordings.c.start_us < segments.c.start_us + segments.c.wall_duration_us,
    or_(recordings.c.end_us.is_(None), recordings.c.end_us > segments.c.start_us),
)


async def _oldest(volume: int, need_bytes: int, connection: AsyncConnection) -> list[Doomed]:
    """The oldest unprotected segments of a volume, over all streams, that make `need_bytes`."""
    holders = await connection.execute(
        select(usage.c.stream_id).where(usage.c.volume_id == volume, usage.c.segments > 0)
    )
    found: list[list[Doomed]] = []
    for stream_id in holders.scalars():
        rows = await connection.execute(
            select(*_COLUMNS)
            .join(streams, streams.c.id == segments.c.stream_id)
            .where(segments.c.stream_id == stream_id, segments.c.volume_id == volume, ~_protected)
            .order_by(segments.c.start_us)
            .limit(BATCH)
        )
        found.append([_doomed(*row) for row in rows])
    chosen: list[Doomed] = []
    gained = 0
    for segment in heapq.merge(*found, key=lambda segment: segment.start_us):
        if gained >= need_bytes or len(chosen) == BATCH:
            break
        chosen.append(segment)
        gained += segment.size_bytes
    return chosen


async def _in_range(
    stream_ids: Sequence[int],
    from_us: int,
    to_us: int,
    runs: tuple[int, int] | None,
    connection: AsyncConnection,
) -> list[Doomed]:
    rows = await connection.execute(
        select(*_COLUMNS)
        .join(streams, streams.c.id == segments.c.stream_id)
        .where(
            segments.c.stream_id.in_(stream_ids),
            segments.c.start_us >= from_us,
            segments.c.start_us < to_us,
            *([segments.c.run_id.between(*runs)] if runs else []),
            ~_protected,
        )
        .limit(BATCH)
    )
    return [_doomed(*row) for row in rows]


def _doomed(
    stream_id: int,
    start_us: int,
    wall_duration_us: int,
    size_bytes: int,
    named_offset_us: int,
    volume: int,
    camera_id: str,
    kind: str,
) -> Doomed:
    name = SegmentName(camera_id, StreamKind(kind), start_us + named_offset_us)
    return Doomed(stream_id, start_us, wall_duration_us, size_bytes, volume, segment_path(name))


async def _to_garbage(
    doomed: Sequence[Doomed], connection: AsyncConnection
) -> list[tuple[str, str]]:
    """Move rows to garbage; (camera id, recording id) of the recordings that vanished by it."""
    await connection.execute(
        upsert(garbage)
        .values(
            [
                {"volume_id": gone.volume_id, "path": gone.path, "size_bytes": gone.size_bytes}
                for gone in doomed
            ]
        )
        .on_conflict_do_nothing()
    )
    return await remove_rows(connection, doomed)


class SegmentRow(Protocol):
    """A row of `segments`, or what has its columns."""

    @property
    def stream_id(self) -> int: ...
    @property
    def start_us(self) -> int: ...
    @property
    def wall_duration_us(self) -> int: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def volume_id(self) -> int: ...


async def remove_rows(
    connection: AsyncConnection, gone: Sequence[SegmentRow]
) -> list[tuple[str, str]]:
    """Take segments out of the index, not off the disk; totals and recordings shrink.

    Returns (camera id, recording id) of the recordings that vanished by it.
    """
    keys = [(segment.stream_id, segment.start_us) for segment in gone]
    for table in (segments, fragments):
        await connection.execute(
            delete(table).where(tuple_(table.c.stream_id, table.c.start_us).in_(keys))
        )
    vanished: list[tuple[str, str]] = []
    for stream_id in {segment.stream_id for segment in gone}:
        mine = [segment for segment in gone if segment.stream_id == stream_id]
        for row in mine:
            await change_usage(
                connection, stream_id, row.volume_id, -1, -row.size_bytes, -row.wall_duration_us
            )
        vanished += await recount_recordings(
            connection,
            stream_id,
            min(row.start_us for row in mine),
            max(row.start_us + row.wall_duration_us for row in mine),
        )
    return vanished


async def _garbage_of(volume: int, connection: AsyncConnection) -> list[str]:
    rows = await connection.execute(
        select(garbage.c.path).where(garbage.c.volume_id == volume).limit(UNLINKED_AT_ONCE)
    )
    return list(rows.scalars())


async def _drop(volume: int, paths: Sequence[str], connection: AsyncConnection) -> None:
    await connection.execute(
        delete(garbage).where(and_(garbage.c.volume_id == volume, garbage.c.path.in_(paths)))
    )
