"""Makes the index anew from the files alone: their paths and identity boxes say all.

What only the database knows (hidden, protected, names given later, what is to be unlinked) is kept
where it is there.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, islice

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import Unavailable
from falconeye.storage.backups.snapshot import INCOMPLETE
from falconeye.storage.export.export_files import DIRECTORY as EXPORTS
from falconeye.storage.index.database import Database
from falconeye.storage.segments import segment_index
from falconeye.storage.segments.layout import SegmentName, parse_segment_path
from falconeye.storage.segments.redating import redate_rest, take_over_journals
from falconeye.storage.segments.salvage import Salvaged, entry_of, salvage
from falconeye.storage.segments.segment_index import FileKey, SegmentEntry
from falconeye.storage.tables.footage import (
    fragments,
    moves,
    open_files,
    recordings,
    runs,
    segments,
    streams,
    usage,
)
from falconeye.storage.tables.node import SETTINGS
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volumes import Volumes

log = logging.getLogger(__name__)

_BATCH = 100


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
    report = RebuildReport()
    for volume in volumes.all:
        if volume.missing is not None:
            msg = f"{volume.path} cannot be read: {volume.missing}"
            raise Unavailable(msg)
    # Before the index is emptied: a disk that cannot list its files leaves it as it is.
    found = await _all_files(database, volumes, report)
    await take_over_journals(database, volumes)
    await database.write(_forget_open)
    await redate_rest(database)
    await database.write(_clear)
    last: SegmentEntry | None = None
    by_name = groupby(found, key=lambda file: file.name)
    while names := [list(copies) for _, copies in islice(by_name, _BATCH)]:
        batch = [await _read_best(copies, report) for copies in names]
        last = await database.write(partial(_index_batch, batch, last, node_name))
    await database.write(_finish)
    return report


@dataclass(frozen=True, slots=True)
class _File:
    name: SegmentName
    path: str
    volume: Volume


@dataclass(frozen=True, slots=True)
class _Read:
    file: _File
    salvaged: Salvaged

    @property
    def good_bytes(self) -> int:
        return self.salvaged.found.good_bytes if self.salvaged.found else 0


async def stream_number(connection: AsyncConnection, name: SegmentName) -> int:
    """The number of a stream, a new one when it is not known."""
    known = await connection.execute(
        select(streams.c.id).where(
            streams.c.camera_id == name.camera_id, streams.c.kind == name.stream.value
        )
    )
    number: int | None = known.scalar()
    if number is None:
        last = (await connection.execute(select(func.max(streams.c.id)))).scalar()
        number = (last or 0) + 1
        await segment_index.add_stream(connection, number, name.camera_id, name.stream)
    return number


async def index_file(
    connection: AsyncConnection, name: SegmentName, entry: SegmentEntry
) -> SegmentEntry:
    """Index an entry made from a file, with the stream and the run it belongs to."""
    entry = await segment_index.dated(connection, entry)
    stream_id = await stream_number(connection, name)
    run_id = await _run_number(connection, entry, stream_id)
    entry = replace(entry, run_id=run_id, file=replace(entry.file, stream_id=stream_id))
    return await segment_index.add_segment(connection, entry)


async def _all_files(database: Database, volumes: Volumes, report: RebuildReport) -> list[_File]:
    """Of all volumes, by stream and time: what lies on several follows one another anyway."""
    found: list[_File] = []
    for volume in volumes.all:
        deleted = await database.read(partial(segment_index.garbage_paths, volume=volume.number))
        for path, _ in await volume.readers.run(volume.files):
            if path in deleted:
                continue  # somebody, or a rule, deleted it: the deleter has yet to unlink it
            try:
                found.append(_File(parse_segment_path(path), path, volume))
            except ValueError:
                report.foreign += not path.startswith(f"{EXPORTS}/")
    found.sort(key=lambda file: (file.name.camera_id, file.name.stream, file.name.start_us))
    return found


async def _read(file: _File, report: RebuildReport) -> Salvaged | None:
    """What can be played of it; None when the disk cannot read it."""
    try:
        return await file.volume.readers.run(partial(salvage, file.volume, file.path, cut=True))
    except OSError as error:
        log.warning("%s cannot be read: %s", file.path, error)
        report.unreadable += 1
        return None


async def _read_best(copies: Iterable[_File], report: RebuildReport) -> list[_Read]:
    """Copies of one file, when it was being moved: the one with most in it first."""
    found = [(file, await _read(file, report)) for file in copies]
    read = [_Read(file, salvaged) for file, salvaged in found if salvaged is not None]
    read.sort(key=lambda one: -one.good_bytes)
    for one in read[:1]:
        report.cut_bytes += one.salvaged.cut_bytes
        report.empty += one.salvaged.found is None
        report.indexed += one.salvaged.found is not None
    report.copies += len(read[1:])
    return read


async def _index_batch(
    batch: Sequence[Sequence[_Read]],
    before: SegmentEntry | None,
    node_name: str,
    connection: AsyncConnection,
) -> SegmentEntry | None:
    """Index files in their order, after `before`; the last entry."""
    for copies in batch:
        for rank, one in enumerate(copies):
            file, salvaged = one.file, one.salvaged
            if salvaged.found is None or rank > 0:
                await segment_index.add_garbage(
                    connection, file.volume.number, file.path, salvaged.size_bytes
                )
                continue
            key = FileKey(file.volume.number, 0, file.name.start_us)
            entry = entry_of(salvaged.found, key, node_name=node_name, run_end=None)
            entry = await index_file(connection, file.name, entry)
            if before is not None and _follows(before, entry):
                await _set_wall_duration(connection, before, entry.start_us)
            before = entry
    return before


def _follows(before: SegmentEntry, entry: SegmentEntry) -> bool:
    return (
        (before.file.stream_id, before.run_id) == (entry.file.stream_id, entry.run_id)
        and before.media_offset_90k + before.media_duration_90k == entry.media_offset_90k
        and before.start_us < entry.start_us
    )


async def _set_wall_duration(connection: AsyncConnection, entry: SegmentEntry, end_us: int) -> None:
    """Its wall end is the start of the one that follows without a hole."""
    await connection.execute(
        update(segments)
        .where(segments.c.stream_id == entry.file.stream_id, segments.c.start_us == entry.start_us)
        .values(wall_duration_us=end_us - entry.start_us)
    )
    await segment_index.change_usage(
        connection,
        entry.file.stream_id,
        entry.file.volume,
        0,
        0,
        end_us - entry.end_us,
    )


async def _run_number(connection: AsyncConnection, entry: SegmentEntry, stream_id: int) -> int:
    """The run's id; another one where that id is taken by another stream (a foreign disk)."""
    owner = (
        await connection.execute(select(runs.c.stream_id).where(runs.c.id == entry.run_id))
    ).scalar()
    run_id = entry.run_id
    if owner is not None and owner != stream_id:
        last = (await connection.execute(select(func.max(runs.c.id)))).scalar_one()
        run_id = last + 1
    await segment_index.add_run(connection, run_id, stream_id, entry.start_us)
    return run_id


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


async def is_needed(database: Database) -> bool:
    """Whether the index came from a backup, which leaves out what the files tell."""

    async def read(connection: AsyncConnection) -> bool:
        marked = await connection.execute(
            select(SETTINGS.c.key).where(SETTINGS.c.key == INCOMPLETE)
        )
        return marked.first() is not None

    return await database.read(read)


async def _finish(connection: AsyncConnection) -> None:
    await connection.execute(delete(SETTINGS).where(SETTINGS.c.key == INCOMPLETE))
    await connection.execute(
        delete(recordings).where(recordings.c.segments == 0, recordings.c.external_path.is_(None))
    )
