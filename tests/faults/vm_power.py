"""Power cuts of a virtual machine: Debian's kernel, ext4 on virtio, each write kept by QEMU.

As `tests.faults.power`, with another kernel and block driver than the host's, and a cache that the
guest knows of. QEMU's `blklogwrites` keeps what the guest writes and flushes (the format of Linux'
dm-log-writes, without times): a moment is the number of an entry, and what the recorder said has
the number that the log had then. Emulated, not accelerated: 5 to 10 times slower than the host.
Root, Debian on x86-64; `vm.sh` makes the machine from packages within half a minute.
"""

import asyncio
import os
import platform
import random
import shlex
import shutil
import struct
import sys
import time
from pathlib import Path
from typing import Final

from tests.faults.outcome import Outcome
from tests.faults.power import BUDGET_S, Entry, Recorded, Said, cut_often, heard, make_disk
from tests.unit.storage_footage.recorder_process import SYNC_INTERVAL_S

_BUILD = Path(__file__).with_name("vm.sh")
_ROOT = Path(__file__).parents[2]
_SECTOR = 512
_HEAD: Final = struct.Struct("<QQQQ")  # sector, sectors, flags, bytes of data
_FLUSH, _FUA, _DISCARD, _MARK = 1, 2, 4, 8
BOOT_S = 300.0  # until the recorder speaks; a busy machine takes a minute
QEMU = (
    "-nodefaults -no-user-config -display none -machine q35 -accel tcg,thread=multi -cpu max -smp 2"
    " -m 1024 -no-reboot -serial stdio -device virtio-rng-pci -virtfs"
    " local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"
)


FAULT = "power cut of a virtual machine (QEMU, ext4, files and SQLite)"


class NotHere(Exception):
    """This fault cannot be met on this machine; the text says why."""

    fault = FAULT


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
    await build_machine(folder / "vm")
    await cut_often(folder, count, await _record(folder, record_s), chance, outcome)
    return outcome


async def build_machine(folder: Path) -> None:
    """The kernel, and what starts a program in it. NotHere."""
    if platform.machine() != "x86_64" or shutil.which("apt-get") is None or os.geteuid() != 0:
        raise NotHere("the virtual machine needs root, and Debian on x86-64")
    process = await asyncio.create_subprocess_exec("bash", str(_BUILD), str(folder))
    if await process.wait():
        raise NotHere("Debian's kernel or QEMU cannot be had; see above")


async def _record(folder: Path, record_s: float) -> Recorded:
    disk, base, log = folder / "disk.img", folder / "base.img", folder / "writes.log"
    await asyncio.to_thread(make_disk, disk)
    await asyncio.to_thread(shutil.copyfile, disk, base)
    await asyncio.to_thread(_make_empty, log)
    job = folder / "job.sh"
    words = [sys.executable, "-m", "tests.unit.storage_footage.recorder_process", "/mnt/node", "2"]
    await asyncio.to_thread(
        job.write_text,
        f"cd {shlex.quote(str(_ROOT))}\nexport PYTHONDONTWRITEBYTECODE=1 TMPDIR=/mnt\n"
        f"exec {shlex.join(words)} 2> /dev/ttyS1\n",
    )
    process = await asyncio.create_subprocess_exec(
        "qemu-system-x86_64", *QEMU.split(), "-serial", f"file:{folder / 'console.log'}",
        "-kernel", str(folder / "vm/vmlinuz"), "-initrd", str(folder / "vm/initrd.img"),
        "-append", f"console=ttyS1 quiet panic=-1 job={job}",
        "-blockdev", f"driver=file,filename={disk},node-name=disk",
        "-blockdev", f"driver=file,filename={log},node-name=log",
        "-blockdev", "driver=blklogwrites,node-name=kept,file=disk,log=log,log-sector-size=512",
        "-device", "virtio-blk-pci,drive=kept,write-cache=on",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    writes = WriteLog(log)
    try:
        said = await _listen(process, writes, record_s, folder / "console.log")
    finally:
        if process.returncode is None:
            process.kill()  # the power is cut
        await process.wait()
    entries = await asyncio.to_thread(writes.entries)
    writes.close()
    return Recorded(base, entries, said)


def _make_empty(log: Path) -> None:
    with log.open("wb") as file:
        file.truncate(2 << 30)  # sparse


async def _listen(
    process: asyncio.subprocess.Process, writes: WriteLog, record_s: float, console: Path
) -> list[Said]:
    assert process.stdout is not None
    found: list[Said] = []
    begun = time.monotonic()
    while not found or found[-1].given_s < record_s:
        async with asyncio.timeout(BOOT_S):
            line = await process.stdout.readline()
        assert line.endswith(b"\n"), await asyncio.to_thread(console.read_text, errors="replace")
        found.append(heard(line, writes.length(), found))
    print(f"recorded in the machine ({time.monotonic() - begun:.0f} s)", file=sys.stderr)  # noqa: T201
    return found
