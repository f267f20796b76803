"""Exports: a span of a camera as a file of its own, which no retention takes.

The size is known before anything is written, and what is always kept free stays free. One thread
copies; it is none of the volume's, so that neither recording nor a download waits for it.
"""

import asyncio
import errno
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from typing import Any, ClassVar, TypeVar

from falconeye.base.clock import Clock
from falconeye.base.errors import FalconEyeError, NotFound, Unavailable
from falconeye.base.times import rfc3339
from falconeye.storage.export import export_layout, export_rows
from falconeye.storage.export.export_files import ExportFiles
from falconeye.storage.export.export_layout import ExportLayout, ExportOrder
from falconeye.storage.export.export_part import SourceSegment
from falconeye.storage.export.export_writer import Copier, SourceLost, write_file, write_zip
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.coverage import Gap
from falconeye.storage.reading.download import DownloadPlan, SourceFile, read_plain
from falconeye.storage.reading.timeline import Timelines
from falconeye.storage.segments.segment_store import FootageStore
from falconeye.storage.volumes.volume import ANSWER_S, Volume
from falconeye.storage.volumes.volumes import Volumes
from falconeye.storage.volumes.work_threads import WorkThreads

log = logging.getLogger(__name__)

_LAYOUT_SHARE = 0.05  # of the progress: heads are read before the media
_STOP_S = 5.0  # a copy looks after each MB whether it is to stop
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_MP4, _ZIP = "video/mp4", "application/zip"

T = TypeVar("T")


class NoRoom(FalconEyeError):
    """The disk has no room for it (507)."""

    status: ClassVar[int] = 507


@dataclass(frozen=True, slots=True)
class Export:
    """One that was made."""

    volume: int
    file_name: str
    size_bytes: int
    sha256: str
    sidecar_name: str
    sidecar_bytes: int
    from_us: int  # of its first picture
    to_us: int
    parts: int
    gaps: int
    made_us: int


class Exports:
    """Makes, reads and removes exports. Lives on the loop."""

    def __init__(
        self,
        database: Database,
        volumes: Volumes,
        store: FootageStore,
        timelines: Timelines,
        clock: Clock,
        *,
        node_name: str,
        zone: Callable[[], tzinfo],
    ) -> None:
        self._database = database
        self._volumes = volumes
        self._store = store
        self._timelines = timelines
        self._clock = clock
        self._node_name = node_name
        self._zone = zone
        self._threads: WorkThreads | None = None  # started when first needed

    def stop(self) -> None:
        """End the thread after what it does."""
        if self._threads is not None:
            self._threads.stop()

    async def expected_bytes(self, order: ExportOrder) -> int:
        """What it takes at most, as far as it is recorded now; NotFound when nothing is."""
        opened = self._store.open_segments(order.camera_id)
        span = (order.from_us, order.to_us)
        closed = await self._database.read(partial(export_rows.read_size, order.camera_id, *span))
        growing = export_rows.with_open((), opened, *span)
        size = closed + sum(source.size_bytes for source in growing)
        if not size:
            msg = "nothing was recorded in that time"
            raise NotFound(msg)
        return size

    async def require_room(self, size_bytes: int) -> None:
        """NoRoom unless so much can be written above the floor; Unavailable without the disk."""
        volume = self._volumes.for_recording()
        try:
            space = await volume.space(ANSWER_S)
        except (OSError, TimeoutError) as error:
            msg = "the disk for exports does not answer"
            raise Unavailable(msg) from error
        free = space.free_bytes - self._volumes.floor_bytes(volume, space.total_bytes)
        if size_bytes > free:
            msg = (
                f"the export takes {_size(size_bytes)}, but only {_size(max(0, free))} are free "
                "above what is always kept free on the disk: choose a shorter time, delete exports "
                "that are not needed any more, or keep less footage"
            )
            raise NoRoom(msg)

    async def make(
        self, job_id: str, order: ExportOrder, report: Callable[[float], None]
    ) -> Export:
        """Write it; `report` gets 0 to 1, on a thread. FalconEyeError in words when it cannot be.

        Cancelled, it removes what it wrote before it ends.
        """
        volume = self._volumes.for_recording()
        files = ExportFiles(volume, job_id)
        stop = threading.Event()
        left_out: set[str] = set()
        try:
            _ = await volume.writer.run(volume.ensure_present)
            while True:
                try:
                    return await self._try(volume, files, order, report, stop, left_out)
                except SourceLost as error:  # e.g. deleted meanwhile: the rest is still wanted
                    log.warning("%s is left out of an export", error.source.path)
                    left_out.add(error.source.path)
        except OSError as error:
            raise Unavailable(_words(error)) from error

    async def remove(self, job_id: str, made: Export | None) -> None:
        """Delete what there is of it, whole or begun (None); Unavailable when the disk refuses.

        On a disk that is not configured any more it stays: `check` finds it when that is back.
        """
        volume = self._volumes.get(made.volume) if made else self._volumes.for_recording()
        if volume is None:
            log.warning("the export %s is left on a disk that is not configured", job_id)
            return
        files = ExportFiles(volume, job_id)
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._running().run(files.remove)
        except TimeoutError as error:
            msg = "the disk of this export does not answer"
            raise Unavailable(msg) from error
        except OSError as error:
            raise Unavailable(_words(error)) from error

    def download(self, job_id: str, made: Export) -> DownloadPlan:
        """The file, of which any range can be read."""
        kind = _ZIP if made.file_name.endswith(".zip") else _MP4
        return self._plan(job_id, made, made.file_name, made.size_bytes, f'"{made.sha256}"', kind)

    def sidecar(self, job_id: str, made: Export) -> DownloadPlan:
        """The JSON beside it."""
        etag = f'"{made.sha256[:32]}-sidecar"'
        kind = "application/json"
        return self._plan(job_id, made, made.sidecar_name, made.sidecar_bytes, etag, kind)

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

    async def _try(
        self,
        volume: Volume,
        files: ExportFiles,
        order: ExportOrder,
        report: Callable[[float], None],
        stop: threading.Event,
        left_out: set[str],
    ) -> Export:
        """One attempt without the files in `left_out`; SourceLost names another one."""
        sources, lost = await self._sources(order, left_out)
        done = 0

        def copied(size: int) -> None:
            nonlocal done
            done += size
            report(_LAYOUT_SHARE + (1 - _LAYOUT_SHARE) * done / layout.media_bytes)

        copier = Copier(self._open, stop, copied)
        layout = await self._on_thread(
            partial(
                export_layout.lay_out,
                sources,
                order,
                copier,
                lambda share: report(share * _LAYOUT_SHARE),
            ),
            stop,
        )
        layout.lost += lost
        if not layout.parts:
            msg = "nothing of that time can be read any more"
            raise NotFound(msg)
        await self.require_room(layout.size_bytes)
        known = await self._timelines.read(order.camera_id, order.from_us, order.to_us)
        holes = export_layout.find_holes(
            layout, order.from_us, max(known.to_us, order.from_us), known.gaps
        )
        return await self._on_thread(
            partial(self._write, volume, files, order, layout, holes, copier), stop
        )

    async def _sources(
        self, order: ExportOrder, left_out: set[str]
    ) -> tuple[list[SourceSegment], list[SourceSegment]]:
        """Those to take, and those left out."""
        opened = self._store.open_segments(order.camera_id)  # before the rows: see `with_open`
        span = (order.from_us, order.to_us)
        closed = await self._database.read(
            partial(export_rows.read_sources, order.camera_id, *span)
        )
        found = export_rows.with_open(closed, opened, *span)
        return (
            [source for source in found if source.path not in left_out],
            [source for source in found if source.path in left_out],
        )

    def _write(
        self,
        volume: Volume,
        files: ExportFiles,
        order: ExportOrder,
        layout: ExportLayout,
        holes: Sequence[Gap],
        copier: Copier,
    ) -> Export:
        zone = self._zone()
        names = export_layout.part_names(order, layout.parts, zone)
        facts: dict[str, Any] = {"node": self._node_name, "made_at": rfc3339(self._clock.utc_us())}

        def describe(made: Sequence[tuple[str, int]]) -> tuple[str, bytes]:
            text = export_layout.sidecar(order, layout, names, made, holes, facts)
            return names[0].removesuffix(".mp4") + ".json", text

        files.prepare()
        try:
            if len(names) == 1:
                name = names[0]
                made = [write_file(files, name, layout.parts[0], copier)]
                digest, size = made[0]
            else:
                name = names[0].removesuffix(".mp4") + ".zip"
                parts = list(zip(names, layout.parts, strict=True))
                digest, size, made = write_zip(files, name, parts, describe, copier)
            facts |= {"file": name, "size_bytes": size, "sha256": digest}
            sidecar_name, text = describe(made)
            with files.create(sidecar_name) as file:
                file.write([text])
        except BaseException:
            _remove(files)
            raise
        pieces = layout.pieces
        return Export(
            volume=volume.number,
            file_name=name,
            size_bytes=size,
            sha256=digest,
            sidecar_name=sidecar_name,
            sidecar_bytes=len(text),
            from_us=pieces[0].from_us,
            to_us=max(piece.to_us for piece in pieces),
            parts=len(names),
            gaps=len(holes),
            made_us=self._clock.utc_us(),
        )

    def _open(self, source: SourceSegment) -> int:
        volume = self._volumes.get(source.volume)
        if volume is None:
            raise FileNotFoundError(errno.ENOENT, "its disk is not configured any more")
        return self._volumes.opener(volume, source.path)()

    async def _on_thread(self, function: Callable[[], T], stop: threading.Event) -> T:
        """Run it on the thread; cancelled, wait until it has ended and removed what it made."""
        answer = asyncio.wrap_future(self._running().call(function))
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            stop.set()
            _, waiting = await asyncio.wait([answer], timeout=_STOP_S)
            if waiting:
                log.error("an export does not stop: its disk hangs")  # noqa: TRY400 - no error
                answer.cancel()
            elif not answer.cancelled():
                answer.exception()  # Cancelled, or an error of what is thrown away
            raise

    def _running(self) -> WorkThreads:
        if self._threads is None:
            self._threads = WorkThreads("exports", 1)
        return self._threads


def _remove(files: ExportFiles) -> None:
    try:
        files.remove()
    except OSError as error:
        log.warning("what is left of an export cannot be removed: %s", error)


def _words(error: OSError) -> str:
    if error.errno in _FULL:
        return "there is no room left on the disk"
    return f"the disk fails: {error.strerror or error}"


def _size(size_bytes: int) -> str:
    """In words, as people buy disks."""
    if size_bytes >= 1_000_000_000:
        return f"{size_bytes / 1_000_000_000:.1f} GB"
    return f"{-(-size_bytes // 1_000_000)} MB"
