"""Certificates that are looked at again and again, because somebody renews them."""

import asyncio
import datetime as dt
import logging
from abc import abstractmethod

from typing_extensions import override

from falconeye.base.clock import Clock
from falconeye.base.tasks import TaskSet
from falconeye.base.times import to_datetime
from falconeye.web.https.state import Https

log = logging.getLogger(__name__)


class FollowedCertificates(Https):
    """What their kinds have in common: from `start` to `stop` one task calls `check`."""

    def __init__(self, clock: Clock, *, look_s: float) -> None:
        """`look_s`: seconds between two looks."""
        self._clock = clock
        self._look_s = look_s
        self._tasks = TaskSet("certificates")

    @abstractmethod
    async def check(self) -> bool:
        """Look once; whether another certificate serves from now on."""

    @override
    def start(self) -> None:
        _ = self._tasks.start(self._follow(), "look")

    @override
    async def stop(self) -> None:
        await self._tasks.stop()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._look_s)
            try:
                await self.check()
            except Exception:  # a certificate that nobody renews any more locks everybody out
                log.exception("the certificate could not be looked at; trying again")

    def _now(self) -> dt.datetime:
        return to_datetime(self._clock.utc_us())
