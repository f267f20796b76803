"""The transactions of `FootageStore`: what is stored when runs begin and files open and close."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.segments import recording_index, run_rows, segment_index
from falconeye.storage.segments.layout import SegmentName
from falconeye.storage.segments.recording_index import RecordingEntry
from falconeye.storage.segments.run_rows import RunGrowth
from falconeye.storage.segments.segment_index import FileKey, SegmentEntry
from falconeye.storage.segments.segments import SegmentEnd, SegmentStart
from falconeye.storage.tables.footage import open_files, recordings, runs, streams

StreamName = tuple[str, StreamKind]


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A row of `open_files` whose file nobody writes any more."""

    key: FileKey
    name: SegmentName
    run_id: int
    recording_id: str | None
    run_end: RunEnd | None = RunEnd.NODE_CRASHED  # None: its run went on in another file
    is_of_this_process: bool = False  # its recording may go on


async def read_known(
    connection: AsyncConnection,
) -> tuple[dict[StreamName, int], int, list[OpenFile]]:
    """The streams, the last run, and the files that the last process left open."""
    rows = await connection.execute(select(streams))
    known = {(row.camera_id, StreamKind(row.kind)): row.id for row in rows}
    last_run = (await connection.execute(select(func.max(runs.c.id)))).scalar_one()
    left = await connection.execute(
        select(open_files, streams.c.camera_id, streams.c.kind).join(
            streams, streams.c.id == open_files.c.stream_id
        )
    )
    return known, last_run or 0, [_open_file(row) for row in left]


def _open_file(row: Row[Any]) -> OpenFile:
    key = FileKey(row.volume_id, row.stream_id, row.named_start_us)
    name = SegmentName(row.camera_id, StreamKind(row.kind), row.named_start_us)
    return OpenFile(key, name, row.run_id, row.recording_id)


async def add_stream(
    stream_id: int, camera_id: str, kind: StreamKind, connection: AsyncConnection
) -> None:
    await run_rows.add_stream(connection, stream_id, camera_id, kind)


async def add_run(
    run_id: int,
    stream_id: int,
    started_us: int,
    clock_id: int | None,
    connection: AsyncConnection,
) -> None:
    await run_rows.add_run(connection, run_id, stream_id, started_us, clock_id)


async def register(
    key: FileKey,
    instead_of: FileKey | None,
    start: SegmentStart,
    recording: RecordingEntry | None,
    clock_id: int | None,
    connection: AsyncConnection,
) -> None:
    """A file is about to be made."""
    await run_rows.add_stream(connection, key.stream_id, start.camera_id, start.stream)
    await run_rows.add_run(connection, start.run_id, key.stream_id, start.start_us, clock_id)
    if instead_of is not None:
        await segment_index.remove_open_file(connection, instead_of)
    await segment_index.add_open_file(connection, key, start.run_id, start.start_us, recording)


async def close(
    key: FileKey,
    run_id: int,
    end: SegmentEnd | None,
    entry: SegmentEntry | None,
    useless: tuple[str, int] | None,
    connection: AsyncConnection,
) -> bool:
    """A file is closed: index it. Whether its recording has ended with that.

    `useless`: path and size of a file that is there, for one without an entry.
    """
    if entry is None:
        if useless is not None:
            await segment_index.add_garbage(connection, key.volume, *useless)
        await segment_index.remove_open_file(connection, key)
        await run_rows.forget_empty_run(connection, run_id)
        run_end = end.run_end if end else None
        await run_rows.end_runs(connection, [RunGrowth(run_id, None, run_end)])
        return False
    await segment_index.add_segment(connection, entry)
    if entry.recording is None or entry.recording_ended:
        return entry.recording_ended
    return await recording_index.complete_left(connection, key.stream_id, entry.recording.id)


async def leave(left: OpenFile, connection: AsyncConnection) -> None:
    """Nobody writes this file any more, but what it has is not known yet: its row stays.

    Its recording does not wait for that: see `recording_index.complete_others`.
    """
    await segment_index.forget_recording(connection, left.key)
    await run_rows.end_runs(connection, [RunGrowth(left.run_id, None, left.run_end)])


async def end_idle(
    open_ids: set[str], before_us: int, connection: AsyncConnection
) -> list[tuple[str, str]]:
    """End recordings that have had no file since `before_us`; (camera id, recording id) of each."""
    idle = await connection.execute(
        select(recordings.c.id, recordings.c.camera_id).where(
            recordings.c.status == "recording",
            func.coalesce(recordings.c.end_us, recordings.c.start_us) < before_us,
            recordings.c.id.not_in(open_ids),
        )
    )
    ended = [(row.camera_id, row.id) for row in idle]
    for _, recording_id in ended:
        await recording_index.finish_recording(connection, recording_id)
    return ended
