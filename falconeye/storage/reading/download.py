"""A recording as one MP4 file of known length, of which any range can be read."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Row

from falconeye.base.errors import Unavailable
from falconeye.storage.reading.download_layout import Layout, PlacedSegment
from falconeye.storage.volumes.work_threads import WorkThreads

PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read from: how it is opened, and on which threads."""

    open: Callable[[], int]  # a descriptor; OSError when it is gone
    threads: WorkThreads
    size_bytes: int  # it must not be shorter


class DownloadPlan:
    """What is downloaded: its properties, and its bytes on demand."""

    def __init__(
        self,
        *,
        length: int,
        etag: str,
        file_name: str,
        mime_type: str,
        last_modified_us: int,
        read: Callable[[int, int], AsyncGenerator[bytes, None]],
    ) -> None:
        self.length = length
        self.etag = etag  # strong, with its quotes
        self.file_name = file_name
        self.mime_type = mime_type
        self.last_modified_us = last_modified_us
        self._read = read

    def read(self, first: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes `first` up to, not including, `end`, in pieces of ≤ 256 KiB.

        Unavailable when footage was deleted or its disk went meanwhile: what came until then is
        right, and more is not sent. Close the generator when it is not read to its end.
        """
        if not 0 <= first <= end <= self.length:
            msg = f"bytes {first} to {end} of {self.length}"
            raise ValueError(msg)
        return self._read(first, end)


def read_layout(
    layout: Layout, files: Sequence[SourceFile]
) -> Callable[[int, int], AsyncGenerator[bytes, None]]:
    """The reader of a laid-out recording; `files` are those of its segments, in their order."""
    return partial(_read_layout, layout, files)


def identity_of(row: Row[Any]) -> str:
    """What a segment's bytes depend on: its columns, but not the volume, from which it may move."""
    return repr([value for name, value in row._mapping.items() if name != "volume_id"])  # noqa: SLF001 - public, see SQLAlchemy


def read_plain(file: SourceFile) -> Callable[[int, int], AsyncGenerator[bytes, None]]:
    """The reader of a file as it is."""
    return partial(_read_plain, file)


async def _read_plain(file: SourceFile, first: int, end: int) -> AsyncGenerator[bytes, None]:
    async with aclosing(_read_file(file, first, end)) as pieces:
        async for piece in pieces:
            yield bytes(piece)


async def _read_layout(
    layout: Layout, files: Sequence[SourceFile], first: int, end: int
) -> AsyncGenerator[bytes, None]:
    head_bytes = len(layout.head)
    if first < min(end, head_bytes):
        for at in range(first, min(end, head_bytes), PIECE_BYTES):
            yield layout.head[at : min(at + PIECE_BYTES, end)]
        first = head_bytes
    if first >= end:
        return
    index = layout.segment_index_at(first)
    while first < end:
        segment = layout.segments[index]
        stop = min(end, segment.offset + segment.size_bytes)
        async with aclosing(_read_segment(segment, files[index], first, stop)) as pieces:
            async for piece in pieces:
                yield piece
        first = stop
        index += 1


async def _read_segment(
    segment: PlacedSegment, file: SourceFile, first: int, stop: int
) -> AsyncGenerator[bytes, None]:
    """Bytes `first` to `stop` of the download, all in this segment, with its times moved."""
    begin, end = first - segment.offset, stop - segment.offset
    head = segment.rows.table.head_bytes
    at = begin
    async with aclosing(_read_file(file, head + begin, head + end)) as pieces:
        async for piece in pieces:
            _apply(segment, piece, at)
            yield bytes(piece)
            at += len(piece)


def _apply(segment: PlacedSegment, piece: bytearray, at: int) -> None:
    """Put the patches into a piece of the segment's body that begins at `at`."""
    for patch in segment.patches_between(at, at + len(piece)):
        low = max(patch.offset, at)
        high = min(patch.offset + len(patch.data), at + len(piece))
        if low < high:
            piece[low - at : high - at] = patch.data[low - patch.offset : high - patch.offset]


async def _read_file(file: SourceFile, first: int, end: int) -> AsyncGenerator[bytearray, None]:
    try:
        fd = await _open_on_thread(file)
    except OSError as error:
        msg = "a part of this recording is not there any more"
        raise Unavailable(msg) from error
    try:
        for at in range(first, end, PIECE_BYTES):
            size = min(PIECE_BYTES, end - at)
            yield await file.threads.run(partial(_read_exactly, fd, at, size))
    finally:
        file.threads.release(partial(os.close, fd))


async def _open_on_thread(file: SourceFile) -> int:
    answer = file.threads.call(partial(_open, file))
    try:
        return await asyncio.wrap_future(answer)
    except asyncio.CancelledError:
        answer.add_done_callback(_close_opened)  # nobody takes the descriptor any more
        raise


def _close_opened(answer: "Future[int]") -> None:
    if not answer.cancelled() and answer.exception() is None:
        os.close(answer.result())


def _open(file: SourceFile) -> int:
    fd = file.open()
    if os.fstat(fd).st_size < file.size_bytes:
        os.close(fd)
        msg = "the file is shorter than it was"
        raise OSError(msg)
    return fd


def _read_exactly(fd: int, offset: int, size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    done = 0
    try:
        while done < size:
            count = os.preadv(fd, [view[done:]], offset + done)
            if count == 0:
                msg = "a file became shorter while it was read"
                raise Unavailable(msg)
            done += count
    except OSError as error:
        msg = "the disk cannot read a part of this recording"
        raise Unavailable(msg) from error
    return data
