"""Recordings made elsewhere: files below one configured directory, never outside it."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from falconeye.base.errors import InvalidInput, Unavailable
from falconeye.storage.volumes.work_threads import WorkThreads

_FIELD = "file_path"


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """A file as it is now."""

    path: Path
    size_bytes: int
    modified_us: int


class ImportRoot:
    """Looks at, opens and deletes files below the root, on a thread of its own."""

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._threads: WorkThreads | None = None

    @property
    def threads(self) -> WorkThreads:
        """Started when first needed: most nodes import nothing."""
        if self._threads is None:
            self._threads = WorkThreads("imports", 1)
        return self._threads

    def stop(self) -> None:
        if self._threads is not None:
            self._threads.stop()

    def look(self, path: str) -> ImportedFile:
        """The file behind a path from a client; InvalidInput for any outside. On the thread."""
        if self._root is None:
            msg = "no import directory is configured: set import_root"
            raise InvalidInput(msg, field=_FIELD)
        try:
            root = self._root.resolve(strict=True)
            found = (root / path).resolve(strict=True)
            facts = found.stat()
        except (OSError, ValueError, RuntimeError) as error:
            msg = "there is no such file below the import directory"
            raise InvalidInput(msg, field=_FIELD) from error
        if not found.is_relative_to(root) or not stat.S_ISREG(facts.st_mode):
            msg = "there is no such file below the import directory"
            raise InvalidInput(msg, field=_FIELD)
        return ImportedFile(found, facts.st_size, facts.st_mtime_ns // 1000)

    def open(self, path: str) -> int:
        """A descriptor for reading; OSError when it is gone or not allowed any more."""
        try:
            return os.open(self.look(path).path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except InvalidInput as error:
            raise FileNotFoundError(str(error)) from error

    def unlink(self, path: str) -> None:
        """Delete the file; one that is gone, or outside the root now, is left alone.

        Unavailable when it cannot be deleted: a directory that may not be written, an ill disk.
        """
        try:
            self.look(path).path.unlink(missing_ok=True)
        except InvalidInput:
            return
        except OSError as error:
            msg = f"the file cannot be deleted: {error.strerror}"
            raise Unavailable(msg) from error
