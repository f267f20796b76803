"""The bytes of a segment, wherever it lies. Blocks: for the thread that writes exports."""

import os
from collections.abc import Sequence
from typing import Protocol


class ByteSource(Protocol):
    """An open file. What cannot be read is an OSError."""

    @property
    def size_bytes(self) -> int: ...

    def expect(self, ranges: Sequence[tuple[int, int]]) -> None:
        """These (offset, size), and little else, are read next by `read`."""

    def read(self, offset: int, size: int) -> bytes:
        """As many bytes, or those up to its end."""

    def read_into(self, offset: int, view: memoryview) -> int:
        """The same into `view`; how many there were."""

    def close(self) -> None: ...


class OwnFile:
    """A file of this node, by its descriptor, which it closes."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @property
    def size_bytes(self) -> int:
        return os.fstat(self._fd).st_size

    def expect(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Only heads: nothing is read ahead."""
        if ranges:
            os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_RANDOM)

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self._fd, size, offset)

    def read_into(self, offset: int, view: memoryview) -> int:
        return os.preadv(self._fd, [view], offset)

    def close(self) -> None:
        os.close(self._fd)
