"""One way out of the node: a queue of messages, tries with growing waits, and how it went."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from falconeye.alerts.delivery import NotDelivered
from falconeye.alerts.messages import Message
from falconeye.base.backoff import Backoff
from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.base.errors import Conflict

log = logging.getLogger(__name__)

QUEUE_MESSAGES: Final = 100  # when full: drop the oldest, counted
FIRST_WAIT_S: Final = 10.0
LAST_WAIT_S: Final = 3000.0  # with its jitter of 20 % an hour
# A message that the receiver refuses so often is given up, counted: others wait behind it. Alone it
# takes twenty minutes; a server that is away, or fails, is waited for without an end.
REFUSED_TRIES: Final = 8

Deliver = Callable[[Message], Awaitable[str]]
"""Try once; what came back, in words. NotDelivered otherwise."""


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How a channel is doing; holds no secret."""

    id: str
    address: str  # as it may be shown
    tried_us: int | None = None
    delivered_us: int | None = None
    problem: str = ""  # why the last try failed; "" when it did not
    waiting: int = 0
    dropped: int = 0  # too many waited
    refused: int = 0  # given up after `REFUSED_TRIES`


class Channel:
    """`put` never waits; `run` is its task."""

    def __init__(
        self,
        channel_id: str,
        address: str,
        deliver: Deliver,
        clock: Clock,
        backoff: Backoff | None = None,
    ) -> None:
        self.id = channel_id
        self.address = address
        self._deliver = deliver
        self._clock = clock
        self._backoff = backoff or Backoff(FIRST_WAIT_S, LAST_WAIT_S)
        self._log = RepeatingLog(log, clock, period_s=3600)
        self._waiting: deque[Message] = deque()
        self._ready = asyncio.Event()
        self._again = asyncio.Event()  # there is a reason to try before the wait is over
        self._trying = asyncio.Lock()
        self._tried_us: int | None = None
        self._delivered_us: int | None = None
        self._problem = ""
        self._dropped = self._refused = 0

    @property
    def state(self) -> ChannelState:
        """How it is doing now."""
        return ChannelState(
            self.id,
            self.address,
            self._tried_us,
            self._delivered_us,
            self._problem,
            len(self._waiting),
            self._dropped,
            self._refused,
        )

    def put(self, message: Message) -> None:
        """Have it delivered, after those before it."""
        if len(self._waiting) == QUEUE_MESSAGES:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(message)
        self._ready.set()
        self._again.set()

    async def run(self, on_delivered: Callable[[Message], None]) -> None:
        """Deliver what comes, each message as often as it takes, or as it is refused for good."""
        tried: Message | None = None
        refusals = 0  # of that one
        while True:
            while not self._waiting:
                self._ready.clear()
                await self._ready.wait()
            message = self._waiting[0]
            try:
                async with self._trying:
                    _ = await self._try(message)
            except NotDelivered as error:
                self._log.warning(f"a notice cannot be sent by {self.address} now: {error}")
                refusals = (refusals if tried is message else 0) + error.refused
                tried = message
                if refusals >= REFUSED_TRIES:
                    self._refused += self._take_off(message)
                    self._backoff.reset()  # what waits behind it is not refused yet
                await self._pause()
                continue
            self._backoff.reset()
            _ = self._take_off(message)
            on_delivered(message)

    async def test(self, message: Message) -> str:
        """Try once, now; what came back. NotDelivered, or Conflict while another try lasts."""
        if self._trying.locked():
            raise Conflict("a try lasts already: wait for it")
        async with self._trying:
            answer = await self._try(message)
        self._again.set()  # what waits can go
        return answer

    def _take_off(self, message: Message) -> bool:
        """False when it was dropped meanwhile."""
        is_first = bool(self._waiting) and self._waiting[0] is message
        if is_first:
            self._waiting.popleft()
        return is_first

    async def _pause(self) -> None:
        """Until the next try; a new message or a test that arrived ends the wait."""
        self._again.clear()
        try:
            async with asyncio.timeout(self._backoff.next_s()):
                await self._again.wait()
        except TimeoutError:
            return
        self._backoff.reset()

    async def _try(self, message: Message) -> str:
        self._tried_us = self._clock.utc_us()
        try:
            answer = await self._deliver(message)
        except NotDelivered as error:
            self._problem = str(error)
            raise
        except Exception as error:
            log.exception("a try to send by %s failed", self.address)
            self._problem = "an error inside FalconEye; see its log"
            raise NotDelivered(self._problem) from error
        self._problem = ""
        self._delivered_us = self._clock.utc_us()
        return answer
