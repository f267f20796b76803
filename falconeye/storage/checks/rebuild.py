"""Makes the index anew from the files alone: their paths and identity boxes say all.

What only the database knows (hidden, protected, names given later, what is to be unlinked) is kept
where it is there. After a restore it is done beside the recorders (`IndexBuild`), the oldest files
first, so that a full disk still loses its oldest footage; a start goes on where the last one ended.
"""

import asyncio
import logging
import time
from array import array
from collections.abc import Callable, Collection, Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from typing import Any, TypeVar

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import Unavailable
from falconeye.storage.backups.snapshot import INCOMPLETE
from falconeye.storage.checks import check_rows, index_files
from falconeye.storage.checks.footage_names import (
    FootageFile,
    Names,
    Stream,
    has,
    list_names,
    oldest_first,
)
from falconeye.storage.checks.index_files import Numbers, Read, read_file
from falconeye.storage.export.export_found import exports_on, find_export, take_over_export
from falconeye.storage.index.database import Database
from falconeye.storage.segments import segment_index
from falconeye.storage.segments.clock_journal import read_journal
from falconeye.storage.segments.index_state import IndexState
from falconeye.storage.segments.redating import (
    redate_rest,
    take_over_journal,
    take_over_journals,
)
from falconeye.storage.tables.footage import (
    fragments,
    moves,
    open_files,
    recordings,
    segments,
    streams,
    usage,
)
from falconeye.storage.tables.node import SETTINGS
from falconeye.storage.volumes.id_file import VolumeMissing
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volumes import START_S, Volumes

log = logging.getLogger(__name__)

T = TypeVar("T")

_BATCH = 100
_BATCH_BESIDE = 50  # rows of recorders wait for a transaction
_LOOK_S = 2.0
_SHARE_BESIDE = 0.5  # of the time: the rest is for what records and who looks


@dataclass(slots=True)
class RebuildReport:
    """What was found in the files."""

    indexed: int = 0
    cut_bytes: int = 0
    empty: int = 0  # nothing in them can be played: garbage
    foreign: int = 0  # not ours by their path: left alone
    unreadable: int = 0
    copies: int = 0  # of a file on another volume: garbage


async def rebuild(database: Database, volumes: Volumes, *, node_name: str) -> RebuildReport:
    """Index every file. Nothing may record meanwhile; Unavailable when a volume is not there."""
    for volume in volumes.all:
        if volume.missing is not None:
            msg = f"{volume.path} cannot be read: {volume.missing}"
            raise Unavailable(msg)
    build = IndexBuild(database, volumes, node_name=node_name)
    # Before the index is emptied: a disk that cannot list its files leaves it as it is.
    found = [await build.list_files(volume) for volume in volumes.all]
    await take_over_journals(database, volumes)
    await database.write(_forget_open)
    await redate_rest(database)
    await database.write(_clear)
    await build.index(found)
    for volume in volumes.all:
        await build.list_exports(volume)
    await database.write(_finish)
    return build.report


async def prepare(database: Database, volumes: Volumes) -> bool:
    """Before anything is recorded: whether the index lacks files, for `IndexBuild.run` to add.

    Takes no longer the more files there are.
    """
    if not await is_needed(database):
        return False
    # A disk that hangs must not keep cameras from recording: `IndexBuild` asks it again.
    await take_over_journals(database, volumes, START_S)
    if await database.read(_is_empty):  # else it was begun before
        await database.write(_forget_open)
        await redate_rest(database)
        await database.write(_clear)
    return True


async def is_needed(database: Database) -> bool:
    """Whether the index came from a backup, which leaves out what the files tell."""

    async def read(connection: AsyncConnection) -> bool:
        marked = await connection.execute(
            select(SETTINGS.c.key).where(SETTINGS.c.key == INCOMPLETE)
        )
        return marked.first() is not None

    return await database.read(read)


class IndexBuild:
    """Adds to the index the files that it lacks. Lives on the loop."""

    def __init__(
        self,
        database: Database,
        volumes: Volumes,
        *,
        node_name: str,
        numbers: Numbers | None = None,
        state: IndexState | None = None,
        until_us: MutableMapping[int, int] | None = None,
    ) -> None:
        """`numbers`: of the node that records meanwhile; None where nothing does.

        `until_us` is kept: by volume, up to where its files are in the index; none once all are.
        """
        self.report = RebuildReport()
        self.state = state or IndexState()
        self._database = database
        self._volumes = volumes
        self._node_name = node_name
        self._files = index_files.IndexFiles(numbers)
        self._is_beside = numbers is not None
        self._until_us = {} if until_us is None else until_us
        self._whole: set[int] = set()  # volumes whose files are all in the index
        for volume in volumes.all:
            self._until_us[volume.number] = 0

    async def run(self) -> bool:
        """Index the files of all disks that are there; whether that were all disks.

        False, too, when it was cancelled: the files at hand are in the index then, others may be.
        FalconEyeError when the database does not take rows now: it may be run again, and goes on.
        """
        found: list[Names] = []
        for volume in self._volumes.all:
            if volume.number not in self._whole and volume.missing is None:
                self.state.begin(0)
                try:
                    names = await self.list_files(volume)
                    await take_over_journal(
                        self._database, volume, _on_reader(volume, partial(read_journal, volume))
                    )
                    found.append(names)
                except OSError as error:
                    log.warning("the files of %s cannot be listed: %s", volume.path, error)
                    self._until_us.pop(volume.number, None)  # it goes on with what is known
        if found:
            await self.index(found)
        if self.state.is_cancelled:
            return False
        left = [volume for volume in self._volumes.all if volume.number not in self._whole]
        self.state.end(tuple(str(volume.path) for volume in left))
        for names in found:  # last: all of their bytes are read
            if names.volume.number in self._whole:
                await self.list_exports(names.volume)
        if not left:
            await self._database.write(_finish)
        return not left

    async def list_files(self, volume: Volume) -> Names:
        """OSError when a directory of it cannot be read."""
        # Deleted by somebody, or by a rule: the deleter has yet to unlink it. And what is being
        # copied there now.
        without = await self._database.read(
            partial(segment_index.garbage_paths, volume=volume.number)
        )
        without |= set(await self._database.read(partial(check_rows.moved_to, volume.number)))
        names = await _on_reader(volume, partial(list_names, volume, without))
        self.report.foreign += names.foreign
        return names

    async def list_exports(self, volume: Volume) -> None:
        """Give the exports a job that none knows; what cannot be read is left to `check`."""
        try:
            for job_id in await _on_reader(volume, partial(exports_on, volume)):
                if await self._database.read(partial(check_rows.has_job, job_id)):
                    continue
                look = partial(find_export, volume, job_id, is_beside=self._is_beside)
                export = await _on_reader(volume, look)
                if export is not None and await take_over_export(self._database, export):
                    log.info("the export %s is listed again", export.made.file_name)
        except OSError as error:
            log.warning("the exports on %s cannot be listed: %s", volume.path, error)

    async def index(self, found: Sequence[Names]) -> None:
        """Index what was found, the oldest first; until the state says that it is cancelled."""
        known = {names.volume.number: await self._known(names) for names in found}
        lost: set[int] = set()
        self.state.begin(sum(names.count for names in found))
        by_name = groupby(oldest_first(found), key=lambda file: file.name)
        size = _BATCH_BESIDE if self._is_beside else _BATCH
        while names := [list(copies) for _, copies in islice(by_name, size)]:
            if self.state.is_cancelled:
                return
            begun_s = time.monotonic()
            wanted = [[file for file in copies if not _is_known(file, known)] for copies in names]
            await self._index_batch([copies for copies in wanted if copies], lost)
            self.state.advance(sum(map(len, names)), names[-1][-1].name.start_us)
            for number in known.keys() - lost:
                self._until_us[number] = self.state.until_us
            if self._is_beside:
                took_s = time.monotonic() - begun_s
                await asyncio.sleep(took_s * (1 / _SHARE_BESIDE - 1))
        for number in known.keys() - lost:
            self._whole.add(number)
            self._until_us.pop(number, None)

    async def _known(self, names: Names) -> dict[Stream, "array[int]"]:
        """By stream, the starts in the names of the volume's files that the index has."""
        number = names.volume.number
        found = {}
        for stream in names.starts_us:
            starts = await self._database.read(partial(_indexed_starts, number, stream))
            if starts:
                found[stream] = starts
        return found

    async def _index_batch(self, wanted: Sequence[list[FootageFile]], lost: set[int]) -> None:
        if not wanted:
            return
        busy = await self._being_written() if self._is_beside else frozenset[tuple[int, str]]()
        read: list[list[Read]] = []
        for copies in wanted:
            there = [
                file
                for file in copies
                if file.volume.number not in lost and (file.volume.number, file.path) not in busy
            ]
            read.append(await self._read_best(there, lost))
        batch: Sequence[Sequence[Read]] = read
        while batch:
            await self._database.write(partial(self._files.add, batch))
            batch = self._files.left

    async def _being_written(self) -> Collection[tuple[int, str]]:
        """Files that a recorder or the mover has open: cutting them would spoil what they write."""
        return await self._database.read(check_rows.being_written)

    async def _read(self, file: FootageFile, lost: set[int]) -> Read | None:
        """What can be played of it; None when the disk cannot read it."""
        volume = file.volume
        try:
            return await _on_reader(volume, partial(read_file, file, self._node_name))
        except FileNotFoundError:
            return None  # deleted since it was listed
        except OSError as error:
            await volume.look()
            if volume.missing is not None:
                log.warning("%s went away while its files were indexed", volume.path)
                lost.add(volume.number)
                return None
            log.warning("%s cannot be read: %s", file.path, error)
            self.report.unreadable += 1
            return None

    async def _read_best(self, copies: Iterable[FootageFile], lost: set[int]) -> list[Read]:
        """Copies of one file, when it was being moved: the one with most in it first."""
        found = [await self._read(file, lost) for file in copies]
        read = [one for one in found if one is not None]
        read.sort(key=lambda one: -one.good_bytes)
        for one in read[:1]:
            self.report.cut_bytes += one.cut_bytes
            self.report.empty += one.entry is None
            self.report.indexed += one.entry is not None
        self.report.copies += len(read[1:])
        return read


async def _on_reader(volume: Volume, function: Callable[[], T]) -> T:
    """What a reader of the volume answers, however long it takes; VolumeMissing while it hangs.

    For the others' sake: they are not whole, nor may anything be deleted, before all have answered.
    """
    answer = asyncio.wrap_future(volume.readers.call(function))
    answer.add_done_callback(_take_note)
    while not answer.done():
        _ = await asyncio.wait([answer], timeout=_LOOK_S)
        if not answer.done() and volume.missing is not None:
            raise VolumeMissing(volume.missing)
    return answer.result()


def _take_note(answer: "asyncio.Future[Any]") -> None:
    """Perhaps nobody waits for it any more, when it comes."""
    if not answer.cancelled():
        _ = answer.exception()


def _is_known(file: FootageFile, known: "dict[int, dict[Stream, array[int]]]") -> bool:
    starts = known[file.volume.number].get((file.name.camera_id, file.name.stream))
    return starts is not None and has(starts, file.name.start_us)


async def _indexed_starts(volume: int, stream: Stream, connection: AsyncConnection) -> "array[int]":
    camera_id, kind = stream
    rows = await connection.execute(
        select(segments.c.start_us + segments.c.named_offset_us)
        .join(streams, streams.c.id == segments.c.stream_id)
        .where(
            streams.c.camera_id == camera_id,
            streams.c.kind == kind.value,
            segments.c.volume_id == volume,
        )
    )
    return array("q", sorted(rows.scalars()))


async def _is_empty(connection: AsyncConnection) -> bool:
    return (await connection.execute(select(segments.c.start_us).limit(1))).first() is None


async def _forget_open(connection: AsyncConnection) -> None:
    """Their runs wait for nothing."""
    await connection.execute(delete(open_files))


async def _clear(connection: AsyncConnection) -> None:
    """From here on the index lacks files, and says so until `_finish`: a kill is made good."""
    mark = upsert(SETTINGS).values(key=INCOMPLETE, value=True)
    await connection.execute(mark.on_conflict_do_nothing())
    for table in (fragments, segments, usage, moves):
        await connection.execute(delete(table))
    own = recordings.c.external_path.is_(None)
    await connection.execute(
        update(recordings)
        .where(own)
        .values(segments=0, size_bytes=0, duration_us=0, end_us=None, status="completed")
    )


async def _finish(connection: AsyncConnection) -> None:
    """All files are in it: recordings of which there is none any more go."""
    await connection.execute(delete(SETTINGS).where(SETTINGS.c.key == INCOMPLETE))
    await connection.execute(
        delete(recordings).where(
            recordings.c.segments == 0,
            recordings.c.external_path.is_(None),
            recordings.c.status != "recording",  # a recorder has just begun it
        )
    )
