"""Lets the oldest of the audit log go, once a day, by a setting of its own.

Footage has another rule, and neither follows from the other. Whole UTC days go, so that one entry
a day says what went.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from falconeye.accounts.audit import AuditLog
from falconeye.base.clock import Clock, clock_is_synchronised
from falconeye.base.counters import RepeatingLog
from falconeye.base.errors import FalconEyeError
from falconeye.base.times import DAY_US
from falconeye.base.words import counted
from falconeye.storage.segments.retention import SettledTime

log = logging.getLogger(__name__)

LOOK_S: Final = 60.0
KeepDays = Callable[[], int | None]  # None: for good


class AuditPruning:
    """Lives on the loop. Waits for a clock that can be relied on, as retention of footage does."""

    def __init__(
        self,
        audit: AuditLog,
        clock: Clock,
        keep_days: KeepDays,
        is_synchronised: Callable[[], bool] = clock_is_synchronised,
    ) -> None:
        self._audit = audit
        self._keep_days = keep_days
        self._time = SettledTime(clock, is_synchronised)
        self._done_us: int | None = None  # nothing older than this is left
        self._trouble = RepeatingLog(log, clock)

    async def run(self) -> None:
        """Look once a minute, for ever."""
        while True:
            try:
                await self.look()
            except FalconEyeError as error:  # the disk is full: the next look tries again
                self._trouble.warning(f"the audit log could not be pruned: {error}")
            await asyncio.sleep(LOOK_S)

    async def look(self) -> int:
        """Delete what is over its time, if a day has passed or the setting has changed."""
        now_us, days = self._time.now_us(), self._keep_days()
        if now_us is None or days is None:
            return 0
        cutoff_us = (now_us // DAY_US - days) * DAY_US
        if cutoff_us == self._done_us:
            return 0
        pruned = await self._audit.prune(cutoff_us, days)
        self._done_us = cutoff_us
        if pruned:
            entries = counted(pruned, "entry", "entries")
            log.info("%s of the audit log went, older than %s", entries, counted(days, "day"))
        return pruned
