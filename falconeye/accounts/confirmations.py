"""Which sessions showed the password a moment ago: a browser left open must not be enough."""

from collections import OrderedDict

from falconeye.base.clock import Clock
from falconeye.base.times import MINUTE_US

KEPT_US = 10 * MINUTE_US
MAX_REMEMBERED = 1000  # overflow policy: the oldest is forgotten, and asked again


class Confirmations:
    """In the memory of this node: another node asks again, and so does this one after a start."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at_us: OrderedDict[str, int] = OrderedDict()  # monotonic, by session

    def note(self, session_id: str) -> None:
        """The person of that session has just shown the password."""
        self._at_us.pop(session_id, None)
        self._at_us[session_id] = self._clock.monotonic_us()
        while len(self._at_us) > MAX_REMEMBERED:
            self._at_us.popitem(last=False)

    def hold(self, session_id: str) -> bool:
        """Whether that was less than ten minutes ago."""
        at_us = self._at_us.get(session_id)
        return at_us is not None and self._clock.monotonic_us() - at_us < KEPT_US

    def forget(self, session_id: str) -> None:
        self._at_us.pop(session_id, None)
