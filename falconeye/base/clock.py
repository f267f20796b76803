"""The two clocks of a node, behind one protocol so that tests own the time."""

import time
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
