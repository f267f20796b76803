"""Copies files of footage from one volume to another, and reads each back before it counts.

On the mover's thread of the volume that is written to; the one that is read from is read by its own
readers, so that it holds up none but itself when it hangs. Half of each disk's time is left to
others.
"""

import errno
import os
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from functools import partial
from typing import TypeVar

from falconeye.storage.segments.move_rows import Movable
from falconeye.storage.volumes.disk_calls import PartlyWritten, close_quietly, write_all
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volumes import STUCK_S

CHUNK_BYTES = 1 << 20
SYNC_EVERY_BYTES = 16 << 20  # so that no sync has much to do
LOOK_S = 0.25  # so often it is asked whether a disk hangs

T = TypeVar("T", int, bytes)


class Transfer:
    """A batch of files on its way; `run` on the target's mover thread fills in what came of it."""

    def __init__(self, source: Volume, target: Volume, begun: Sequence[Movable]) -> None:
        self.source = source
        self.target = target
        self.begun = begun
        self.copied: list[Movable] = []  # safely on the target
        self.unreadable: list[tuple[Movable, str]] = []  # and why
        self.words = ""  # what kept the rest from it; empty when nothing did
        # What the source has not answered, when that ended it.
        self.waits_for: tuple[Movable, Future[bytes] | Future[int]] | None = None
        self.alive_s = time.monotonic()  # when the target last answered
        self._stop = threading.Event()

    def stop(self) -> None:
        """End it within a chunk, from any thread: files that are whole count, half ones do not."""
        self._stop.set()

    def run(self) -> None:
        """Copy one after the other, until the disks or `stop` forbid it."""
        copied: list[Movable] = []
        for segment in self.begun:
            try:
                self._copy(segment)
            except FileExistsError:  # of a time that the index has forgotten: garbage, then again
                continue
            except _Unreadable as error:
                self.unreadable.append((segment, str(error)))
            except _Hangs as error:
                self.waits_for = (segment, error.answer)
                self.words = f"{self.source.path}: the disk does not answer"
                break
            except _Stopped:
                break
            except OSError as error:
                self.words = self._refusal(error)
                break
            else:
                copied.append(segment)
        try:
            self.target.sync_parents(segment.path for segment in copied)
            # By their names, too: the disk may have been another one for a moment.
            there = [one for one in copied if self.target.size_of(one.path) == one.size_bytes]
        except OSError as error:
            self.words = self._refusal(error)
            return
        if len(there) < len(copied):
            self.words = self.words or f"{self.target.path}: a copy is not there any more"
        self.copied = there

    def _refusal(self, error: OSError) -> str:
        return f"{self.target.path}: {error.strerror or error}"

    def _copy(self, segment: Movable) -> None:
        """Copy one file and read it back. OSError: the target; `_Unreadable`: the original."""
        self._rest(0)
        from_fd = self._ask(partial(self.source.open_file, segment.path), late=close_quietly)
        waits_for = None
        try:
            fd = self.target.create_copy(segment.path)
            try:
                checksum = self._copy_bytes(from_fd, fd, segment.size_bytes)
                self.target.calls.fdatasync(fd)
                self._read_back(fd, segment.size_bytes, checksum)
            finally:
                os.close(fd)
        except _Hangs as error:
            waits_for = error.answer
            raise
        finally:
            if waits_for is None:
                self.source.readers.release(partial(_let_go, from_fd))
            else:  # closing it would hold another reader
                waits_for.add_done_callback(lambda _: _let_go(from_fd))

    def _copy_bytes(self, from_fd: int, fd: int, size_bytes: int) -> int:
        checksum = offset = 0
        while offset < size_bytes:
            begun = self._note()
            size = min(CHUNK_BYTES, size_bytes - offset)
            data = self._ask(partial(os.pread, from_fd, size, offset))
            if not data:
                msg = f"it ends at {offset} of {size_bytes} bytes"
                raise _Unreadable(msg)
            try:
                write_all(self.target.calls, fd, (data,))
            except PartlyWritten as error:
                raise error.error from error
            checksum = zlib.crc32(data, checksum)
            offset += len(data)
            if offset % SYNC_EVERY_BYTES < CHUNK_BYTES:
                self._note()
                self.target.calls.fdatasync(fd)
            self._rest(time.monotonic() - begun)
        return checksum

    def _read_back(self, fd: int, size_bytes: int, expected: int) -> None:
        """OSError when the disk does not hold what was written to it."""
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)  # from the disk, not from memory
        checksum = offset = 0
        while True:
            begun = self._note()
            data = os.pread(fd, CHUNK_BYTES, offset)
            if not data:
                break
            checksum = zlib.crc32(data, checksum)
            offset += len(data)
            self._rest(time.monotonic() - begun)
        if (offset, checksum) != (size_bytes, expected):
            raise OSError(errno.EIO, "what was written reads back differently")

    def _ask(self, function: Callable[[], T], late: Callable[[T], None] | None = None) -> T:
        """What a reader of the source answers. `_Unreadable`; `_Hangs`, then `late` gets it."""
        answer = self.source.readers.call(function)
        begun = time.monotonic()
        while not answer.done():
            _ = wait([answer], LOOK_S)
            waited_s = self._note() - begun
            hangs = self.source.missing is not None or waited_s > STUCK_S
            if not answer.done() and (hangs or self._stop.is_set()):
                answer.cancel()  # where no reader has come to it
                answer.add_done_callback(partial(_hand_on, late))
                raise _Hangs(answer) if hangs else _Stopped
        try:
            return answer.result()
        except OSError as error:
            raise _Unreadable(error.strerror or str(error)) from error

    def _note(self) -> float:
        """The target has answered what was asked before; when that was."""
        self.alive_s = time.monotonic()
        return self.alive_s

    def _rest(self, busy_s: float) -> None:
        """As long as the disks were busy; `_Stopped` once it is to end."""
        self._note()
        if self._stop.wait(min(busy_s, 1.0)):
            raise _Stopped


def _let_go(fd: int) -> None:
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)  # nobody reads it there again
    close_quietly(fd)


def _hand_on(late: Callable[[T], None] | None, answer: "Future[T]") -> None:
    if late is not None and not answer.cancelled() and answer.exception() is None:
        late(answer.result())


class _Unreadable(Exception):
    """The original cannot be read."""


class _Hangs(Exception):
    """The source does not answer."""

    def __init__(self, answer: "Future[bytes] | Future[int]") -> None:
        super().__init__()
        self.answer = answer


class _Stopped(Exception):
    """The node ends, or the move was paused."""
