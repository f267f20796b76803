"""A camera's events, as long as somebody wants them: subscribed, pulled, subscribed again.

Cameras have few places for subscribers, and some freeze when subscriptions are made again and
again: so one at a time, each ended when it is left, and growing waits after what went wrong.
"""

import asyncio
import logging
from collections import deque
from itertools import islice
from types import TracebackType
from typing import Final, Self

from falconeye.base.backoff import Backoff
from falconeye.base.tasks import TaskSet
from falconeye.onvif.errors import (
    OnvifClosed,
    OnvifError,
    OnvifLoginNeeded,
    OnvifLoginRefused,
    OnvifNotPermitted,
    OnvifNotSupported,
    OnvifUnreachable,
)
from falconeye.onvif.notifications import OnvifEvent, read_events
from falconeye.onvif.pull_point import PullPoint, Subscribing
from falconeye.onvif.services import Services

log = logging.getLogger(__name__)
FIRST_WAIT_S: Final = 1.0
LAST_WAIT_S: Final = 60.0
TRIES: Final = 10  # that failed, one after the other; then another connection is needed
_LEAST_S: Final = 1.0  # between two empty answers: some cameras do not wait for anything
_BUSY_S: Final = 0.25  # between two others: some talk all the time
_MOST: Final = 1000  # events of one answer; a hundred are asked for
_MAKING_S: Final = 4.0  # what a camera may still take to answer when nobody wants events any more
_CUTS: Final = 5  # pulls cut off one after the other; then it is asked about the subscription

# A camera that says one of these says it again; a person has to do something.
_FINAL: Final = (OnvifClosed, OnvifLoginNeeded, OnvifLoginRefused)
# So does one that never had a subscription; else it may be starting again.
_FINAL_AT_FIRST: Final = (OnvifNotPermitted, OnvifNotSupported)


class OnvifEvents:
    """Iterated for events inside its context: `async with device.events() as events`.

    The iteration ends only by an error that a person has to do something about (login refused, no
    events), or when a camera stays away: by its name it may be found elsewhere now. Leaving the
    context gives the camera its place back, also when the task is cancelled. One task iterates.
    """

    def __init__(
        self, services: Services, *, backoff: Backoff | None = None, least_s: float = _LEAST_S
    ) -> None:
        self._services = services
        self._subscribing = Subscribing(services)
        self._backoff = backoff or Backoff(FIRST_WAIT_S, LAST_WAIT_S)
        self._least_s = least_s
        self._point: PullPoint | None = None
        self._tasks = TaskSet("onvif-events")
        self._making: asyncio.Task[OnvifError | None] | None = None
        self._ready: deque[OnvifEvent] = deque()  # of one answer
        self._pause_until_s = 0.0  # by the loop's clock
        self._cuts = 0
        self._failures = 0
        self._had_any = False  # a subscription
        self.trouble = ""  # why there are no events now, in words; "" while all is well

    @property
    def is_subscribed(self) -> bool:
        return self._point is not None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the subscription, within seconds even where the camera is silent."""
        try:
            if self._making is not None:
                await asyncio.wait([self._making], timeout=_MAKING_S)
        finally:  # also where the node has no more time
            await self._tasks.stop()
            self._making = None
        point, self._point = self._point, None
        if point is not None:
            await point.end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> OnvifEvent:
        while not self._ready:
            try:
                await self._pull()
            except _FINAL:
                await self.close()
                raise
            except OnvifError as error:
                if isinstance(error, _FINAL_AT_FIRST) and not self._had_any:
                    raise
                await self._recover(error)
        return self._ready.popleft()

    async def _pull(self) -> None:
        """Events into `_ready`, perhaps none."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(self._pause_until_s - loop.time(), 0))
        point = self._point or await self._subscribed()
        began_s = loop.time()
        try:
            answer = await point.pull()
        except OnvifUnreachable as error:
            # Some cameras cut the connection where others give an empty answer.
            if not error.connected:
                raise
            await self._after_a_cut(point)
        else:
            self._all_is_well()
            told = read_events(answer, self._services.session.clock)
            self._ready.extend(islice(told, _MOST))
        pause_s = min(_BUSY_S, self._least_s) if self._ready else self._least_s
        self._pause_until_s = began_s + pause_s

    async def _subscribed(self) -> PullPoint:
        """A new subscription. Who is cancelled meanwhile has one that `close` gives back."""
        self._making = self._tasks.start(self._subscribe(), "subscribe")
        error = await asyncio.shield(self._making)
        self._making = None
        if error is not None:
            raise error
        assert self._point is not None  # noqa: S101 - `_subscribe` sets it
        return self._point

    async def _subscribe(self) -> OnvifError | None:
        try:
            self._point = await self._subscribing.subscribe()
        except OnvifError as error:
            return error
        self._had_any = True
        return None

    async def _after_a_cut(self, point: PullPoint) -> None:
        self._cuts += 1
        if self._cuts == _CUTS:
            if not await point.is_known():
                raise OnvifUnreachable("the camera cuts off each question for events")
            self._all_is_well()

    def _all_is_well(self) -> None:
        self._cuts = self._failures = 0
        self._backoff.reset()
        self.trouble = ""

    async def _recover(self, error: OnvifError) -> None:
        if str(error) != self.trouble:
            log.info("events of camera %s: %s", self._services.session.reached.host, error)
        self.trouble = str(error)
        self._cuts = 0
        await self.close()  # it may still have our place
        await asyncio.sleep(self._backoff.next_s())
        self._failures += 1
        if self._failures >= TRIES:
            raise OnvifUnreachable(f"there are no events for long: {error}")
