"""What members have sent lately, so that nothing of it counts twice."""

from collections import OrderedDict
from typing import Final

from falconeye.base.clock import Clock
from falconeye.base.times import SECOND_US

REMEMBER_S: Final = 150  # longer than a signature holds, before and after (signatures.WINDOW_S)
MAX_OF_NODE: Final = 30_000  # 200 requests a second, about 8 MB


class Nonces:
    """Those of each member, until they are `REMEMBER_S` old.

    Overflow policy: the newest request of that member is refused. To forget an older one instead
    would let a replay in. Only what was rightly signed is kept, so strangers fill nothing.
    """

    def __init__(self, clock: Clock, limit: int = MAX_OF_NODE) -> None:
        self._clock = clock
        self._limit = limit
        self._seen: dict[str, OrderedDict[str, int]] = {}

    def is_known(self, node_id: str, nonce: str) -> bool:
        """Whether that member has sent it."""
        self._forget(node_id)
        return nonce in self._seen.get(node_id, ())

    def add(self, node_id: str, nonce: str) -> bool:
        """Remember it from now on; False when there is no room."""
        self._forget(node_id)
        seen = self._seen.setdefault(node_id, OrderedDict())
        if len(seen) >= self._limit:
            return False
        seen[nonce] = self._clock.monotonic_us() + REMEMBER_S * SECOND_US
        return True

    def _forget(self, node_id: str) -> None:
        seen = self._seen.get(node_id, OrderedDict())
        now_us = self._clock.monotonic_us()
        while seen and next(iter(seen.values())) <= now_us:
            seen.popitem(last=False)
        if not seen:
            self._seen.pop(node_id, None)
