"""The disks of the virtual machine: Debian with this release, and an empty USB disk."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.vm.qemu import require_debian

UUID = "7c0f5f0a-4d34-4c5e-9a0e-1f6b0f0f4a11"  # of the file system on the USB disk
_ROOT: Final = Path(__file__).parents[2]
_IMAGE = Path(__file__).with_name("image.sh")
_DISK_MB = 4096


def make_image(folder: Path, packages: Sequence[str] = ()) -> None:
    """`vmlinuz`, `initrd.img`, `root.img` and the USB disk `stick.img` there. CannotBeHad.

    `packages`: of Debian, beside those that the tests need.
    """
    require_debian()
    wheels = folder / "wheels"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    # `wheel`, not `download`: one library comes as source only.
    pinned = ["--require-hashes", "--no-deps", "-r", str(_ROOT / "constraints.txt")]
    subprocess.run([*pip, "wheel", "--wheel-dir", str(wheels), *pinned], check=True)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(wheels)]
    subprocess.run([*build, str(_ROOT)], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["bash", str(_IMAGE), str(folder), str(wheels), *packages], check=True)
    disk = folder / "stick.img"
    with disk.open("wb") as file:
        file.truncate(_DISK_MB << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-L", "footage", "-U", UUID, str(disk)], check=True)
