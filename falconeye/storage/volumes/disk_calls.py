"""The system calls on a disk of footage: the one seam where a disk can be made to fail."""

import logging
import os
from collections.abc import Sequence

log = logging.getLogger(__name__)

MAX_BUFFERS = 1000  # IOV_MAX is 1024 on Linux


class DiskCalls:
    """The real ones."""

    def create(self, path: str, directory_fd: int) -> int:
        """A new file for writing and reading, relative to an open directory."""
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(path, flags, 0o640, dir_fd=directory_fd)

    def writev(self, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        return os.writev(fd, buffers)

    def fdatasync(self, fd: int) -> None:
        os.fdatasync(fd)

    def fsync(self, fd: int) -> None:
        os.fsync(fd)

    def unlink(self, path: str, directory_fd: int) -> None:
        os.unlink(path, dir_fd=directory_fd)

    def statvfs(self, fd: int) -> os.statvfs_result:
        return os.fstatvfs(fd)


def write_all(calls: DiskCalls, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
    """Append all buffers; normally one `writev`. Returns the bytes written.

    `PartlyWritten` when an error comes after some of it, or at once.
    """
    written = 0
    waiting: list[bytes | memoryview] = list(buffers)
    while waiting:
        try:
            count = calls.writev(fd, waiting[:MAX_BUFFERS])
        except OSError as error:
            raise PartlyWritten(error, waiting) from error
        written += count
        waiting = _after(waiting, count)
    return written


def close_quietly(fd: int) -> None:
    """The descriptor is gone even where the disk says an error (close(2))."""
    try:
        os.close(fd)
    except OSError as error:
        log.warning("a file could not be closed: %s", error.strerror or error)


class PartlyWritten(Exception):
    """A write ended early: `rest` is what is not in the file yet."""

    def __init__(self, error: OSError, rest: list[bytes | memoryview]) -> None:
        super().__init__(str(error))
        self.error = error
        self.rest = rest


def _after(buffers: list[bytes | memoryview], count: int) -> list[bytes | memoryview]:
    """What is left of `buffers` behind the first `count` bytes."""
    for index, buffer in enumerate(buffers):
        if count < len(buffer):
            return [memoryview(buffer)[count:], *buffers[index + 1 :]]
        count -= len(buffer)
    return []
