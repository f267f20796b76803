"""Counters that threads raise and the loop reads, and errors that are counted, not repeated."""

import logging
import threading

from falconeye.base.clock import Clock


class Counter:
    """A number that only grows; safe to raise from any thread."""

    __slots__ = ("_lock", "_value")

    def __init__(self) -> None:
        self._value = 0
        self._lock = threading.Lock()

    def add(self, amount: int = 1) -> None:
        with self._lock:
            self._value += amount

    @property
    def value(self) -> int:
        return self._value


class RepeatingLog:
    """Logs the first of equal messages at once, then at most one a `period_s`, with the count."""

    def __init__(self, logger: logging.Logger, clock: Clock, period_s: float = 60.0) -> None:
        self._logger = logger
        self._clock = clock
        self._period_us = int(period_s * 1_000_000)
        self._message = ""
        self._next_us = 0
        self._held = 0

    def warning(self, message: str) -> None:
        """Log `message` (already redacted) unless the same one was logged within the period."""
        now = self._clock.monotonic_us()
        if message == self._message and now < self._next_us:
            self._held += 1
            return
        if self._held:
            self._logger.warning("%s (%d times more)", self._message, self._held)
        self._logger.warning("%s", message)
        self._message, self._next_us, self._held = message, now + self._period_us, 0
