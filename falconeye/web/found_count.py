"""How many found cameras are new, counted for all open pages together.

Every page has the number, also each part that is sent to an open one. With as many findings as the
list takes, which strangers in the network can send, counting takes 16 ms of the loop.
"""

from collections.abc import Callable
from typing import Final

from falconeye.base.clock import Clock

# At most the time in which changes settle (`sse.SETTLE_S`): what a change brings is counted anew.
KEPT_US: Final = 50_000


class FoundCount:
    """Lives on the loop."""

    def __init__(self) -> None:
        self._count = 0
        self._counted_us: int | None = None  # monotonic

    def now(self, clock: Clock, count: Callable[[], int]) -> int:
        """What `count` said last, or says now."""
        now_us = clock.monotonic_us()
        if self._counted_us is None or now_us - self._counted_us >= KEPT_US:
            self._count, self._counted_us = count(), now_us
        return self._count
