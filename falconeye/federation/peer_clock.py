"""What time it is at another node, as far as it has said."""

from typing import Final

from falconeye.base.clock import Clock
from falconeye.base.times import SECOND_US

_LATEST_US: Final = 253_402_300_799 * SECOND_US  # the end of the year 9999


class PeerClock:
    """Own UTC until that node has refused it; from then on what it said, and what passed since.

    Measured from the monotonic clock: a node that starts in 1970 gets its time set in the middle
    of everything, which changes nothing about the other one's.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_us: int | None = None  # its UTC - our monotonic
        self.is_proved = False  # it has accepted a request by this clock

    def now_s(self) -> int:
        """Its time, in whole seconds of UTC."""
        if self._offset_us is None:
            return self._clock.utc_us() // SECOND_US
        return (self._clock.monotonic_us() + self._offset_us) // SECOND_US

    def learn(self, told_us: str) -> bool:
        """Take over what it says its time is, in microseconds; False for what is no time."""
        self.is_proved = False
        if not told_us.isascii() or not told_us.isdecimal() or len(told_us) > 18:
            return False
        if int(told_us) > _LATEST_US:
            return False
        self._offset_us = int(told_us) - self._clock.monotonic_us()
        return True
