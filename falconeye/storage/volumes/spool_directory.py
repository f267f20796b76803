"""The directory of a volume where the spool lies: no footage, and emptied whenever it is opened."""

import contextlib
import os
import re
from collections.abc import Collection

from falconeye.storage.volumes.disk_calls import DiskCalls

# Not a name that somebody else's directory has: what is in it is deleted.
SPOOL = "falconeye-spool"
_NAME = re.compile(r"\d+\.gop")


def spool_path(number: int) -> str:
    """Of a file, below the volume."""
    return f"{SPOOL}/{number}.gop"


def make_directory(root_fd: int) -> None:
    """Unless it is there; OSError."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(SPOOL, 0o750, dir_fd=root_fd)


def remove_leftovers(calls: DiskCalls, root_fd: int, live: Collection[str]) -> None:
    """Unlink what a process left there that was killed: all of ours but the paths in `live`.

    OSError when the disk refuses.
    """
    try:
        directory = os.open(SPOOL, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root_fd)
    except FileNotFoundError:
        return
    try:
        names = os.listdir(directory)  # noqa: PTH208 - relative to the open disk
    finally:
        os.close(directory)
    for name in names:
        path = f"{SPOOL}/{name}"
        if _NAME.fullmatch(name) and path not in live:
            with contextlib.suppress(FileNotFoundError):
                calls.unlink(path, root_fd)
