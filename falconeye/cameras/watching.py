"""What asks cameras and changes none: viewers, trials; NotFound for unknown ids."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from typing import Any

from falconeye.cameras.changes import changed_config, new_config
from falconeye.cameras.completing import completed, completed_changes
from falconeye.cameras.identity.identities import Identities
from falconeye.cameras.parts import PipelineParts
from falconeye.cameras.pipeline import CameraPipeline
from falconeye.cameras.roles import Roles
from falconeye.cameras.trial import Trials
from falconeye.cameras.views import NewCamera, TestResult
from falconeye.config.camera import Protocol
from falconeye.hub.stream import StreamHub
from falconeye.live.relay import live_mp4
from falconeye.live.session import LiveSession
from falconeye.media.samples import StreamKind
from falconeye.storage.stores.camera_store import CameraStore


class Watching(ABC):
    """The part of `CameraRegistry` that changes nothing."""

    _parts: PipelineParts
    _pipelines: dict[str, CameraPipeline]
    _store: CameraStore
    _node_name: str
    trials: Trials

    @property
    def identities(self) -> Identities:
        """Who the cameras said they are."""
        return self._parts.identities

    def address_of(self, camera_id: str) -> str | None:
        """The IP address that answered the last connection to a network camera."""
        return self._parts.met.get(camera_id)

    @property
    def roles(self) -> Roles:
        """Which cameras run here, and what is told of those that run elsewhere."""
        return self._parts.roles

    def password_problem(self, camera_id: str) -> str | None:
        """Why the stored password of a camera cannot be read, if so."""
        return self._store.password_problems.get(camera_id)

    async def test(self, new: NewCamera) -> TestResult:
        """Connect once, take a picture, disconnect; ≤ 15 s. Nothing is stored.

        Unavailable when too many are being tested.
        """
        new = await completed(new)
        config = new_config(new, self._parts.clock.utc_us(), self._node_name)
        return await self.trials.run(config)

    async def test_stored(self, camera_id: str, changes: Mapping[str, Any]) -> TestResult:
        """`test` of a stored camera with changes that are not saved, and its stored password."""
        pipeline = self._pipeline(camera_id)
        pipeline.refuse_while_paused()
        changes = await completed_changes(pipeline.config, changes)
        config = changed_config(pipeline.config, changes, self._parts.clock.utc_us())
        is_known = changes.keys() & {"password", "source_url"}
        problem = None if is_known else self.password_problem(camera_id)
        return await self.trials.run(config, problem)

    @abstractmethod
    def _pipeline(self, camera_id: str) -> CameraPipeline:
        """The camera's; NotFound."""

    def hurry(self, protocol: Protocol | None = None) -> None:
        """Cameras (of that protocol) that wait for the next try have it now."""
        for pipeline in self._pipelines.values():
            if protocol in {None, pipeline.config.protocol}:
                pipeline.hurry()

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
