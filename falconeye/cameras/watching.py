"""What viewers of a node's cameras ask for; NotFound for unknown ids."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

from falconeye.cameras.pipeline import CameraPipeline
from falconeye.hub.stream import StreamHub
from falconeye.live.relay import live_mp4
from falconeye.live.session import LiveSession
from falconeye.media.samples import StreamKind


class Watching(ABC):
    """The part of `CameraRegistry` that changes nothing."""

    @abstractmethod
    def _pipeline(self, camera_id: str) -> CameraPipeline:
        """The camera's; NotFound."""

    def live_session(self, camera_id: str) -> LiveSession:
        """A viewer's session."""
        return self._pipeline(camera_id).live_session()

    def live_mp4(self, camera_id: str, kind: StreamKind) -> AsyncIterator[bytes]:
        """One endless MP4."""
        return live_mp4(self.hub(camera_id, kind))

    def mjpeg(self, camera_id: str) -> AsyncIterator[bytes]:
        """JPEG pictures while they are taken; Unavailable while the camera is off."""
        return self._pipeline(camera_id).picture_feed().pictures()

    def hub(self, camera_id: str, kind: StreamKind) -> StreamHub:
        """The junction of a stream, for viewers; NotFound where the camera has no such stream."""
        return self._pipeline(camera_id).hub(kind)

    async def snapshot(self, camera_id: str, *, height: int | None = None) -> tuple[bytes, int]:
        """The latest picture as JPEG and its UTC time in µs; Unavailable when there is none."""
        return await self._pipeline(camera_id).snapshot(height)
