"""The two clocks of a node, behind one protocol so that tests own the time."""

import ctypes
import time
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Monotonic time for durations, UTC for what people read; both in microseconds."""

    def monotonic_us(self) -> int:
        """Microseconds since an arbitrary start; never steps."""

    def utc_us(self) -> int:
        """Microseconds since 1970-01-01 UTC; may step."""


class SystemClock:
    """The operating system's clocks (CLOCK_MONOTONIC, CLOCK_REALTIME)."""

    def monotonic_us(self) -> int:
        return time.monotonic_ns() // 1000

    def utc_us(self) -> int:
        return time.time_ns() // 1000


class _Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2), as far as it is read here; the kernel fills 208 bytes."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 208),
    )


_STA_UNSYNC = 0x0040
_STA_NANO = 0x2000  # `offset` counts nanoseconds, else microseconds
_libc = ctypes.CDLL(None)


def clock_is_synchronised() -> bool:
    """Whether the kernel believes that the clock is kept by NTP (adjtimex(2), STA_UNSYNC)."""
    timex = _Timex()
    return _libc.adjtimex(ctypes.byref(timex)) >= 0 and not timex.status & _STA_UNSYNC


@dataclass(frozen=True, slots=True)
class KernelClock:
    """What the kernel knows of its clock (adjtimex(2)); microseconds."""

    is_synchronised: bool  # NTP keeps it
    offset_us: float  # what is left of a correction that is being made slowly
    max_error_us: int  # as the time service tells it; without one it grows by 500 a second


def kernel_clock() -> KernelClock | None:
    """The state of the clock now; None where the kernel does not tell (a system call filter)."""
    timex = _Timex()
    if _libc.adjtimex(ctypes.byref(timex)) < 0:
        return None
    offset = timex.offset / 1000 if timex.status & _STA_NANO else float(timex.offset)
    return KernelClock(not timex.status & _STA_UNSYNC, offset, timex.maxerror)


def boot_name() -> str:
    """Names a stretch in which UTC - monotonic changes only where somebody sets the clock.

    That is a boot, or what follows a sleep of the machine: monotonic time does not go on in it.
    """
    asleep_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
    return f"{_boot_id()}+{round(asleep_ns / 1e9)}"


@cache
def _boot_id() -> str:
    """The kernel's id of this boot (random(4)); of this process alone where /proc is hidden."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, ValueError):
        return f"process-{uuid.uuid4()}"
