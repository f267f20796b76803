"""The data directory before the database is opened: on a local disk, writable, for us alone."""

import errno
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from falconeye.base.errors import StartError

DATABASE_NAME = "falconeye.sqlite3"
# File systems on which SQLite's locks and shared memory do not work (sqlite.org/wal.html, 1)
NETWORK_FILE_SYSTEMS = frozenset({
    "9p", "afs", "cifs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "ncpfs",
    "nfs", "nfs4", "smb3", "smbfs",
})  # fmt: skip
_MOUNTINFO = Path("/proc/self/mountinfo")


def prepare(data_dir: Path, make_room: Callable[[], bool]) -> None:
    """Make the directory and an empty database file (mode 0600) where missing.

    `make_room` is tried once when the disk is full. StartError when the directory cannot be made or
    written, or lies on a network file system.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot make the data directory {data_dir}: {error.strerror}"
        raise StartError(message) from error
    _refuse_network(data_dir)
    try:
        _try_writing(data_dir, make_room)
    except OSError as error:
        raise StartError(_not_writable(data_dir, error)) from error


def free_bytes(directory: Path) -> int:
    """What an unprivileged process may still write to the directory's file system."""
    space = os.statvfs(directory)
    return space.f_bavail * space.f_frsize


def file_system_type(path: Path, mountinfo: Path = _MOUNTINFO) -> str:
    """The type of the file system that holds `path` (proc(5), mountinfo), "" when unknown."""
    try:
        lines = mountinfo.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    resolved, best, kind = path.resolve(), -1, ""
    for line in lines:
        fields, _, source = line.partition(" - ")
        mount_point = Path(_unescape(fields.split(" ")[4]))
        depth = len(mount_point.parts)
        # The later of two mounts at one place hides the earlier.
        if depth >= best and resolved.is_relative_to(mount_point):
            best, kind = depth, source.split(" ")[0]
    return kind


def _try_writing(data_dir: Path, make_room: Callable[[], bool]) -> None:
    try:
        # An unnamed file: proves that we may write without leaving anything behind.
        with tempfile.TemporaryFile(dir=data_dir):
            path = data_dir / DATABASE_NAME
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        if error.errno != errno.ENOSPC or not make_room():
            raise
        _try_writing(data_dir, make_room)


def _unescape(text: str) -> str:
    for escaped, plain in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(escaped, plain)
    return text


def _refuse_network(data_dir: Path) -> None:
    kind = file_system_type(data_dir)
    if kind in NETWORK_FILE_SYSTEMS:
        message = (
            f"the data directory {data_dir} lies on a network file system ({kind}), where SQLite "
            "loses data. Choose a local disk with --data-dir; footage may stay on another volume"
        )
        raise StartError(message)


def _not_writable(data_dir: Path, error: OSError) -> str:
    owner = stat.filemode(data_dir.stat().st_mode)
    return f"the data directory {data_dir} cannot be written ({error.strerror}; it is {owner})"
