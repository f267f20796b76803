"""`falconeye check`: do index and files agree? With `repair`, make them.

Invariants: every row has its file with that size; every file is in the index, in garbage, or
being written; no overlap within a run; every segment starts at a keyframe; the totals are sums;
footage and gaps cover each camera's time once.
"""

import logging
from collections.abc import Awaitable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from sqlalchemy import Row, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.media.samples import StreamKind
from falconeye.storage.checks import rebuild
from falconeye.storage.checks.check_coverage import CoverageReport, check_coverage
from falconeye.storage.export.export_files import DIRECTORY as EXPORTS
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.segments import fragment_table, segment_index
from falconeye.storage.segments.deleted_times import note_deleted
from falconeye.storage.segments.free_space import remove_rows
from falconeye.storage.segments.layout import SegmentName, parse_segment_path, segment_path
from falconeye.storage.segments.recording_index import recordings_between, restore_personal_fields
from falconeye.storage.segments.redating import take_over_journals
from falconeye.storage.segments.retention import Doomed
from falconeye.storage.segments.salvage import Salvaged, entry_of, salvage
from falconeye.storage.segments.segment_index import FileKey
from falconeye.storage.segments.usage_totals import count_anew, wrong_totals
from falconeye.storage.tables.footage import fragments, moves, open_files, segments, streams
from falconeye.storage.tables.jobs import jobs
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volumes import Volumes

log = logging.getLogger(__name__)

_BATCH = 500


class Fault(StrEnum):
    """What is wrong, and what repair does about it."""

    VOLUME_MISSING = "volume_missing"  # nothing: the disk must be put back
    FILE_MISSING = "file_missing"  # the row goes
    FILE_SIZE = "file_size"  # the file is read and indexed again
    NO_FRAGMENTS = "no_fragments"  # the file is read and indexed again
    UNREADABLE = "unreadable"  # nothing: the disk must tell of the file first
    NOT_INDEXED = "not_indexed"  # the file is indexed, or garbage when nothing in it plays
    EXPORT = "export"  # it is deleted: nobody can see it any more
    FOREIGN = "foreign"  # nothing: it is not ours
    OVERLAP = "overlap"  # nothing: both are kept and play
    NO_KEYFRAME = "no_keyframe"  # nothing: players begin at the next one
    TOTALS = "totals"  # counted anew
    COVERAGE = "coverage"  # nothing: a camera's time does not add up, which is a mistake of ours


@dataclass(slots=True)
class Problem:
    """One thing found."""

    fault: Fault
    path: str
    detail: str
    repaired: bool = False


@dataclass(slots=True)
class CheckReport:
    """All that was looked at."""

    segments: int = 0
    files: int = 0
    being_written: int = 0
    garbage: int = 0
    coverage: CoverageReport = field(default_factory=CoverageReport)
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing wrong, or all of it repaired."""
        return all(problem.repaired for problem in self.problems)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self) | {"ok": self.ok}


async def check(
    database: Database, volumes: Volumes, *, repair: bool = False, node_name: str = ""
) -> CheckReport:
    """Compare index and files. `repair` changes both: nothing may record meanwhile."""
    report = CheckReport()
    if repair:
        await take_over_journals(database, volumes)
    for volume in volumes.all:
        if volume.missing is not None:
            report.problems.append(Problem(Fault.VOLUME_MISSING, str(volume.path), volume.missing))
            continue
        await _Check(database, volume, report, node_name, repair=repair).run()
    totals = await database.read(wrong_totals)
    if totals and repair:
        await database.write(count_anew)
    report.problems += [
        Problem(Fault.TOTALS, "", f"of stream {stream} on volume {volume}", repair)
        for stream, volume in totals
    ]
    report.coverage, wrong = await check_coverage(database)
    report.problems += [Problem(Fault.COVERAGE, one.camera_id, one.detail) for one in wrong]
    return report


class _Check:
    """The check of one volume."""

    def __init__(
        self,
        database: Database,
        volume: Volume,
        report: CheckReport,
        node_name: str,
        *,
        repair: bool,
    ) -> None:
        self._database = database
        self._volume = volume
        self._report = report
        self._node_name = node_name
        self._repair = repair

    async def run(self) -> None:
        # Rows are read after the files: what was recorded in between has a row, not a file here.
        files = dict(await self._volume.readers.run(self._volume.files))
        self._report.files += len(files)
        garbage_paths = partial(segment_index.garbage_paths, volume=self._volume.number)
        for path in await self._database.read(garbage_paths):
            if files.pop(path, None) is not None:
                self._report.garbage += 1
        for growing in (_moved_to, _opened):
            for path in await self._database.read(partial(growing, self._volume.number)):
                if not self._repair and files.pop(path, None) is not None:
                    self._report.being_written += 1
        for stream_id in await self._database.read(partial(_streams_of, self._volume.number)):
            await self._check_stream(stream_id, files)
        for path in sorted(files):
            await self._unless_unreadable(path, self._orphan(path))
        if self._repair:
            await self._database.write(partial(_forget_open, self._volume.number))

    async def _check_stream(self, stream_id: int, files: dict[str, int]) -> None:
        after_us, before = -1, None
        while rows := await self._database.read(
            partial(_rows, self._volume.number, stream_id, after_us)
        ):
            for row in rows:
                self._report.segments += 1
                await self._unless_unreadable(_path(row), self._check_row(row, files))
                if before is not None and _overlap(before, row):
                    self._add(Fault.OVERLAP, _path(row), "it begins before the one before ends")
                before = row
            after_us = rows[-1].start_us

    async def _unless_unreadable(self, path: str, looking: Awaitable[None]) -> None:
        """A file that its disk cannot tell of keeps no other from being looked at."""
        try:
            await looking
        except OSError as error:
            self._add(Fault.UNREADABLE, path, error.strerror or str(error))

    async def _check_row(self, row: Row[Any], files: dict[str, int]) -> None:
        path = _path(row)
        size = files.pop(path, None)
        if size != row.size_bytes:  # it may have been made, or have grown, since it was listed
            size = await self._size_now(path)
        if size is None:
            await self._drop(row, Fault.FILE_MISSING, "the file is not there")
        elif size != row.size_bytes:
            words = f"{size} bytes, the index says {row.size_bytes}"
            await self._drop(row, Fault.FILE_SIZE, words, path)
        elif row.places is None:
            await self._drop(row, Fault.NO_FRAGMENTS, "no fragment table", path)
        else:
            await self._check_places(row, path)

    async def _check_places(self, row: Row[Any], path: str) -> None:
        try:
            table = fragment_table.decode(row.places)
        except ValueError as error:
            await self._drop(row, Fault.NO_FRAGMENTS, str(error), path)
            return
        body = sum(place.size_bytes for place in table.fragments)
        if table.head_bytes + body != row.size_bytes:
            words = "the fragment table and the size do not agree"
            await self._drop(row, Fault.NO_FRAGMENTS, words, path)
        elif not table.fragments[0].is_keyframe:
            self._add(Fault.NO_KEYFRAME, path, "it does not start at a keyframe")

    async def _drop(
        self, row: Row[Any], fault: Fault, detail: str, again: str | None = None
    ) -> None:
        """The row cannot be right: with repair it goes, and the file `again` is indexed anew."""
        problem = self._add(fault, _path(row), detail)
        if not self._repair:
            return
        if again is not None:
            problem.repaired = await self._index(again, instead_of=row)
        else:
            await self._database.write(partial(_remove, row))
            problem.repaired = True

    async def _size_now(self, path: str) -> int | None:
        return await self._volume.readers.run(partial(self._volume.size_of, path))

    async def _orphan(self, path: str) -> None:
        if path.startswith(f"{EXPORTS}/"):
            await self._export(path)
            return
        try:
            parse_segment_path(path)
        except ValueError:
            self._add(Fault.FOREIGN, path, "not a file of FalconEye")
            return
        if await self._size_now(path) is None:  # deleted meanwhile
            return
        problem = self._add(Fault.NOT_INDEXED, path, "the file is not in the index")
        if self._repair:
            problem.repaired = await self._index(path)

    async def _export(self, path: str) -> None:
        job_id = path.split("/")[1]
        if await self._database.read(partial(_has_job, job_id)):
            return
        size = await self._size_now(path)
        if size is None:  # deleted meanwhile
            return
        problem = self._add(Fault.EXPORT, path, "no job knows of this export")
        if self._repair:
            await self._database.write(
                lambda connection: segment_index.add_garbage(
                    connection, self._volume.number, path, size
                )
            )
            problem.repaired = True

    async def _index(self, path: str, *, instead_of: Row[Any] | None = None) -> bool:
        """Index a file from itself; False, and all as it was, when the disk cannot read it."""
        try:
            found = await self._volume.readers.run(partial(salvage, self._volume, path, cut=True))
        except OSError as error:
            log.warning("%s cannot be read: %s", path, error)
            return False
        await self._database.write(
            partial(_index, self._volume.number, path, found, self._node_name, instead_of)
        )
        return True

    def _add(self, fault: Fault, path: str, detail: str) -> Problem:
        problem = Problem(fault, path, detail)
        self._report.problems.append(problem)
        return problem


def _overlap(before: Row[Any], row: Row[Any]) -> bool:
    end_90k = before.media_offset_90k + before.media_duration_90k
    return bool(before.run_id == row.run_id and row.media_offset_90k < end_90k)


def _path(row: Row[Any]) -> str:
    name = SegmentName(row.camera_id, StreamKind(row.kind), row.start_us + row.named_offset_us)
    return segment_path(name)


async def _rows(
    volume: int, stream_id: int, after_us: int, connection: AsyncConnection
) -> Sequence[Row[Any]]:
    found = await connection.execute(
        select(segments, fragments.c.places, streams.c.camera_id, streams.c.kind)
        .join(streams, streams.c.id == segments.c.stream_id)
        .outerjoin(
            fragments,
            (fragments.c.stream_id == segments.c.stream_id)
            & (fragments.c.start_us == segments.c.start_us),
        )
        .where(
            segments.c.stream_id == stream_id,
            segments.c.volume_id == volume,
            segments.c.start_us > after_us,
        )
        .order_by(segments.c.start_us)
        .limit(_BATCH)
    )
    return found.all()


async def _streams_of(volume: int, connection: AsyncConnection) -> Sequence[int]:
    found = await connection.execute(
        select(segments.c.stream_id).where(segments.c.volume_id == volume).distinct()
    )
    return found.scalars().all()


async def _moved_to(volume: int, connection: AsyncConnection) -> Sequence[str]:
    found = await connection.execute(select(moves.c.path).where(moves.c.volume_id == volume))
    return found.scalars().all()


async def _opened(volume: int, connection: AsyncConnection) -> Sequence[str]:
    found = await connection.execute(
        select(open_files.c.named_start_us, streams.c.camera_id, streams.c.kind)
        .join(streams, streams.c.id == open_files.c.stream_id)
        .where(open_files.c.volume_id == volume)
    )
    return [
        segment_path(SegmentName(row.camera_id, StreamKind(row.kind), row.named_start_us))
        for row in found
    ]


async def _has_job(job_id: str, connection: AsyncConnection) -> bool:
    return (
        await connection.execute(select(jobs.c.id).where(jobs.c.id == job_id))
    ).first() is not None


async def _forget_open(volume: int, connection: AsyncConnection) -> None:
    """All files were looked at: none is open, or being moved, any more."""
    await connection.execute(delete(moves).where(moves.c.volume_id == volume))
    await connection.execute(delete(open_files).where(open_files.c.volume_id == volume))


async def _remove(row: Row[Any], connection: AsyncConnection) -> None:
    """Its file is lost; the ledger says so of its time."""
    await note_deleted(
        [
            Doomed(
                row.stream_id,
                row.start_us,
                row.wall_duration_us,
                row.size_bytes,
                row.volume_id,
                _path(row),
                GapReason.FILE_LOST,
            )
        ],
        connection,
    )
    await remove_rows(connection, [row])


async def _index(
    volume: int,
    path: str,
    salvaged: Salvaged,
    node_name: str,
    instead_of: Row[Any] | None,
    connection: AsyncConnection,
) -> None:
    if instead_of is None:
        await _index_anew(volume, path, salvaged, node_name, connection)
        return
    touched = await recordings_between(
        connection,
        instead_of.stream_id,
        instead_of.start_us,
        instead_of.start_us + instead_of.wall_duration_us,
    )
    await remove_rows(connection, [instead_of])  # the last segment's recording goes with it
    await _index_anew(volume, path, salvaged, node_name, connection)
    await restore_personal_fields(connection, touched)


async def _index_anew(
    volume: int, path: str, salvaged: Salvaged, node_name: str, connection: AsyncConnection
) -> None:
    name = parse_segment_path(path)
    if salvaged.found is None or await _is_elsewhere(connection, volume, name):
        await segment_index.add_garbage(connection, volume, path, salvaged.size_bytes)
        return
    key = FileKey(volume, 0, name.start_us)
    entry = entry_of(salvaged.found, key, node_name=node_name, run_end=None)
    await rebuild.index_file(connection, name, entry)


async def _is_elsewhere(connection: AsyncConnection, volume: int, name: SegmentName) -> bool:
    """Whether the index has this file on another volume: it was moved, or is half moved."""
    found = await connection.execute(
        select(segments.c.start_us)
        .join(streams, streams.c.id == segments.c.stream_id)
        .where(
            streams.c.camera_id == name.camera_id,
            streams.c.kind == name.stream.value,
            segments.c.start_us + segments.c.named_offset_us == name.start_us,
            segments.c.volume_id != volume,
        )
    )
    return found.first() is not None
