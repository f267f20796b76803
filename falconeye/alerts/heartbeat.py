"""A sign of life to a monitor outside, only while everything that should record does.

Whoever listens notices a dead node, a dead network and a dead camera by the silence.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from falconeye.alerts.channel import Channel
from falconeye.alerts.delivery import NotDelivered
from falconeye.alerts.messages import Message
from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.base.errors import Conflict
from falconeye.base.times import MINUTE_US

LOOK_S: Final = 1.0
PERIOD_US: Final = MINUTE_US


class Heartbeat:
    """When the next sign is due: a minute after the last, as soon as everything records.

    The first one comes a minute after the start: a node that crashes over and over sends none.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due_us = clock.monotonic_us() + PERIOD_US

    def is_due(self, *, everything_records: bool) -> bool:
        """Whether to send one now; it counts as sent."""
        now_us = self._clock.monotonic_us()
        if not everything_records or now_us < self._due_us:
            return False
        self._due_us = now_us + PERIOD_US
        return True


async def beat(
    heartbeat: Heartbeat,
    channel: Channel,
    everything_records: Callable[[], bool],
    make_message: Callable[[], Message],
    repeating_log: RepeatingLog,
) -> None:
    """The task of the heartbeat: no queue and no other tries, the next sign is due in a minute."""
    while True:
        if heartbeat.is_due(everything_records=everything_records()):
            try:
                _ = await channel.test(make_message())
            except NotDelivered as error:
                repeating_log.warning(f"the heartbeat does not arrive: {error}")
            except Conflict:  # an admin tests it at this moment: that is a sign as well
                pass
        await asyncio.sleep(LOOK_S)
