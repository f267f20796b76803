"""The clock of a virtual machine is really set while a camera is recorded: back, ahead, a little.

What `clock_steps` does with a clock of the test: `set_clock` runs in the machine.
"""

import asyncio
import json
from pathlib import Path

from tests.faults.outcome import Outcome
from tests.faults.power import make_disk
from tests.faults.set_clock import PLAYED_S, STEPS_S
from tests.faults.vm_job import BOOT_S, build_machine, running

FAULT = "clock of a virtual machine set (QEMU, CLOCK_REALTIME)"


async def vm_clock_steps(folder: Path, count: int) -> Outcome:
    """So many machines, each with its clock set a few times. NotHere."""
    outcome = Outcome(FAULT, f"{count * len(STEPS_S)} steps", "nothing", [], 0.1)
    await build_machine(folder / "vm", FAULT)
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
    image = folder / "disk.img"
    await asyncio.to_thread(make_disk, image)
    disk = ("-drive", f"file={image},format=raw,if=virtio")
    words = ("tests.faults.set_clock", "/mnt/node")
    async with running(folder, machine, words, disk) as job:
        return await job.line(BOOT_S + 3 * PLAYED_S * (len(STEPS_S) + 1))
