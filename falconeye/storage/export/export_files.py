"""Where exports lie: `exports/JOB/` on the volume, one directory for each, with its sidecar.

Everything is opened relative to the volume's open directory. A file is written as `NAME.part`,
hashed on the way, synced, and then gets its name: what has no `.part` is whole.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from falconeye.storage.volumes.disk_calls import PartlyWritten, write_all
from falconeye.storage.volumes.volume import Volume

DIRECTORY = "exports"
PART = ".part"
_SCRATCH = "encoding.part"
SYNC_EVERY_BYTES = 16 << 20  # dirty pages beyond that would delay what the recorders write


class NewFile:
    """A file that is being written; `write` from one thread."""

    def __init__(self, volume: Volume, fd: int) -> None:
        self._volume = volume
        self._fd = fd
        self._hash = hashlib.sha256()
        self._unsynced = 0
        self.size_bytes = 0

    def write(self, buffers: Sequence[bytes | memoryview]) -> None:
        """Append; OSError when the disk refuses, ENOSPC also when footage needs what is left."""
        try:
            self._volume.check_room()
            size = write_all(self._volume.calls, self._fd, buffers)
        except PartlyWritten as error:
            raise error.error from error
        for buffer in buffers:
            self._hash.update(buffer)
        self.size_bytes += size
        self._unsynced += size
        if self._unsynced >= SYNC_EVERY_BYTES:
            self._volume.calls.fdatasync(self._fd)
            self._unsynced = 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class ExportFiles:
    """The files of one export; on the exports' thread, but for `path`."""

    def __init__(self, volume: Volume, job_id: str) -> None:
        self.job_id = job_id
        self._volume = volume
        self._directory = f"{DIRECTORY}/{job_id}"

    @property
    def root_fd(self) -> int:
        """The volume's open directory."""
        return self._volume.root_fd

    def path(self, name: str) -> str:
        """Below the volume."""
        return f"{self._directory}/{name}"

    def prepare(self) -> None:
        """An empty directory: what an attempt before has left goes."""
        self.remove()
        for directory in (DIRECTORY, self._directory):
            with contextlib.suppress(FileExistsError):
                os.mkdir(directory, 0o750, dir_fd=self._volume.root_fd)
            self._sync(str(PurePosixPath(directory).parent))

    @contextmanager
    def create(self, name: str) -> Iterator[NewFile]:
        """A new file, which has its name at the end; after an error `remove` is to be called."""
        path, root = self.path(name), self._volume.root_fd
        fd = self._volume.calls.create(path + PART, root)
        try:
            yield NewFile(self._volume, fd)
            self._volume.calls.fsync(fd)
        finally:
            os.close(fd)
        os.rename(path + PART, path, src_dir_fd=root, dst_dir_fd=root)
        self._sync(self._directory)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A file for the time being, by a path that leads through the volume's open directory."""
        name, root = self.path(_SCRATCH), self._volume.root_fd
        os.close(self._volume.calls.create(name, root))
        try:
            yield Path(f"/proc/self/fd/{root}/{name}")
        finally:
            self._volume.calls.unlink(name, root)

    def check_room(self) -> None:
        """OSError (ENOSPC) when footage needs what is left."""
        try:
            self._volume.check_room()
        except PartlyWritten as error:
            raise error.error from error

    def remove(self) -> None:
        """Delete the export, whole or begun; one that is not there is left alone."""
        root = self._volume.root_fd
        try:
            fd = os.open(
                self._directory,
                os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC,
                dir_fd=root,
            )
        except FileNotFoundError:
            return
        try:
            for name in os.listdir(fd):  # noqa: PTH208 - a descriptor, not a path
                self._volume.calls.unlink(name, fd)
        finally:
            os.close(fd)
        os.rmdir(self._directory, dir_fd=root)
        self._sync(DIRECTORY)

    def _sync(self, directory: str) -> None:
        self._volume.sync_directory(directory)
