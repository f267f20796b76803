"""Exports: a span of cameras as a file of its own, which no retention takes.

The size is known before anything is written, and what is always kept free stays free. One thread
copies; it is none of the volume's, so that neither recording nor a download waits for it.
"""

import asyncio
import errno
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import tzinfo
from functools import partial

from falconeye.base.clock import Clock, kernel_clock
from falconeye.base.errors import NotFound, Unavailable
from falconeye.base.node_name import NodeName
from falconeye.storage.export import export_layout, export_rows
from falconeye.storage.export.byte_source import ByteSource, OwnFile
from falconeye.storage.export.export_elsewhere import OtherNodes, Told, merged_sources
from falconeye.storage.export.export_files import ExportFiles
from falconeye.storage.export.export_found import made_before
from falconeye.storage.export.export_layout import ExportOrder, silent_words
from falconeye.storage.export.export_package import Package
from falconeye.storage.export.export_papers import Circumstances
from falconeye.storage.export.export_part import SourceSegment
from falconeye.storage.export.export_result import Export, ExportRequest
from falconeye.storage.export.export_room import ExportRoom
from falconeye.storage.export.export_thread import ExportThread
from falconeye.storage.export.export_writer import Copier, SourceLost
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.coverage import Gap, GapReason
from falconeye.storage.reading.download import DownloadPlan, SourceFile, read_plain
from falconeye.storage.reading.timeline import Timelines
from falconeye.storage.segments.free_space import Deleter
from falconeye.storage.segments.retention import Spared
from falconeye.storage.segments.segment_store import FootageStore
from falconeye.storage.volumes.volume import ANSWER_S, Volume
from falconeye.storage.volumes.volumes import Volumes

log = logging.getLogger(__name__)

Report = Callable[[float], None]

_LAYOUT_SHARE = 0.05  # of the progress of a camera: heads are read before the media
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_MP4, _ZIP = "video/mp4", "application/zip"


class Exports:
    """Makes, reads and removes exports. Lives on the loop."""

    def __init__(
        self,
        database: Database,
        volumes: Volumes,
        store: FootageStore,
        timelines: Timelines,
        deleter: Deleter,
        clock: Clock,
        *,
        node_name: NodeName | str,
        zone: Callable[[], tzinfo],
    ) -> None:
        self._database = database
        self._volumes = volumes
        self._store = store
        self._timelines = timelines
        self._clock = clock
        self._node_name = node_name
        self._zone = zone
        self.room = ExportRoom(database, volumes, deleter)
        self._thread = ExportThread("exports")
        self.elsewhere: OtherNodes | None = None

    def stop(self) -> None:
        """End the thread after what it does."""
        self._thread.stop()

    async def expected_bytes(self, request: ExportRequest, acting: str | None = None) -> int:
        """What it takes at most, as far as it is recorded now; NotFound when nothing is.

        Other nodes tell of theirs to `acting`; Unavailable where only a silent one may have any.
        """
        self._require_index(request)
        size = sum([await self.own_bytes(order) for order in request.orders])
        silent: set[str] = set()
        if self.elsewhere is not None:
            for order in request.orders:
                theirs, names = await self.elsewhere.expected_bytes(order, acting)
                size += theirs
                silent |= set(names)
        if not size and silent:
            raise Unavailable(silent_words(sorted(silent)))
        if not size:
            raise NotFound(await self._why_nothing(request))
        return size

    async def _why_nothing(self, request: ExportRequest) -> str:
        """What to say where the full picture, which an export takes, was not recorded."""
        for order in request.orders:
            known = await self._timelines.read(order.camera_id, order.from_us, order.to_us)
            if known.spans:
                return (
                    "of that time only the small picture was recorded, and an export takes the "
                    "full one: the small one plays, and pictures of it can be saved, on the page "
                    "of the camera's day"
                )
        return "nothing was recorded in that time"

    async def made_before(self, job_id: str) -> Export | None:
        """What an attempt before has made of it, whole: it is not made again."""
        return await made_before(self._volumes, job_id, self._thread.run)

    async def make(
        self, job_id: str, request: ExportRequest, report: Report, spared: Sequence[Spared] = ()
    ) -> Export:
        """Write it; `report` gets 0 to 1, on a thread. FalconEyeError in words when it cannot be.

        `spared` may not be deleted to make room for it, as what it takes itself may not.
        Cancelled, it removes what it wrote before it ends.
        """
        self._require_index(request)
        volume = self._volumes.for_recording()
        files = ExportFiles(volume, job_id)
        left_out: set[str] = set()
        own = [Spared(one.camera_id, one.from_us, one.to_us) for one in request.orders]
        try:
            await present(volume)
            with self.room.promised(job_id):
                while True:
                    attempt = _Attempt(volume, files, request, [*own, *spared], left_out)
                    try:
                        return await self._try(attempt, report)
                    except SourceLost as error:  # e.g. deleted meanwhile: the rest is still wanted
                        log.warning("%s is left out of an export", error.source.path)
                        left_out.add(error.source.path)
        except OSError as error:
            raise Unavailable(disk_words(error)) from error

    def _require_index(self, request: ExportRequest) -> None:
        for order in request.orders:
            self._store.index.require(order.from_us, order.to_us)

    async def remove(self, job_id: str, made_on: int | None = None) -> None:
        """Delete what there is of it, on whichever disk; Unavailable when one refuses.

        `made_on`: the number of the volume where it lies whole, which may not be away.
        """
        holder = None if made_on is None else self._volumes.get(made_on)
        if holder is not None and holder.missing is not None:
            msg = f"the disk of this export is not there: {holder.missing}"
            raise Unavailable(msg)
        first = self._volumes.for_recording()
        others = [one for one in self._volumes.all if one is not first and one.missing is None]
        for volume in (first, *others):
            await _remove(volume, ExportFiles(volume, job_id))

    def download(self, job_id: str, made: Export) -> DownloadPlan:
        """The file, of which any range can be read."""
        kind = _ZIP if made.file_name.endswith(".zip") else _MP4
        return self._plan(job_id, made, made.file_name, made.size_bytes, f'"{made.sha256}"', kind)

    def sidecar(self, job_id: str, made: Export) -> DownloadPlan:
        """The JSON beside it."""
        etag = f'"{made.sha256[:32]}-sidecar"'
        kind = "application/json"
        return self._plan(job_id, made, made.sidecar_name, made.sidecar_bytes, etag, kind)

    def sheet(self, job_id: str, made: Export) -> DownloadPlan:
        """The text beside it; NotFound for one that an older release made."""
        if not made.sheet_name:
            msg = "this export was made before there were sheets"
            raise NotFound(msg)
        etag = f'"{made.sha256[:32]}-sheet"'
        kind = "text/plain"  # the web adds the charset
        return self._plan(job_id, made, made.sheet_name, made.sheet_bytes, etag, kind)

    def circumstances(self, request: ExportRequest) -> Circumstances:
        """What an export that is made now says of its making."""
        own_id = "" if self.elsewhere is None else self.elsewhere.own_id
        made_us = self._clock.utc_us()
        return Circumstances(
            own_id, str(self._node_name), self._zone(), made_us, request, kernel_clock()
        )

    def _plan(
        self, job_id: str, made: Export, name: str, size: int, etag: str, kind: str
    ) -> DownloadPlan:
        volume = self._volumes.get(made.volume)
        if volume is None:
            msg = "the disk of this export is not configured any more"
            raise Unavailable(msg)
        path = ExportFiles(volume, job_id).path(name)
        source = SourceFile(partial(volume.open_file, path), volume.readers, size)
        return DownloadPlan(
            length=size,
            etag=etag,
            file_name=name,
            mime_type=kind,
            last_modified_us=made.made_us,
            read=read_plain(source),
        )

    async def own_sources(self, order: ExportOrder) -> list[SourceSegment]:
        """What this node has of it, closed or still being written."""
        opened = self._store.open_segments(order.camera_id)  # before the rows: see `with_open`
        span = (order.from_us, order.to_us)
        closed = await self._database.read(
            partial(export_rows.read_sources, order.camera_id, *span)
        )
        return export_rows.with_open(closed, opened, *span)

    async def own_bytes(self, order: ExportOrder) -> int:
        """What it takes at most of what this node has; 0 when nothing of it is recorded."""
        opened = self._store.open_segments(order.camera_id)
        span = (order.from_us, order.to_us)
        closed = await self._database.read(partial(export_rows.read_size, order.camera_id, *span))
        growing = export_rows.with_open((), opened, *span)
        return closed + sum(source.size_bytes for source in growing)

    async def _try(self, attempt: "_Attempt", report: Report) -> Export:
        """One attempt without the files that were lost; SourceLost names another one."""
        package = Package(attempt.files, self.circumstances(attempt.request))
        try:
            made = await self._fill(attempt, package, report)
        except BaseException:
            await self._thread.settle(package.abandon)
            raise
        silent = tuple(sorted(attempt.silent))
        return replace(made, freed_bytes=attempt.freed_bytes, silent=silent)

    async def _fill(self, attempt: "_Attempt", package: Package, report: Report) -> Export:
        orders = attempt.request.orders
        expected = [await self.own_bytes(order) for order in orders]
        shares = _shares(expected)
        for index, (order, (begin, share)) in enumerate(zip(orders, shares, strict=True)):
            later = sum(expected[index + 1 :])
            camera = partial(_scaled, report, begin, share)
            await self._add_camera(attempt, package, order, later, camera)
        if not attempt.found:
            msg = "nothing of that time can be read any more"
            if attempt.silent:
                msg = f"{msg}: {silent_words(sorted(attempt.silent))}"
            raise NotFound(msg)
        return await self._thread.run(partial(package.finish, attempt.volume.number), attempt.stop)

    async def _add_camera(
        self,
        attempt: "_Attempt",
        package: Package,
        order: ExportOrder,
        later_bytes: int,
        report: Report,
    ) -> None:
        """Lay it out, look for room for it and those that follow, copy it."""
        sources, lost, silent = await self._sources(order, attempt.left_out)
        done = 0

        def copied(size: int) -> None:
            nonlocal done
            done += size
            report(_LAYOUT_SHARE + (1 - _LAYOUT_SHARE) * done / layout.media_bytes)

        copier = Copier(self._open, attempt.stop, copied)
        layout = await self._thread.run(
            partial(
                export_layout.lay_out,
                sources,
                order,
                copier,
                lambda share: report(share * _LAYOUT_SHARE),
            ),
            attempt.stop,
        )
        layout.lost += lost
        layout.silent = sorted({*silent, *(one.node_name for one in layout.lost if one.node_id)})
        attempt.silent.update(layout.silent)
        if not layout.parts and len(attempt.request.orders) == 1:
            return
        attempt.found = attempt.found or bool(layout.parts)
        attempt.freed_bytes += await self.room.provide(
            attempt.files.job_id, attempt.volume, layout.size_bytes + later_bytes, attempt.spared
        )
        known = await self._timelines.read(order.camera_id, order.from_us, order.to_us)
        layout.corrections = export_layout.within_span(
            known.corrections, order.from_us, order.to_us
        )
        layout.seams = known.seams
        untold = [Gap(order.from_us, order.to_us, GapReason.UNKNOWN, silent_words(silent))]
        to_us = max(known.to_us, order.from_us)
        gaps = [*(untold if silent else ()), *known.gaps]
        holes = export_layout.find_holes(layout, order.from_us, to_us, gaps)
        add = partial(package.add, order, layout, holes, copier.write)
        await self._thread.run(add, attempt.stop)

    async def _sources(
        self, order: ExportOrder, left_out: set[str]
    ) -> tuple[list[SourceSegment], list[SourceSegment], Sequence[str]]:
        """Those to take, those left out, and which nodes do not tell of theirs."""
        told = Told() if self.elsewhere is None else await self.elsewhere.sources(order)
        found = [await self.own_sources(order), *told.parts]
        lost = [source for part in found for source in part if source.path in left_out]
        parts = [[one for one in part if one.path not in left_out] for part in found]
        if not any(parts[1:]):
            return parts[0], lost, told.silent
        return await asyncio.to_thread(merged_sources, parts, order), lost, told.silent

    def _open(self, source: SourceSegment) -> ByteSource:
        if source.node_id:
            if self.elsewhere is None:
                raise OSError(errno.EHOSTUNREACH, "there are no other nodes any more")
            return self.elsewhere.open(source)
        return OwnFile(self._volumes.opener(self._volumes.get(source.volume), source.path)())


class _Attempt:
    """What belongs to one attempt to write an export."""

    def __init__(
        self,
        volume: Volume,
        files: ExportFiles,
        request: ExportRequest,
        spared: Sequence[Spared],
        left_out: set[str],
    ) -> None:
        self.volume = volume
        self.files = files
        self.request = request
        self.spared = spared
        self.left_out = left_out  # paths of files that cannot be read
        self.stop = threading.Event()
        self.found = False  # any footage
        self.freed_bytes = 0
        self.silent: set[str] = set()  # names of nodes that may have more


def _shares(expected: Sequence[int]) -> list[tuple[float, float]]:
    """Where each camera's progress begins, and how much of it is the camera's."""
    total = max(1, sum(expected))
    ends = [sum(expected[: index + 1]) / total for index in range(len(expected))]
    return [(end - size / total, size / total) for end, size in zip(ends, expected, strict=True)]


def _scaled(report: Report, begin: float, share: float, done: float) -> None:
    report(begin + share * done)


async def _remove(volume: Volume, files: ExportFiles) -> None:
    """By the volume's own readers: the thread that copies may be busy for long."""
    try:
        async with asyncio.timeout(ANSWER_S):
            await volume.readers.run(files.remove)
    except TimeoutError as error:
        msg = "the disk of this export does not answer"
        raise Unavailable(msg) from error
    except OSError as error:
        raise Unavailable(disk_words(error)) from error


async def present(volume: Volume) -> None:
    """OSError where it cannot be written to; TimeoutError where it does not answer."""
    async with asyncio.timeout(ANSWER_S):
        _ = await volume.writer.run(volume.ensure_present)


def disk_words(error: OSError) -> str:
    """What to tell of an error of the disk."""
    if isinstance(error, TimeoutError):
        return "the disk does not answer"
    if error.errno in _FULL:
        return "there is no room left on the disk"
    return f"the disk fails: {error.strerror or error}"
