"""The node-wide memory budget of media: GOP buffers, pre-roll and what waits for a disk."""

import os
import threading

MAX_BUDGET_BYTES = 512 * 1024 * 1024


def default_budget_bytes() -> int:
    """min(25 % of the RAM, 512 MB)."""
    ram = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(ram // 4, MAX_BUDGET_BYTES)


class MemoryBudget:
    """A number of bytes that threads take from and give back; never blocks."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._used = 0
        self._lock = threading.Lock()

    @property
    def used_bytes(self) -> int:
        return self._used

    def take(self, amount: int) -> bool:
        """Take `amount` bytes; False (and nothing taken) when the limit would be passed."""
        with self._lock:
            if self._used + amount > self.limit_bytes:
                return False
            self._used += amount
            return True

    def give_back(self, amount: int) -> None:
        with self._lock:
            self._used -= amount
