"""Which notices leave the node, and when: together where they come together, and not over and over.

A cause that was told of a camera is not told again within the cool-down; where it still lasts then,
it is. The end is told of those whose beginning was.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from falconeye.alerts.faults import Change, Turn
from falconeye.base.clock import Clock
from falconeye.base.times import SECOND_US
from falconeye.storage.stores.notice_store import Cause, Notice

GATHER_US: Final = 5 * SECOND_US  # one switch that fails takes many cameras with it

Told = tuple[str, Cause]


class Telling:
    """Made of the changes of `Faults`; gives what is to be told now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, Notice] = {}  # beginnings that were not told
        self._told: dict[str, Notice] = {}  # they last, and their beginning was told
        self._ends: list[Change] = []
        self._told_us: dict[Told, int] = {}  # monotonic
        self._gathered_us: int | None = None  # monotonic: when what gathers is told

    def resume(self, active: Iterable[Notice], last_sent: Mapping[Told, int]) -> None:
        """What was told before this process began; times are UTC."""
        now_us = self._clock.monotonic_us()
        offset_us = self._clock.utc_us() - now_us
        # Never later than now: the clock may have been ahead when it was told.
        self._told_us = {
            cause: min(at_us - offset_us, now_us) for cause, at_us in last_sent.items()
        }
        for notice in active:
            known = self._waiting if notice.sent_us is None else self._told
            known[notice.id] = notice

    def note(self, changes: Iterable[Change]) -> None:
        """These notices began or ended."""
        for change in changes:
            notice = change.notice
            if change.turn is Turn.BEGAN:
                self._waiting[notice.id] = notice
            elif notice.id in self._told:
                del self._told[notice.id]
                self._ends.append(change)
            else:
                self._waiting.pop(notice.id, None)

    def due(self, cooldown_us: int) -> list[Change]:
        """What is to be told now: it counts as told from here on."""
        now_us = self._clock.monotonic_us()
        for cause in [c for c, at_us in self._told_us.items() if now_us - at_us >= cooldown_us]:
            del self._told_us[cause]
        ready = [n for n in self._waiting.values() if _cause(n) not in self._told_us]
        if not ready and not self._ends:
            self._gathered_us = None
            return []
        if self._gathered_us is None:
            self._gathered_us = now_us + GATHER_US
        if now_us < self._gathered_us:
            return []
        self._gathered_us = None
        for notice in ready:
            self._told[notice.id] = self._waiting.pop(notice.id)
            self._told_us[_cause(notice)] = now_us
        ends, self._ends = self._ends, []
        return [*ends, *(Change(Turn.BEGAN, notice) for notice in ready)]

    def forget_ends(self) -> None:
        """There is nobody to tell them: they are not kept for somebody who comes later."""
        self._ends.clear()


def _cause(notice: Notice) -> Told:
    return notice.camera_id, notice.reason
