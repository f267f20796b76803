"""Space set aside beside the database, given up when the disk is full so that SQLite can write."""

import contextlib
import logging
import os
from pathlib import Path

from falconeye.storage.index.data_directory import free_bytes

log = logging.getLogger(__name__)

BALLAST_BYTES = 64 * 1024 * 1024
BALLAST_NAME = "ballast"


class Ballast:
    """A file of `size_bytes` that can be given up once. Blocks: call it in a thread."""

    def __init__(self, data_dir: Path, size_bytes: int = BALLAST_BYTES) -> None:
        self._path = data_dir / BALLAST_NAME
        self._size = size_bytes

    def restore(self) -> bool:
        """Set the space aside (again); True when it is. As much again must stay free."""
        try:
            if self._is_whole():
                return True
            if free_bytes(self._path.parent) < 2 * self._size:
                return False
            self._allocate()
        except OSError as error:
            log.warning("could not set space aside in %s: %s", self._path, error.strerror)
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            return False
        log.info("set %d MB aside in %s", self._size // 1_000_000, self._path)
        return True

    def give_up(self) -> bool:
        """Free the space; False when there is none to free."""
        try:
            self._path.unlink()
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                log.warning("could not give up %s: %s", self._path, error.strerror)
            return False
        log.warning("the disk is full: gave up %s so that the database can write", self._path)
        return True

    def make_room_if_full(self) -> None:
        """Before the database is opened: SQLite needs some room for its log and shared memory."""
        if free_bytes(self._path.parent) < self._size // 8:
            self.give_up()

    def _allocate(self) -> None:
        fd = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, self._size)
        finally:
            os.close(fd)

    def _is_whole(self) -> bool:
        try:
            return self._path.stat().st_size == self._size
        except FileNotFoundError:
            return False
