"""Requests of other nodes that were refused: why, in words that do not change, and the newest kept.

What is kept is for people (who knocks here?). Everything in it may be an attacker's, so that it is
bounded three times: in all, of one address, and in what a claimed id may be.
"""

import logging
import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from falconeye.base.clock import Clock
from falconeye.base.counters import Counter, RepeatingLog

log = logging.getLogger(__name__)

MAX_KEPT: Final = 100
MAX_OF_ADDRESS: Final = 20  # one host must not push all others out
_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)


class Refused(StrEnum):
    """Why a request of another node was refused; programs read these words."""

    STRANGER = "stranger"  # no member has that id, or nobody signed
    REMOVED = "removed"  # it was a member
    TIME = "time"  # signed too long ago or ahead, by the receiver's clock
    REPLAY = "replay"  # it has been here before
    SIGNATURE = "signature"  # not signed as it must be, or changed on the way
    PERSON = "person"  # the acting person's session or token is unknown here, or over
    KEY = "key"  # it holds no key of this cluster, or another one
    BUSY = "busy"  # one member sent more than can be remembered: ask again later


@dataclass(frozen=True, slots=True)
class Refusal:
    """Requests that were refused for one reason; the newest of `count`."""

    at_us: int  # UTC, of the newest
    address: str  # where it came from
    claimed_id: str  # the node id it named; empty for none or no possible one
    why: Refused
    count: int = 1


class Refusals:
    """The newest `MAX_KEPT`, equal ones counted together; of a full address its oldest goes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str, Refused], Refusal] = OrderedDict()  # newest last
        # One a reason, and nothing in it that a stranger chose: else they could fill the journal.
        self._trouble = {why: RepeatingLog(log, clock) for why in Refused}
        self.total = Counter()

    def add(self, address: str, claimed_id: str, why: Refused) -> None:
        """Note one, now."""
        self.total.add()
        claimed_id = claimed_id if _ID.fullmatch(claimed_id) else ""
        key = (address, claimed_id, why)
        now_us = self._clock.utc_us()
        before = self._kept.pop(key, None)
        self._kept[key] = (
            replace(before, at_us=now_us, count=before.count + 1)
            if before
            else Refusal(now_us, address, claimed_id, why)
        )
        if before is None:
            self._make_room(address)
        if why is not Refused.PERSON:  # who signed out elsewhere still has a page open
            self._trouble[why].warning(f"requests of nodes are refused: {why}")

    def _make_room(self, address: str) -> None:
        of_address = [key for key in self._kept if key[0] == address]
        if len(of_address) > MAX_OF_ADDRESS:
            del self._kept[of_address[0]]
        elif len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)

    def newest(self) -> list[Refusal]:
        """The newest first."""
        return list(reversed(self._kept.values()))
