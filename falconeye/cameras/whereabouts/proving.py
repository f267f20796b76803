"""Cameras that are recorded though nobody vouched for them: told, and asked on until they say it.

See `identities`: their ONVIF service did not answer when they came back. The moments between which
that was so stand among the camera's events, so that who looks at this footage knows of it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from falconeye.base.clock import Clock
from falconeye.base.errors import FalconEyeError, NotFound
from falconeye.cameras.identity.identities import Proof
from falconeye.cameras.registry import Camera, CameraRegistry
from falconeye.storage.stores.event_store import CameraEvent

log = logging.getLogger(__name__)

LOOK_S: Final = 2.0
AGAIN_S: Final = 30.0
UNPROVEN: Final = "identity_unproven"
_WORDS: Final = {
    None: "connected though its ONVIF service did not say that it is this camera",
    Proof.SAME: "its ONVIF service says that it is this camera",
    Proof.OTHER: "it was another device that was recorded here since nobody vouched for it",
}


class Proving:
    """Lives on the loop; `run` is somebody's task."""

    def __init__(
        self,
        cameras: CameraRegistry,
        clock: Clock,
        note: Callable[[list[CameraEvent]], Awaitable[None]],
    ) -> None:
        """`note` stores events of cameras."""
        self._cameras = cameras
        self._clock = clock
        self._note = note
        self._told: dict[str, int] = {}  # camera → since when, as it was told

    async def run(self) -> None:
        """For as long as the node runs."""
        asked_s: dict[str, float] = {}
        while True:
            now_s = asyncio.get_running_loop().time()
            unproven = self._cameras.identities.unproven
            asked_s = {camera_id: asked_s.get(camera_id, now_s) for camera_id in unproven}
            for camera_id, since_us in unproven.items():
                await self._tell(camera_id, since_us)
                if now_s - asked_s[camera_id] >= AGAIN_S:
                    asked_s[camera_id] = now_s
                    await self.ask(camera_id)
            await asyncio.sleep(LOOK_S)

    async def ask(self, camera_id: str) -> None:
        """Ask one camera that is connected; another device is connected no longer."""
        identities = self._cameras.identities
        try:
            camera = self._cameras.get(camera_id)
        except NotFound:
            identities.forget(camera_id)
            return
        address = self._cameras.address_of(camera_id)
        if address is None or not (camera.is_here and camera.state.online):
            return
        proof = await identities.ask(camera.config, address)
        if proof is Proof.NONE:
            return
        identities.note(camera.config, proof)
        await self._noted(camera_id, proof)
        if proof is Proof.OTHER:
            await self._disconnect(camera)

    async def _disconnect(self, camera: Camera) -> None:
        """The next connection is refused: what it said is known."""
        try:
            if camera.config.started:
                _ = await self._cameras.restart(camera.config.id)
        except FalconEyeError as error:
            log.warning("camera %s is not disconnected: %s", camera.config.id, error)

    async def _tell(self, camera_id: str, since_us: int) -> None:
        if self._told.get(camera_id) != since_us:
            self._told[camera_id] = since_us
            await self._noted(camera_id, None, since_us)

    async def _noted(self, camera_id: str, proof: Proof | None, at_us: int | None = None) -> None:
        at_us = self._clock.utc_us() if at_us is None else at_us
        log.warning("camera %s: %s", camera_id, _WORDS[proof])
        await self._note([CameraEvent(camera_id, at_us, at_us, UNPROVEN, _WORDS[proof])])
