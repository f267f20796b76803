"""What the index is told when a segment's file is opened and when it is closed.

Each function is one step of a transaction (`Database.write`), made of Core statements on rows.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.media.runs import RunEnd
from falconeye.storage.ledger.clocks import ClockSetting, shifts_of
from falconeye.storage.segments.init_rows import InitEntry, init_ids
from falconeye.storage.segments.recording_index import (
    Growth,
    RecordingEntry,
    begin_recording,
    complete_others,
    grow_recordings,
)
from falconeye.storage.segments.run_rows import RunGrowth, end_runs
from falconeye.storage.segments.usage_totals import UsageChange, change_usage
from falconeye.storage.tables.footage import (
    fragments,
    garbage,
    open_files,
    runs,
    segments,
)

NEAR_US = 64  # segments that claim one start begin within so much of it


@dataclass(frozen=True, slots=True)
class FileKey:
    """A segment's file: with the stream's camera and kind this is its path."""

    volume: int
    stream_id: int
    named_start_us: int


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """A closed segment."""

    file: FileKey
    run_id: int
    start_us: int
    wall_duration_us: int
    media_offset_90k: int
    media_duration_90k: int
    size_bytes: int
    init: InitEntry
    places: bytes  # of its fragments: `fragment_table`
    recording: RecordingEntry | None
    run_end: RunEnd | None
    recording_ended: bool
    clock: ClockSetting | None = None  # by which `start_us` was made, while it may prove wrong

    @property
    def end_us(self) -> int:
        return self.start_us + self.wall_duration_us


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
    await connection.execute(delete(open_files).where(*_is_open(key)))


async def forget_recording(connection: AsyncConnection, key: FileKey) -> None:
    """No recording is under way because of this open file; what it belongs to, the file knows."""
    await connection.execute(update(open_files).where(*_is_open(key)).values(recording_id=None))


def _is_open(key: FileKey) -> tuple[ColumnElement[bool], ...]:
    return (
        open_files.c.volume_id == key.volume,
        open_files.c.stream_id == key.stream_id,
        open_files.c.named_start_us == key.named_start_us,
    )


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
    [stored] = await add_segments(connection, [entry])
    await remove_open_file(connection, stored.file)
    return stored


async def add_segments(
    connection: AsyncConnection, entries: Sequence[SegmentEntry]
) -> list[SegmentEntry]:
    """`add_segment` of files that were not open, with as few statements for many as for one.

    As if one came after the other.
    """
    if not entries:
        return []
    entries = await dated(connection, entries)
    near = await _near(connection, entries)
    stored: list[SegmentEntry] = []
    added: list[SegmentEntry] = []
    for given in entries:
        entry = given
        if not near.has(entry):
            entry = _begins_later(entry, await _free_start(connection, entry, near))
            near.add(entry.file, entry.start_us)
            added.append(entry)
        stored.append(entry)
    if added:
        await _insert(connection, added)
        await change_usage(connection, [_usage(entry) for entry in added])
        await end_runs(
            connection, [RunGrowth(entry.run_id, entry.end_us, entry.run_end) for entry in added]
        )
        grown = [(entry.recording, _growth(entry)) for entry in added if entry.recording]
        await grow_recordings(connection, grown)
    return stored


async def _insert(connection: AsyncConnection, entries: Sequence[SegmentEntry]) -> None:
    """The rows of `segments` and `fragments`."""
    numbers = await init_ids(connection, [entry.init for entry in entries])
    await connection.execute(
        insert(segments),
        [
            {
                "stream_id": entry.file.stream_id,
                "start_us": entry.start_us,
                "run_id": entry.run_id,
                "volume_id": entry.file.volume,
                "wall_duration_us": entry.wall_duration_us,
                "media_duration_90k": entry.media_duration_90k,
                "media_offset_90k": entry.media_offset_90k,
                "size_bytes": entry.size_bytes,
                "init_id": numbers[entry.init],
                "named_offset_us": entry.file.named_start_us - entry.start_us,
            }
            for entry in entries
        ],
    )
    await connection.execute(
        insert(fragments),
        [
            {
                "stream_id": entry.file.stream_id,
                "start_us": entry.start_us,
                "places": entry.places,
            }
            for entry in entries
        ],
    )


async def dated(connection: AsyncConnection, entries: Sequence[SegmentEntry]) -> list[SegmentEntry]:
    """With the right start, where their clock proved wrong and their run was re-dated already.

    One whose run waits for that is re-dated with it (`redating`).
    """
    settings = {entry.clock for entry in entries if entry.clock is not None}
    shifts_us = await shifts_of(connection, settings) if settings else {}
    late = {entry.run_id for entry in entries if entry.clock in shifts_us}
    waiting = await _waiting(connection, late) if late else set()
    found: list[SegmentEntry] = []
    for given in entries:
        entry = given
        if entry.clock is not None:
            shift_us = 0 if entry.run_id in waiting else shifts_us.get(entry.clock, 0)
            entry = replace(entry, start_us=entry.start_us + shift_us, clock=None)
        found.append(entry)
    return found


async def _waiting(connection: AsyncConnection, run_ids: Collection[int]) -> set[int]:
    """Those of the runs that are still to be re-dated."""
    rows = await connection.execute(
        select(runs.c.id).where(runs.c.id.in_(run_ids), runs.c.clock_id.is_not(None))
    )
    return set(rows.scalars())


def _usage(entry: SegmentEntry) -> UsageChange:
    return UsageChange(
        entry.file.stream_id, entry.file.volume, 1, entry.size_bytes, entry.wall_duration_us
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


@dataclass(frozen=True, slots=True)
class _Near:
    """The starts about those of some entries, and whose they are."""

    taken: set[tuple[int, int]]  # (stream, start)
    files: dict[FileKey, list[int]]  # by file: its starts

    def has(self, entry: SegmentEntry) -> bool:
        """Whether this very file has its row already (a commit whose answer was lost)."""
        starts = self.files.get(entry.file, ())
        return any(abs(start_us - entry.start_us) <= NEAR_US for start_us in starts)

    def add(self, file: FileKey, start_us: int) -> None:
        self.taken.add((file.stream_id, start_us))
        self.files.setdefault(file, []).append(start_us)


async def _near(connection: AsyncConnection, entries: Sequence[SegmentEntry]) -> _Near:
    near = _Near(set(), {})
    for row in await rows_near(connection, entries):
        named_us = row.start_us + row.named_offset_us
        near.add(FileKey(row.volume_id, row.stream_id, named_us), row.start_us)
    return near


async def rows_near(
    connection: AsyncConnection, entries: Sequence[SegmentEntry]
) -> Sequence[Row[Any]]:
    """The segments that begin where one of the entries does, or up to `NEAR_US` beside it."""
    wanted = [(entry.file.stream_id, entry.start_us) for entry in entries]
    each = func.json_each(json.dumps(wanted)).table_valued("value")
    start_us = func.json_extract(each.c.value, "$[1]")
    found = await connection.execute(
        select(segments)
        .join_from(each, segments, segments.c.stream_id == func.json_extract(each.c.value, "$[0]"))
        .where(segments.c.start_us.between(start_us - NEAR_US, start_us + NEAR_US))
    )
    return found.all()


async def _free_start(connection: AsyncConnection, entry: SegmentEntry, near: _Near) -> int:
    """The start, or the next free µs: a clock set back may make two segments claim one."""
    stream_id, start_us = entry.file.stream_id, entry.start_us
    while (stream_id, start_us) in near.taken or (
        start_us > entry.start_us + NEAR_US and await _is_taken(connection, stream_id, start_us)
    ):
        start_us += 1
    return start_us


async def _is_taken(connection: AsyncConnection, stream_id: int, start_us: int) -> bool:
    taken = await connection.execute(
        select(segments.c.run_id).where(
            segments.c.stream_id == stream_id, segments.c.start_us == start_us
        )
    )
    return taken.first() is not None


def _begins_later(entry: SegmentEntry, start_us: int) -> SegmentEntry:
    """By a few µs, and ends where it did."""
    if start_us == entry.start_us:
        return entry
    wall_us = max(1, entry.end_us - start_us)
    return replace(entry, start_us=start_us, wall_duration_us=wall_us)
