"""ext4 under a recorder: the kernel turns it read-only, its disk fails, or is pulled; root.

The disk is a loop device upon a file of our own file system (`tests.faults.fuse`), so what the
recorder meets are the kernel's own answers: an aborted journal, pages that cannot be written, a
mount that is gone while files on it are open. What comes back is another device with what the first
one held: as when a disk is plugged in again, and a person or the system mounts it.
"""

import asyncio
import contextlib
import errno
import subprocess
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from tests.faults.outcome import Outcome
from tests.faults.power import make_disk
from tests.faults.volumes import (
    BUDGET_S,
    SICK_S,
    Patient,
    SickVolume,
    fall_ill,
    sick_volume,
)

MEDIA = "media"  # on the disk: beside it lies what mkfs made


async def ext4_volumes(folder: Path, count: int) -> Outcome:
    """Each of the three, one after the other."""
    outcome = Outcome(
        f"ext4 that turns read-only, fails or is pulled for {SICK_S} s", f"{count} times",
        f"its illness + {BUDGET_S - SICK_S:.1f} s", [], BUDGET_S,
    )  # fmt: skip
    ills = ("read-only", "fails", "pulled")
    return await fall_ill(folder, count, outcome, [partial(_ext4, ill=ill) for ill in ills])


@contextlib.asynccontextmanager
async def _ext4(folder: Path, *, ill: str) -> AsyncIterator[Patient]:
    async with sick_volume(folder / "backing", folder / "disk") as volume:
        patient = _Ext4(folder, ill, volume)
        await asyncio.to_thread(make_disk, patient.image)
        await asyncio.to_thread(patient.mount)
        await asyncio.to_thread(patient.media.mkdir)
        try:
            yield patient
        finally:
            await asyncio.to_thread(patient.unmount)


class _Ext4:
    refuses = True

    def __init__(self, folder: Path, ill: str, volume: SickVolume) -> None:
        self._mounted = folder / "mounted"
        self.media = self._mounted / MEDIA
        self.image = folder / "disk/first.img"
        self._second = folder / "second.img"
        self._ill = ill
        self._volume = volume

    def mount(self) -> None:
        self._mounted.mkdir(exist_ok=True)
        _run("mount", "-o", "loop,errors=remount-ro", str(self.image), str(self._mounted))

    def unmount(self) -> None:
        """At once, whatever is open on it."""
        _run("umount", "-l", str(self._mounted))

    async def fall_ill(self) -> None:
        if self._ill == "read-only":
            await asyncio.to_thread(self._turn_read_only)
            return
        await self._volume.tell(f"fail {errno.EIO}")
        if self._ill == "pulled":
            await asyncio.to_thread(self.unmount)

    def _turn_read_only(self) -> None:
        """As the kernel does where it finds the file system damaged."""
        device = Path(_run("findmnt", "-no", "SOURCE", str(self._mounted)).strip())
        switch = Path("/sys/fs/ext4") / device.name / "trigger_fs_error"
        switch.write_text("of a test")

    async def get_well(self) -> None:
        """Another device with the content of the first, checked and mounted at the same place."""
        if self._ill != "pulled":
            await asyncio.to_thread(self.unmount)
        held = self.image.parent.with_name("backing") / self.image.name
        await asyncio.to_thread(_run, "cp", "--sparse=always", str(held), str(self._second))
        self.image = self._second
        await asyncio.to_thread(_run, "e2fsck", "-fy", str(self.image), may_end_with=1)
        await asyncio.to_thread(self.mount)


def _run(*words: str, may_end_with: int = 0) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode in {0, may_end_with}, (words, done.stdout, done.stderr)
    return done.stdout
