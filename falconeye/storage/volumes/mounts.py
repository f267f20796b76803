"""Mounted file systems, and what speaks against each as a place for footage (proc(5), mountinfo).

Asking a file system how full it is may hang (a network share whose server is gone), so each is
asked on a thread of its own, and one that does not answer is not asked again until it has.
"""

import asyncio
import os
import re
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from falconeye.storage.volumes.id_file import ID_FILE
from falconeye.storage.volumes.volume import Space
from falconeye.storage.volumes.volume_facts import GIGABYTE, block_name
from falconeye.storage.volumes.work_threads import WorkThreads

MOUNTINFO = Path("/proc/self/mountinfo")
ANSWER_S = 2.0
SMALL_BYTES = 8 * GIGABYTE
NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "fuse.sshfs"})
WITHOUT_OWNERS = frozenset({"vfat", "exfat", "ntfs", "ntfs3", "fuseblk", "msdos"})
_MEMORY = frozenset({"tmpfs", "ramfs"})
_DISKS = frozenset(
    {
        "ext2",
        "ext3",
        "ext4",
        "xfs",
        "btrfs",
        "f2fs",
        "zfs",
        "jfs",
        "reiserfs",
        "bcachefs",
        "hfsplus",
    }
)
_FIT = NETWORK | WITHOUT_OWNERS | _DISKS | {"tmpfs"}  # all else is none, or a part of a container
_SYSTEM = tuple(
    map(Path, ("/boot", "/dev", "/etc", "/proc", "/sys", "/run", "/snap", "/var/lib/docker"))
)
_DESKTOP = Path("/run/media")  # where desktops mount what is plugged in
_BY_UUID = Path("/dev/disk/by-uuid")
_ESCAPE = re.compile(rb"\\([0-7]{3})")


class MountKind(StrEnum):
    """What a file system lies on."""

    DISK = "disk"
    USB = "usb"
    SD_CARD = "sd_card"
    NETWORK = "network"
    MEMORY = "memory"


class Against(StrEnum):
    """What speaks against recording there."""

    READ_ONLY = "read_only"
    NOT_WRITABLE = "not_writable"  # by this user
    NO_ANSWER = "no_answer"
    ROOT = "root"  # the system's own: full of footage, nothing else works
    IN_MEMORY = "in_memory"  # gone when the machine stops
    SD_CARD = "sd_card"  # wears out
    SMALL = "small"
    NO_JOURNAL = "no_journal"  # FAT: a power cut may cost files
    IN_USE = "in_use"  # a volume already


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo."""

    path: Path
    source: str  # "/dev/sda1", "nas:/video", "//nas/video"
    file_system: str
    device: str  # "8:1"
    read_only: bool
    root: str = "/"  # what of the file system is mounted there
    flags: tuple[str, ...] = ()  # of this mount: "nosuid", "noatime", …
    options: tuple[str, ...] = ()  # of the file system: "subvol=/@video", "vers=4.2", …

    @property
    def is_network(self) -> bool:
        return self.file_system in NETWORK


@dataclass(frozen=True, slots=True)
class MountFacts:
    """A mounted file system as somebody who looks for a place sees it."""

    mount: Mount
    kind: MountKind
    total_bytes: int  # 0: it does not answer
    free_bytes: int
    against: tuple[Against, ...]


def read_mounts(content: bytes) -> list[Mount]:
    """All mounts, in the order of their paths; what another mount lies over is left out."""
    found: dict[Path, Mount] = {}
    for line in content.split(b"\n"):
        front, _, back = line.partition(b" - ")
        fields, rest = front.split(), back.split()
        if len(fields) < 6 or len(rest) < 2:
            continue
        path = Path(_unescaped(fields[4]))
        found[path] = Mount(
            path=path,
            source=_unescaped(rest[1]),
            file_system=rest[0].decode(errors="replace"),
            device=fields[2].decode(errors="replace"),
            read_only=b"ro" in fields[5].split(b",") or b"ro" in b",".join(rest[2:]).split(b","),
            root=_unescaped(fields[3]),
            flags=_options(fields[5]),
            options=_options(b",".join(rest[2:])),
        )
    return [found[path] for path in sorted(found)]


def mount_of(path: Path, mounts: list[Mount]) -> Mount | None:
    """The mount that a resolved path lies on."""
    above = [mount for mount in mounts if path.is_relative_to(mount.path)]
    return max(above, key=lambda mount: len(mount.path.parts), default=None)


def is_fit(mount: Mount) -> bool:
    """Whether it is a file system for data at all."""
    is_system = any(mount.path.is_relative_to(path) for path in _SYSTEM)
    return mount.file_system in _FIT and (not is_system or mount.path.is_relative_to(_DESKTOP))


def uuid_of(mount: Mount, directory: Path = _BY_UUID) -> str | None:
    """The UUID of a disk's file system, for fstab(5); None where udev knows none. Blocks."""
    try:
        wanted = Path(mount.source).resolve(strict=True)
        links = sorted(directory.iterdir())
    except OSError:
        return None
    return next((link.name for link in links if link.resolve() == wanted), None)


class Mounts:
    """Lists the mounted file systems; one for the whole node, since disks may hang."""

    def __init__(self) -> None:
        self._asked: dict[Path, Future[Space]] = {}

    async def found(self) -> list[MountFacts]:
        """Those fit for footage, the emptiest first of those that nothing speaks against."""
        return await asyncio.to_thread(self.look)

    def look(self) -> list[MountFacts]:
        """The same; blocks for at most `ANSWER_S`, however many do not answer."""
        mounts = [mount for mount in read_mounts(MOUNTINFO.read_bytes()) if is_fit(mount)]
        asked = [(mount, self._ask(mount.path)) for mount in mounts]
        until = _Deadline(ANSWER_S)
        found = [_facts(mount, _answer(answer, until.left_s)) for mount, answer in asked]
        return sorted(found, key=lambda one: (len(one.against), -one.free_bytes, one.mount.path))

    def _ask(self, path: Path) -> Future[Space]:
        known = self._asked.get(path)
        if known is not None and not known.done():
            return known
        thread = WorkThreads("mount", 1)
        self._asked[path] = thread.call(lambda: _space(path))
        thread.stop()
        return self._asked[path]


class _Deadline:
    """So much time for all questions together."""

    def __init__(self, seconds: float) -> None:
        self._end_s = os.times().elapsed + seconds

    @property
    def left_s(self) -> float:
        return max(0.0, self._end_s - os.times().elapsed)


def _answer(asked: Future[Space], limit_s: float) -> Space | None:
    try:
        return asked.result(limit_s)
    except (OSError, FutureTimeoutError):
        return None


def _space(path: Path) -> Space:
    found = os.statvfs(path)
    return Space(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)


def _facts(mount: Mount, space: Space | None) -> MountFacts:
    kind = _kind(mount)
    if space is None:  # nothing else of it is touched
        return MountFacts(mount, kind, 0, 0, (Against.NO_ANSWER,))
    checks = {
        Against.READ_ONLY: mount.read_only,
        Against.NOT_WRITABLE: not mount.read_only and not os.access(mount.path, os.W_OK | os.X_OK),
        Against.ROOT: mount.path == Path("/"),
        Against.IN_MEMORY: kind is MountKind.MEMORY,
        Against.SD_CARD: kind is MountKind.SD_CARD,
        Against.SMALL: space.total_bytes < SMALL_BYTES,
        Against.NO_JOURNAL: mount.file_system in {"vfat", "msdos", "exfat"},
        Against.IN_USE: os.access(mount.path / ID_FILE, os.F_OK),
    }
    against = tuple(reason for reason, is_so in checks.items() if is_so)
    return MountFacts(mount, kind, space.total_bytes, space.free_bytes, against)


def _kind(mount: Mount) -> MountKind:
    if mount.file_system in _MEMORY:
        return MountKind.MEMORY
    if mount.is_network:
        return MountKind.NETWORK
    name = block_name(mount.device, mount.source)
    if "mmcblk" in name:
        return MountKind.SD_CARD
    return MountKind.USB if "/usb" in name else MountKind.DISK


def _options(field: bytes) -> tuple[str, ...]:
    return tuple(_unescaped(option) for option in field.split(b",") if option)


def _unescaped(field: bytes) -> str:
    """Spaces, tabs, newlines and backslashes are written in octal."""
    return os.fsdecode(_ESCAPE.sub(lambda match: bytes([int(match[1], 8)]), field))
