"""Cameras that got another address are followed there, where it is certain that it is them.

Certain is what the kernel sees: the hardware address at the new place is the stored one. What a
device tells of itself (endpoint reference, serial number) anybody on the network hears and can
repeat, so it proves nothing here: a password would go to who repeats it. It can only speak against
a device. Hardware that identifies nobody (see `neighbours`) proves nothing either.

What is to be followed must be known by something, so `Learning` is begun and ended here, too.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlsplit, urlunsplit

from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.base.errors import FalconEyeError, NotFound
from falconeye.base.tasks import TaskSet
from falconeye.base.times import SECOND_US
from falconeye.cameras.identity.neighbours import NEIGHBOURS, Neighbours
from falconeye.cameras.identity.same_device import serial_of, serials_differ
from falconeye.cameras.registry import Camera, CameraRegistry
from falconeye.cameras.whereabouts.learning import Learning
from falconeye.config.camera import CameraConfig
from falconeye.discovery.candidates import Candidate, Candidates
from falconeye.discovery.merging import Kind
from falconeye.discovery.recognition import Moved
from falconeye.events.bus import CameraStateChanged, CandidatesChanged, EventBus
from falconeye.events.camera_state import ReasonCode

log = logging.getLogger(__name__)

PAUSE_S: Final = 1.0  # between two looks at the whole list
ASK_S: Final = 10.0  # between two questions to the network, while some camera is away …
ASK_FOR_US: Final = 300 * SECOND_US  # … for so long; then the regular ones do
# What a camera that got another address leaves behind: nobody, or somebody else.
LOST: Final = frozenset(
    {
        ReasonCode.RECONNECTING, ReasonCode.NO_ROUTE, ReasonCode.CONNECTION_REFUSED,
        ReasonCode.NO_ANSWER, ReasonCode.STALLED, ReasonCode.DISCONNECTED,
        ReasonCode.DEVICE_CONFLICT,
    }
)  # fmt: skip


class Audit(Protocol):
    """Where what the node does by itself is noted."""

    async def record(
        self, who: None, action: str, object_kind: str, object_id: str, detail: str
    ) -> None: ...


class Following:
    """Lives on the loop, from `start` to `stop`."""

    def __init__(
        self,
        candidates: Candidates,
        cameras: CameraRegistry,
        bus: EventBus,
        clock: Clock,
        *,
        neighbours: Neighbours = NEIGHBOURS,
        look_now: Callable[[], None] = lambda: None,
    ) -> None:
        """`look_now` has the network asked for cameras at once."""
        self.audit: Audit | None = None  # set by who has one; None: the log only
        self._candidates = candidates
        self._cameras = cameras
        self._bus = bus
        self._clock = clock
        self._neighbours = neighbours
        self._look_now = look_now
        self.learning = Learning(cameras, bus, clock, neighbours, self._note)
        self._log = RepeatingLog(log, clock)
        self._tasks = TaskSet("following")

    def start(self) -> None:
        """Follow from now on."""
        _ = self._tasks.start(self._run(), "run")
        _ = self._tasks.start(self._ask(), "ask")
        self.learning.start()

    async def stop(self) -> None:
        """Follow no longer."""
        await self.learning.stop()
        await self._tasks.stop()

    async def look(self) -> None:
        """Follow all that have moved."""
        for candidate in self._candidates.list():
            for moved in candidate.moved:
                if _is_sure(candidate):
                    await self._look_at(candidate, moved)

    async def _run(self) -> None:
        with self._bus.subscribe() as changes:
            await self.look()
            async for change in changes:
                gone = isinstance(change, CameraStateChanged) and not change.state.online
                if gone or isinstance(change, CandidatesChanged):
                    await self.look()
                    await asyncio.sleep(PAUSE_S)

    async def _ask(self) -> None:
        """The network for cameras that are not where they were: they may be elsewhere."""
        since_us: dict[str, int] = {}
        while True:
            now_us = self._clock.monotonic_us()
            lost = (camera.config.id for camera in self._cameras.list() if _is_lost(camera))
            since_us = {camera_id: since_us.get(camera_id, now_us) for camera_id in lost}
            if any(now_us - at_us < ASK_FOR_US for at_us in since_us.values()):
                self._look_now()
            await asyncio.sleep(ASK_S)

    async def _look_at(self, candidate: Candidate, moved: Moved) -> None:
        try:
            known = self._cameras.get(moved.camera_id).config.mac_address
            has_moved = await asyncio.to_thread(self._has_moved, known, moved)
            camera = self._cameras.get(moved.camera_id)  # as it is now: people change and delete
        except NotFound:
            return
        config = camera.config
        if not has_moved or config.mac_address != known:
            return
        if not _may_move(camera, moved) or contradicts(config, candidate):
            return
        changes = moved_changes(config, moved)
        if not changes:
            return
        place = f"from {moved.from_address}:{moved.from_port} to {moved.to_address}:{moved.to_port}"
        try:
            _ = await self._cameras.update(config.id, changes)
        except FalconEyeError as error:
            self._log.warning(f"camera {config.id} moved {place}, and cannot follow: {error}")
            return
        log.info("camera %s is followed %s: its hardware is there", config.id, place)
        await self._note("camera.followed", config.id, place)

    def _has_moved(self, mac: str | None, moved: Moved) -> bool:
        """Whether the kernel sees the camera's own hardware at its new place."""
        if mac is None or moved.to_address is None:
            return False
        own = {moved.to_address, *([moved.from_address] if moved.from_address else [])}
        there = self._neighbours.mac_of(moved.to_address)
        return there == mac and self._neighbours.identifies(mac, own)

    async def _note(self, action: str, camera_id: str, detail: str) -> None:
        if self.audit is None:
            return
        try:
            await self.audit.record(None, action, "camera", camera_id, detail)
        except FalconEyeError as error:
            self._log.warning(f"{action} of camera {camera_id} is not in the audit: {error}")


def moved_changes(config: CameraConfig, moved: Moved) -> Mapping[str, Any]:
    """The same paths and login at the new place; what tells it from others stays with it."""
    changes: dict[str, Any] = {}
    for name in ("source_url", "sub_url", "onvif_url"):
        before: str | None = getattr(config, name)
        port = moved.to_port if name == "onvif_url" else None
        after = before and _at(before, moved, port)
        if after and after != before:
            changes[name] = after
    if not changes:
        return {}
    kept = ("password", "mac_address", "endpoint_reference", "onvif_url")
    return {name: getattr(config, name) for name in kept} | changes


def _at(url: str, moved: Moved, port: int | None) -> str:
    parts = urlsplit(url)
    if parts.hostname != moved.from_address or moved.to_address is None:
        return url  # the substream may be another device's
    host = f"[{moved.to_address}]" if ":" in moved.to_address else moved.to_address
    port = port or parts.port
    return urlunsplit(parts._replace(netloc=f"{host}:{port}" if port else host))


def contradicts(config: CameraConfig, candidate: Candidate) -> bool:
    """Whether a found device tells of itself that it is another one than the camera."""
    mine, theirs = config.endpoint_reference, candidate.endpoint_reference
    if mine and theirs and mine != theirs:
        return True
    return serials_differ(serial_of(config), candidate.serial)


def _is_lost(camera: Camera) -> bool:
    """It should deliver, nobody or another answers there, and it can be told from others."""
    config = camera.config
    is_wanted = camera.is_here and config.started and not camera.state.online
    return (
        is_wanted
        and camera.state.reason_code in LOST
        and bool(config.mac_address or config.endpoint_reference)
    )


def _is_sure(candidate: Candidate) -> bool:
    """Nobody else claims to be it."""
    return not any(each.kind in (Kind.MAC, Kind.ENDPOINT) for each in candidate.shares)


def _may_move(camera: Camera, moved: Moved) -> bool:
    """One that delivers is where it is; only its ONVIF service may have another port now."""
    elsewhere = moved.to_address != moved.from_address
    return (
        camera.is_here
        and camera.config.started
        and camera.pause is None
        and not (elsewhere and camera.state.online)
    )
