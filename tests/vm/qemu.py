"""What the virtual machines of the tests have in common: emulated by QEMU, 5 to 10 times slower."""

import os
import platform
import shutil
from typing import Final

# The memory, serial ports and disks are each machine's own.
EMULATED: Final = (
    "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35",
    "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-no-reboot",
    "-device", "virtio-rng-pci",
)  # fmt: skip


class CannotBeHad(Exception):
    """This machine cannot make one; the text says why."""


def require_debian() -> None:
    """CannotBeHad where no kernel and no QEMU can be got."""
    if platform.machine() != "x86_64" or shutil.which("apt-get") is None or os.geteuid() != 0:
        raise CannotBeHad("the virtual machine needs root, and Debian on x86-64")
