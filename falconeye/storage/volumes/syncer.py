"""The syncer of one volume: one thread that brings written footage to the platter.

One pass over the dirty files per interval, stretched so that passes take at most a quarter of the
time. It also ends files, in the order write → sync → directory → row. A failed sync is never
retried on that file: the kernel has forgotten which pages it lost (fsyncgate, 2018). A directory
is tried again, for the files made in it later; those that were waiting for it count as failed.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from queue import Empty, SimpleQueue
from typing import Protocol

from falconeye.storage.volumes.disk_calls import DiskCalls

log = logging.getLogger(__name__)

BUSY_SHARE = 0.25


class DirtyFile(Protocol):
    """A file with bytes that may not be on the disk yet."""

    @property
    def path(self) -> str:
        """Below its volume."""

    def sync_target(self) -> tuple[int, int] | None:
        """Its descriptor and its size now; None when it has none."""

    def synced(self, size_bytes: int) -> None:
        """All up to here is on the disk."""

    def sync_failed(self, error: OSError) -> None:
        """The disk refused: the file is not to be written any more."""


class Syncer:
    """Owns the thread; other threads only tell it what changed."""

    def __init__(self, name: str, calls: DiskCalls, interval_s: float) -> None:
        self._calls = calls
        self._interval_s = interval_s
        self.effective_interval_s = interval_s
        self.last_pass_s = 0.0
        self._dirty: dict[DirtyFile, None] = {}
        self._directories: dict[str, int] = {}  # path → the volume's open directory
        self._bad_directories: dict[str, OSError] = {}  # not synced at the last try
        self._lock = threading.Lock()
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def file_changed(self, file: DirtyFile) -> None:
        """`file` has new bytes."""
        with self._lock:
            self._dirty[file] = None

    def directory_changed(self, root_fd: int, path: str) -> None:
        """The directory at `path` below `root_fd` has a new entry."""
        with self._lock:
            self._directories[path] = root_fd

    def submit(self, job: Callable[[], None]) -> None:
        """Run `job` on the thread before the next pass."""
        self._jobs.put(job)

    def forget(self, file: DirtyFile) -> None:
        """The file is being ended: leave it out of the passes."""
        with self._lock:
            self._dirty.pop(file, None)

    def sync_directories(self) -> Mapping[str, OSError]:
        """Bring all new directory entries to the disk; those that cannot be. On the thread."""
        with self._lock:
            directories, self._directories = self._directories, {}
        bad: dict[str, OSError] = {}
        for path, root in directories.items():
            try:
                self._sync_directory(path, root)
            except FileNotFoundError:  # removed again meanwhile
                continue
            except OSError as error:
                bad[path] = error
                if path not in self._bad_directories:
                    log.warning("the directory %s cannot be synced: %s", path, error)
        with self._lock:
            for path in bad:
                self._directories[path] = directories[path]
        self._bad_directories = bad
        return bad

    def _sync_directory(self, path: str, root_fd: int) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root_fd)
        try:
            self._calls.fsync(fd)
        finally:
            os.close(fd)

    def stop(self) -> None:
        """End after the jobs that are queued; does not wait."""
        self._jobs.put(None)

    def join(self, timeout_s: float) -> bool:
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        due = time.monotonic() + self._interval_s
        while True:
            try:
                job = self._jobs.get(timeout=max(0.0, due - time.monotonic()))
            except Empty:
                due = self._pass()
                continue
            if job is None:
                return
            try:
                job()
            except Exception:
                log.exception("a job of %s failed", self._thread.name)
            if time.monotonic() >= due:
                due = self._pass()

    def _pass(self) -> float:
        """Sync what is dirty; the monotonic time of the next pass."""
        begun = time.monotonic()
        with self._lock:
            files, self._dirty = list(self._dirty), {}
        for file in files:
            self._sync(file)
        bad = self.sync_directories()
        for file in files:
            if (failure := above(file.path, bad)) is not None:
                file.sync_failed(failure)
        self.last_pass_s = time.monotonic() - begun
        self.effective_interval_s = max(self._interval_s, self.last_pass_s / BUSY_SHARE)
        return begun + self.effective_interval_s

    def _sync(self, file: DirtyFile) -> None:
        target = file.sync_target()
        if target is None:
            return
        fd, size_bytes = target
        try:
            self._calls.fdatasync(fd)
        except OSError as error:
            file.sync_failed(error)
        else:
            file.synced(size_bytes)


def above(path: str, bad: Mapping[str, OSError]) -> OSError | None:
    """Why the entry of a file may be lost: the error of a directory above it."""
    parents = PurePosixPath(path).parents
    return next((bad[str(parent)] for parent in parents if str(parent) in bad), None)
