"""Makes the index anew from the files alone: their paths and identity boxes say all.

What only the database knows (hidden, protected, names given later, what is to be unlinked) is kept
where it is there.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import Unavailable
from falconeye.storage.export.export_files import DIRECTORY as EXPORTS
from falconeye.storage.index.database import Database
from falconeye.storage.segments import segment_index
from falconeye.storage.segments.layout import SegmentName, parse_segment_path
from falconeye.storage.segments.salvage import Salvaged, entry_of, salvage
from falconeye.storage.segments.segment_index import FileKey, SegmentEntry
from falconeye.storage.tables.footage import (
    fragments,
    open_files,
    recordings,
    runs,
    segments,
    streams,
    usage,
)
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


async def rebuild(database: Database, volumes: Volumes, *, node_name: str) -> RebuildReport:
    """Index every file. Nothing may record meanwhile; Unavailable when a volume is not there."""
    report = RebuildReport()
    for volume in volumes.all:
        if volume.missing is not None:
            msg = f"{volume.path} cannot be read: {volume.missing}"
            raise Unavailable(msg)
    await database.write(_clear)
    for volume in volumes.all:
        await _rebuild_volume(database, volume, node_name, report)
    await database.write(_drop_empty)
    return report


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
    stream_id = await stream_number(connection, name)
    run_id = await _run_number(connection, entry, stream_id)
    entry = replace(entry, run_id=run_id, file=replace(entry.file, stream_id=stream_id))
    await segment_index.add_segment(connection, entry)
    return entry


async def _rebuild_volume(
    database: Database, volume: Volume, node_name: str, report: RebuildReport
) -> None:
    names: list[tuple[str, SegmentName]] = []
    deleted = await database.read(partial(segment_index.garbage_paths, volume=volume.number))
    for path, _ in await volume.readers.run(volume.files):
        if path in deleted:
            continue  # somebody, or a rule, deleted it: the deleter has yet to unlink it
        try:
            names.append((path, parse_segment_path(path)))
        except ValueError:
            report.foreign += not path.startswith(f"{EXPORTS}/")
    names.sort(key=lambda item: (item[1].camera_id, item[1].stream, item[1].start_us))
    last: SegmentEntry | None = None
    for start in range(0, len(names), _BATCH):
        batch: list[tuple[str, SegmentName, Salvaged]] = []
        for path, name in names[start : start + _BATCH]:
            try:
                found = await volume.readers.run(partial(salvage, volume, path, cut=True))
            except OSError as error:
                log.warning("%s cannot be read: %s", path, error)
                report.unreadable += 1
                continue
            batch.append((path, name, found))
            report.cut_bytes += found.cut_bytes
            report.empty += found.found is None
            report.indexed += found.found is not None
        last = await database.write(partial(_index_batch, volume.number, batch, last, node_name))


async def _index_batch(
    volume: int,
    batch: Sequence[tuple[str, SegmentName, Salvaged]],
    before: SegmentEntry | None,
    node_name: str,
    connection: AsyncConnection,
) -> SegmentEntry | None:
    """Index files in their order, after `before`; the last entry."""
    for path, name, salvaged in batch:
        if salvaged.found is None:
            await segment_index.add_garbage(connection, volume, path, salvaged.size_bytes)
            continue
        key = FileKey(volume, 0, name.start_us)
        entry = entry_of(salvaged.found, key, node_name=node_name, run_end=None)
        entry = await index_file(connection, name, entry)
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


async def _clear(connection: AsyncConnection) -> None:
    for table in (fragments, segments, usage, open_files):
        await connection.execute(delete(table))
    own = recordings.c.external_path.is_(None)
    await connection.execute(
        update(recordings)
        .where(own)
        .values(segments=0, size_bytes=0, duration_us=0, end_us=None, status="completed")
    )


async def _drop_empty(connection: AsyncConnection) -> None:
    await connection.execute(
        delete(recordings).where(recordings.c.segments == 0, recordings.c.external_path.is_(None))
    )
