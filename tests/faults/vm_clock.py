"""The clock of a virtual machine is really set while a camera is recorded: back, ahead, a little.

What `clock_steps` does with a clock of the test: `set_clock` runs in the machine.
"""

import asyncio
import json
import shlex
import sys
from pathlib import Path

from tests.faults.outcome import Outcome
from tests.faults.power import make_disk
from tests.faults.set_clock import PLAYED_S, STEPS_S
from tests.faults.vm_power import BOOT_S, QEMU, build_machine

_ROOT = Path(__file__).parents[2]


async def vm_clock_steps(folder: Path, count: int) -> Outcome:
    """So many machines, each with its clock set a few times. NotHere."""
    outcome = Outcome(
        "clock of a virtual machine set (QEMU, CLOCK_REALTIME)",
        f"{count * len(STEPS_S)} steps", "nothing", [], 0.1,
    )  # fmt: skip
    await build_machine(folder / "vm")
    for number in range(count):
        told = json.loads(await _run(folder / f"machine-{number}", folder / "vm"))
        outcome.lost_s.append(abs(told["fed_s"] - told["listed_s"]))
        outcome.unplayable += told["unplayable"]
        outcome.wrong += len(told["wrong"])
        outcome.notes += told["wrong"]
    return outcome


async def _run(folder: Path, machine: Path) -> bytes:
    """What the program in the machine says."""
    await asyncio.to_thread(folder.mkdir)
    disk, job, console = folder / "disk.img", folder / "job.sh", folder / "console.log"
    await asyncio.to_thread(make_disk, disk)
    words = [sys.executable, "-m", "tests.faults.set_clock", "/mnt/node"]
    await asyncio.to_thread(
        job.write_text,
        f"cd {shlex.quote(str(_ROOT))}\nexport PYTHONDONTWRITEBYTECODE=1 TMPDIR=/mnt\n"
        f"mkdir /mnt/node\nexec {shlex.join(words)} 2> /dev/ttyS1\n",
    )
    process = await asyncio.create_subprocess_exec(
        "qemu-system-x86_64", *QEMU.split(), "-serial", f"file:{console}",
        "-kernel", str(machine / "vmlinuz"), "-initrd", str(machine / "initrd.img"),
        "-append", f"console=ttyS1 quiet panic=-1 job={job}",
        "-drive", f"file={disk},format=raw,if=virtio",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(BOOT_S + 3 * PLAYED_S * (len(STEPS_S) + 1)):
            line = await process.stdout.readline()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    assert line.startswith(b"{"), await asyncio.to_thread(console.read_text, errors="replace")
    return line
