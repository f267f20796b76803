"""What the index is told when a segment's file is opened and when it is closed.

Each function is one step of a transaction (`Database.write`), made of Core statements on rows.
"""

import hashlib
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Table, and_, delete, exists, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.clocks import ClockSetting, shift_of
from falconeye.storage.segments import fragment_table
from falconeye.storage.segments.fragment_table import FragmentTable
from falconeye.storage.segments.recording_index import (
    Growth,
    RecordingEntry,
    begin_recording,
    complete_others,
    grow_recording,
)
from falconeye.storage.tables.footage import (
    fragments,
    garbage,
    inits,
    open_files,
    runs,
    segments,
    streams,
    usage,
)


@dataclass(frozen=True, slots=True)
class FileKey:
    """A segment's file: with the stream's camera and kind this is its path."""

    volume: int
    stream_id: int
    named_start_us: int


@dataclass(frozen=True, slots=True)
class InitEntry:
    """An init segment as it is kept once for all segments that share it."""

    data: bytes
    codecs: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """A closed segment."""

    file: FileKey
    run_id: int
    start_us: int
    wall_duration_us: int
    media_offset_90k: int
    size_bytes: int
    init: InitEntry
    table: FragmentTable
    recording: RecordingEntry | None
    run_end: RunEnd | None
    recording_ended: bool
    clock: ClockSetting | None = None  # by which `start_us` was made, while it may prove wrong

    @property
    def media_duration_90k(self) -> int:
        return sum(place.duration_90k for place in self.table.fragments)

    @property
    def end_us(self) -> int:
        return self.start_us + self.wall_duration_us


async def add_stream(
    connection: AsyncConnection, stream_id: int, camera_id: str, kind: StreamKind
) -> None:
    await connection.execute(
        upsert(streams)
        .values(id=stream_id, camera_id=camera_id, kind=kind.value)
        .on_conflict_do_nothing()
    )


async def add_run(
    connection: AsyncConnection,
    run_id: int,
    stream_id: int,
    started_us: int,
    clock_id: int | None = None,
) -> None:
    await connection.execute(
        upsert(runs)
        .values(id=run_id, stream_id=stream_id, started_us=started_us, clock_id=clock_id)
        .on_conflict_do_nothing()
    )


async def end_run(
    connection: AsyncConnection, run_id: int, ended_us: int | None, reason: RunEnd | None
) -> None:
    """The run has footage up to `ended_us` (None: no more than before); with a reason it ended.

    Or up to later: a repair indexes a file amid its run again.
    """
    values: dict[str, object] = {}
    if ended_us is not None:
        values["ended_us"] = func.max(func.coalesce(runs.c.ended_us, ended_us), ended_us)
    if reason is not None:
        values["end_reason"] = reason.value
    if values:
        await connection.execute(update(runs).where(runs.c.id == run_id).values(values))


async def forget_empty_run(connection: AsyncConnection, run_id: int) -> None:
    """A file came to nothing: its run goes, unless it has footage or another file."""
    await connection.execute(
        delete(runs).where(
            runs.c.id == run_id,
            runs.c.ended_us.is_(None),
            ~exists().where(open_files.c.run_id == run_id),
        )
    )


async def add_open_file(
    connection: AsyncConnection,
    key: FileKey,
    run_id: int,
    start_us: int,
    recording: RecordingEntry | None,
) -> None:
    """A file is about to be made. With it the recording begins, and ends the one before."""
    await connection.execute(
        upsert(open_files)
        .values(
            volume_id=key.volume,
            stream_id=key.stream_id,
            named_start_us=key.named_start_us,
            run_id=run_id,
            recording_id=recording.id if recording else None,
        )
        .on_conflict_do_nothing()
    )
    if recording is not None:
        await begin_recording(connection, recording, key.stream_id, run_id, start_us)
        await complete_others(connection, key.stream_id, recording.id)


async def remove_open_file(connection: AsyncConnection, key: FileKey) -> None:
    await connection.execute(delete(open_files).where(_is_file(open_files, key)))


async def add_garbage(connection: AsyncConnection, volume: int, path: str, size_bytes: int) -> None:
    """The file at `path` is to be unlinked by the deleter."""
    await connection.execute(
        upsert(garbage)
        .values(volume_id=volume, path=path, size_bytes=size_bytes)
        .on_conflict_do_nothing()
    )


async def garbage_paths(connection: AsyncConnection, *, volume: int) -> set[str]:
    """The files of a volume that are to be unlinked."""
    found = await connection.execute(select(garbage.c.path).where(garbage.c.volume_id == volume))
    return set(found.scalars())


async def add_segment(connection: AsyncConnection, entry: SegmentEntry) -> SegmentEntry:
    """Index a closed file: segment, fragments, totals, run and recording; it is open no more.

    The entry as it was stored: another segment may have its start.
    """
    entry = await dated(connection, entry)
    if await _is_indexed(connection, entry):
        await remove_open_file(connection, entry.file)
        return entry
    entry = _begins_later(entry, await _free_start(connection, entry))
    stream_id = entry.file.stream_id
    await connection.execute(
        insert(segments).values(
            stream_id=stream_id,
            start_us=entry.start_us,
            run_id=entry.run_id,
            volume_id=entry.file.volume,
            wall_duration_us=entry.wall_duration_us,
            media_duration_90k=entry.media_duration_90k,
            media_offset_90k=entry.media_offset_90k,
            size_bytes=entry.size_bytes,
            init_id=await _init_id(connection, entry.init),
            named_offset_us=entry.file.named_start_us - entry.start_us,
        )
    )
    await connection.execute(
        insert(fragments).values(
            stream_id=stream_id,
            start_us=entry.start_us,
            places=fragment_table.encode(entry.table),
        )
    )
    await change_usage(
        connection, stream_id, entry.file.volume, 1, entry.size_bytes, entry.wall_duration_us
    )
    await end_run(connection, entry.run_id, entry.end_us, entry.run_end)
    if entry.recording is not None:
        await grow_recording(connection, entry.recording, _growth(entry))
    await remove_open_file(connection, entry.file)
    return entry


async def dated(connection: AsyncConnection, entry: SegmentEntry) -> SegmentEntry:
    """With the right start, where its clock proved wrong and its run was re-dated already.

    One whose run waits for that is re-dated with it (`redating`).
    """
    if entry.clock is None:
        return entry
    shift_us = await shift_of(connection, entry.clock)
    if shift_us is not None:
        waits = await connection.execute(
            select(runs.c.clock_id).where(runs.c.id == entry.run_id, runs.c.clock_id.is_not(None))
        )
        if waits.first() is None:
            entry = replace(entry, start_us=entry.start_us + shift_us)
    return replace(entry, clock=None)


async def change_usage(
    connection: AsyncConnection,
    stream_id: int,
    volume: int,
    count: int,
    size_bytes: int,
    duration_us: int,
) -> None:
    """Add to the running totals of a stream on a volume (negative: take away)."""
    row = upsert(usage).values(
        stream_id=stream_id,
        volume_id=volume,
        segments=count,
        size_bytes=size_bytes,
        duration_us=duration_us,
    )
    await connection.execute(
        row.on_conflict_do_update(
            index_elements=["stream_id", "volume_id"],
            set_={
                "segments": usage.c.segments + row.excluded.segments,
                "size_bytes": usage.c.size_bytes + row.excluded.size_bytes,
                "duration_us": usage.c.duration_us + row.excluded.duration_us,
            },
        )
    )


def _growth(entry: SegmentEntry) -> Growth:
    return Growth(
        stream_id=entry.file.stream_id,
        run_id=entry.run_id,
        start_us=entry.start_us,
        end_us=entry.end_us,
        size_bytes=entry.size_bytes,
        media_duration_90k=entry.media_duration_90k,
        is_last=entry.recording_ended,
    )


async def _is_indexed(connection: AsyncConnection, entry: SegmentEntry) -> bool:
    """Whether this very file has its row already (a commit whose answer was lost)."""
    near = and_(
        segments.c.stream_id == entry.file.stream_id,
        segments.c.start_us.between(entry.start_us - 64, entry.start_us + 64),
        segments.c.start_us + segments.c.named_offset_us == entry.file.named_start_us,
        segments.c.volume_id == entry.file.volume,
    )
    return (await connection.execute(select(segments.c.start_us).where(near))).first() is not None


async def _free_start(connection: AsyncConnection, entry: SegmentEntry) -> int:
    """The start, or the next free µs: a clock set back may make two segments claim one."""
    start = entry.start_us
    while True:
        taken = await connection.execute(
            select(segments.c.run_id).where(
                segments.c.stream_id == entry.file.stream_id, segments.c.start_us == start
            )
        )
        if taken.first() is None:
            return start
        start += 1


def _begins_later(entry: SegmentEntry, start_us: int) -> SegmentEntry:
    """By a few µs, and ends where it did."""
    wall_us = max(1, entry.end_us - start_us)
    return replace(entry, start_us=start_us, wall_duration_us=wall_us)


async def _init_id(connection: AsyncConnection, init: InitEntry) -> int:
    digest = hashlib.sha256(init.data).hexdigest()
    await connection.execute(
        upsert(inits)
        .values(
            sha256=digest,
            data=init.data,
            codecs=init.codecs,
            width=init.width,
            height=init.height,
        )
        .on_conflict_do_nothing()
    )
    found = await connection.execute(select(inits.c.id).where(inits.c.sha256 == digest))
    number: int = found.scalar_one()
    return number


def _is_file(table: Table, key: FileKey) -> ColumnElement[bool]:
    return and_(
        table.c.volume_id == key.volume,
        table.c.stream_id == key.stream_id,
        table.c.named_start_us == key.named_start_us,
    )
