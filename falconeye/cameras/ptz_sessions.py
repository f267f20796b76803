"""Moving cameras (ONVIF PTZ): a session with each that somebody moves, until nobody does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from falconeye.base.clock import Clock
from falconeye.base.errors import BadRequest, Conflict, NotFound, Unavailable
from falconeye.base.tasks import TaskSet
from falconeye.cameras.onvif_logins import Access, OnvifLogins, need_access
from falconeye.cameras.registry import CameraRegistry

if TYPE_CHECKING:
    from falconeye.onvif.ptz import OnvifPreset, OnvifPtz

IDLE_S: Final = 180.0
CONNECT_S: Final = 12.0  # a person waits for it


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
        self._tasks = TaskSet("ptz")

    async def stop(self) -> None:
        """End all sessions; their cameras stop by the time limit of the last move."""
        await self._tasks.stop()
        for place in self._places.values():
            await self._close(place)

    @property
    def open_sessions(self) -> int:
        """Cameras that we are connected to."""
        return sum(place.session is not None for place in self._places.values())

    async def look(self, camera_id: str) -> PtzState:
        """What it can do now."""
        async with self._lens(camera_id) as lens:
            can = lens.abilities
            presets = await lens.presets() if can.presets else []
        return PtzState(can.pan_tilt, can.zoom, can.home, can.presets, tuple(presets))

    async def move(
        self, camera_id: str, pan: float, tilt: float, zoom: float, *, timeout_s: float
    ) -> None:
        """Move at these speeds (-1..1; right, up and in are positive) for `timeout_s`."""
        async with self._lens(camera_id) as lens:
            await lens.move(pan, tilt, zoom, timeout_s=timeout_s)

    async def halt(self, camera_id: str) -> None:
        """End its movement."""
        async with self._lens(camera_id) as lens:
            await lens.stop()

    async def go_to(self, camera_id: str, preset: str) -> None:
        """To a place that it remembers, by its token."""
        async with self._lens(camera_id) as lens:
            await lens.go_to_preset(preset)

    async def go_home(self, camera_id: str) -> None:
        """To its home position."""
        async with self._lens(camera_id) as lens:
            await lens.go_home()

    async def set_preset(self, camera_id: str, name: str, preset: str | None = None) -> str:
        """Remember where it looks now, in place of `preset` where one is given; the token."""
        async with self._lens(camera_id) as lens:
            return await lens.set_preset(name, preset)

    async def remove_preset(self, camera_id: str, preset: str) -> None:
        """Forget a place."""
        async with self._lens(camera_id) as lens:
            await lens.remove_preset(preset)

    @asynccontextmanager
    async def _lens(self, camera_id: str) -> AsyncIterator["OnvifPtz"]:
        camera = self._cameras.get(camera_id)
        if camera.pause is not None:
            raise Conflict("the camera is paused")
        access = need_access(camera.config)
        from falconeye.onvif import errors  # noqa: PLC0415 - loaded with the first such camera

        place = self._places.setdefault(camera_id, _Place())
        async with place.turn:
            try:
                async with self._logins.noting(access):
                    session = await self._session(camera_id, place, access)
                    yield session.lens
            except errors.OnvifNotSupported as error:
                raise NotFound(f"this camera cannot do that: {error}") from None
            except errors.OnvifFault as error:
                raise BadRequest(str(error)) from None
            except errors.OnvifError:
                await self._close(place)  # the next one finds it anew
                raise

    async def _session(self, camera_id: str, place: _Place, access: Access) -> _Session:
        session = place.session
        if session is not None and session.access != access:
            await self._close(place)
            session = None
        if session is None:
            session = await self._connect(access)
            place.session = session
            _ = self._tasks.start(self._expire(camera_id, place, session), "expire")
        session.used_us = self._clock.monotonic_us()
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
            if not place.turn.locked() and self._places.get(camera_id) is place:
                del self._places[camera_id]

    async def _close(self, place: _Place) -> None:
        session, place.session = place.session, None
        if session is not None:
            await session.stack.aclose()
