"""Power cuts of a virtual machine: Debian's kernel, ext4 on virtio, each write kept by QEMU.

As `tests.faults.power`, with another kernel and block driver than the host's, and a cache that the
guest knows of. QEMU's `blklogwrites` keeps what the guest writes and flushes (the format of Linux'
dm-log-writes, without times): a moment is the number of an entry, and what the recorder said has
the number that the log had then. The machine: `tests.faults.vm_job`.
"""

import asyncio
import os
import random
import shutil
import struct
import sys
import time
from pathlib import Path
from typing import Final

from tests.faults.outcome import Outcome
from tests.faults.power import BUDGET_S, Entry, Recorded, Said, cut_often, heard, make_disk
from tests.faults.vm_job import BOOT_S, Job, build_machine, running
from tests.unit.storage_footage.recorder_process import SYNC_INTERVAL_S

_SECTOR = 512
_HEAD: Final = struct.Struct("<QQQQ")  # sector, sectors, flags, bytes of data
_FLUSH, _FUA, _DISCARD, _MARK = 1, 2, 4, 8
FAULT = "power cut of a virtual machine (QEMU, ext4, files and SQLite)"


class WriteLog:
    """A log of `blklogwrites` that grows; the count in its head lags behind, so it is walked."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._at = _SECTOR
        self._found: list[tuple[int, int, int, int]] = []  # sector, sectors, flags, where its data

    def close(self) -> None:
        os.close(self._fd)

    def length(self) -> int:
        """How many entries it has now."""
        while True:
            head = os.pread(self._fd, _HEAD.size, self._at)
            if len(head) < _HEAD.size or not any(head):
                return len(self._found)
            sector, sectors, flags, _size = _HEAD.unpack(head)
            assert flags <= _FLUSH | _FUA | _DISCARD | _MARK, flags
            self._at += _SECTOR
            self._found.append((sector, sectors, flags, self._at))
            self._at += 0 if flags & _DISCARD else sectors * _SECTOR

    def entries(self) -> list[Entry]:
        """What was written, and when it was flushed: `at` is the number of the entry."""
        found = []
        for number in range(self.length()):
            sector, sectors, flags, at = self._found[number]
            size = sectors * _SECTOR
            if size:
                data = bytes(size) if flags & _DISCARD else os.pread(self._fd, size, at)
                found.append(Entry(number, sector * _SECTOR, data, is_flush=False))
            if flags & (_FLUSH | _FUA):
                found.append(Entry(number, 0, b"", is_flush=True))
        return found


async def vm_power_cuts(folder: Path, count: int, record_s: float = 25.0) -> Outcome:
    """One recording in the machine, cut at so many points. NotHere."""
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    outcome = Outcome(
        FAULT, f"{count} crash points",
        f"sync interval {SYNC_INTERVAL_S:.0f} s + 1 s", [], BUDGET_S,
    )  # fmt: skip
    outcome.notes.append(f"seed {seed}")
    await build_machine(folder / "vm", FAULT)
    await cut_often(folder, count, await _record(folder, record_s), chance, outcome)
    return outcome


async def _record(folder: Path, record_s: float) -> Recorded:
    image, base, log = folder / "disk.img", folder / "base.img", folder / "writes.log"
    await asyncio.to_thread(make_disk, image)
    await asyncio.to_thread(shutil.copyfile, image, base)
    await asyncio.to_thread(_make_empty, log)
    disk = (
        "-blockdev", f"driver=file,filename={image},node-name=disk",
        "-blockdev", f"driver=file,filename={log},node-name=log",
        "-blockdev", "driver=blklogwrites,node-name=kept,file=disk,log=log,log-sector-size=512",
        "-device", "virtio-blk-pci,drive=kept,write-cache=on",
    )  # fmt: skip
    words = ("tests.unit.storage_footage.recorder_process", "/mnt/node", "2")
    writes = WriteLog(log)
    async with running(folder, folder / "vm", words, disk) as job:
        said = await _listen(job, writes, record_s)
    entries = await asyncio.to_thread(writes.entries)
    writes.close()
    return Recorded(base, entries, said)


def _make_empty(log: Path) -> None:
    with log.open("wb") as file:
        file.truncate(2 << 30)  # sparse


async def _listen(job: Job, writes: WriteLog, record_s: float) -> list[Said]:
    found: list[Said] = []
    begun = time.monotonic()
    while not found or found[-1].given_s < record_s:
        line = await job.line(BOOT_S)
        found.append(heard(line, writes.length(), found))
    print(f"recorded in the machine ({time.monotonic() - begun:.0f} s)", file=sys.stderr)  # noqa: T201
    return found
