"""Keeps on a disk, for seconds, what memory has no room for: GOPs before an event.

No footage: no index knows it, nothing syncs it (what is dropped within half a minute the kernel
mostly never writes), and no start finds it. It gives way to footage: no disk takes it that is full,
slow or away, nor the last half of what is kept free.
"""

import itertools
import logging
import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.base.times import SECOND_US
from falconeye.storage.volumes.disk_calls import PartlyWritten, close_quietly, write_all
from falconeye.storage.volumes.spool_directory import make_directory, spool_path
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volumes import Volumes

log = logging.getLogger(__name__)

_SLOW_S = 2.0  # a disk that keeps a job so long gets none of this to do
_REST_US = 10 * SECOND_US  # after a failure


@dataclass(eq=False, frozen=True, slots=True)
class Spooled:
    """A file of the spool. Any thread."""

    volume: Volume
    path: str
    size_bytes: int
    crc: int

    def read(self, done: Callable[[bytes | None], None]) -> bool:
        """Queue reading it; `done` is called on the disk's thread: None when it cannot be read.

        False, and nothing queued, when the disk is not used any more.
        """

        def job() -> None:
            content = None
            try:
                content = self._content()
            finally:
                done(content)

        return _queue(self.volume, job)

    def drop(self) -> None:
        """Queue unlinking it."""
        self.volume.spool.release(self._unlink)

    def _content(self) -> bytes | None:
        try:
            fd = self.volume.open_file(self.path)
            try:
                content = os.pread(fd, self.size_bytes, 0)
            finally:
                close_quietly(fd)
        except OSError as error:
            log.warning("what was before an event cannot be read: %s", error.strerror or error)
            return None
        if zlib.crc32(content) != self.crc:  # shorter, or another
            log.warning("what was before an event was spoilt by its disk")
            return None
        return content

    def _unlink(self) -> None:
        try:
            self.volume.calls.unlink(self.path, self.volume.root_fd)
        except FileNotFoundError:
            pass
        except OSError as error:  # it goes when the disk is opened again
            log.info("%s cannot be removed: %s", self.path, error.strerror or error)
        self.volume.spooled.discard(self.path)


class Spool:
    """Of a node: takes what recorders cannot hold. Any thread; none waits for a disk."""

    def __init__(self, volumes: Volumes, clock: Clock) -> None:
        self._volumes = volumes
        self._clock = clock
        self._numbers = itertools.count()
        self._rest_until_us: dict[int, int] = {}  # by volume (monotonic)
        self._log = RepeatingLog(log, clock)

    def write(
        self, content: Callable[[], Sequence[bytes]], done: Callable[[Spooled | None], None]
    ) -> bool:
        """Queue a file; `done` is called on the disk's thread: None when it was not written.

        `content` is asked there; it is empty when it is not wanted any more. False, and nothing
        queued, while there is no disk for it.
        """
        volume = self._volumes.for_recording()
        if not volume.can_record(_SLOW_S) or volume.spool.busy_s > _SLOW_S:
            return False
        if self._clock.monotonic_us() < self._rest_until_us.get(volume.number, 0):
            return False

        def job() -> None:
            made = None
            try:
                buffers = content()
                if buffers:
                    made = self._store(volume, buffers)
            finally:
                done(made)

        return _queue(volume, job)

    def _store(self, volume: Volume, buffers: Sequence[bytes]) -> Spooled | None:
        path = spool_path(next(self._numbers))
        size_bytes = sum(map(len, buffers))
        volume.spooled.add(path)  # before it is there: an opening removes what is not in it
        made = Spooled(volume, path, size_bytes, _crc(buffers))
        try:
            root = volume.root_fd
            found = volume.calls.statvfs(root)
            free_bytes = found.f_bavail * found.f_frsize
            floor_bytes = self._volumes.floor_bytes(volume, found.f_blocks * found.f_frsize)
            if free_bytes - size_bytes < floor_bytes // 2:
                self._rest(volume, "its room is for footage")
                volume.spooled.discard(path)
                return None
            make_directory(root)
            fd = volume.calls.create(path, root)
            try:
                write_all(volume.calls, fd, buffers)
            finally:
                close_quietly(fd)
        except (OSError, PartlyWritten) as error:
            self._rest(volume, str(error))
            made.drop()
            return None
        return made

    def _rest(self, volume: Volume, why: str) -> None:
        self._rest_until_us[volume.number] = self._clock.monotonic_us() + _REST_US
        self._log.warning(f"{volume.path} does not take what is kept before events: {why}")


def _queue(volume: Volume, job: Callable[[], None]) -> bool:
    """False when its threads have ended."""
    answer = volume.spool.call(job)
    # Nothing but that is an error before the job has begun; one of the job is told by `done`.
    return not (answer.done() and isinstance(answer.exception(), OSError))


def _crc(buffers: Sequence[bytes]) -> int:
    crc = 0
    for buffer in buffers:
        crc = zlib.crc32(buffer, crc)
    return crc
