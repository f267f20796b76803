"""Whether a Raspberry Pi lacks voltage or is slowed down. Blocks.

The firmware knows; who passes it on differs. Kernels of Raspberry Pi OS have its bits as a file
below the device of the firmware, which a Pi 5 has elsewhere than a Pi 4. Those of Debian have one
alarm of the voltage (the driver rpi_volt). Else there is the program vcgencmd, which needs a device
that the hardened unit closes.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from falconeye.doctor.finding import Finding, Level

_VCGENCMD_S: Final = 3.0
_PLACES: Final = ("*/get_throttled", "*/*/get_throttled")  # below sys/devices/platform
# Bits of get_throttled (raspberrypi.com, documentation of vcgencmd)
_NOW: Final = {
    0: "too little voltage",
    1: "slowed down",
    2: "throttled",
    3: "near its limit of heat",
}
_SINCE_START: Final = {16: "too little voltage", 18: "throttled", 19: "near its limit of heat"}
_POWER: Final = "Use the board's own power supply and a short cable, and cool it"
_DEVICE: Final = (
    "Let the service ask: DeviceAllow=/dev/vcio rw in a drop-in of the unit; or ask by hand, as "
    "root: vcgencmd get_throttled (0x0 is good)"
)


def examine_throttling(root: Path) -> Iterator[Finding]:
    """One finding; none of other machines. `root` stands for "/" in tests."""
    bits = _bits_of_kernel(root)
    if bits is not None:
        yield _of_bits(bits)
        return
    alarm = _alarm(root)
    if alarm is not None:
        yield _of_alarm(is_on=alarm)
        return
    program = shutil.which("vcgencmd", path=None if root == Path("/") else str(root / "usr/bin"))
    if program is not None:
        yield _asked(program)


def _of_bits(bits: int) -> Finding:
    now = [words for bit, words in _NOW.items() if bits >> bit & 1]
    before = [words for bit, words in _SINCE_START.items() if bits >> bit & 1]
    if now:
        return Finding("machine", "throttling", Level.FAIL, f"now {', '.join(now)}", _POWER)
    if before:
        words = f"since its start it was {', '.join(before)}"
        return Finding("machine", "throttling", Level.WARN, words, _POWER)
    return Finding("machine", "throttling", Level.OK, "never since the start")


def _of_alarm(*, is_on: bool) -> Finding:
    if is_on:
        return Finding("machine", "throttling", Level.FAIL, "now too little voltage", _POWER)
    words = "enough voltage now; this kernel tells no more"
    return Finding("machine", "throttling", Level.OK, words)


def _bits_of_kernel(root: Path) -> int | None:
    platform = root / "sys/devices/platform"
    for file in sorted(file for place in _PLACES for file in platform.glob(place)):
        try:
            return int(file.read_text(encoding="ascii"), 16)
        except (OSError, ValueError):
            continue  # the firmware did not answer
    return None


def _alarm(root: Path) -> bool | None:
    for sensor in sorted((root / "sys/class/hwmon").glob("hwmon*")):
        try:
            if (sensor / "name").read_text(encoding="ascii").strip() == "rpi_volt":
                return int((sensor / "in0_lcrit_alarm").read_text(encoding="ascii")) != 0
        except (OSError, ValueError):
            continue
    return None


def _asked(program: str) -> Finding:
    try:
        said = subprocess.run(  # noqa: S603 - fixed words
            [program, "get_throttled"], capture_output=True, text=True, errors="replace",
            timeout=_VCGENCMD_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return _refused(str(error))
    try:
        return _of_bits(int(said.stdout.partition("=")[2], 16))
    except ValueError:
        return _refused(" ".join((said.stderr or said.stdout).split()))


def _refused(why: str) -> Finding:
    words = f"the firmware cannot be asked: {why or 'it said nothing'}"
    return Finding("machine", "throttling", Level.WARN, words, _DEVICE)
