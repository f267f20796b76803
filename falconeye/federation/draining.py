"""Draining on demand: a leader asks again and again while it wants this node's cameras away."""

import asyncio
import logging
from typing import Final

from falconeye.base.clock import Clock
from falconeye.base.tasks import TaskSet
from falconeye.base.times import SECOND_US
from falconeye.federation.failover import Failover

log = logging.getLogger(__name__)

PATH: Final = "/peer/drain"
# A leader that changed its mind, or died, asks no more: then the node takes its cameras back.
LAPSE_US: Final = 60 * SECOND_US


class Draining:
    """Lives on the loop. What it changes, `Failover.look` carries out within a second."""

    def __init__(self, failover: Failover, clock: Clock) -> None:
        self._failover = failover
        self._clock = clock
        self._until_us = 0
        self._tasks = TaskSet("draining")

    async def stop(self) -> None:
        await self._tasks.stop()

    def ask(self) -> bool:
        """Hand over, from now for a minute; whether that is done."""
        self._until_us = self._clock.monotonic_us() + LAPSE_US
        if not self._failover.is_draining:
            log.info("this node hands its cameras over: it is to be left out, or replaced")
            self._failover.is_draining = True
            _ = self._tasks.start(self._lapse(), "lapse")
            return False  # nothing was decided with it yet
        return self._failover.is_drained

    async def _lapse(self) -> None:
        while True:
            left_us = self._until_us - self._clock.monotonic_us()
            if left_us <= 0:
                break
            await asyncio.sleep(left_us / SECOND_US)
        log.info("nobody wants this node's cameras elsewhere any more")
        self._failover.is_draining = False
