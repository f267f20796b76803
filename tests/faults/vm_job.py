"""A virtual machine that runs one program of these tests: Debian's kernel, ext4 on virtio.

The guest's root is the host's, read-only; its disk is mounted at /mnt. `vm_job.sh` makes the
machine from packages within half a minute. Root, Debian on x86-64.
"""

import asyncio
import shlex
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tests.vm.qemu import EMULATED, CannotBeHad, require_debian

BOOT_S = 300.0  # until the program speaks; a busy machine takes a minute
_BUILD = Path(__file__).with_suffix(".sh")
_ROOT = Path(__file__).parents[2]
_QEMU: Final = (
    *EMULATED, "-m", "1024", "-serial", "stdio", "-virtfs",
    "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
)  # fmt: skip


class NotHere(CannotBeHad):
    """This fault cannot be met on this machine."""

    def __init__(self, fault: str, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault


async def build_machine(folder: Path, fault: str) -> None:
    """The kernel, and what starts a program in it. NotHere for this fault."""
    try:
        await asyncio.to_thread(require_debian)
    except CannotBeHad as reason:
        raise NotHere(fault, str(reason)) from reason
    process = await asyncio.create_subprocess_exec("bash", str(_BUILD), str(folder))
    if await process.wait():
        raise NotHere(fault, "Debian's kernel or QEMU cannot be had; see above")


class Job:
    """A program in the machine; what it prints are lines."""

    def __init__(self, process: asyncio.subprocess.Process, console: Path) -> None:
        self._process = process
        self._console = console

    async def line(self, limit_s: float) -> bytes:
        """The next one; AssertionError with what the console says when the machine ended."""
        assert self._process.stdout is not None
        async with asyncio.timeout(limit_s):
            line = await self._process.stdout.readline()
        assert line.endswith(b"\n"), await asyncio.to_thread(
            self._console.read_text, errors="replace"
        )
        return line


@asynccontextmanager
async def running(
    folder: Path, machine: Path, words: Sequence[str], disk: Sequence[str]
) -> AsyncIterator[Job]:
    """`python -m WORDS` in the `machine` that was built; at the end its power is cut.

    Its script and console are kept in `folder`; `disk` are QEMU's options for its disk.
    """
    script, console = folder / "job.sh", folder / "console.log"
    await asyncio.to_thread(
        script.write_text,
        f"cd {shlex.quote(str(_ROOT))}\nexport PYTHONDONTWRITEBYTECODE=1 TMPDIR=/mnt\n"
        f"exec {shlex.join([sys.executable, '-m', *words])} 2> /dev/ttyS1\n",
    )
    process = await asyncio.create_subprocess_exec(
        *_QEMU, "-serial", f"file:{console}",
        "-kernel", str(machine / "vmlinuz"), "-initrd", str(machine / "initrd.img"),
        "-append", f"console=ttyS1 quiet panic=-1 job={script}", *disk,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Job(process, console)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
