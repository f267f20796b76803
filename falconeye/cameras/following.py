"""Cameras that got another address are followed there, where it is certain that it is them.

Certain is what the kernel sees: the hardware address at the new place is the stored one. What a
device tells of itself (endpoint reference, serial number) anybody on the network hears and can
repeat, so it decides nothing here: a password would go to who repeats it.
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
from falconeye.cameras.neighbours import mac_of
from falconeye.cameras.registry import Camera, CameraRegistry
from falconeye.config.camera import CameraConfig
from falconeye.discovery.candidates import Candidate, Candidates
from falconeye.discovery.merging import Kind
from falconeye.discovery.recognition import Moved
from falconeye.events.bus import CameraStateChanged, CandidatesChanged, EventBus

log = logging.getLogger(__name__)

PAUSE_S: Final = 1.0  # between two looks at the whole list


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
        mac_of: Callable[[str], str | None] = mac_of,
    ) -> None:
        self.audit: Audit | None = None  # set by who has one; None: the log only
        self._candidates = candidates
        self._cameras = cameras
        self._bus = bus
        self._mac_of = mac_of
        self._log = RepeatingLog(log, clock)
        self._tasks = TaskSet("following")

    def start(self) -> None:
        """Follow from now on."""
        _ = self._tasks.start(self._run(), "run")

    async def stop(self) -> None:
        """Follow no longer."""
        await self._tasks.stop()

    async def look(self) -> None:
        """Follow all that have moved."""
        for candidate in self._candidates.list():
            for moved in candidate.moved:
                if _is_sure(candidate):
                    await self._look_at(moved)

    async def _run(self) -> None:
        with self._bus.subscribe() as changes:
            await self.look()
            async for change in changes:
                gone = isinstance(change, CameraStateChanged) and not change.state.online
                if gone or isinstance(change, CandidatesChanged):
                    await self.look()
                    await asyncio.sleep(PAUSE_S)

    async def _look_at(self, moved: Moved) -> None:
        try:
            camera = self._cameras.get(moved.camera_id)
        except NotFound:
            return  # it was deleted a moment ago
        config = camera.config
        if not _may_move(camera, moved) or moved.to_address is None:
            return
        there = await asyncio.to_thread(self._mac_of, moved.to_address)
        if there is None or there != config.mac_address:
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
        if self.audit is not None:
            await self.audit.record(None, "camera.followed", "camera", config.id, place)


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


def _is_sure(candidate: Candidate) -> bool:
    """Nobody else claims to be it."""
    return not any(each.kind in (Kind.MAC, Kind.ENDPOINT) for each in candidate.shares)


def _may_move(camera: Camera, moved: Moved) -> bool:
    """One that delivers is where it is; only its ONVIF service may have another port now."""
    elsewhere = moved.to_address != moved.from_address
    return (
        camera.config.started and camera.pause is None and not (elsewhere and camera.state.online)
    )
