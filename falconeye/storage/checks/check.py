"""`falconeye check`: do index and files agree? With `repair`, make them.

Invariants: every row has its file with that size; every file is in the index, in garbage, or
being written; no overlap within a run; every segment starts at a keyframe; the totals are sums;
footage and gaps cover each camera's time once, and a gap has its reason.
"""

import logging
from collections.abc import Awaitable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.checks import check_rows, rebuild
from falconeye.storage.checks.check_coverage import CoverageReport, check_coverage, note
from falconeye.storage.checks.index_files import index_file
from falconeye.storage.checks.lost_exports import Adopted, adopt_export
from falconeye.storage.export.export_files import DIRECTORY as EXPORTS
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.segments import fragment_table, segment_index
from falconeye.storage.segments.deleted_times import note_deleted
from falconeye.storage.segments.free_space import remove_rows
from falconeye.storage.segments.layout import parse_segment_path
from falconeye.storage.segments.recording_index import recordings_between, restore_personal_fields
from falconeye.storage.segments.redating import take_over_journals
from falconeye.storage.segments.retention import Doomed
from falconeye.storage.segments.salvage import Salvaged, entry_of, salvage
from falconeye.storage.segments.segment_index import FileKey
from falconeye.storage.segments.usage_totals import count_anew, wrong_totals
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volumes import Volumes

log = logging.getLogger(__name__)

_NOT_INDEXED = "the file is not in the index"


class Fault(StrEnum):
    """What is wrong, and what repair does about it."""

    VOLUME_MISSING = "volume_missing"  # nothing: the disk must be put back
    FILE_MISSING = "file_missing"  # the row goes
    FILE_SIZE = "file_size"  # the file is read and indexed again
    NO_FRAGMENTS = "no_fragments"  # the file is read and indexed again
    UNREADABLE = "unreadable"  # nothing: the disk must tell of the file first
    NOT_INDEXED = "not_indexed"  # the file is indexed, or garbage when nothing in it plays
    EXPORT = "export"  # it is listed again; kept where it is not whole, deleted where only begun
    FOREIGN = "foreign"  # nothing: it is not ours
    OVERLAP = "overlap"  # nothing: both are kept and play
    NO_KEYFRAME = "no_keyframe"  # nothing: players begin at the next one
    TOTALS = "totals"  # counted anew
    COVERAGE = "coverage"  # nothing: a camera's time does not add up, which is a mistake of ours
    UNEXPLAINED = "unexplained"  # it is noted, and told once: see the log of that time


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
    to_be_indexed: int = 0  # after a restore, by the recorder: no fault
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
    looking: dict[int, _Check] = {}
    for volume in volumes.all:
        if volume.missing is not None:
            report.problems.append(Problem(Fault.VOLUME_MISSING, str(volume.path), volume.missing))
            continue
        looking[volume.number] = _Check(database, volume, report, node_name, looking, repair=repair)
    for number, one in tuple(looking.items()):
        try:
            await one.list_files()
        except OSError as error:  # as good as away: what it holds is not known
            path = str(one.volume.path)
            report.problems.append(Problem(Fault.UNREADABLE, path, error.strerror or str(error)))
            del looking[number]
    # The rows of all disks before any file without one: it may be what another disk's row lacks.
    for step in (_Check.check_rows, _Check.check_orphans):
        for one in looking.values():
            await step(one)
    totals = await database.read(wrong_totals)
    if totals and repair:
        await database.write(count_anew)
    report.problems += [
        Problem(Fault.TOTALS, "", f"of stream {stream} on volume {volume}", repair)
        for stream, volume in totals
    ]
    await _check_time(database, report, repair=repair)
    return report


async def _check_time(database: Database, report: CheckReport, *, repair: bool) -> None:
    report.coverage, wrong, unexplained = await check_coverage(database)
    report.problems += [Problem(Fault.COVERAGE, one.camera_id, one.detail) for one in wrong]
    for one in unexplained:
        if repair:
            await database.write(partial(note, one))
        report.problems.append(Problem(Fault.UNEXPLAINED, one.camera_id, one.detail, repair))


class _Check:
    """The check of one volume."""

    def __init__(
        self,
        database: Database,
        volume: Volume,
        report: CheckReport,
        node_name: str,
        all_of_them: "Mapping[int, _Check]",
        *,
        repair: bool,
    ) -> None:
        self._all = all_of_them  # by the volume's number; those that are missing are not in it
        self.files: dict[str, int] = {}  # not met yet
        self.unsure: set[str] = set()  # the index has them here, which is not so, or not known
        self._database = database
        self.volume = volume
        self._report = report
        self._node_name = node_name
        self._repair = repair
        self._is_made_anew = False
        self._exports: set[str] = set()  # of no job, and told of

    async def list_files(self) -> None:
        self._is_made_anew = await rebuild.is_needed(self._database)
        # Rows are read after the files: what was recorded in between has a row, not a file here.
        self.files = dict(await self.volume.readers.run(self.volume.files))
        self._report.files += len(self.files)
        await self._leave_out_garbage()
        for growing in (check_rows.moved_to, check_rows.opened):
            for path in await self._database.read(partial(growing, self.volume.number)):
                if not self._repair and self.files.pop(path, None) is not None:
                    self._report.being_written += 1

    async def check_rows(self) -> None:
        number = self.volume.number
        for stream_id in await self._database.read(partial(check_rows.streams_of, number)):
            await self._check_stream(stream_id)

    async def check_orphans(self) -> None:
        """What no row told of."""
        await self._leave_out_garbage()  # a node beside us deletes and moves meanwhile
        for path in sorted(self.files):
            await self._unless_unreadable(path, self._orphan(path))
        if self._repair:
            await self._database.write(partial(check_rows.forget_open, self.volume.number))

    async def _leave_out_garbage(self) -> None:
        garbage_paths = partial(segment_index.garbage_paths, volume=self.volume.number)
        for path in await self._database.read(garbage_paths):
            if self.files.pop(path, None) is not None:
                self._report.garbage += 1

    async def _check_stream(self, stream_id: int) -> None:
        after_us, before = -1, None
        while rows := await self._database.read(
            partial(check_rows.rows_of, self.volume.number, stream_id, after_us)
        ):
            for row in rows:
                path = check_rows.path_of(row)
                self._report.segments += 1
                await self._unless_unreadable(path, self._check_row(row, path))
                if before is not None and _overlap(before, row):
                    self._add(Fault.OVERLAP, path, "it begins before the one before ends")
                before = row
            after_us = rows[-1].start_us

    async def _unless_unreadable(self, path: str, looking: Awaitable[None]) -> None:
        """A file that its disk cannot tell of keeps no other from being looked at."""
        try:
            await looking
        except OSError as error:
            self.unsure.add(path)
            self._add(Fault.UNREADABLE, path, error.strerror or str(error))

    async def _check_row(self, row: Row[Any], path: str) -> None:
        size = self.files.pop(path, None)
        if size != row.size_bytes:  # it may have been made, or have grown, since it was listed
            size = await self._size_now(path)
        if size is None and (other := self._found_on(path, row.size_bytes)) is not None:
            await self._follow(row, path, other)
        elif size is None:
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
        path = check_rows.path_of(row)
        problem = self._add(fault, path, detail)
        if not self._repair:
            return
        if again is not None:
            problem.repaired = await self.index(again, instead_of=row)
            if not problem.repaired:
                self.unsure.add(path)
        else:
            await self._database.write(partial(_remove, row))
            problem.repaired = True

    def _found_on(self, path: str, size_bytes: int) -> "_Check | None":
        """Where the whole file lies instead, among what the index does not know there."""
        others = (one for one in self._all.values() if one is not self)
        return next((one for one in others if one.files.get(path) == size_bytes), None)

    async def _follow(self, row: Row[Any], path: str, other: "_Check") -> None:
        """Somebody carried the file over to another of our disks: the row goes after it."""
        del other.files[path]
        words = f"the file lies on {other.volume.path}"
        problem = self._add(Fault.FILE_MISSING, path, words)
        if self._repair:
            problem.repaired = await other.index(path, instead_of=row)

    async def _size_now(self, path: str) -> int | None:
        return await self.volume.readers.run(partial(self.volume.size_of, path))

    async def _orphan(self, path: str) -> None:
        if path.startswith(f"{EXPORTS}/"):
            await self._export(path)
            return
        try:
            name = parse_segment_path(path)
        except ValueError:
            self._add(Fault.FOREIGN, path, "not a file of FalconEye")
            return
        size = await self._size_now(path)
        if size is None:  # deleted meanwhile
            return
        if not self._repair:
            if self._is_made_anew:
                self._report.to_be_indexed += 1
            else:
                self._add(Fault.NOT_INDEXED, path, _NOT_INDEXED)
            return
        problem = self._add(Fault.NOT_INDEXED, path, _NOT_INDEXED)
        number = await self._database.read(partial(check_rows.volume_of, name))
        if number is not None and number != self.volume.number:
            other = self._all.get(number)
            if other is None or path in other.unsure:
                problem.detail = "the index has it on a disk that does not tell of it: both stay"
                return
            await self._database.write(
                lambda connection: segment_index.add_garbage(
                    connection, self.volume.number, path, size
                )
            )
            problem.repaired = True
            return
        problem.repaired = await self.index(path)

    async def _export(self, path: str) -> None:
        """All files of it at once: the first one tells of the export."""
        job_id = path.split("/")[1]
        if job_id in self._exports or await self._database.read(
            partial(check_rows.has_job, job_id)
        ):
            return
        if await self._size_now(path) is None:  # deleted meanwhile
            return
        self._exports.add(job_id)
        problem = self._add(Fault.EXPORT, f"{EXPORTS}/{job_id}", "no job knows of this export")
        if self._repair:
            words = await adopt_export(self._database, self.volume, job_id)
            problem.detail += f": {words}"
            problem.repaired = words is not Adopted.KEPT

    async def index(self, path: str, *, instead_of: Row[Any] | None = None) -> bool:
        """Index a file from itself; False, and all as it was, when the disk cannot read it."""
        try:
            found = await self.volume.readers.run(partial(salvage, self.volume, path, cut=True))
        except OSError as error:
            log.warning("%s cannot be read: %s", path, error)
            return False
        await self._database.write(
            partial(_index, self.volume.number, path, found, self._node_name, instead_of)
        )
        return True

    def _add(self, fault: Fault, path: str, detail: str) -> Problem:
        problem = Problem(fault, path, detail)
        self._report.problems.append(problem)
        return problem


def _overlap(before: Row[Any], row: Row[Any]) -> bool:
    end_90k = before.media_offset_90k + before.media_duration_90k
    return bool(before.run_id == row.run_id and row.media_offset_90k < end_90k)


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
                check_rows.path_of(row),
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
    if salvaged.found is None:
        await segment_index.add_garbage(connection, volume, path, salvaged.size_bytes)
        return
    key = FileKey(volume, 0, name.start_us)
    entry = entry_of(salvaged.found, key, node_name=node_name, run_end=None)
    await index_file(connection, name, entry)
