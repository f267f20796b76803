"""Files into the index: entries made of what was read of them, with their streams and runs.

A batch is added in one transaction with few statements, however many files it has. Nothing that it
asks the index for is kept for the next batch: meanwhile recorders add rows, retention and people
delete some, the mover and re-dating change others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sqlalchemy import Row, func, select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.media.samples import StreamKind
from falconeye.storage.checks.footage_names import FootageFile, Stream
from falconeye.storage.checks.wall_ends import set_wall_ends
from falconeye.storage.segments import run_rows, segment_index
from falconeye.storage.segments.free_space import remove_rows
from falconeye.storage.segments.layout import SegmentName
from falconeye.storage.segments.recording_index import recordings_between, restore_personal_fields
from falconeye.storage.segments.salvage import entry_of, salvage
from falconeye.storage.segments.segment_index import FileKey, SegmentEntry
from falconeye.storage.tables.footage import runs, streams

_AGAIN_AT_ONCE = 5  # files that are in the index from another volume, in one transaction


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
    """A file, after its torn tail was cut."""

    file: FootageFile
    size_bytes: int
    cut_bytes: int
    entry: SegmentEntry | None  # None: nothing in it can be played; its stream is not known yet

    @property
    def good_bytes(self) -> int:
        return self.entry.size_bytes if self.entry else 0


def read_file(file: FootageFile, node_name: str) -> Read:
    """All that can be made of a file before the transaction. Reader threads; as `salvage`."""
    found = salvage(file.volume, file.path, cut=True)
    entry = None
    if found.found is not None:
        key = FileKey(file.volume.number, 0, file.name.start_us)
        entry = entry_of(found.found, key, node_name=node_name, run_end=None)
    return Read(file, found.size_bytes, found.cut_bytes, entry)


class IndexFiles:
    """Adds files to the index; knows the runs that it had to give another number."""

    def __init__(self, numbers: Numbers | None) -> None:
        self.left: Sequence[Sequence[Read]] = ()  # of the last batch: for the next transaction
        self._numbers = numbers
        self._renumbered: dict[tuple[int, int], int] = {}  # (stream, run in the files) → run

    async def add(self, batch: Sequence[Sequence[Read]], connection: AsyncConnection) -> None:
        """Index files, of whose copies the first is the best; as if one came after the other.

        What is `left` then is to be added next: rows of recorders wait for a transaction, and a
        file that is in the index from another volume takes a dozen statements.
        """
        entries = await self._entries(connection, batch)
        there = await _rows_of(connection, [entry for entry in entries if entry is not None])
        new: list[SegmentEntry] = []
        self.left, again = (), 0
        for place, (copies, entry) in enumerate(zip(batch, entries, strict=True)):
            row = None if entry is None else there.get(_name(entry))
            is_again = row is not None and row.volume_id != copies[0].file.volume.number
            again += is_again
            if again > _AGAIN_AT_ONCE:
                self.left = batch[place:]
                break
            await _add_garbage(connection, copies if entry is None else copies[1:])
            if entry is not None and is_again:
                # It looks at recordings and totals: those before it are to be in them.
                await self._add_new(connection, new)
                new = []
                await self._add_again(connection, copies[0], entry)
            elif entry is not None and row is None:
                new.append(entry)
            # else it was recorded and closed since it was listed, in a run of now
        await self._add_new(connection, new)

    async def _entries(
        self, connection: AsyncConnection, batch: Sequence[Sequence[Read]]
    ) -> list[SegmentEntry | None]:
        """Of the best copies, with their right times and streams; None: nothing of it plays."""
        best = [copies[0] if copies else None for copies in batch]
        found = [one.entry for one in best if one is not None and one.entry is not None]
        names = [one.file.name for one in best if one is not None and one.entry is not None]
        dated = await segment_index.dated(connection, found)
        entries = iter(await self.of_streams(connection, names, dated))
        return [next(entries) if one is not None and one.entry else None for one in best]

    async def _add_new(self, connection: AsyncConnection, entries: Sequence[SegmentEntry]) -> None:
        entries = await self.of_runs(connection, entries)
        await set_wall_ends(connection, await segment_index.add_segments(connection, entries))

    async def _add_again(
        self, connection: AsyncConnection, read: Read, entry: SegmentEntry
    ) -> None:
        """Of a file that is in the index from another volume, which stays: what has more in it."""
        there = (await _rows_of(connection, [entry]))[_name(entry)]  # as it is by now
        if there.size_bytes >= entry.size_bytes:  # a copy, on a disk that was away
            await _add_garbage(connection, [read])
            return
        touched = await recordings_between(
            connection, there.stream_id, there.start_us, there.start_us + there.wall_duration_us
        )
        await remove_rows(connection, [there])
        await segment_index.add_garbage(
            connection, there.volume_id, read.file.path, there.size_bytes
        )
        await self._add_new(connection, [entry])
        await restore_personal_fields(connection, touched)

    async def of_streams(
        self,
        connection: AsyncConnection,
        names: Sequence[SegmentName],
        entries: Sequence[SegmentEntry],
    ) -> list[SegmentEntry]:
        """With their streams, whose rows there are."""
        wanted = dict.fromkeys((name.camera_id, name.stream) for name in names)
        if not wanted:
            return []
        if self._numbers is None:
            ids = await _number(connection, wanted)
        else:
            ids = {stream: self._numbers.stream_id(*stream) for stream in wanted}
        await connection.execute(
            upsert(streams).on_conflict_do_nothing(),
            [
                {"id": stream_id, "camera_id": camera_id, "kind": kind.value}
                for (camera_id, kind), stream_id in ids.items()
            ],
        )
        return [
            replace(entry, file=replace(entry.file, stream_id=ids[name.camera_id, name.stream]))
            for name, entry in zip(names, entries, strict=True)
        ]

    async def of_runs(
        self, connection: AsyncConnection, entries: Sequence[SegmentEntry]
    ) -> list[SegmentEntry]:
        """With their runs, whose rows there are."""
        owners = await self._owners(connection, entries)
        found: list[SegmentEntry] = []
        for entry in entries:
            stream_id = entry.file.stream_id
            run_id = await self._run_number(connection, entry.run_id, stream_id, owners)
            if run_id not in owners:
                owners[run_id] = stream_id
                await run_rows.add_run(connection, run_id, stream_id, entry.start_us)
            found.append(replace(entry, run_id=run_id))
        return found

    async def _owners(
        self, connection: AsyncConnection, entries: Sequence[SegmentEntry]
    ) -> dict[int, int]:
        """The streams of the runs that the index has, of those that may be the entries'."""
        if not entries:
            return {}
        wanted = {entry.run_id for entry in entries}
        for entry in entries:
            number = self._renumbered.get((entry.file.stream_id, entry.run_id))
            if number is not None:
                wanted.add(number)
        rows = await connection.execute(
            select(runs.c.id, runs.c.stream_id).where(runs.c.id.in_(wanted))
        )
        return {row.id: row.stream_id for row in rows}

    async def _run_number(
        self, connection: AsyncConnection, run_id: int, stream_id: int, owners: dict[int, int]
    ) -> int:
        """The run's id; another one where it is taken.

        By another stream, where the disk is a foreign one. Or by a run of now, whose ids began
        anew with a database that is older than the files, and a clock that is behind.
        """
        known = self._renumbered.get((stream_id, run_id))
        if known is not None:
            return known
        is_of_now = self._numbers is not None and run_id >= self._numbers.first_run_id
        if not is_of_now and owners.get(run_id, stream_id) == stream_id:
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
    files = IndexFiles(None)
    entries = await segment_index.dated(connection, [entry])
    entries = await files.of_streams(connection, [name], entries)
    [stored] = await segment_index.add_segments(
        connection, await files.of_runs(connection, entries)
    )
    return stored


async def _number(connection: AsyncConnection, wanted: Iterable[Stream]) -> dict[Stream, int]:
    """The numbers of streams, new ones for those that are not known."""
    rows = await connection.execute(select(streams))
    known = {(row.camera_id, StreamKind(row.kind)): row.id for row in rows}
    last = max(known.values(), default=0)
    found: dict[Stream, int] = {}
    for stream in wanted:
        if stream not in known:
            last += 1
            known[stream] = last
        found[stream] = known[stream]
    return found


async def _add_garbage(connection: AsyncConnection, useless: Sequence[Read]) -> None:
    for one in useless:
        await segment_index.add_garbage(
            connection, one.file.volume.number, one.file.path, one.size_bytes
        )


def _name(entry: SegmentEntry) -> tuple[int, int]:
    """The stream, and the start in the name of its file, on whichever volume."""
    return entry.file.stream_id, entry.file.named_start_us


async def _rows_of(
    connection: AsyncConnection, entries: Sequence[SegmentEntry]
) -> dict[tuple[int, int], Row[Any]]:
    """By name, the rows of files of the entries' names, on whichever volume."""
    found: dict[tuple[int, int], Row[Any]] = {}
    starts_us = {_name(entry): entry.start_us for entry in entries}
    for row in await segment_index.rows_near(connection, entries) if entries else ():
        name = (row.stream_id, row.start_us + row.named_offset_us)
        start_us = starts_us.get(name)
        if start_us is not None and abs(row.start_us - start_us) <= segment_index.NEAR_US:
            _ = found.setdefault(name, row)
    return found
