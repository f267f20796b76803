"""Configured ONVIF cameras while the node runs: moved by people, heard for their events.

Each that has events is heard, however it records: they stand on its time line, and a camera that
records by events records them. That costs the library once (14 MB, and two threads), and of
each camera one subscription and one question that is held open at a time. A camera is heard while
it delivers, and `LEFT_S` longer: then it was seen that it is the camera that is there.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from falconeye.base.backoff import Backoff
from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.base.errors import Conflict, FalconEyeError, NotFound
from falconeye.base.tasks import TaskSet
from falconeye.base.times import SECOND_US
from falconeye.cameras.identity.onvif_logins import Access, OnvifLogins, access_of
from falconeye.cameras.onvif.happenings import OUTPUTS, Happenings, Present
from falconeye.cameras.onvif.ptz_sessions import PtzSessions
from falconeye.cameras.registry import Camera, CameraRegistry
from falconeye.cameras.whereabouts.proving import Proving
from falconeye.config.camera import CameraConfig, RecordMode
from falconeye.events.bus import CameraChanged, CameraHappened, CameraStateChanged, EventBus
from falconeye.events.camera_state import ReasonCode
from falconeye.storage.stores.event_store import CameraEvent, EventStore

if TYPE_CHECKING:
    from falconeye.onvif.events import OnvifEvents

log = logging.getLogger(__name__)

GOODBYE_S: Final = 0.6  # at the node's stop, for cameras to be told that nobody listens any more
TICK_S: Final = 2.0
LOOK_S: Final = 5.0
LEFT_S: Final = 30.0  # without pictures: a stream that breaks now and then costs no subscriptions
HOLD_US: Final = 5 * SECOND_US  # what goes on is recorded so much further at each tick
WAITS_S: Final = (2.0, 60.0)
SUBSCRIBING_S: Final = (1.0, 60.0)  # some freeze when they are subscribed to again and again
REFUSED_S: Final = 600.0
BROKEN_S: Final = 60.0  # after an error of ours
_AT_THE_STREAMS: Final = frozenset({ReasonCode.CONNECTING, ReasonCode.PASSWORD_REFUSED})


class OnvifCameras:
    """Lives on the loop. `start` waits for nobody, `stop` ends within a second."""

    def __init__(
        self, cameras: CameraRegistry, events: EventStore, bus: EventBus, clock: Clock
    ) -> None:
        self.logins: OnvifLogins = cameras.identities.logins
        self.ptz = PtzSessions(cameras, self.logins, clock)
        self._cameras = cameras
        self._events = events
        self._bus = bus
        self._clock = clock
        self._log = RepeatingLog(log, clock)
        self._tasks = TaskSet("onvif")
        self._heard: dict[str, tuple[Access, asyncio.Task[None]]] = {}
        self._seen_us: dict[str, int] = {}  # when a heard camera delivered last
        self.proving = Proving(cameras, clock, self._note)

    def start(self) -> None:
        """Listen to those cameras that want it, now and as they change."""
        _ = self._tasks.start(self._follow(), "follow")
        _ = self._tasks.start(self._look_again(), "look")
        _ = self._tasks.start(self.proving.run(), "prove")

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
                if isinstance(change, CameraChanged | CameraStateChanged) and self._concerns(
                    change
                ):
                    self._adjust()

    def _concerns(self, change: CameraChanged | CameraStateChanged) -> bool:
        """It was changed, or one that is to be heard came, or one that is heard went."""
        if isinstance(change, CameraChanged):
            return True
        state = change.state
        if state.online == (state.camera_id in self._heard):
            return False
        try:
            return self._cameras.get(state.camera_id).config.onvif_url is not None
        except NotFound:
            return False

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self._adjust()

    def _adjust(self) -> None:
        """Those that are heard are those that want it, by the login that they have now."""
        wanted = {config.id: access for config, access in self._wanted()}
        for camera_id, (access, task) in list(self._heard.items()):
            if wanted.get(camera_id) != access:
                task.cancel()
                del self._heard[camera_id]
                if camera_id not in wanted:
                    _ = self._seen_us.pop(camera_id, None)
        for camera_id, access in wanted.items():
            if camera_id not in self._heard:
                task = self._tasks.start(self._listen(camera_id, access), "listen")
                self._heard[camera_id] = access, task

    def _wanted(self) -> Iterable[tuple[CameraConfig, Access]]:
        for camera in self._cameras.list():
            config = camera.config
            access = access_of(config)
            if access and camera.is_here and config.started and self._is_there(camera):
                yield config, access

    def _is_there(self, camera: Camera) -> bool:
        """It delivers, or did a moment ago: whoever else has its address by now is not heard."""
        now_us, camera_id = self._clock.monotonic_us(), camera.config.id
        if camera.state.online:
            self._seen_us[camera_id] = now_us
            return True
        if camera.state.reason_code is ReasonCode.DEVICE_CONFLICT or camera_id not in self._heard:
            return False
        return now_us - self._seen_us.get(camera_id, 0) < LEFT_S * SECOND_US

    async def _listen(self, camera_id: str, access: Access) -> None:
        """To one camera, until it is clear that it has no events."""
        while True:
            try:
                await self._listen_well(camera_id, access)
            except Exception:
                # Nothing of what it tells would be recorded until the next start.
                log.exception("the events of camera %s", camera_id)
                await asyncio.sleep(BROKEN_S)
            else:
                return

    async def _listen_well(self, camera_id: str, access: Access) -> None:
        from falconeye.onvif import errors  # noqa: PLC0415 - loaded with the first such camera

        waits, subscribing = Backoff(*WAITS_S), Backoff(*SUBSCRIBING_S)
        while True:
            await self._streams_first(camera_id)
            try:
                async with self.logins.noting(access), self.logins.device(access) as device:
                    if not device.has_events:
                        break
                    waits.reset()
                    await self._hear(camera_id, device.events(subscribing))
            except errors.OnvifNotSupported:
                break
            except FalconEyeError as error:
                self._log.warning(f"no events of camera {camera_id}: {error}")
                # These need a person, who changes the camera; then there is another task.
                is_final = isinstance(error, errors.OnvifLoginNeeded | errors.OnvifNotPermitted)
                wait_s = REFUSED_S if is_final else waits.next_s()
                await asyncio.sleep(max(wait_s, self.logins.wait_s(access)))
        with contextlib.suppress(NotFound):  # it was deleted a moment ago
            if self._cameras.get(camera_id).config.record is RecordMode.EVENT:
                self._log.warning(
                    f"camera {camera_id} has no ONVIF events, though it is to record by them"
                )

    async def _streams_first(self, camera_id: str) -> None:
        """Wait while the login is shown for its streams, or refused there.

        Cameras count wrong logins at all of their doors together, and lock them at five.
        """
        with self._bus.subscribe() as changes:
            try:
                while self._cameras.get(camera_id).state.reason_code in _AT_THE_STREAMS:
                    _ = await changes.get()
            except NotFound:
                return  # it was deleted a moment ago: so will be this task

    async def _hear(self, camera_id: str, events: "OnvifEvents") -> None:
        """All that the camera tells, until an error; what goes on then is over."""
        happenings = Happenings(camera_id)
        present = Present(happenings, self._clock)
        ticking = self._tasks.start(self._tick(camera_id, happenings, present), "tick")
        try:
            async with events:
                async for event in events:
                    found = happenings.take(event, present.utc_us())
                    if found or happenings.lasts:
                        await self._happened(camera_id, happenings, found)
        finally:
            ticking.cancel()
            await self._note(happenings.end(present.utc_us()))

    async def _tick(self, camera_id: str, happenings: Happenings, present: Present) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            found = happenings.tick(present.utc_us())
            if found or happenings.lasts:
                await self._happened(camera_id, happenings, found)

    async def _happened(
        self, camera_id: str, happenings: Happenings, found: list[CameraEvent]
    ) -> None:
        """Recorded first, as by the API; of a camera that is paused nothing is noted."""
        now_us = self._clock.utc_us()
        recorded = [each for each in found if each.kind not in OUTPUTS]
        until_us = max((each.until_us for each in recorded), default=now_us)
        length_us = max(until_us - now_us, HOLD_US if happenings.lasts else 0, 0)
        try:
            if happenings.lasts or recorded:
                _ = await self._cameras.event(camera_id, length_us)
            elif self._cameras.get(camera_id).pause is not None:
                return
        except (Conflict, NotFound):
            return
        await self._note(found)

    async def _note(self, found: list[CameraEvent]) -> None:
        for event in found:
            try:
                await self._events.add(event)
            except FalconEyeError as error:  # it is recorded all the same
                self._log.warning(f"an event of camera {event.camera_id} is not noted: {error}")
            self._bus.publish(
                CameraHappened(event.camera_id, event.kind, event.at_us, event.until_us)
            )
