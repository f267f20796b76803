"""The one place where footage is deleted: for room on a disk, by its camera's rule, by a person.

Order: row → garbage (one transaction), unlink, sync of the directory, drop. A crash in between
leaves garbage, which the next start removes. Which footage, says `retention`; protected footage
stays. Room is what was unlinked: a disk that refuses that must not empty the index.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from sqlalchemy import and_, delete, select, tuple_
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.clock import Clock, clock_is_synchronised
from falconeye.base.counters import RepeatingLog
from falconeye.base.times import DAY_US, MINUTE_US, SECOND_US
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.ledger_prune import KEPT_US, prune
from falconeye.storage.segments.deleted_times import note_deleted
from falconeye.storage.segments.deletion import Deletions
from falconeye.storage.segments.recording_index import recount_recordings
from falconeye.storage.segments.retention import (
    Doomed,
    Keep,
    Named,
    SettledTime,
    Spared,
    beyond_keep,
    named,
    oldest_on,
)
from falconeye.storage.segments.usage_totals import UsageChange, change_usage
from falconeye.storage.tables.footage import fragments, garbage, segments
from falconeye.storage.volumes.volume import ANSWER_S, Volume
from falconeye.storage.volumes.volumes import Volumes

log = logging.getLogger(__name__)

BATCHES_A_ROUND = 10  # of a long backlog: the floor must not wait for it
RULES_EVERY_US = MINUTE_US
UNLINKED_AT_ONCE = 20  # files; a slow disk must be done with them in `ANSWER_S`
LAST_RESERVE_BYTES = 256 << 20  # with nothing left to delete, recording stops here
ON_FULL_SHARE = 200  # a full disk is given 1/200 of its size back at once


class Deleter:
    """Deletes footage; one caller after the other. Lives on the loop."""

    def __init__(
        self,
        database: Database,
        volumes: Volumes,
        clock: Clock,
        *,
        keep: Callable[[], Keep],
        on_deleted: Callable[[str, str], None],
        is_synchronised: Callable[[], bool] = clock_is_synchronised,
        boot: Callable[[], str] = str,  # `base.clock.boot_name`, once it was asked in a thread
    ) -> None:
        self._boot = boot
        self._database = database
        self._volumes = volumes
        self._clock = clock
        self._time = SettledTime(clock, is_synchronised)
        self._log = RepeatingLog(log, clock)
        self._clock_log = RepeatingLog(log, clock, DAY_US / SECOND_US)
        self._rules_due_us = self._prune_due_us = clock.monotonic_us()
        self._keep = keep  # the node's rule, for cameras without their own
        self._on_deleted = on_deleted  # camera id, recording id
        # Held by whoever changes where a segment lies, or whether it does, from look to commit.
        self.alone = asyncio.Lock()
        self._unlinking: dict[Volume, Future[tuple[list[str], OSError | None]]] = {}  # the last
        self.deleted_bytes = 0  # for room, since the start
        self.deletions = Deletions(database, clock)  # that persons asked for
        # By volume: up to where its files are in the index, while some are not (`IndexBuild`).
        self.indexed_until_us: dict[int, int] = {}
        self.moving_times = False  # footage gets other times: none is too old until it has them
        # Held while a person's deletion by times is under way, and before `alone` by whoever moves
        # footage to other times: else another's might go.
        self.times = asyncio.Lock()

    async def enforce(self) -> None:
        """Keep the floor on each volume that is present; every few seconds."""
        for volume in self._volumes.all:
            if volume.missing is None:
                await self._enforce(volume)

    async def enforce_rules(self) -> None:
        """Delete what no camera's rule keeps by age and bytes; looks once a minute."""
        now_us = self._clock.monotonic_us()
        if now_us < self._rules_due_us:
            return
        keep, time_us = self._keep(), self._time.now_us()
        deleted_bytes = 0
        for _ in range(BATCHES_A_ROUND):
            emptied = True
            async with self.alone:  # for a batch only: a full disk cannot wait for all of them
                aging_us = None if self.moving_times else time_us
                doomed = await self._database.read(
                    partial(beyond_keep, keep, aging_us, boot=self._boot())
                )
                if doomed:
                    emptied = await self._delete(doomed)
            if not doomed or not emptied:
                self._rules_due_us = now_us + RULES_EVERY_US
                break
            deleted_bytes += sum(segment.size_bytes for segment in doomed)
        if self._time.lacks_ntp and keep.days is not None:
            self._clock_log.warning("no NTP has set the clock: no footage is deleted by its age")
        if deleted_bytes:
            log.info("deleted %d MB that no rule keeps", deleted_bytes // 1_000_000)
        if time_us is not None and now_us >= self._prune_due_us:
            await self._database.write(partial(prune, time_us - KEPT_US))
            self._prune_due_us = now_us + DAY_US

    async def make_room(self, volume: Volume, size_bytes: int) -> bool:
        """The disk is full: delete the oldest footage; False when nothing could be deleted."""
        space = await volume.space(ANSWER_S)
        need = size_bytes + space.total_bytes // ON_FULL_SHARE
        return await self.free(volume, need) > 0

    async def delete_named(self, wanted: Named) -> int:
        """Delete what a person named and nobody protected; how many segments.

        `deletion.Cancelled` when it was meanwhile: what went is gone.
        """
        async with self.deletions.under_way(wanted) as deletion:
            while True:
                async with self.alone:  # for a batch only, as above
                    deletion.require_wanted()
                    doomed = await self._database.read(partial(named, wanted))
                    if not doomed:
                        return deletion.gone_files
                    await self._delete(doomed)
                deletion.note(doomed)

    async def empty_garbage(self) -> None:
        """Unlink what is left of a crash, or what recovery threw away."""
        async with self.alone:
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
            freed = await self.free(volume, lacking + space.total_bytes // 1000)
        reserve = min(floor, LAST_RESERVE_BYTES, space.total_bytes // 100)
        volume.is_full = freed == 0 and space.free_bytes < reserve

    async def free(self, volume: Volume, need_bytes: int, spared: Sequence[Spared] = ()) -> int:
        """Delete the oldest footage of a volume until `need_bytes` are gained; the bytes gained."""
        freed = 0
        async with self.alone:
            while True:
                emptied = await self._empty_garbage(volume)
                freed += emptied.gained_bytes
                if emptied.refused or freed >= need_bytes:
                    break
                doomed = await self._database.read(
                    partial(
                        oldest_on,
                        volume.number,
                        need_bytes - freed,
                        spared=spared,
                        boot=self._boot(),
                        before_us=self.indexed_until_us.get(volume.number),
                    )
                )
                if not doomed:
                    break
                await self._doom(doomed)
        self.deleted_bytes += freed
        if freed:
            volume.is_full = False  # who waits for this room writes now, not after the next look
            log.info("deleted %d MB of the oldest footage on %s", freed // 1_000_000, volume.path)
        return freed

    async def _doom(self, doomed: Sequence[Doomed]) -> None:
        """Take segments off the index; their files are garbage now."""
        gone = await self._database.write(partial(_to_garbage, doomed))
        for camera_id, recording_id in gone:
            self._on_deleted(camera_id, recording_id)

    async def _delete(self, doomed: Sequence[Doomed]) -> bool:
        """Delete segments; False when a disk did not unlink their files now."""
        await self._doom(doomed)
        emptied = True
        for number in {segment.volume_id for segment in doomed}:
            volume = self._volumes.get(number)
            if volume is None or volume.missing is not None:
                emptied = False
            else:
                emptied = not (await self._empty_garbage(volume)).refused and emptied
        return emptied

    async def _empty_garbage(self, volume: Volume) -> "_Emptied":
        """Unlink what is garbage. What cannot be unlinked stays it, and is tried at each call."""
        gained, after = 0, ""
        before = self._unlinking.get(volume)
        if before is not None and not before.done():
            # It hung, and goes on some time: what was made anew by one of those names since then
            # (a copy that is tried again) would go with it.
            return _Emptied(gained, refused=True)
        while found := await self._database.read(partial(_garbage_of, volume.number, after)):
            asked = volume.readers.call(partial(_unlink_all, volume, list(found)))
            self._unlinking[volume] = asked
            try:
                async with asyncio.timeout(ANSWER_S):
                    removed, error = await asyncio.shield(asyncio.wrap_future(asked))
            except TimeoutError:  # they stay garbage, and go when the disk is back
                volume.does_not_answer()
                return _Emptied(gained, refused=True)
            except OSError:  # it was removed this moment
                return _Emptied(gained, refused=True)
            if error is not None:
                self._log.warning(f"footage on {volume.path} cannot be deleted: {error}")
            if removed:
                await self._database.write(partial(_drop, volume.number, removed))
            # A few damaged files do not keep the others from going; so many mean the disk.
            if not removed and len(found) == UNLINKED_AT_ONCE:
                return _Emptied(gained, refused=True)
            gained += sum(found[path] for path in removed)
            after = max(found)
        return _Emptied(gained, refused=False)


@dataclass(frozen=True, slots=True)
class _Emptied:
    """What became of a volume's garbage."""

    gained_bytes: int
    refused: bool  # the disk does not unlink, or does not answer


def _unlink_all(volume: Volume, paths: Sequence[str]) -> tuple[list[str], OSError | None]:
    """Those that are gone for good, also after a power cut; an error of the others."""
    failure: OSError | None = None
    gone_from: dict[str, list[str]] = {}  # a directory that is still there → what lay below it
    for path in paths:
        try:
            gone_from.setdefault(volume.unlink(path), []).append(path)
        except OSError as error:
            failure = error
    removed: list[str] = []
    for directory, gone in gone_from.items():
        try:
            volume.sync_directory(directory)
        except OSError as error:
            failure = error
        else:
            removed += gone
    return removed, failure


async def _to_garbage(
    doomed: Sequence[Doomed], connection: AsyncConnection
) -> list[tuple[str, str]]:
    """Move rows to garbage; (camera id, recording id) of the recordings that vanished by it.

    Another process, which does not hold `alone`, may have forgotten the volume of some since they
    were looked at: these rows are not taken from the totals a second time.
    """
    key = tuple_(segments.c.stream_id, segments.c.start_us, segments.c.volume_id)
    keys = [(gone.stream_id, gone.start_us, gone.volume_id) for gone in doomed]
    found = await connection.execute(
        select(segments.c.stream_id, segments.c.start_us).where(key.in_(keys))
    )
    there = {tuple(row) for row in found}
    doomed = [gone for gone in doomed if (gone.stream_id, gone.start_us) in there]
    if not doomed:
        return []
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
    await note_deleted(doomed, connection)
    return await remove_rows(connection, doomed)


class SegmentRow(Protocol):
    """A row of `segments`, or what has these columns of it, as `Doomed` does."""

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
        await change_usage(
            connection,
            [
                UsageChange(stream_id, row.volume_id, -1, -row.size_bytes, -row.wall_duration_us)
                for row in mine
            ],
        )
        vanished += await recount_recordings(
            connection,
            stream_id,
            min(row.start_us for row in mine),
            max(row.start_us + row.wall_duration_us for row in mine),
        )
    return vanished


async def _garbage_of(volume: int, after: str, connection: AsyncConnection) -> dict[str, int]:
    """Some files with their sizes, in the order of their paths."""
    rows = await connection.execute(
        select(garbage.c.path, garbage.c.size_bytes)
        .where(garbage.c.volume_id == volume, garbage.c.path > after)
        .order_by(garbage.c.path)
        .limit(UNLINKED_AT_ONCE)
    )
    return {row.path: row.size_bytes for row in rows}


async def _drop(volume: int, paths: Sequence[str], connection: AsyncConnection) -> None:
    await connection.execute(
        delete(garbage).where(and_(garbage.c.volume_id == volume, garbage.c.path.in_(paths)))
    )
