"""The machine: memory, swap, temperature, throttling, limits, devices, clock. Blocks.

What a machine does not tell is left out. `root` stands for "/" in tests.
"""

import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from falconeye.base.clock import clock_is_synchronised
from falconeye.doctor.finding import Finding, Level
from falconeye.doctor.throttling import examine_throttling

_MEGABYTE: Final = 1_000_000
_LITTLE_MEMORY: Final = 150 * _MEGABYTE
_NO_MEMORY: Final = 50 * _MEGABYTE
_SWAPPED_SHARE: Final = 0.5
# What is beyond no machine is at that still runs: the kernel itself says -274 °C for "invalid".
_LEAST_C, _MOST_C = -100.0, 250.0
HOT_C, TOO_HOT_C = 75.0, 85.0  # °C; a Raspberry Pi slows down from 80, and stops near 90
_FILES: Final = 4096


def examine(server: int | None, root: Path = Path("/")) -> list[Finding]:
    """All that the machine tells of itself. `server`: the recorder's process, where one runs."""
    return [
        *_memory(root),
        *_temperature(root),
        *examine_throttling(root),
        *_limits(server, root),
        *_devices(root),
        _clock(),
    ]


def _memory(root: Path) -> Iterator[Finding]:
    values = memory_bytes(root)
    if "MemAvailable" in values:
        free = values["MemAvailable"]
        level = Level.OK if free >= _LITTLE_MEMORY else Level.WARN
        if free < _NO_MEMORY:
            level = Level.FAIL
        words = f"{_mb(free)} of {_mb(values.get('MemTotal', 0))} are free"
        advice = "" if level is Level.OK else "End other programs, or record fewer cameras here"
        yield Finding("machine", "memory", level, words, advice)
    total = values.get("SwapTotal", 0)
    if total:
        used = total - values.get("SwapFree", 0)
        level = Level.WARN if used > total * _SWAPPED_SHARE else Level.OK
        advice = "The memory does not suffice: end other programs" if level is Level.WARN else ""
        yield Finding("machine", "swap", level, f"{_mb(used)} of {_mb(total)} are used", advice)


def memory_bytes(root: Path = Path("/")) -> dict[str, int]:
    """What /proc/meminfo tells, by its names (proc(5)); nothing where that cannot be read."""
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        name, _, rest = line.partition(":")
        number = rest.split()
        if number and number[0].isdigit():
            found[name] = int(number[0]) * 1024
    return found


def hottest_celsius(root: Path = Path("/")) -> float | None:
    """The temperature of the hottest part that tells one; None where none does."""
    degrees = []
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*/temp")):
        try:
            celsius = int(zone.read_text(encoding="ascii")) / 1000
        except (OSError, ValueError):
            continue  # a sensor that is asleep
        if _LEAST_C <= celsius <= _MOST_C:
            degrees.append(celsius)
    return max(degrees, default=None)


def _temperature(root: Path) -> Iterator[Finding]:
    hottest = hottest_celsius(root)
    if hottest is not None:
        level = Level.WARN if hottest >= HOT_C else Level.OK
        if hottest >= TOO_HOT_C:
            level = Level.FAIL
        advice = "" if level is Level.OK else "Cool it: a heat sink, a fan, air around the case"
        yield Finding("machine", "temperature", level, f"{hottest:.0f} °C", advice)


def _limits(server: int | None, root: Path) -> Iterator[Finding]:
    """The recorder's own: those of a shell say nothing of a service."""
    if server is None or not _is_recorder(root / "proc" / str(server) / "cmdline"):
        return
    try:
        files, _ = resource.prlimit(server, resource.RLIMIT_NOFILE)
    except OSError:  # of another user, or just gone
        return
    if files == resource.RLIM_INFINITY or files >= _FILES:
        yield Finding("machine", "open files", Level.OK, f"limit {files}")
    else:
        words = f"at most {files} files and connections at once"
        advice = "Raise it: LimitNOFILE=65536 in the unit, or ulimit -n 65536 before the start"
        yield Finding("machine", "open files", Level.WARN, words, advice)


def _is_recorder(command_line: Path) -> bool:
    """Not another process that has this number here: the recorder may be in a container."""
    try:
        return b"falconeye" in command_line.read_bytes()
    except OSError:
        return False


def _devices(root: Path) -> Iterator[Finding]:
    for device in sorted((root / "dev").glob("video*")):
        if os.access(device, os.R_OK | os.W_OK):
            yield Finding("rights", str(device), Level.OK, "may be used")
        else:
            advice = "For a USB camera: add the user to the group 'video' and start again"
            yield Finding("rights", str(device), Level.WARN, "may not be used", advice)


def _clock() -> Finding:
    if clock_is_synchronised():
        return Finding("clock", "synchronised", Level.OK, "kept by NTP")
    words = "nothing keeps the clock: footage may be misdated, and none is deleted by age"
    advice = "Switch NTP on: timedatectl set-ntp true (a container takes the clock of its host)"
    return Finding("clock", "synchronised", Level.WARN, words, advice)


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / _MEGABYTE:.0f} MB"
