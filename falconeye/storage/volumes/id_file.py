"""The id file of a volume: which disk it is, and which process uses it.

Made once, never changed. An empty directory where a disk should be mounted has none.
"""

import errno
import fcntl
import json
import os
import secrets
from pathlib import Path

ID_FILE = "falconeye-volume.json"
_MAX_ID_BYTES = 4096


class VolumeMissing(OSError):
    """The disk is not there: nothing mounted, or another disk; `strerror` says which."""

    def __init__(self, words: str) -> None:
        super().__init__(errno.ENODEV, words)


def read_volume_id(directory_fd: int) -> str | None:
    """The id in the id file; None without one. OSError, VolumeMissing where it is damaged."""
    try:
        fd = os.open(ID_FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=directory_fd)
    except FileNotFoundError:
        return None
    try:
        content = json.loads(os.read(fd, _MAX_ID_BYTES))
        return str(content["volume_id"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise VolumeMissing(f"its {ID_FILE} is damaged") from error
    finally:
        os.close(fd)


def check_id(found: str | None, expected: str) -> None:
    """VolumeMissing for another id, or none."""
    if found is None:
        raise VolumeMissing(f"no {ID_FILE} in it: is the disk mounted?")
    if found != expected:
        raise VolumeMissing(f"another disk is mounted there ({found}, expected {expected})")


def make_volume_id(path: Path) -> str:
    """Make the directory where needed, and an id file in it unless there is one; the id. Blocks."""
    path.mkdir(mode=0o750, parents=True, exist_ok=True)
    root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = read_volume_id(root)
        if found is not None:
            return found
        made = secrets.token_hex(16)
        temporary = f".{ID_FILE}.{made}"
        fd = os.open(
            temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o640, dir_fd=root
        )
        try:
            os.write(fd, json.dumps({"volume_id": made}).encode() + b"\n")
            os.fsync(fd)
            os.rename(temporary, ID_FILE, src_dir_fd=root, dst_dir_fd=root)
        except BaseException:
            os.unlink(temporary, dir_fd=root)
            raise
        finally:
            os.close(fd)
        os.fsync(root)
        return made
    finally:
        os.close(root)


def lock_id_file(directory_fd: int) -> int:
    """Hold it while the descriptor is open; VolumeMissing where another process does."""
    fd = os.open(ID_FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=directory_fd)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise VolumeMissing("another FalconEye process uses it") from error
    return fd
