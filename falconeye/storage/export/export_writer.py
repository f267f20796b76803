"""Copies footage into an export: one MP4 file, or several in a zip. Blocks: a thread of its own."""

import hashlib
import threading
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from falconeye.base.errors import FalconEyeError
from falconeye.storage.export.byte_source import ByteSource
from falconeye.storage.export.export_files import NewFile
from falconeye.storage.export.export_part import Copied, Part, SourceSegment

PIECE_BYTES = 1 << 20
_NEAR_BYTES = 64 << 10  # heads between wanted bytes are read along rather than skipped


class Cancelled(Exception):
    """Told to stop."""


class SourceLost(FalconEyeError):
    """The media of a segment cannot be read any more."""

    def __init__(self, source: SourceSegment) -> None:
        super().__init__("a part of the footage cannot be read")
        self.source = source


@dataclass(frozen=True, slots=True)
class Copier:
    """What a copy needs beside the part."""

    open: Callable[[SourceSegment], ByteSource]  # OSError
    stop: threading.Event
    copied: Callable[[int], None]  # bytes of media that are in the export now

    def write(self, part: Part, write: Callable[[Sequence[bytes | memoryview]], None]) -> None:
        """The whole part in order. Cancelled, SourceLost, or what `write` raises."""
        write([part.head])
        for one in part.copied:
            if one.sizes:
                self._copy(one, write)

    def check(self) -> None:
        """Cancelled when it is to stop."""
        if self.stop.is_set():
            raise Cancelled

    def _copy(self, wanted: Copied, write: Callable[[Sequence[bytes | memoryview]], None]) -> None:
        buffer = bytearray(PIECE_BYTES)
        with self.opened(wanted.source) as file:
            for begin, size, ranges in _pieces(wanted.offsets, wanted.sizes):
                self.check()
                view = memoryview(buffer)[:size]
                _read(file, begin, view, wanted.source)
                parts = [view[at - begin : at - begin + length] for at, length in ranges]
                write(parts)
                self.copied(sum(len(part) for part in parts))

    @contextmanager
    def opened(self, source: SourceSegment) -> Iterator[ByteSource]:
        """Its bytes; SourceLost."""
        try:
            file = self.open(source)
        except OSError as error:
            raise SourceLost(source) from error
        try:
            yield file
        finally:
            file.close()


def _read(file: ByteSource, offset: int, view: memoryview, source: SourceSegment) -> None:
    done = 0
    try:
        while done < len(view):
            count = file.read_into(offset + done, view[done:])
            if not count:
                raise SourceLost(source)
            done += count
    except OSError as error:
        raise SourceLost(source) from error


def _pieces(
    offsets: "array[int]", sizes: "array[int]"
) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
    """What is read at once: its begin and size, and which ranges of it are wanted."""
    ranges: list[tuple[int, int]] = []
    for offset, size in zip(offsets, sizes, strict=True):
        at, end = offset, offset + size
        while at < end:
            begin = ranges[0][0] if ranges else at
            last = sum(ranges[-1]) if ranges else at
            if ranges and (at - last > _NEAR_BYTES or at - begin >= PIECE_BYTES):
                yield begin, last - begin, ranges
                ranges = []
                continue
            length = min(end - at, PIECE_BYTES - (at - begin))
            ranges.append((at, length))
            at += length
    if ranges:
        begin = ranges[0][0]
        yield begin, sum(ranges[-1]) - begin, ranges


class Unseekable:
    """A file that `zipfile` writes from its beginning to its end, so that it can be hashed."""

    def __init__(self, file: NewFile) -> None:
        self._file = file
        self.is_dead = False  # what is still written goes nowhere

    def write(self, data: bytes | memoryview) -> int:
        if not self.is_dead:
            self._file.write([data])
        return len(data)

    def flush(self) -> None:
        """Each write is with the kernel already."""


class Hashed:
    """An entry of the zip with a hash of its own."""

    def __init__(self, entry: IO[bytes]) -> None:
        self._entry = entry
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def write(self, buffers: Sequence[bytes | memoryview]) -> None:
        for buffer in buffers:
            self._entry.write(buffer)
            self._hash.update(buffer)
            self.size_bytes += len(buffer)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()
