"""One volume: a directory on one disk, known by an id file, touched only by its own threads.

All paths are opened relative to the volume's open directory, whose id was checked: when the disk
is unmounted, nothing is ever written to the empty directory under it. The id file is locked, so
that two nodes never write to one volume.
"""

import asyncio
import contextlib
import errno
import logging
import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from falconeye.base.counters import Counter
from falconeye.storage.volumes.disk_calls import DiskCalls, PartlyWritten, close_quietly
from falconeye.storage.volumes.id_file import (
    ID_FILE,
    VolumeMissing,
    check_id,
    lock_id_file,
    read_volume_id,
)
from falconeye.storage.volumes.spool_directory import SPOOL, remove_leftovers
from falconeye.storage.volumes.syncer import Syncer
from falconeye.storage.volumes.volume_facts import DiskKind, Role, disk_kind
from falconeye.storage.volumes.work_threads import WorkThreads

log = logging.getLogger(__name__)

JOURNAL_FILE = "falconeye-clock.json"  # `segments.clock_journal`
JOURNAL_PART = f"{JOURNAL_FILE}.part"
_OWN_FILES = frozenset({ID_FILE, JOURNAL_FILE, JOURNAL_PART})
# Cameras' ids, streams, days and hours (`segments.layout`), and what is beside them.
_OWN_DIRECTORY = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|main|sub|[\d-]{10}|\d\d|exports"
)
READERS = 2
ANSWER_S = 5.0
JOIN_S = 0.25  # a thread; one that is held by its disk is left behind


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of a file system, as statvfs(3) tells them to this process."""

    total_bytes: int
    free_bytes: int


class Volume:
    """A directory of footage. Methods that touch the disk say on which thread they run."""

    def __init__(
        self,
        path: Path,
        *,
        number: int,
        volume_id: str,
        sync_interval_s: float,
        role: Role = Role.RECORD,
        exclusive: bool = True,
        calls: DiskCalls | None = None,
        opened_us: int = 0,
    ) -> None:
        self.path = path
        self.number = number  # its key in the index
        self.id = volume_id
        self.role = role
        self.opened_us = opened_us  # monotonic; what was written is counted since then
        self.calls = calls or DiskCalls()
        self.kind: DiskKind | None = None  # None while it was never there
        self.missing: str | None = None  # why it cannot be used now, in words
        self.bytes_written = Counter()  # of footage, since the start
        self.is_full = False  # nothing may be deleted, and the last reserve is reached
        self._asked: Future[Space] | None = None
        self._looked: Future[bool] | None = None
        self._root_fd: int | None = None
        self._exclusive = exclusive  # False: only to look, beside a node that uses it
        self._lock_fd: int | None = None
        self.writer = WorkThreads(f"volume-{number}-writer", 1)
        self.readers = WorkThreads(f"volume-{number}-reader", READERS)
        self.mover = WorkThreads(f"volume-{number}-mover", 1)  # copies to it
        self.spool = WorkThreads(f"volume-{number}-spool", 1)  # what memory cannot hold
        self.spooled: set[str] = set()  # the paths of its files
        self.syncer = Syncer(f"volume-{number}-syncer", self.calls, sync_interval_s)

    async def open(self, limit_s: float | None = None) -> None:
        """Look whether it is there (`missing` tells); waits at most `limit_s` for the disk.

        That is `ANSWER_S` by default. One that answers later is not missing from then on.
        """
        limit_s = ANSWER_S if limit_s is None else limit_s
        try:
            if self._asked is not None and not self._asked.done():
                await self.space(limit_s)  # it hangs until it has answered that
            async with asyncio.timeout(limit_s):
                await self.writer.run(self.ensure_present)
        except VolumeMissing:
            return  # `missing` says why
        except TimeoutError:
            self.does_not_answer()
        except OSError as error:
            self.missing = error.strerror or str(error)

    async def look(self) -> None:
        """Whether the disk that was there still is: `missing` says when it is not. On the loop.

        An archive may go away while nothing is written to it. By a reader, because the writer may
        be busy for long; one that does not answer is left to who asks for its `space`.
        """
        if self._looked is None or self._looked.done():
            self._looked = self.readers.call(self._is_same_disk)
        try:
            async with asyncio.timeout(ANSWER_S):
                is_same = await asyncio.shield(asyncio.wrap_future(self._looked))
        except TimeoutError:
            return
        if not is_same:
            await self.open()

    def does_not_answer(self) -> None:
        """It hangs: pages and /readyz say so until it answers. What is queued stays queued."""
        if self.missing is None:
            log.warning("the disk of %s does not answer", self.path)
        self.missing = "the disk does not answer"

    def ensure_present(self) -> int:
        """The open directory, after a look that it still is what lies at `path`.

        VolumeMissing when it is not, OSError when it cannot be opened. Writer thread only.
        """
        try:
            if self._root_fd is None or not _is_same(self.path, self._root_fd):
                self._reopen()
        except OSError as error:
            words = error.strerror or str(error)
            if words != self.missing:
                log.warning("the media directory %s cannot be used: %s", self.path, words)
            self.missing = words
            if isinstance(error, VolumeMissing):
                raise
            raise VolumeMissing(words) from error
        self.missing = None
        return self.root_fd

    @property
    def root_fd(self) -> int:
        """The open directory; VolumeMissing while it was never there."""
        if self._root_fd is None:
            raise VolumeMissing(self.missing or "not opened yet")
        return self._root_fd

    def create(self, path: str) -> int:
        """A new, empty file with the directories it needs. Writer thread only."""
        return self._create_in(self.ensure_present(), path)

    def create_copy(self, path: str) -> int:
        """The same on the mover's thread, which cannot look whether the disk is still there.

        `ensure_present` on the writer before it. What is written to a disk that went meanwhile
        stays on that disk. The directories are for `sync_parents`.
        """
        return self._create_in(self.root_fd, path)

    def sync_parents(self, paths: Iterable[str]) -> None:
        """Bring the entries of new files, and of directories made for them, to the disk.

        OSError when it refuses. The mover's thread.
        """
        directories = {str(parent) for path in paths for parent in Path(path).parents}
        for directory in sorted(directories, reverse=True):  # the deepest first
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
            fd = os.open(directory, flags, dir_fd=self.root_fd)
            try:
                self.calls.fsync(fd)
            finally:
                os.close(fd)

    def can_record(self, stuck_s: float) -> bool:
        """Whether it is there, has room, and its writer was not held up for so long."""
        return self.missing is None and not self.is_full and self.writer.busy_s < stuck_s

    def _create_in(self, root: int, path: str) -> int:
        directory = str(Path(path).parent)
        for _ in range(2):  # the deleter may remove an empty directory in between: once more
            with contextlib.suppress(FileNotFoundError):
                return self._create(root, directory, path)
        return self._create(root, directory, path)

    def check_room(self) -> None:
        """PartlyWritten (ENOSPC) while the volume is full, though the file system may not be."""
        if self.is_full:
            raise PartlyWritten(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), [])

    def open_file(self, path: str, flags: int = os.O_RDONLY) -> int:
        """An existing file, never through a symbolic link. Reader threads."""
        return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=self.root_fd)

    def size_of(self, path: str) -> int | None:
        """The size of a file; None when it is not there. Reader threads."""
        try:
            return os.stat(path, dir_fd=self.root_fd, follow_symlinks=False).st_size
        except FileNotFoundError:
            return None

    def unlink(self, path: str) -> str:
        """Remove a file, if it is there, and the directories empty by that. Reader threads.

        Returns the directory above that is still there: after `sync_directory` it is gone for good.
        """
        with contextlib.suppress(FileNotFoundError):
            self.calls.unlink(path, self.root_fd)
        *parents, top = Path(path).parents
        for parent in parents:
            try:
                os.rmdir(parent, dir_fd=self.root_fd)
            except FileNotFoundError:
                continue
            except OSError:  # not empty: the usual case
                return str(parent)
        return str(top)

    def sync_directory(self, path: str) -> None:
        """Make what was removed in a directory gone for good, or itself. Reader threads."""
        for directory in (Path(path), *Path(path).parents):
            with contextlib.suppress(FileNotFoundError):
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
                fd = os.open(directory, flags, dir_fd=self.root_fd)
                try:
                    self.calls.fsync(fd)
                finally:
                    os.close(fd)
                return

    async def space(self, limit_s: float) -> Space:
        """How full it is; TimeoutError when it does not say so in `limit_s`, OSError.

        One question at a time: who asks meanwhile gets the same answer, so that a disk that hangs
        holds one reader however many ask. On the loop.
        """
        if self._asked is None or self._asked.done():
            self._asked = self.readers.call(self._space)
        async with asyncio.timeout(limit_s):
            return await asyncio.shield(asyncio.wrap_future(self._asked))

    def files(self) -> list[tuple[str, int]]:
        """All files below it as (path, bytes), but its own and the spool. Reader threads; slow.

        OSError when a directory of ours cannot be opened; those of others may be closed to us.
        """
        found: list[tuple[str, int]] = []
        for path, name, fd in self._walk():
            with contextlib.suppress(FileNotFoundError):  # deleted since it was listed
                found.append((path, os.stat(name, dir_fd=fd, follow_symlinks=False).st_size))
        return found

    def paths(self) -> Iterator[str]:
        """Those of `files`, one after the other: a disk may hold a million. Reader threads."""
        return (path for path, _, _ in self._walk())

    def _walk(self) -> Iterator[tuple[str, str, int]]:
        for directory, below, names, fd in os.fwalk(".", dir_fd=self.root_fd, onerror=_refuse_ours):
            if directory == "." and SPOOL in below:
                below.remove(SPOOL)
            for name in names:
                path = os.path.normpath(os.path.join(directory, name))  # noqa: PTH118 - no Path: speed
                if path not in _OWN_FILES:
                    yield path, name, fd

    def stop(self) -> bool:
        """End the threads after what is queued; False if one hangs. Blocks: not for the loop."""
        ended: list[bool] = []
        # The writer's last files go on to the syncer.
        for part in (self.writer, self.syncer, self.readers, self.mover, self.spool):
            part.stop()
            ended.append(part.join(JOIN_S))
        if not all(ended):
            log.error("the disk of %s hangs: its threads are left behind", self.path)
            return False
        for fd in (self._lock_fd, self._root_fd):
            if fd is not None:
                close_quietly(fd)
        self._lock_fd = self._root_fd = None
        return True

    def _is_same_disk(self) -> bool:
        try:
            return self._root_fd is not None and _is_same(self.path, self._root_fd)
        except OSError:
            return False

    def _reopen(self) -> None:
        root = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            check_id(read_volume_id(root), self.id)
            lock = lock_id_file(root) if self._exclusive else None
        except BaseException:
            os.close(root)
            raise
        if self._lock_fd is not None:
            close_quietly(self._lock_fd)
        self._lock_fd = lock
        if self._root_fd is None:
            self._root_fd = root
        else:  # keep the number: a reader may be using it this moment
            os.dup2(root, self._root_fd, inheritable=False)
            os.close(root)
        self.kind = disk_kind(self._root_fd)
        if self._exclusive:
            self._empty_spool(self._root_fd)

    def _empty_spool(self, root: int) -> None:
        try:
            remove_leftovers(self.calls, root, self.spooled)
        except OSError as error:
            log.warning("%s/%s cannot be emptied: %s", self.path, SPOOL, error.strerror or error)

    def _space(self) -> Space:
        found = self.calls.statvfs(self.root_fd)
        return Space(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)

    def _create(self, root: int, directory: str, path: str) -> int:
        self._make_directories(root, directory)
        fd = self.calls.create(path, root)
        self.syncer.directory_changed(root, directory)
        return fd

    def _make_directories(self, root: int, directory: str) -> None:
        for path in [*reversed(Path(directory).parents), Path(directory)][1:]:
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, 0o750, dir_fd=root)
                self.syncer.directory_changed(root, str(path.parent))


def _refuse_ours(error: OSError) -> None:
    """What os.fwalk could not open: left out silently, its files would pass for lost."""
    name = Path(error.filename or "").name
    if not isinstance(error, FileNotFoundError) and _OWN_DIRECTORY.fullmatch(name):
        raise error  # else the deleter has just removed it, or it is somebody else's


def _is_same(path: Path, fd: int) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    try:
        mine = os.fstat(fd)
    except OSError:  # NFS, FUSE: what was mounted is gone for good, whatever is there now
        return False
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)
