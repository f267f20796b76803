"""A camera's events, as long as somebody wants them: subscribed, pulled, subscribed again.

Cameras have few places for subscribers, and some freeze when subscriptions are made again and
again: so one at a time, each ended when it is left, and growing waits after what went wrong.
"""

import asyncio
import logging
from collections import deque
from types import TracebackType
from typing import Final, Self

from falconeye.base.backoff import Backoff
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
_LEAST_S: Final = 1.0  # between two empty answers: some cameras do not wait for anything
_CUTS: Final = 5  # pulls cut off one after the other; then it is asked about the subscription

# A camera that says one of these says it again; a person has to do something.
_FINAL: Final = (
    OnvifClosed,
    OnvifLoginNeeded,
    OnvifLoginRefused,
    OnvifNotPermitted,
    OnvifNotSupported,
)


class OnvifEvents:
    """Iterated for events inside its context: `async with device.events() as events`.

    The iteration ends only by an error that a person has to do something about (login refused, no
    events); a camera that is away is waited for. Leaving the context gives the camera its place
    back, also when the task is cancelled. One task iterates.
    """

    def __init__(
        self, services: Services, *, backoff: Backoff | None = None, least_s: float = _LEAST_S
    ) -> None:
        self._services = services
        self._subscribing = Subscribing(services)
        self._backoff = backoff or Backoff(FIRST_WAIT_S, LAST_WAIT_S)
        self._least_s = least_s
        self._point: PullPoint | None = None
        self._ready: deque[OnvifEvent] = deque()  # of one answer: at most a hundred
        self._cuts = 0
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
                await self._recover(error)
        return self._ready.popleft()

    async def _pull(self) -> None:
        """Events into `_ready`, perhaps none."""
        if self._point is None:
            self._point = await self._subscribing.subscribe()
        began_s = asyncio.get_running_loop().time()
        try:
            answer = await self._point.pull()
        except OnvifUnreachable as error:
            # Some cameras cut the connection where others give an empty answer.
            if not error.connected:
                raise
            await self._after_a_cut(self._point)
        else:
            self._all_is_well()
            self._ready.extend(read_events(answer, self._services.session.clock))
        if not self._ready:
            took_s = asyncio.get_running_loop().time() - began_s
            await asyncio.sleep(max(self._least_s - took_s, 0))

    async def _after_a_cut(self, point: PullPoint) -> None:
        self._cuts += 1
        if self._cuts == _CUTS:
            await point.check()
            self._all_is_well()

    def _all_is_well(self) -> None:
        self._cuts = 0
        self._backoff.reset()
        self.trouble = ""

    async def _recover(self, error: OnvifError) -> None:
        if str(error) != self.trouble:
            log.info("events of camera %s: %s", self._services.session.reached.host, error)
        self.trouble = str(error)
        self._cuts = 0
        await self.close()  # it may still have our place
        await asyncio.sleep(self._backoff.next_s())
