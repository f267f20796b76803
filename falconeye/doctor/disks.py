"""The disks of footage: there, with room, of a kind that fits, and how long a sync takes."""

import asyncio
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from falconeye.doctor.finding import Finding, Level
from falconeye.storage.index.data_directory import NETWORK_FILE_SYSTEMS
from falconeye.storage.volumes.id_file import read_volume_id
from falconeye.storage.volumes.volume_facts import DiskKind, Role, disk_kind, free_floor_bytes
from falconeye.storage.volumes.work_threads import WorkThreads

ANSWER_S: Final = 10.0
_PROBE_BYTES: Final = 256 * 1024
_SLOW_S, _TOO_SLOW_S = 1.0, 5.0
# Without rights, links or a journal: a power cut may cost the whole file system.
_POOR: Final = frozenset({"vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk"})
_VOLATILE: Final = frozenset({"tmpfs", "ramfs", "overlay"})


@dataclass(frozen=True, slots=True)
class Disk:
    """One volume to look at."""

    path: Path
    volume_id: str
    role: Role
    floor_bytes: int | None  # as configured


async def examine(disks: Sequence[Disk]) -> list[Finding]:
    """All disks at once; one that hangs is said after `ANSWER_S`, and holds nobody up."""
    found = await asyncio.gather(*(_examine(disk) for disk in disks))
    return [finding for findings in found for finding in findings]


async def _examine(disk: Disk) -> list[Finding]:
    thread = WorkThreads("doctor-disk", 1)
    try:
        async with asyncio.timeout(ANSWER_S):
            return await thread.run(partial(look, disk))
    except TimeoutError:
        words = f"does not answer within {ANSWER_S:.0f} s"
        advice = "Look at its cable and power, and at the kernel's messages: dmesg"
        return [Finding("disk", str(disk.path), Level.FAIL, words, advice)]
    finally:
        thread.stop()


def look(disk: Disk) -> list[Finding]:
    """One disk. Blocks, for ever where it hangs."""
    subject = str(disk.path)
    try:
        root = os.open(disk.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        advice = "Mount the disk, or take it off the list of disks"
        return [Finding("disk", subject, Level.FAIL, f"not there: {error.strerror}", advice)]
    try:
        if (wrong := _wrong_id(root, disk)) is not None:
            return [wrong]
        kind = disk_kind(root)
        return [_room(root, disk, kind), _kind(subject, kind), _probe(root, subject)]
    finally:
        os.close(root)


def _wrong_id(root: int, disk: Disk) -> Finding | None:
    subject = str(disk.path)
    try:
        found = read_volume_id(root)
    except OSError as error:
        advice = "Check the disk: dmesg, fsck"
        return Finding("disk", subject, Level.FAIL, f"cannot be read: {error.strerror}", advice)
    if found == disk.volume_id:
        return None
    words = "nothing is mounted there" if found is None else "another disk is mounted there"
    advice = (
        "Mount the right one; if it was exchanged for good: falconeye check --repair --accept-disk"
    )
    return Finding("disk", subject, Level.FAIL, words, advice)


def _room(root: int, disk: Disk, kind: DiskKind) -> Finding:
    space = os.fstatvfs(root)
    total, free = space.f_blocks * space.f_frsize, space.f_bavail * space.f_frsize
    floor = free_floor_bytes(total, kind, disk.floor_bytes)
    words = f"{free / 1e9:.1f} of {total / 1e9:.1f} GB are free, {floor / 1e9:.1f} GB are kept so"
    if free < floor // 2:
        advice = "Other files fill it, or protected footage: make room, or lower free_floor_bytes"
        return Finding("disk", str(disk.path), Level.FAIL, words, advice)
    return Finding("disk", str(disk.path), Level.OK, words)


def _kind(subject: str, kind: DiskKind) -> Finding:
    name = kind.file_system or "unknown"
    if name in _VOLATILE:
        advice = "Choose a disk for the footage: --media-dir (in a container: a volume)"
        words = f"{name}: what lies there is gone after a restart"
        return Finding("disk", subject, Level.WARN, words, advice)
    if name in _POOR:
        advice = "Make it ext4 or xfs (that deletes what is on it)"
        return Finding("disk", subject, Level.WARN, f"{name} does not survive power cuts", advice)
    if kind.is_sd_card:
        advice = "Put footage on a disk or SSD"
        return Finding("disk", subject, Level.WARN, "an SD card, which footage wears out", advice)
    if name in NETWORK_FILE_SYSTEMS:
        advice = "Record to a local disk, and let this one be the archive"
        return Finding("disk", subject, Level.WARN, f"{name}: as fast as the network", advice)
    return Finding("disk", subject, Level.OK, f"file system {name}")


def _probe(root: int, subject: str) -> Finding:
    """Write a little, sync it, remove it."""
    name = f".falconeye-probe-{secrets.token_hex(4)}"
    began = time.monotonic()
    try:
        fd = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=root)
        try:
            os.write(fd, bytes(_PROBE_BYTES))
            os.fdatasync(fd)
        finally:
            os.close(fd)
            os.unlink(name, dir_fd=root)
    except OSError as error:
        advice = "See its rights and the kernel's messages (dmesg); a read-only mount needs an fsck"
        words = f"cannot be written: {error.strerror}"
        return Finding("disk", subject, Level.FAIL, words, advice)
    took = time.monotonic() - began
    words = f"writing and syncing {_PROBE_BYTES // 1024} KB took {took * 1000:.0f} ms"
    if took < _SLOW_S:
        return Finding("disk", subject, Level.OK, words)
    level = Level.FAIL if took >= _TOO_SLOW_S else Level.WARN
    advice = "The disk is overloaded, failing, or a slow card: smartctl -a, iostat -x 1"
    return Finding("disk", subject, level, words, advice)
