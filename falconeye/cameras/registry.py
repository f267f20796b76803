"""The cameras of this node: configured, running, watched; every method runs on the loop."""

import asyncio
import builtins
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

from falconeye.base.errors import BadRequest, NotFound
from falconeye.base.tasks import TaskSet
from falconeye.cameras.changes import changed_config, needs_reconnect, new_config
from falconeye.cameras.describe import describe
from falconeye.cameras.parts import PipelineParts
from falconeye.cameras.pipeline import CameraPipeline
from falconeye.cameras.trial import try_camera
from falconeye.cameras.views import Camera, NewCamera, StreamStats, TestResult
from falconeye.config.camera import CameraConfig
from falconeye.events.bus import CameraChanged
from falconeye.events.camera_state import CameraStatus
from falconeye.hub.stream import StreamHub
from falconeye.live.relay import live_mp4
from falconeye.live.session import LiveSession
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.camera_store import CameraStore
from falconeye.storage.recordings import Recordings

__all__ = ["Camera", "CameraRegistry", "NewCamera", "StreamStats", "TestResult"]

log = logging.getLogger(__name__)
TICK_S = 1.0
_MINUTE_US = 60_000_000


class CameraRegistry:
    """All cameras of this node.

    Unknown ids raise NotFound, clashes Conflict, bad values InvalidInput.
    """

    def __init__(
        self,
        parts: PipelineParts,
        store: CameraStore,
        recordings: Recordings,
        node_name: str,
        creating_timeout_minutes: Callable[[], float],
    ) -> None:
        self._parts = parts
        self._store = store
        self._recordings = recordings
        self._node_name = node_name
        self._creating_timeout_minutes = creating_timeout_minutes
        self._pipelines: dict[str, CameraPipeline] = {}
        self._tasks = TaskSet("cameras")
        # One change at a time: of two restarts at once the second would take the recorder away
        # that the first had just given. Stopping takes < 1 s, so others do not wait long.
        self._changing = asyncio.Lock()

    # -- the node --------------------------------------------------------------------------

    async def open(self) -> None:
        """Build a pipeline for each stored camera and start those that should run."""
        for config in await self._store.list():
            self._build(config)
        _ = self._tasks.start(self._tick(), "tick")

    async def close(self) -> None:
        """Stop all cameras at once; their open fragments go to the disk."""
        await self._tasks.stop()
        pipelines = list(self._pipelines.values())
        for pipeline in pipelines:
            pipeline.signal_stop(RunEnd.NODE_STOPPED)
        for pipeline in pipelines:
            await pipeline.wait_stopped()

    async def reload(self) -> None:
        """Follow changes that another process (the command line) made in the database."""
        async with self._changing:
            await self._reload()

    async def _reload(self) -> None:
        stored = {config.id: config for config in await self._store.list()}
        for camera_id in set(self._pipelines) - set(stored):
            await self._remove(camera_id)
        for config in stored.values():
            pipeline = self._pipelines.get(config.id)
            if pipeline is None:
                self._build(config)
                self._changed(config.id, "created")
            elif pipeline.config != config:
                await self._replace(pipeline, config)

    # -- configuration ---------------------------------------------------------------------

    def list(self) -> builtins.list[Camera]:
        """All cameras, by name."""
        now = self._parts.clock.monotonic_us()
        cameras = [describe(pipeline, now) for pipeline in self._pipelines.values()]
        return sorted(cameras, key=lambda camera: (camera.config.name.casefold(), camera.config.id))

    def get(self, camera_id: str) -> Camera:
        """One camera."""
        return describe(self._pipeline(camera_id), self._parts.clock.monotonic_us())

    def password_problem(self, camera_id: str) -> str | None:
        """Why the stored password of a camera cannot be read, if so."""
        return self._store.password_problems.get(camera_id)

    async def add(self, new: NewCamera) -> Camera:
        """Check, store and (where `start`) start; Conflict when its address is already there."""
        async with self._changing:
            config = new_config(new, self._parts.clock.utc_us(), self._node_name)
            await self._store.insert(config)
            self._build(config)
            self._changed(config.id, "created")
            return self.get(config.id)

    async def update(self, camera_id: str, changes: Mapping[str, Any]) -> Camera:
        """Change fields of `CameraConfig`; another address or login reconnects."""
        async with self._changing:
            pipeline = self._pipeline(camera_id)
            config = changed_config(pipeline.config, changes, self._parts.clock.utc_us())
            if config != pipeline.config:
                await self._store.update(config)
                await self._replace(pipeline, config)
            return self.get(camera_id)

    async def delete(self, camera_id: str, *, delete_footage: bool) -> None:
        """Stop and remove; recordings stay (marked `camera_deleted`) unless `delete_footage`."""
        if self._pipeline(camera_id).status.state.status is CameraStatus.DELETING:
            msg = "this camera is being deleted already"
            raise BadRequest(msg)
        async with self._changing:
            pipeline = self._pipeline(camera_id)
            pipeline.signal_stop(deleting=True)
            await pipeline.wait_stopped()
            await self._store.delete(camera_id)
            self._pipelines.pop(camera_id, None)
        if delete_footage:
            await self._recordings.delete_camera_footage(camera_id)
        else:
            await self._recordings.mark_camera_deleted(camera_id)
        self._changed(camera_id, "deleted")

    # -- running ---------------------------------------------------------------------------

    async def start(self, camera_id: str) -> Camera:
        """Connect, now and at each start of the node."""
        async with self._changing:
            pipeline = await self._set(camera_id, started=True)
            pipeline.start()
            return self.get(camera_id)

    async def stop(self, camera_id: str) -> Camera:
        """Disconnect, until somebody starts it."""
        async with self._changing:
            pipeline = await self._set(camera_id, started=False)
            pipeline.signal_stop()
            await pipeline.wait_stopped()
            return self.get(camera_id)

    async def restart(self, camera_id: str) -> Camera:
        """Disconnect and connect again."""
        async with self._changing:
            pipeline = await self._set(camera_id, started=True)
            pipeline.signal_stop()
            await pipeline.wait_stopped()
            pipeline.start()
            return self.get(camera_id)

    async def start_recording(self, camera_id: str) -> Camera:
        """BadRequest when the camera is not running, Conflict when it already records."""
        async with self._changing:
            self._pipeline(camera_id).start_recording()
            await self._set(camera_id, recording_stopped_by=None)
            return self.get(camera_id)

    async def stop_recording(self, camera_id: str, *, by: str) -> Camera:
        """Stop, until somebody starts the recording again; `by` is who did it."""
        async with self._changing:
            pipeline = await self._set(camera_id, recording_stopped_by=by)
            pipeline.stop_recording()
            return self.get(camera_id)

    # -- watching --------------------------------------------------------------------------

    async def test(self, new: NewCamera) -> TestResult:
        """Connect once, take a picture, disconnect; ≤ 15 s. Nothing is stored."""
        config = new_config(new, self._parts.clock.utc_us(), self._node_name)
        return await try_camera(config, self._parts.clock)

    async def test_stored(self, camera_id: str, changes: Mapping[str, Any]) -> TestResult:
        """`test` of a stored camera with changes that are not saved, and its stored password."""
        config = changed_config(
            self._pipeline(camera_id).config, changes, self._parts.clock.utc_us()
        )
        return await try_camera(config, self._parts.clock)

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
        hub = self._pipeline(camera_id).hubs.get(kind)
        if hub is None:
            msg = "this camera has no substream"
            raise NotFound(msg)
        return hub

    async def snapshot(self, camera_id: str, *, height: int | None = None) -> tuple[bytes, int]:
        """The latest picture as JPEG and its UTC time in µs; Unavailable when there is none."""
        return await self._pipeline(camera_id).snapshot(height)

    # -- within ----------------------------------------------------------------------------

    def _pipeline(self, camera_id: str) -> CameraPipeline:
        try:
            return self._pipelines[camera_id]
        except KeyError:
            msg = "there is no such camera"
            raise NotFound(msg) from None

    def _build(self, config: CameraConfig) -> None:
        pipeline = CameraPipeline(config, self._parts)
        self._pipelines[config.id] = pipeline
        if config.started:
            pipeline.start()
        else:
            pipeline.status.stopped("stopped")

    async def _replace(self, pipeline: CameraPipeline, config: CameraConfig) -> None:
        if needs_reconnect(pipeline.config, config):
            pipeline.signal_stop()
            await pipeline.wait_stopped()
            self._build(config)
        else:
            pipeline.config = config
        self._changed(config.id, "updated")

    async def _remove(self, camera_id: str) -> None:
        pipeline = self._pipelines.pop(camera_id)
        pipeline.signal_stop(deleting=True)
        await pipeline.wait_stopped()
        self._changed(camera_id, "deleted")

    async def _set(self, camera_id: str, **values: Any) -> CameraPipeline:
        """Store other values of fields that need no new pipeline."""
        pipeline = self._pipeline(camera_id)
        config = replace(pipeline.config, **values)
        if config != pipeline.config:
            config = replace(config, updated_at_us=self._parts.clock.utc_us())
            await self._store.update(config)
            pipeline.config = config
            self._changed(camera_id, "updated")
        return pipeline

    def _changed(self, camera_id: str, kind: str) -> None:
        self._parts.bus.publish(CameraChanged(camera_id, kind))

    async def _tick(self) -> None:
        while True:
            timeout_us = int(self._creating_timeout_minutes() * _MINUTE_US)
            for pipeline in builtins.list(self._pipelines.values()):
                pipeline.tick(creating_timeout_us=timeout_us)
            await asyncio.sleep(TICK_S)
