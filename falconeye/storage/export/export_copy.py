"""Copies of exports in H.264, for players that cannot decode HEVC.

The original stays what it is: a copy is an export of its own, whose papers say that it was encoded
anew, and of which original. Encoding takes all that a small machine has, for long: it runs in a
process of the lowest priority, which leaves what recording and viewers need.
"""

import hashlib
import json
import logging
import os
import struct
import threading
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import IO, Any
from zoneinfo import ZoneInfo

from falconeye.base.errors import Conflict, NotFound, Unavailable
from falconeye.base.times import SECOND_US, parse_rfc3339
from falconeye.media.reencode_process import CannotEncode, Source, run_reencode
from falconeye.storage.export.export import Exports, disk_words, present
from falconeye.storage.export.export_files import ExportFiles
from falconeye.storage.export.export_found import made_before
from falconeye.storage.export.export_layout import ExportOrder
from falconeye.storage.export.export_package import Package
from falconeye.storage.export.export_papers import ExportedCamera
from falconeye.storage.export.export_result import HEVC, Export, ExportedFile, ExportRequest
from falconeye.storage.export.export_stretches import Stretch
from falconeye.storage.export.export_thread import ExportThread
from falconeye.storage.export.export_writer import PIECE_BYTES, Cancelled
from falconeye.storage.ledger.clocks import ClockCorrection
from falconeye.storage.ledger.coverage import Gap, GapReason
from falconeye.storage.ledger.seams import ClockSeam
from falconeye.storage.segments.retention import Spared
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volumes import Volumes

log = logging.getLogger(__name__)

_UTC = ZoneInfo("UTC")
_SUFFIX = "_h264"
_RATE_FACTOR = 2  # H.264 takes about so much more than HEVC for the same picture
_LEAST_BITS_S = 500_000
_CONTAINER_BYTES = 1 << 20
_DAMAGED = "the original is damaged: what is in it cannot be decoded as it was exported"


class ExportCopies:
    """Makes them, one at a time. Lives on the loop."""

    def __init__(self, exports: Exports, volumes: Volumes) -> None:
        self._exports = exports
        self._volumes = volumes
        self._thread = ExportThread("copies")

    def stop(self) -> None:
        """End the thread after what it does."""
        self._thread.stop()

    async def made_before(self, job_id: str) -> Export | None:
        """As `Exports.made_before`."""
        return await made_before(self._volumes, job_id, self._thread.run)

    async def make(
        self,
        job_id: str,
        original: tuple[str, Export],
        request: ExportRequest,
        report: Callable[[float], None],
        spared: Sequence[Spared] = (),
    ) -> Export:
        """Write a copy of an export (its job's id, and what it is); `report` as `Exports.make`.

        FalconEyeError in words when it cannot be. Cancelled, it removes what it wrote.
        """
        source_id, made = original
        wanted = [file for file in made.files if file.codec == HEVC]
        if not wanted:
            msg = "there is no HEVC in this export: every player of H.264 takes it as it is"
            raise Conflict(msg)
        source, volume = self._volumes.get(made.volume), self._volumes.for_recording()
        if source is None:
            msg = "the disk of this export is not configured any more"
            raise Unavailable(msg)
        ids = {file.camera_id for file in wanted}
        orders = tuple(order for order in request.orders if order.camera_id in ids)
        request = replace(request, orders=orders)
        work = _Work(source, source_id, made, volume, ExportFiles(volume, job_id), request, report)
        package = Package(work.files, self._exports.circumstances(request), suffix=_SUFFIX)
        try:
            await present(volume)
            room = self._exports.room
            with room.promised(job_id):
                freed = await room.provide(job_id, volume, most_bytes(wanted), spared)
                copy = await self._write(work, package)
                return replace(copy, freed_bytes=freed, silent=made.silent)
        except FileNotFoundError as error:
            msg = "the export was deleted meanwhile"
            raise NotFound(msg) from error
        except OSError as error:
            raise Unavailable(disk_words(error)) from error
        except CannotEncode as error:
            msg = f"no copy can be made: {error}"
            raise Unavailable(msg) from error

    async def _write(self, work: "_Work", package: Package) -> Export:
        try:
            return await self._thread.run(partial(work.run, package), work.stop)
        except BaseException:
            await self._thread.settle(package.abandon)
            raise


def most_bytes(files: Sequence[ExportedFile]) -> int:
    """What a copy of these takes at most: all of it, and one file twice while it is moved in."""
    sizes = [_RATE_FACTOR * _bits_s(file) * file.duration_us // SECOND_US // 8 for file in files]
    sizes = [
        size + file.size_bytes // 4 + _CONTAINER_BYTES
        for size, file in zip(sizes, files, strict=True)
    ]
    return sum(sizes) + max(sizes)


class _Work:
    """One copy; on the thread."""

    def __init__(
        self,
        source: Volume,
        source_id: str,
        made: Export,
        target: Volume,
        files: ExportFiles,
        request: ExportRequest,
        report: Callable[[float], None],
    ) -> None:
        self._source = source
        self._path = ExportFiles(source, source_id).path
        self._made = made
        self._target = target
        self.files = files
        self._request = request
        self._report = report
        self.stop = threading.Event()
        self._done_us = 0
        self._total_us = sum(file.duration_us for file in made.files if file.codec == HEVC) or 1

    def run(self, package: Package) -> Export:
        """Write all of it. Cancelled, CannotEncode, OSError."""
        told = self._told()
        with self._open(self._made.file_name) as whole:
            for order in self._request.orders:
                files = [one for one in self._made.files if one.camera_id == order.camera_id]
                theirs = [file for file in files if file.codec == HEVC]
                copies = [self._copy(package, file, whole, len(theirs)) for file in theirs]
                described = _described(order, copies, told.get(order.camera_id, {}))
                left_out = [file for file in files if file.codec != HEVC]
                package.describe(replace(described, left_out=left_out))
        return package.finish(self._target.number)

    def _copy(
        self, package: Package, file: ExportedFile, whole: IO[bytes], count: int
    ) -> ExportedFile:
        name = file.name.removesuffix(".mp4") + _SUFFIX + ".mp4"
        wanted = replace(file, name=name, codec="h264", copy_of=file.sha256)
        made = package.write_file(wanted, count, partial(self._encode, file, whole))
        self._done_us += file.duration_us
        return made

    def _encode(
        self,
        file: ExportedFile,
        whole: IO[bytes],
        write: Callable[[Sequence[bytes | memoryview]], None],
    ) -> None:
        with self.files.scratch() as path:
            alone = self._made.file_name == file.name
            begin, size = (0, file.size_bytes) if alone else _place(whole, file.name)
            self._verify(file, whole.fileno(), begin, size)
            source = Source(whole.fileno(), begin, size, self.files.root_fd)
            run_reencode(source, path, _RATE_FACTOR * _bits_s(file), partial(self._note, file))
            with path.open("rb") as encoded:
                while piece := encoded.read(PIECE_BYTES):
                    self._check()
                    write([piece])

    def _verify(self, file: ExportedFile, fd: int, begin: int, size: int) -> None:
        """CannotEncode unless it is the original still: the copy's papers will call it that."""
        found, at = hashlib.sha256(), begin
        while piece := os.pread(fd, min(PIECE_BYTES, begin + size - at), at):
            self._check()
            found.update(piece)
            at += len(piece)
        if found.hexdigest() != file.sha256:
            raise CannotEncode(_DAMAGED)

    def _note(self, file: ExportedFile, share: float | None) -> None:
        self._check()
        if share is not None:
            self._report((self._done_us + share * file.duration_us) / self._total_us)

    def _check(self) -> None:
        if self.stop.is_set():
            raise Cancelled
        self.files.check_room()

    def _open(self, name: str) -> IO[bytes]:
        return os.fdopen(self._source.open_file(self._path(name)), "rb")

    def _told(self) -> dict[str, dict[str, Any]]:
        """By camera, what the sidecar of the original says."""
        with self._open(self._made.sidecar_name) as file:
            told = json.loads(file.read())
        return {one["camera_id"]: one for one in told.get("cameras", [told])}


def _described(
    order: ExportOrder, copies: Sequence[ExportedFile], told: dict[str, Any]
) -> ExportedCamera:
    gaps = [
        Gap(*_span(one), GapReason(one["reason"]), one["detail"]) for one in told.get("gaps", ())
    ]
    corrections = [
        ClockCorrection(*_span(one), -round(one["clock_offset_seconds"] * SECOND_US))
        for one in told.get("clock_corrected", ())
    ]
    unset = [_span(one) for one in told.get("clock_not_set", ())]
    seams = [
        ClockSeam(parse_rfc3339(one["at"], _UTC), parse_rfc3339(one["to"], _UTC))
        for one in told.get("clock_set", ())
    ]
    twice = [_span(one) for one in told.get("recorded_twice", ())]
    stretches = [
        Stretch(one["id"] or "", one["name"], *_span(one)) for one in told.get("nodes", ())
    ]
    return ExportedCamera(
        order,
        copies,
        gaps,
        unset,
        corrections,
        seams=seams,
        overlaps=twice,
        stretches=stretches,
        silent=told.get("unreachable_nodes", ()),
    )


def _span(told: dict[str, Any]) -> tuple[int, int]:
    return parse_rfc3339(told["from"], _UTC), parse_rfc3339(told["to"], _UTC)


def _bits_s(file: ExportedFile) -> int:
    return max(_LEAST_BITS_S, file.size_bytes * 8 * SECOND_US // max(file.duration_us, SECOND_US))


def _place(whole: IO[bytes], name: str) -> tuple[int, int]:
    """Where an entry of a zip lies, which is stored: begin and size.

    NotFound without it, CannotEncode for what is no zip any more.
    """
    try:
        with zipfile.ZipFile(whole) as archive:
            entry = archive.getinfo(name)
    except KeyError as error:
        msg = "a part of this export is not in its file any more"
        raise NotFound(msg) from error
    except zipfile.BadZipFile as error:
        raise CannotEncode(_DAMAGED) from error
    head = os.pread(whole.fileno(), 30, entry.header_offset)
    name_bytes, extra_bytes = struct.unpack_from("<HH", head, 26)  # APPNOTE 4.3.7
    return entry.header_offset + 30 + name_bytes + extra_bytes, entry.file_size
