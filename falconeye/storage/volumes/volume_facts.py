"""What kind of disk a directory lies on: space, file system, SD card or not."""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

GIGABYTE = 1_000_000_000
_FLOOR_SHARE, _FLOOR_SHARE_ROOT, _FLOOR_MINIMUM = 0.05, 0.12, 2 * GIGABYTE
_SYS_BLOCK = Path("/sys/dev/block")
_MOUNTS = Path("/proc/self/mountinfo")


class Role(StrEnum):
    """What a volume is for."""

    NONE = ""  # not used, but as the media directory
    RECORD = "record"  # new footage goes there
    ARCHIVE = "archive"  # the oldest footage is moved there
    LEAVING = "leaving"  # all its footage is moved off it


@dataclass(frozen=True, slots=True)
class VolumeFacts:
    """One volume as pages show it; numbers as of one moment."""

    id: str
    path: Path
    role: Role
    present: bool  # False: the disk is not there; the numbers are 0
    total_bytes: int
    free_bytes: int  # to this process
    floor_bytes: int  # kept free by deleting the oldest footage
    file_system: str  # "ext4", "xfs", …; "" when unknown
    is_root_fs: bool
    is_sd_card: bool
    growth_bytes_per_s: float  # written since the start of the process


@dataclass(frozen=True, slots=True)
class DiskKind:
    """What does not change while a volume is mounted."""

    file_system: str
    is_root_fs: bool
    is_sd_card: bool


def free_floor_bytes(total_bytes: int, kind: DiskKind, configured: int | None) -> int:
    """The free-space floor: as configured, else max(5 %, 2 GB), 12 % on the root file system."""
    if configured is not None:
        return configured
    if kind.is_root_fs:
        return max(int(total_bytes * _FLOOR_SHARE_ROOT), _FLOOR_MINIMUM)
    return max(int(total_bytes * _FLOOR_SHARE), _FLOOR_MINIMUM)


def disk_kind(directory_fd: int) -> DiskKind:
    """Look at the file system that an open directory lies on. Touches the disk."""
    device = os.fstat(directory_fd).st_dev
    numbers = f"{os.major(device)}:{os.minor(device)}"
    file_system, source = _mount(numbers)
    return DiskKind(
        file_system=file_system,
        is_root_fs=device == Path("/").stat().st_dev,
        is_sd_card="mmcblk" in block_name(numbers, source),
    )


def block_name(numbers: str, source: str) -> str:
    """The kernel's own path of a device ("8:1"), else the mount's `source`.

    btrfs and overlay have none, and containers may hide all of them: no reason not to record.
    """
    try:
        return str((_SYS_BLOCK / numbers).resolve(strict=True))
    except OSError:
        return source


def _mount(device: str) -> tuple[str, str]:
    """File system type and mount source of `major:minor` (proc(5), mountinfo)."""
    # Bytes: a mount may have a name that is not UTF-8. Only spaces and newlines in it are escaped.
    for line in _MOUNTS.read_bytes().split(b"\n"):
        front, _, back = line.partition(b" - ")
        if front.split()[2:3] == [device.encode()]:
            kind, source, *_ = back.split()
            return os.fsdecode(kind), os.fsdecode(source)
    return "", ""
