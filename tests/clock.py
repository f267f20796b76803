"""A clock that only moves when a test says so."""

from falconeye.base.times import SECOND_US

START_US = 1_790_000_000 * SECOND_US  # 2026-09-21


class FakeClock:
    """Both clocks of a node; `advance` moves them together, `step_utc` UTC alone."""

    def __init__(self, utc_us: int = START_US) -> None:
        self._monotonic_us = 1_000 * SECOND_US
        self._utc_us = utc_us

    def monotonic_us(self) -> int:
        return self._monotonic_us

    def utc_us(self) -> int:
        return self._utc_us

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._monotonic_us += int(seconds * SECOND_US)
        self._utc_us += int(seconds * SECOND_US)

    def step_utc(self, seconds: float) -> None:
        """Set the wall clock, as NTP does."""
        self._utc_us += int(seconds * SECOND_US)
