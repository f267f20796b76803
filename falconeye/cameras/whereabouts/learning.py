"""Network cameras are known by their hardware from their first pictures on, whoever added them.

A camera that a person added by its address has nothing that tells it from whoever comes to be
there. While it delivers, the kernel knows its hardware address: where that identifies it (see
`neighbours`) it is stored, so that it is compared before each connection, and followed to another
address. What is stored already stays; only a person takes it away.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.base.errors import FalconEyeError, NotFound
from falconeye.base.tasks import TaskSet
from falconeye.cameras.identity.neighbours import Neighbours
from falconeye.cameras.registry import CameraRegistry
from falconeye.config.camera import Protocol
from falconeye.events.bus import CameraStateChanged, EventBus

log = logging.getLogger(__name__)

AGAIN_S: Final = 600.0  # for those whose hardware address identified nobody a while ago
_IN_NETWORK: Final = frozenset({Protocol.RTSP, Protocol.HTTP, Protocol.ONVIF})

# The action, the camera's id, the words.
Note = Callable[[str, str, str], Awaitable[None]]


class Learning:
    """Lives on the loop, from `start` to `stop`."""

    def __init__(
        self,
        cameras: CameraRegistry,
        bus: EventBus,
        clock: Clock,
        neighbours: Neighbours,
        note: Note,
    ) -> None:
        """`note` puts what was learned, or why nothing can be, into the audit log."""
        self._cameras = cameras
        self._bus = bus
        self._neighbours = neighbours
        self._note = note
        self._ambiguous: set[tuple[str, str]] = set()  # that were told of
        self._log = RepeatingLog(log, clock)
        self._tasks = TaskSet("learning")

    def start(self) -> None:
        """Learn from now on."""
        _ = self._tasks.start(self._follow(), "follow")
        _ = self._tasks.start(self._again(), "again")

    async def stop(self) -> None:
        """Learn no longer."""
        await self._tasks.stop()

    async def look_at(self, camera_id: str) -> None:
        """Learn the hardware address of one camera that delivers, if it has none."""
        try:
            camera = self._cameras.get(camera_id)
        except NotFound:
            return  # it was deleted a moment ago
        config, address = camera.config, self._cameras.address_of(camera_id)
        wanting = config.mac_address is None and config.protocol in _IN_NETWORK
        if not (wanting and camera.is_here and camera.state.online) or address is None:
            return
        if camera_id in self._cameras.identities.unproven:
            return  # nobody knows whose hardware that is
        mac = await asyncio.to_thread(self._neighbours.own_mac_of, address)
        if mac is None:
            return
        if other := self._other_with(mac, camera_id, address):
            await self._tell_ambiguous(mac, camera_id, other)
            return
        try:
            await self._cameras.learn(config, mac_address=mac)
            is_stored = self._cameras.get(camera_id).config.mac_address == mac
        except FalconEyeError as error:
            self._log.warning(f"camera {camera_id}: its hardware address is not stored: {error}")
            return
        if is_stored:
            words = f"hardware address {mac} at {address}"
            log.info("camera %s is known by its %s", camera_id, words)
            await self._note("camera.identified", camera_id, words)

    async def _tell_ambiguous(self, mac: str, camera_id: str, other: str) -> None:
        if (camera_id, mac) in self._ambiguous:
            return
        self._ambiguous.add((camera_id, mac))
        words = (
            f"its hardware address {mac} is also that of the camera {other} at another address: a"
            " repeater's, or a copy; it is not known by it"
        )
        log.warning("camera %s: %s", camera_id, words)
        await self._note("camera.ambiguous", camera_id, words)

    def _other_with(self, mac: str, camera_id: str, address: str) -> str | None:
        """Another camera that was seen elsewhere, and is known by the same; channels are not."""
        for camera in self._cameras.list():
            other = camera.config
            is_elsewhere = self._cameras.address_of(other.id) not in (address, None)
            if other.id != camera_id and other.mac_address == mac and is_elsewhere:
                return other.id
        return None

    async def _follow(self) -> None:
        with self._bus.subscribe() as changes:
            async for change in changes:
                if isinstance(change, CameraStateChanged) and change.state.online:
                    await self.look_at(change.state.camera_id)

    async def _again(self) -> None:
        while True:
            for camera in self._cameras.list():
                await self.look_at(camera.config.id)
            await asyncio.sleep(AGAIN_S)
