"""Moving cameras (ONVIF PTZ): a session with each that somebody moves, until nobody does.

A camera never goes on moving because a stop was lost: each move has a time limit. The camera is
told it, and stopped from here too when it is over without another word: some heed no limit.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from falconeye.base.clock import Clock
from falconeye.base.errors import BadRequest, Conflict, FalconEyeError, NotFound, Unavailable
from falconeye.base.tasks import TaskSet
from falconeye.base.times import SECOND_US
from falconeye.cameras.identity.onvif_logins import Access, OnvifLogins, access_of, need_access
from falconeye.cameras.registry import CameraRegistry

if TYPE_CHECKING:
    from falconeye.onvif.ptz import OnvifPreset, OnvifPtz

log = logging.getLogger(__name__)

IDLE_S: Final = 180.0
CONNECT_S: Final = 12.0  # a person waits for it
GOODBYE_S: Final = 0.3  # at the node's stop, for cameras that still move
STOP_WAITS_S: Final = (0.5, 2.0, 5.0)  # between tries to stop a camera that does not answer
UNABLE_US: Final = 3600 * SECOND_US  # firmware changes: who could not be moved is asked again


@dataclass(frozen=True, slots=True)
class PtzState:
    """What a camera can do, and the places that it remembers."""

    pan_tilt: bool
    zoom: bool
    home: bool
    max_presets: int  # 0: it keeps none
    presets: "tuple[OnvifPreset, ...]"


@dataclass(slots=True)
class _Session:
    access: Access
    lens: "OnvifPtz"
    stack: AsyncExitStack
    used_us: int


@dataclass(slots=True)
class _Place:
    """One camera's: calls come one after the other, so that a stop is not overtaken."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    session: _Session | None = None
    watch: asyncio.Task[None] | None = None  # while it moves: what stops it in the end
    users: int = 0  # who have the turn, or wait for it


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Whether a camera can be moved, as it said by that connection."""

    access: Access
    can_move: bool
    at_us: int


class PtzSessions:
    """Lives on the loop.

    NotFound for cameras that cannot be moved, Conflict while one is paused, BadRequest for what it
    refuses, Unavailable where it cannot be asked now.
    """

    def __init__(
        self, cameras: CameraRegistry, logins: OnvifLogins, clock: Clock, *, idle_s: float = IDLE_S
    ) -> None:
        self._cameras = cameras
        self._logins = logins
        self._clock = clock
        self._idle_s = idle_s
        self._places: dict[str, _Place] = {}
        self._verdicts: dict[str, _Verdict] = {}
        self._tasks = TaskSet("ptz")

    async def stop(self) -> None:
        """Stop the cameras that move, briefly, and end all sessions."""
        moving = [place for place in self._places.values() if place.watch is not None]
        await self._tasks.stop()
        try:
            async with asyncio.timeout(GOODBYE_S), asyncio.TaskGroup() as group:
                for place in moving:
                    _ = group.create_task(self._stop_briefly(place), name="ptz:goodbye")
        except TimeoutError:
            log.warning("not all cameras that moved could be stopped; their own time limit does it")
        for place in self._places.values():
            await self._close(place)

    def can_move(self, camera_id: str) -> bool | None:
        """Whether that camera can be moved at all, without asking it; None: that is not known."""
        access = access_of(self._cameras.get(camera_id).config)
        if access is None:
            return False
        verdict = self._verdicts.get(camera_id)
        if verdict is None or verdict.access != access:
            return None
        age_us = self._clock.monotonic_us() - verdict.at_us
        return None if not verdict.can_move and age_us > UNABLE_US else verdict.can_move

    @property
    def open_sessions(self) -> int:
        """Cameras that we are connected to."""
        return sum(place.session is not None for place in self._places.values())

    async def look(self, camera_id: str) -> PtzState:
        """What it can do now."""
        async with self._lens(camera_id) as (_, lens):
            can = lens.abilities
            presets = await lens.presets() if can.presets else []
        return PtzState(can.pan_tilt, can.zoom, can.home, can.presets, tuple(presets))

    async def move(
        self, camera_id: str, pan: float, tilt: float, zoom: float, *, timeout_s: float
    ) -> None:
        """Move at these speeds (-1..1; right, up and in are positive) for `timeout_s`."""
        async with self._lens(camera_id) as (place, lens):
            # Before and after: an answer may be lost, and the camera counts from when it heard.
            self._limit(camera_id, place, timeout_s)
            await lens.move(pan, tilt, zoom, timeout_s=timeout_s)
            self._limit(camera_id, place, timeout_s)

    async def halt(self, camera_id: str) -> None:
        """End its movement; also while it is paused."""
        async with self._lens(camera_id, even_paused=True) as (place, lens):
            await lens.stop()
            self._rests(place)

    async def go_to(self, camera_id: str, preset: str) -> None:
        """To a place that it remembers, by its token."""
        async with self._lens(camera_id) as (place, lens):
            await lens.go_to_preset(preset)
            self._rests(place)  # a stop would end it on its way

    async def go_home(self, camera_id: str) -> None:
        """To its home position."""
        async with self._lens(camera_id) as (place, lens):
            await lens.go_home()
            self._rests(place)

    async def set_preset(self, camera_id: str, name: str, preset: str | None = None) -> str:
        """Remember where it looks now, in place of `preset` where one is given; the token."""
        async with self._lens(camera_id) as (_, lens):
            return await lens.set_preset(name, preset)

    async def remove_preset(self, camera_id: str, preset: str) -> None:
        """Forget a place."""
        async with self._lens(camera_id) as (_, lens):
            await lens.remove_preset(preset)

    @asynccontextmanager
    async def _lens(
        self, camera_id: str, *, even_paused: bool = False
    ) -> AsyncIterator["tuple[_Place, OnvifPtz]"]:
        _ = need_access(self._cameras.get(camera_id).config)  # it has a place only then
        from falconeye.onvif import errors  # noqa: PLC0415 - loaded with the first such camera

        async with self._turn(camera_id) as place:
            camera = self._cameras.get(camera_id)  # as it is now: who waited may be too late
            if camera.pause is not None and not even_paused:
                raise Conflict("the camera is paused")
            access = need_access(camera.config)
            try:
                async with self._logins.noting(access):
                    session = await self._session(camera_id, place, access)
                    yield place, session.lens
            except errors.OnvifNotSupported as error:
                raise NotFound(f"this camera cannot do that: {error}") from None
            except errors.OnvifFault as error:
                raise BadRequest(str(error)) from None
            except errors.OnvifError:
                await self._close(place)  # the next one finds it anew
                raise

    @asynccontextmanager
    async def _turn(self, camera_id: str) -> AsyncIterator[_Place]:
        place = self._places.setdefault(camera_id, _Place())
        place.users += 1
        try:
            async with place.turn:
                yield place
        finally:
            place.users -= 1

    async def _session(self, camera_id: str, place: _Place, access: Access) -> _Session:
        session = place.session
        if session is not None and session.access != access:
            await self._close(place)
            session = None
        if session is None:
            session = await self._introduce(camera_id, access)
            place.session = session
            _ = self._tasks.start(self._expire(camera_id, place, session), "expire")
        session.used_us = self._clock.monotonic_us()
        return session

    async def _introduce(self, camera_id: str, access: Access) -> _Session:
        """A new session; remembers whether the camera has one to offer."""
        from falconeye.onvif.errors import OnvifNotSupported  # noqa: PLC0415 - see `_lens`

        now_us = self._clock.monotonic_us()
        present = {camera.config.id for camera in self._cameras.list()}
        self._verdicts = {key: one for key, one in self._verdicts.items() if key in present}
        try:
            session = await self._connect(access)
        except OnvifNotSupported:
            self._verdicts[camera_id] = _Verdict(access, can_move=False, at_us=now_us)
            raise
        self._verdicts[camera_id] = _Verdict(access, can_move=True, at_us=now_us)
        return session

    async def _connect(self, access: Access) -> _Session:
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(CONNECT_S):
                    device = await stack.enter_async_context(self._logins.device(access))
                    lens = await device.ptz()
            except TimeoutError:
                raise Unavailable("the camera does not answer in time") from None
            return _Session(access, lens, stack.pop_all(), self._clock.monotonic_us())
        raise AssertionError  # no context swallows an error

    async def _expire(self, camera_id: str, place: _Place, session: _Session) -> None:
        while place.session is session:
            unused_s = (self._clock.monotonic_us() - session.used_us) / 1e6
            if unused_s < self._idle_s:
                await asyncio.sleep(self._idle_s - unused_s)
                continue
            async with place.turn:
                if place.session is session:
                    await self._close(place)
            is_idle = not place.users and place.watch is None
            if is_idle and self._places.get(camera_id) is place:
                del self._places[camera_id]

    def _limit(self, camera_id: str, place: _Place, limit_s: float) -> None:
        """It moves from now on, for so long. Called in its turn, as `_rests` is."""
        assert place.session is not None  # noqa: S101 - the caller speaks by it
        self._rests(place)
        watch = self._watch(camera_id, place, place.session.access, limit_s)
        place.watch = self._tasks.start(watch, "watch")

    def _rests(self, place: _Place) -> None:
        """Nothing has to be stopped any more. Whoever is about to waits for its turn, or sleeps."""
        watch, place.watch = place.watch, None
        if watch is not None:
            watch.cancel()

    async def _watch(self, camera_id: str, place: _Place, access: Access, limit_s: float) -> None:
        """Stop it when its time is over, by the login that moved it: it may be paused or gone."""
        from falconeye.onvif.errors import OnvifFault, OnvifNotSupported  # noqa: PLC0415 - as above

        for wait_s in (limit_s, *STOP_WAITS_S):
            await asyncio.sleep(wait_s)
            async with place.turn:
                try:
                    async with self._logins.noting(access):
                        session = await self._session(camera_id, place, access)
                        await session.lens.stop()
                except (OnvifFault, OnvifNotSupported) as error:
                    log.warning("camera %s refuses to be stopped: %s", camera_id, error)
                except FalconEyeError as error:
                    log.warning("camera %s moves and does not hear a stop: %s", camera_id, error)
                    await self._close(place)
                    continue
                place.watch = None
                return
        place.watch = None

    async def _stop_briefly(self, place: _Place) -> None:
        async with place.turn:
            if place.session is None:
                return
            try:
                await place.session.lens.stop()
            except FalconEyeError as error:
                log.warning("a camera that moved could not be stopped: %s", error)

    async def _close(self, place: _Place) -> None:
        session, place.session = place.session, None
        if session is not None:
            await session.stack.aclose()
