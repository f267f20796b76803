"""The files of one export while they are written: one MP4, or a zip of all there is.

Methods run on the thread of the exports, but not in one go: between two cameras the index is read.
"""

import contextlib
import logging
import zipfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import IO, cast

from falconeye.storage.export.export_files import ExportFiles, NewFile
from falconeye.storage.export.export_layout import ExportLayout, ExportOrder
from falconeye.storage.export.export_papers import (
    Circumstances,
    ExportedCamera,
    WholeFile,
    camera_sidecar,
    sheet,
    sidecar,
)
from falconeye.storage.export.export_part import Part
from falconeye.storage.export.export_result import (
    Export,
    ExportedFile,
    file_name,
    local_stamp,
    unique_name,
)
from falconeye.storage.export.export_writer import Hashed, Unseekable
from falconeye.storage.ledger.coverage import Gap

log = logging.getLogger(__name__)

WritePart = Callable[[Callable[[Sequence[bytes | memoryview]], None]], None]


class Package:
    """Takes cameras one after the other; ends with `finish` or `abandon`."""

    def __init__(self, files: ExportFiles, told: Circumstances, *, suffix: str = "") -> None:
        self._files = files
        self._suffix = suffix  # of a zip of several cameras
        self._told = told
        self._stack = ExitStack()
        self._name = ""
        self._file: NewFile | None = None
        self._target: Unseekable | None = None
        self._archive: zipfile.ZipFile | None = None
        self._taken: set[str] = set()
        self._cameras: list[ExportedCamera] = []
        self._whole: WholeFile | None = None

    def add(
        self,
        order: ExportOrder,
        layout: ExportLayout,
        holes: Sequence[Gap],
        write: Callable[[Part, Callable[[Sequence[bytes | memoryview]], None]], None],
    ) -> None:
        """The next camera. `write` writes a part by the function it is given; OSError."""
        zone = self._told.zone
        made: list[ExportedFile] = []
        for part in layout.parts:
            wanted = file_name(order.camera_name, part.pieces[0].from_us, zone, ".mp4")
            file = ExportedFile(
                name=wanted,
                camera_id=order.camera_id,
                camera_name=order.camera_name,
                from_us=min(piece.from_us for piece in part.pieces),
                to_us=max(piece.to_us for piece in part.pieces),
                duration_us=part.duration_us,
                size_bytes=0,
                sha256="",
                codec=part.codec,
            )
            made.append(self.write_file(file, len(layout.parts), partial(write, part)))
        self.describe(
            ExportedCamera(
                order,
                made,
                holes,
                layout.unset,
                layout.corrections,
                seams=layout.seams,
                overlaps=layout.overlaps,
                stretches=layout.stretches,
                silent=layout.silent,
            )
        )

    def write_file(self, file: ExportedFile, of_camera: int, write: WritePart) -> ExportedFile:
        """One file, with its final name, size and hash; `of_camera`: how many that camera has."""
        if not self._name:
            self._begin(file.name, of_camera)
        name = unique_name(file.name, self._taken)
        if self._archive is None:
            if self._file is None:  # `_begin` has opened it
                raise AssertionError
            write(self._file.write)
            made = replace(
                file, name=name, size_bytes=self._file.size_bytes, sha256=self._file.sha256
            )
        else:
            with self._archive.open(name, "w", force_zip64=True) as entry:
                hashed = Hashed(entry)
                write(hashed.write)
            made = replace(file, name=name, size_bytes=hashed.size_bytes, sha256=hashed.sha256)
        return made

    def describe(self, camera: ExportedCamera) -> None:
        """What there is of a camera; in a zip its sidecar follows its files."""
        if not self._name:  # of several cameras the first has nothing
            self._begin("", 0)
        self._cameras.append(camera)
        if self._archive is not None:
            first = camera.files[0].name if camera.files else self._unrecorded(camera)
            name = unique_name(first.removesuffix(".mp4") + ".json", self._taken)
            _put(self._archive, name, camera_sidecar(camera, self._told, None))

    def finish(self, volume: int) -> Export:
        """Sheet, sidecar, names; everything is on the disk then. OSError."""
        if self._file is None:
            raise AssertionError  # nothing was written: the caller has looked
        if self._archive is not None:
            stem = self._name.removesuffix(".zip")
            name = unique_name(f"{stem}.txt", self._taken)
            _put(self._archive, name, sheet(self._cameras, self._told, None))
            self._archive.close()
        whole = WholeFile(self._name, self._file.size_bytes, self._file.sha256)
        self._stack.close()
        stem = self._name.rpartition(".")[0]
        papers = {
            f"{stem}.json": sidecar(self._cameras, self._told, whole),
            f"{stem}.txt": sheet(self._cameras, self._told, whole),
        }
        for paper, text in papers.items():
            with self._files.create(paper) as file:
                file.write([text])
        (sidecar_name, sidecar_text), (sheet_name, sheet_text) = papers.items()
        files = [file for camera in self._cameras for file in camera.files]
        return Export(
            volume=volume,
            file_name=whole.name,
            size_bytes=whole.size_bytes,
            sha256=whole.sha256,
            sidecar_name=sidecar_name,
            sidecar_bytes=len(sidecar_text),
            from_us=min(file.from_us for file in files),
            to_us=max(file.to_us for file in files),
            parts=len(files),
            gaps=sum(len(camera.holes) for camera in self._cameras),
            made_us=self._told.made_us,
            sheet_name=sheet_name,
            sheet_bytes=len(sheet_text),
            files=tuple(files),
        )

    def abandon(self) -> None:
        """Close and remove all of it; what the disk refuses is logged."""
        if self._target is not None and self._archive is not None:
            self._target.is_dead = True  # the zip's directory goes nowhere
            with contextlib.suppress(OSError, ValueError):
                self._archive.close()
        try:
            error = OSError("abandoned")
            with contextlib.suppress(OSError):
                self._stack.__exit__(OSError, error, None)
            self._files.remove()
        except OSError as error:
            log.warning("what is left of an export cannot be removed: %s", error)

    def _begin(self, first: str, of_camera: int) -> None:
        """Open the file: a zip unless it will hold one MP4 alone."""
        cameras = len(self._told.request.orders)
        self._files.prepare()
        is_zip = cameras > 1 or of_camera > 1
        if cameras > 1:
            stamp = local_stamp(self._told.request.from_us, self._told.zone)
            self._name = f"{cameras}-cameras_{stamp}{self._suffix}.zip"
        else:
            self._name = first.removesuffix(".mp4") + ".zip" if is_zip else first
        self._file = self._stack.enter_context(self._files.create(self._name))
        if is_zip:
            self._target = Unseekable(self._file)
            self._archive = zipfile.ZipFile(
                cast("IO[bytes]", self._target), "w", zipfile.ZIP_STORED, allowZip64=True
            )

    def _unrecorded(self, camera: ExportedCamera) -> str:
        order = camera.order
        return file_name(order.camera_name, order.from_us, self._told.zone, ".mp4")


def _put(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """A small entry. `writestr` dates it, and refuses to where the clock stands before 1980."""
    with archive.open(name, "w") as entry:
        entry.write(data)
