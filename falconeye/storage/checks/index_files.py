"""Files into the index: entries made of what was read of them, with their streams and runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.times import HOUR_US
from falconeye.media.samples import StreamKind
from falconeye.storage.checks.footage_names import FootageFile
from falconeye.storage.segments import segment_index
from falconeye.storage.segments.free_space import remove_rows
from falconeye.storage.segments.layout import SegmentName, segment_path
from falconeye.storage.segments.recording_index import recordings_between, restore_personal_fields
from falconeye.storage.segments.salvage import Salvaged, entry_of
from falconeye.storage.segments.segment_index import FileKey, SegmentEntry
from falconeye.storage.tables.footage import runs, segments, streams


class Numbers(Protocol):
    """Who numbers streams and runs while the node records: `FootageStore`."""

    @property
    def first_run_id(self) -> int:
        """Of this process."""

    def stream_id(self, camera_id: str, kind: StreamKind) -> int:
        """The stream's number, a new one where it has none."""

    def new_run_id(self) -> int:
        """One that no run has."""


@dataclass(frozen=True, slots=True)
class Read:
    """A file, and what can be played of it."""

    file: FootageFile
    salvaged: Salvaged

    @property
    def good_bytes(self) -> int:
        return self.salvaged.found.good_bytes if self.salvaged.found else 0


class IndexFiles:
    """Adds files to the index; knows the runs that it had to give another number."""

    def __init__(self, node_name: str, numbers: Numbers | None) -> None:
        self._node_name = node_name
        self._numbers = numbers
        self._renumbered: dict[tuple[int, int], int] = {}  # (stream, run in the files) → run

    async def add(self, batch: Sequence[Sequence[Read]], connection: AsyncConnection) -> None:
        """Index files, of whose copies the first is the best."""
        for copies in batch:
            for rank, one in enumerate(copies):
                file, salvaged = one.file, one.salvaged
                if salvaged.found is None or rank > 0:
                    await segment_index.add_garbage(
                        connection, file.volume.number, file.path, salvaged.size_bytes
                    )
                    continue
                key = FileKey(file.volume.number, 0, file.name.start_us)
                entry = entry_of(salvaged.found, key, node_name=self._node_name, run_end=None)
                await self._add_one(connection, file.name, entry)

    async def _add_one(
        self, connection: AsyncConnection, name: SegmentName, entry: SegmentEntry
    ) -> None:
        entry = await segment_index.dated(connection, entry)
        entry = await self.of_stream(connection, name, entry)
        there = await _row_of(connection, entry)
        if there is None:
            await _add_with_times(connection, await self.of_run(connection, entry))
        elif there.volume_id == entry.file.volume:
            return  # recorded and closed since it was listed, in a run of now
        elif there.size_bytes >= entry.size_bytes:  # a copy, on a disk that was away
            await segment_index.add_garbage(
                connection, entry.file.volume, segment_path(name), entry.size_bytes
            )
        else:
            touched = await recordings_between(
                connection, there.stream_id, there.start_us, there.start_us + there.wall_duration_us
            )
            await remove_rows(connection, [there])
            await segment_index.add_garbage(
                connection, there.volume_id, segment_path(name), there.size_bytes
            )
            await _add_with_times(connection, await self.of_run(connection, entry))
            await restore_personal_fields(connection, touched)

    async def of_stream(
        self, connection: AsyncConnection, name: SegmentName, entry: SegmentEntry
    ) -> SegmentEntry:
        """With its stream, whose row there is."""
        if self._numbers is None:
            stream_id = await _stream_number(connection, name)
        else:
            stream_id = self._numbers.stream_id(name.camera_id, name.stream)
            await segment_index.add_stream(connection, stream_id, name.camera_id, name.stream)
        return replace(entry, file=replace(entry.file, stream_id=stream_id))

    async def of_run(self, connection: AsyncConnection, entry: SegmentEntry) -> SegmentEntry:
        """With its run, whose row there is."""
        stream_id = entry.file.stream_id
        run_id = await self._run_number(connection, entry.run_id, stream_id)
        await segment_index.add_run(connection, run_id, stream_id, entry.start_us)
        return replace(entry, run_id=run_id)

    async def _run_number(self, connection: AsyncConnection, run_id: int, stream_id: int) -> int:
        """The run's id; another one where it is taken.

        By another stream, where the disk is a foreign one. Or by a run of now, whose ids began
        anew with a database that is older than the files, and a clock that is behind.
        """
        known = self._renumbered.get((stream_id, run_id))
        if known is not None:
            return known
        is_of_now = self._numbers is not None and run_id >= self._numbers.first_run_id
        if not is_of_now:
            owner = (
                await connection.execute(select(runs.c.stream_id).where(runs.c.id == run_id))
            ).scalar()
            if owner is None or owner == stream_id:
                return run_id
        if self._numbers is not None:
            number = self._numbers.new_run_id()
        else:
            number = (await connection.execute(select(func.max(runs.c.id)))).scalar_one() + 1
        self._renumbered[stream_id, run_id] = number
        return number


async def index_file(
    connection: AsyncConnection, name: SegmentName, entry: SegmentEntry
) -> SegmentEntry:
    """Index an entry made from a file while nothing records."""
    entry = await segment_index.dated(connection, entry)
    files = IndexFiles("", None)
    entry = await files.of_run(connection, await files.of_stream(connection, name, entry))
    return await segment_index.add_segment(connection, entry)


async def _stream_number(connection: AsyncConnection, name: SegmentName) -> int:
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


async def _row_of(connection: AsyncConnection, entry: SegmentEntry) -> Row[Any] | None:
    """The row of a file of that name, on whichever volume."""
    found = await connection.execute(
        select(segments).where(
            segments.c.stream_id == entry.file.stream_id,
            segments.c.start_us.between(entry.start_us - 64, entry.start_us + 64),
            segments.c.start_us + segments.c.named_offset_us == entry.file.named_start_us,
        )
    )
    return found.first()


async def _add_with_times(connection: AsyncConnection, entry: SegmentEntry) -> None:
    """Index it; a wall end is the start of the one that follows without a hole.

    The file knows its media time alone.
    """
    entry = await segment_index.add_segment(connection, entry)
    same_run = [segments.c.stream_id == entry.file.stream_id, segments.c.run_id == entry.run_id]
    before = await connection.execute(
        select(segments)
        .where(
            *same_run,
            segments.c.start_us.between(entry.start_us - HOUR_US, entry.start_us - 1),
            segments.c.media_offset_90k + segments.c.media_duration_90k == entry.media_offset_90k,
        )
        .order_by(segments.c.start_us.desc())
        .limit(1)
    )
    if (row := before.first()) is not None:
        await _set_end(connection, row, entry.start_us)
    after = await connection.execute(
        select(segments.c.start_us)
        .where(
            *same_run,
            segments.c.start_us.between(entry.start_us + 1, entry.start_us + HOUR_US),
            segments.c.media_offset_90k == entry.media_offset_90k + entry.media_duration_90k,
        )
        .order_by(segments.c.start_us)
        .limit(1)
    )
    if (start_us := after.scalar()) is not None:
        mine = await connection.execute(
            select(segments).where(*same_run, segments.c.start_us == entry.start_us)
        )
        await _set_end(connection, mine.one(), start_us)


async def _set_end(connection: AsyncConnection, row: Row[Any], end_us: int) -> None:
    longer_us = end_us - row.start_us - row.wall_duration_us
    if not longer_us:
        return
    await connection.execute(
        update(segments)
        .where(segments.c.stream_id == row.stream_id, segments.c.start_us == row.start_us)
        .values(wall_duration_us=end_us - row.start_us)
    )
    await segment_index.change_usage(connection, row.stream_id, row.volume_id, 0, 0, longer_us)
