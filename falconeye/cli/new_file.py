"""A file that a command makes: whole, or not there."""

import os
from pathlib import Path

from falconeye.base.errors import Conflict, Unavailable


def write_new(target: Path, content: bytes) -> None:
    """Write a file that only its owner may read. Conflict when it is there, Unavailable else.

    What was written before the disk was full, or Ctrl+C came, is deleted: half a configuration
    would be taken for a whole one.
    """
    try:
        fd = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        msg = f"{target} is there already: give another name"
        raise Conflict(msg) from None
    except OSError as error:
        raise _failed(target, error) from error
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(fd)
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _failed(target, error) from error
        raise


def _failed(target: Path, error: OSError) -> Unavailable:
    return Unavailable(f"cannot write {target}: {error.strerror}")
