"""Configured ONVIF cameras while the node runs: moved by people, heard for their events.

Events are asked of cameras that record by events, and of no others: each has few places for
listeners, and the library takes 16 to 25 MB. They come in as those that programs tell by the API.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from falconeye.base.backoff import Backoff
from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.base.errors import Conflict, FalconEyeError, NotFound
from falconeye.base.tasks import TaskSet
from falconeye.base.times import SECOND_US
from falconeye.cameras.happenings import Happenings
from falconeye.cameras.onvif_logins import Access, OnvifLogins, access_of
from falconeye.cameras.ptz_sessions import PtzSessions
from falconeye.cameras.registry import CameraRegistry
from falconeye.config.camera import CameraConfig, RecordMode
from falconeye.events.bus import CameraChanged, EventBus
from falconeye.storage.stores.event_store import CameraEvent, EventStore

if TYPE_CHECKING:
    from falconeye.onvif.events import OnvifEvents

log = logging.getLogger(__name__)

GOODBYE_S: Final = 0.6  # at the node's stop, for cameras to be told that nobody listens any more
TICK_S: Final = 2.0
HOLD_US: Final = 5 * SECOND_US  # what goes on is recorded so much further at each tick
WAITS_S: Final = (2.0, 60.0)
REFUSED_S: Final = 600.0


class OnvifCameras:
    """Lives on the loop. `start` waits for nobody, `stop` ends within a second."""

    def __init__(
        self, cameras: CameraRegistry, events: EventStore, bus: EventBus, clock: Clock
    ) -> None:
        self.logins = OnvifLogins(clock)
        self.ptz = PtzSessions(cameras, self.logins, clock)
        self._cameras = cameras
        self._events = events
        self._bus = bus
        self._clock = clock
        self._log = RepeatingLog(log, clock)
        self._tasks = TaskSet("onvif")
        self._heard: dict[str, tuple[Access, asyncio.Task[None]]] = {}

    def start(self) -> None:
        """Listen to those cameras that want it, now and as they change."""
        _ = self._tasks.start(self._follow(), "follow")

    async def stop(self) -> None:
        """Say goodbye, briefly."""
        tasks = [task for _, task in self._heard.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=GOODBYE_S)
            for task in late:
                task.cancel()  # in the midst of its goodbye: the camera will notice by itself
        await self._tasks.stop()
        await self.ptz.stop()

    @property
    def heard(self) -> frozenset[str]:
        """Ids of the cameras whose events are asked for."""
        return frozenset(self._heard)

    async def _follow(self) -> None:
        with self._bus.subscribe() as changes:
            self._adjust()
            async for change in changes:
                if isinstance(change, CameraChanged):
                    self._adjust()

    def _adjust(self) -> None:
        """Those that are heard are those that want it, by the login that they have now."""
        wanted = {config.id: access for config, access in self._wanted()}
        for camera_id, (access, task) in list(self._heard.items()):
            if wanted.get(camera_id) != access:
                task.cancel()
                del self._heard[camera_id]
        for camera_id, access in wanted.items():
            if camera_id not in self._heard:
                task = self._tasks.start(self._listen(camera_id, access), "listen")
                self._heard[camera_id] = access, task

    def _wanted(self) -> Iterable[tuple[CameraConfig, Access]]:
        for camera in self._cameras.list():
            config = camera.config
            access = access_of(config)
            if access and config.started and config.record is RecordMode.EVENT:
                yield config, access

    async def _listen(self, camera_id: str, access: Access) -> None:
        """To one camera, until it is clear that it has no events."""
        from falconeye.onvif import errors  # noqa: PLC0415 - loaded with the first such camera

        waits = Backoff(*WAITS_S)
        while True:
            try:
                async with self.logins.noting(access), self.logins.device(access) as device:
                    if not device.has_events:
                        break
                    waits.reset()
                    await self._hear(camera_id, device.events())
            except errors.OnvifNotSupported:
                break
            except FalconEyeError as error:
                self._log.warning(f"no events of camera {camera_id}: {error}")
                # These need a person, who changes the camera; then there is another task.
                is_final = isinstance(error, errors.OnvifLoginNeeded | errors.OnvifNotPermitted)
                wait_s = REFUSED_S if is_final else waits.next_s()
                await asyncio.sleep(max(wait_s, self.logins.wait_s(access)))
        self._log.warning(f"camera {camera_id} has no ONVIF events, though it is to record by them")

    async def _hear(self, camera_id: str, events: "OnvifEvents") -> None:
        """All that the camera tells, until an error; what goes on then is over."""
        happenings = Happenings(camera_id)
        ticking = self._tasks.start(self._tick(camera_id, happenings), "tick")
        try:
            async with events:
                async for event in events:
                    found = happenings.take(event, self._clock.utc_us())
                    if found or happenings.lasts:
                        await self._happened(camera_id, happenings, found)
        finally:
            ticking.cancel()
            await self._note(happenings.end(self._clock.utc_us()))

    async def _tick(self, camera_id: str, happenings: Happenings) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            found = happenings.tick(self._clock.utc_us())
            if found or happenings.lasts:
                await self._happened(camera_id, happenings, found)

    async def _happened(
        self, camera_id: str, happenings: Happenings, found: list[CameraEvent]
    ) -> None:
        """Recorded first, as by the API; of a camera that is paused nothing is noted."""
        try:
            _ = await self._cameras.event(camera_id, HOLD_US if happenings.lasts else 0)
        except (Conflict, NotFound):
            return
        await self._note(found)

    async def _note(self, found: list[CameraEvent]) -> None:
        for event in found:
            try:
                await self._events.add(event)
            except FalconEyeError as error:  # it is recorded all the same
                self._log.warning(f"an event of camera {event.camera_id} is not noted: {error}")
