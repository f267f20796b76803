"""Back-off of wrong passwords: it delays, by user and by address, and never locks out for ever."""

import math
from collections import OrderedDict
from dataclasses import dataclass

from falconeye.base.clock import Clock
from falconeye.base.errors import TooManyAttempts
from falconeye.base.times import SECOND_US

FREE_PER_USER = 3  # wrong passwords before the first wait
FREE_PER_ADDRESS = 10  # more: a household or a proxy shares one
FIRST_WAIT_S = 1.0
LAST_WAIT_S = 60.0
FORGET_S = 900.0  # without a try
MAX_REMEMBERED = 10_000  # overflow policy: the one tried longest ago is forgotten
_NAME_KEPT = 64  # letters of a name that anybody may send, however long


@dataclass(slots=True)
class _Failures:
    count: int
    last_us: int  # monotonic


class LoginAttempts:
    """Counts failures in memory; a restart forgets them, which costs an attacker a restart.

    A user at an address where the password was right before waits for own failures only: strangers
    who guess cannot keep the owner out, not even behind the same proxy.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, ...], _Failures] = OrderedDict()
        self._familiar: OrderedDict[tuple[str, str], None] = OrderedDict()

    def check(self, name: str, address: str) -> None:
        """TooManyAttempts with `retry_after_s` while this user or address has to wait."""
        wait_us = self._wait_us(self._user_key(name, address), FREE_PER_USER)
        if not self._is_familiar(name, address):
            wait_us = max(wait_us, self._wait_us((address,), FREE_PER_ADDRESS))
        _refuse_early(wait_us, "wrong passwords")

    def check_address(self, address: str) -> None:
        """TooManyAttempts while that address has to wait, whoever is meant: for links."""
        _refuse_early(self._wait_us((address,), FREE_PER_ADDRESS), "tries")

    def failed(self, name: str, address: str) -> None:
        self._count(self._user_key(name, address), (address,))

    def address_failed(self, address: str) -> None:
        """Somebody there tried a link that is none."""
        self._count((address,))

    def address_withdrawn(self, address: str) -> None:
        """The link that was counted there is one."""
        self._take_back((address,))

    def withdrawn(self, name: str, address: str) -> None:
        """The try that was counted was not looked at: it was neither right nor wrong."""
        self._take_back(self._user_key(name, address), (address,))

    def _take_back(self, *keys: tuple[str, ...]) -> None:
        for key in keys:
            known = self._failures.get(key)
            if known is not None:
                known.count = max(0, known.count - 1)

    def succeeded(self, name: str, address: str) -> None:
        """The user is known again; the address keeps what it failed with other names."""
        own = self._failures.pop(self._user_key(name, address), None)
        known = self._failures.get((address,))
        if known is not None and own is not None:
            known.count = max(0, known.count - own.count)
        self.trust(name, address)

    def trust(self, name: str, address: str) -> None:
        """The user signed in from there, now or before a restart."""
        key = (name[:_NAME_KEPT], address)
        self._familiar.pop(key, None)
        self._familiar[key] = None
        while len(self._familiar) > MAX_REMEMBERED:
            self._familiar.popitem(last=False)

    def _count(self, *keys: tuple[str, ...]) -> None:
        now = self._clock.monotonic_us()
        for key in keys:
            known = self._failures.pop(key, None)
            count = known.count if known and not self._forgotten(known, now) else 0
            self._failures[key] = _Failures(count + 1, now)
        while len(self._failures) > MAX_REMEMBERED:
            self._failures.popitem(last=False)

    def _user_key(self, name: str, address: str) -> tuple[str, ...]:
        kept = name[:_NAME_KEPT]
        return ("at", kept, address) if self._is_familiar(name, address) else ("user", kept)

    def _is_familiar(self, name: str, address: str) -> bool:
        return (name[:_NAME_KEPT], address) in self._familiar

    def _wait_us(self, key: tuple[str, ...], free: int) -> int:
        known = self._failures.get(key)
        now = self._clock.monotonic_us()
        if known is None or self._forgotten(known, now) or known.count < free:
            return 0
        wait_s = min(FIRST_WAIT_S * 2.0 ** min(known.count - free, 16), LAST_WAIT_S)
        return known.last_us + int(wait_s * SECOND_US) - now

    def _forgotten(self, known: _Failures, now_us: int) -> bool:
        return now_us - known.last_us > FORGET_S * SECOND_US


def _refuse_early(wait_us: int, of_what: str) -> None:
    if wait_us > 0:
        seconds = wait_us / SECOND_US
        msg = f"too many {of_what}: wait {math.ceil(seconds)} s"
        raise TooManyAttempts(msg, retry_after_s=seconds)
