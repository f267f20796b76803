"""The cameras of this node: configured, running, watched; every method runs on the loop."""

import asyncio
import builtins
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from typing_extensions import override

from falconeye.base.errors import BadRequest, FalconEyeError, NotFound, Unavailable
from falconeye.base.tasks import TaskSet
from falconeye.base.times import MINUTE_US
from falconeye.cameras.changes import changed_config, needs_reconnect, new_config
from falconeye.cameras.completing import completed, completed_changes, refuse_outdated
from falconeye.cameras.coverage import RECORDS_PRE_ROLL, WILLED, keeps_from_recording
from falconeye.cameras.describe import describe
from falconeye.cameras.identity.same_device import refuse_same_device
from falconeye.cameras.parts import PipelineParts
from falconeye.cameras.pipeline import CameraPipeline
from falconeye.cameras.privacy import UnstoredPauses, paused, switched_on
from falconeye.cameras.trial import Trials
from falconeye.cameras.views import Camera, NewCamera, StreamStats, TestResult
from falconeye.cameras.watching import Watching
from falconeye.config.camera import CameraConfig, RecordMode
from falconeye.events.bus import CameraChanged
from falconeye.events.camera_state import CameraStatus
from falconeye.media.runs import RunEnd
from falconeye.storage.ledger.ledger import Ledger
from falconeye.storage.reading.recordings import Recordings
from falconeye.storage.stores.camera_store import CameraStore

__all__ = ["Camera", "CameraRegistry", "NewCamera", "StreamStats", "TestResult"]

log = logging.getLogger(__name__)
TICK_S = 1.0
FIRST_SEGMENT_S = 6.0  # a recording begins at a keyframe; few cameras send them more seldom
CHANGE_WAIT_S = 2.0  # stopping a camera takes less than 1 s


class CameraRegistry(Watching):
    """All cameras. Unknown ids raise NotFound, clashes Conflict, bad values InvalidInput."""

    def __init__(
        self,
        parts: PipelineParts,
        store: CameraStore,
        recordings: Recordings,
        ledger: Ledger,
        node_name: str,
        creating_timeout_minutes: Callable[[], float],
    ) -> None:
        self._parts = parts
        self._store = store
        self._recordings = recordings
        self._ledger = ledger
        self._node_name = node_name
        self._creating_timeout_minutes = creating_timeout_minutes
        self._pipelines: dict[str, CameraPipeline] = {}
        self._tasks = TaskSet("cameras")
        self.trials = Trials(parts.clock)
        self._pauses = UnstoredPauses()
        self._is_open = False
        # One change at a time: of two restarts at once the second would take the recorder away
        # that the first had just given. Stopping takes < 1 s, so others do not wait long.
        self._changing = asyncio.Lock()

    # -- the node --------------------------------------------------------------------------

    async def open(self) -> None:
        """Build a pipeline for each stored camera and start those that should run."""
        for config in await self._store.list():
            self._build(config)
        self._is_open = True
        _ = self._tasks.start(self._tick(), "tick")

    async def close(self) -> None:
        """Stop all cameras at once, for good; their open fragments go to the disk."""
        self.trials.stop()
        self._is_open = False  # no change begins any more; one that has begun may end
        try:
            async with asyncio.timeout(CHANGE_WAIT_S), self._changing:
                pass
        except TimeoutError:  # the database's disk hangs: no reason to lose footage on another
            log.warning("a change of a camera does not end; the node stops without it")
        await self._tasks.stop()
        pipelines = list(self._pipelines.values())
        for pipeline in pipelines:
            pipeline.signal_stop(RunEnd.NODE_STOPPED)
        for pipeline in pipelines:
            await pipeline.wait_stopped()
        await self._parts.identities.stop()

    @property
    def all_started(self) -> bool:
        """Whether the node could begin every camera that should run; the cameras may be off."""
        return self._is_open and not any(p.start_failed for p in self._pipelines.values())

    async def reload(self) -> None:
        """Follow changes that another process (the command line) made in the database."""
        async with self._change():
            await self._reload()

    async def _reload(self) -> None:
        stored = {config.id: config for config in await self._store.list()}
        for camera_id in set(self._pipelines) - set(stored) - self._store.left_out:
            await self._remove(camera_id)
        for config in stored.values():
            pipeline = self._pipelines.get(config.id)
            if pipeline is None:
                self._build(config)
                self._changed(config.id, "created")
            elif pipeline.config != config:
                was_started = pipeline.config.started
                await self._replace(pipeline, config)
                if config.started is not was_started:
                    await self._follow_started(config)

    # -- configuration ---------------------------------------------------------------------

    def list(self) -> builtins.list[Camera]:
        """All cameras, by name."""
        cameras = [self.get(camera_id) for camera_id in self._pipelines]
        return sorted(cameras, key=lambda camera: (camera.config.name.casefold(), camera.config.id))

    def get(self, camera_id: str) -> Camera:
        """One camera; one that runs elsewhere as its node tells of it."""
        camera = describe(self._pipeline(camera_id), self._parts.clock.monotonic_us())
        return self.roles.shown(camera)

    async def add(self, new: NewCamera, reached_by: Collection[str] | None = None) -> Camera:
        """Check, store and (where `start`) start; Conflict when its address is already there."""
        new = await completed(new)
        async with self._change():
            config = new_config(new, self._parts.clock.utc_us(), self._node_name)
            config = replace(config, owner_id=self.roles.owner_of_new(config, reached_by))
            refuse_same_device(config, (each.config for each in self._pipelines.values()))
            await self._store.insert(config)
            await self.trials.make_way(config)
            self._build(config)
            self._changed(config.id, "created")
            return self.get(config.id)

    async def update(self, camera_id: str, changes: Mapping[str, Any]) -> Camera:
        """Change fields of `CameraConfig`; another address or login reconnects."""
        before = self._pipeline(camera_id).config
        changes = await completed_changes(before, changes)
        async with self._change():
            pipeline = self._pipeline(camera_id)
            refuse_outdated(before, pipeline.config, changes)
            config = changed_config(pipeline.config, changes, self._parts.clock.utc_us())
            if config != pipeline.config:
                await self._store.update(config)
                await self._replace(pipeline, config)
            return self.get(camera_id)

    async def learn(self, seen: CameraConfig, **found: Any) -> None:
        """Store what was found out about a camera, unless it was changed since `seen`."""
        async with self._change():
            if self._pipeline(seen.id).config == seen:
                await self._set(seen.id, **found)

    async def delete(self, camera_id: str) -> None:
        """Remove and stop; recordings stay (marked `camera_deleted`) until `delete_footage`.

        The row goes first: where that fails the camera goes on as before, and what fails later
        never brings it back.
        """
        if self._pipeline(camera_id).status.state.status is CameraStatus.DELETING:
            raise BadRequest("this camera is being deleted already")
        async with self._change():
            _ = self._pipeline(camera_id)
            await self._store.delete(camera_id)
            await self._remove(camera_id)

    async def delete_footage(self, camera_id: str, *, who: str) -> None:
        """Delete the recordings of a camera that was deleted; `who` wants it.

        Audit the deletion of the camera before: the disk may not answer.
        """
        try:
            await self._recordings.delete_camera_footage(camera_id, who=who)
        except FalconEyeError as error:
            msg = f"the camera is deleted, its recordings are still listed: {error}"
            raise Unavailable(msg) from error

    # -- running ---------------------------------------------------------------------------

    async def start(self, camera_id: str) -> Camera:
        """Connect, now and at each start of the node."""
        async with self._change():
            pipeline = await self._set(camera_id, started=True, stopped_by=None)
            pipeline.start()
            return self.get(camera_id)

    async def stop(self, camera_id: str, *, by: str) -> Camera:
        """Disconnect, until somebody starts it. `by` is who did it."""
        async with self._change():
            pipeline = await self._set(camera_id, started=False, stopped_by=by)
            self._note(pipeline)
            await pipeline.stop()
            return self.get(camera_id)

    async def restart(self, camera_id: str) -> Camera:
        """Disconnect and connect again."""
        async with self._change():
            pipeline = await self._set(camera_id, started=True, stopped_by=None)
            await pipeline.stop()
            pipeline.start()
            return self.get(camera_id)

    async def start_recording(self, camera_id: str) -> Camera:
        """BadRequest when the camera is not running, Conflict when it already records.

        Returns when the first file is begun. A continuous recording that a person stopped may be
        allowed again while the camera is off, too: it goes on when pictures come.
        """
        async with self._change():
            pipeline = self._pipeline(camera_id)
            if pipeline.recording_is_stopped:
                await self._set(camera_id, recording_stopped_by=None)
                await pipeline.resume_recording()
            else:
                await pipeline.start_recording()
        await pipeline.recording_begun(FIRST_SEGMENT_S)
        return self.get(camera_id)

    async def stop_recording(self, camera_id: str, *, by: str) -> Camera:
        """Stop; a continuous one until somebody starts it again. `by` is who did it."""
        async with self._change():
            pipeline = self._pipeline(camera_id)
            of_itself = pipeline.schedule_is_open or not pipeline.records_by_hand
            if pipeline.config.record is RecordMode.CONTINUOUS and of_itself:
                await self._set(camera_id, recording_stopped_by=by)
            await pipeline.stop_recording()
            self._note(pipeline)
            return self.get(camera_id)

    async def event(self, camera_id: str, length_us: int) -> tuple[bool, str]:
        """Something happens at a camera, for so long: whether any of it is recorded; why not all.

        Returns when what was before it is on its way to the disk, without waiting for changes of
        other cameras: its time would pass. Conflict while it is paused.
        """
        pipeline = self._pipeline(camera_id)
        pipeline.follow()  # the time of day may have changed since the last look
        pipeline.refuse_while_paused()
        recorded = await pipeline.event(length_us)
        reason, words = keeps_from_recording(pipeline)
        self._note(pipeline)
        return recorded and reason in RECORDS_PRE_ROLL, words or (reason.value if reason else "")

    async def pause(self, camera_id: str, *, by: str, until_us: int | None) -> Camera:
        """Privacy: disconnect at once, until then (UTC) or until `switch_on`. `by` is who did it.

        InvalidInput for a time that has passed.
        """
        pipeline = self._pipeline(camera_id)
        values = paused(by, until_us, self._parts.clock.utc_us())
        pipeline.config = self._pauses.noted(pipeline.config, values)
        pipeline.follow()  # nobody sees it from here on, whatever the database does
        async with self._change():
            return await self._set_privacy(camera_id, values)

    async def switch_on(self, camera_id: str) -> Camera:
        """Nobody wants privacy any more; a privacy schedule waits for its next hours."""
        self._pauses.lift(camera_id)
        async with self._change():
            config = self._pipeline(camera_id).config
            values = switched_on(config, self._parts.clock.utc_us(), self._parts.zone())
            return await self._set_privacy(camera_id, values)

    async def _set_privacy(self, camera_id: str, values: Mapping[str, Any]) -> Camera:
        pipeline = await self._set(camera_id, always=True, **values)
        self._pauses.stored(camera_id, values)
        pipeline.follow()
        await pipeline.wait_ended()
        pipeline.follow()
        self._note(pipeline)
        return self.get(camera_id)

    # -- several nodes ---------------------------------------------------------------------

    def covers(self, camera_id: str) -> bool:
        """Whether its pictures come here, and are recorded as far as somebody wants that."""
        pipeline = self._pipeline(camera_id)
        reason, _ = keeps_from_recording(pipeline)
        return pipeline.status.state.online and (reason is None or reason in WILLED)

    async def follow_roles(self) -> None:
        """Run what this node is to run by now, and leave the rest to other nodes."""
        async with self._change():
            left = [each for each in self._pipelines.values() if not each.is_here]
            for pipeline in left:
                pipeline.close_sessions()  # their viewers come again, and go to that node
                pipeline.signal_stop(RunEnd.HANDED_OVER)
            for pipeline in left:
                await pipeline.wait_stopped()
            for pipeline in tuple(self._pipelines.values()):
                if pipeline.is_here and pipeline.config.started:
                    pipeline.start()
                self._note(pipeline)

    # -- within ----------------------------------------------------------------------------

    @override
    def _pipeline(self, camera_id: str) -> CameraPipeline:
        try:
            return self._pipelines[camera_id]
        except KeyError:
            raise NotFound("there is no such camera") from None

    @asynccontextmanager
    async def _change(self) -> AsyncIterator[None]:
        """The cameras are this task's to change; Unavailable once the node stops."""
        async with self._changing:
            if not self._is_open:
                raise Unavailable("the node is stopping")
            yield

    def _build(self, config: CameraConfig) -> None:
        problem = self.password_problem(config.id)
        pipeline = CameraPipeline(self._pauses.on(config), self._parts, problem)
        self._pipelines[config.id] = pipeline
        if config.started:
            pipeline.start()
        else:
            pipeline.status.stopped("stopped")
        self._note(pipeline)

    def _note(self, pipeline: CameraPipeline) -> None:
        """Let the ledger know at once; what happens by itself it hears within a second."""
        if self._pipelines.get(pipeline.config.id) is pipeline:  # not deleted meanwhile
            self._ledger.note(pipeline.config.id, *keeps_from_recording(pipeline))

    async def _replace(self, pipeline: CameraPipeline, config: CameraConfig) -> None:
        if needs_reconnect(pipeline.config, config):
            pipeline.close_sessions()  # before they are told that somebody stopped the camera
            await pipeline.stop()
            self._build(config)
            pipeline.close_sessions()  # of those who came meanwhile
        else:
            pipeline.config = self._pauses.on(config)
            pipeline.follow()
            self._note(pipeline)
        self._changed(config.id, "updated")

    async def _follow_started(self, config: CameraConfig) -> None:
        """The command line started or stopped it."""
        pipeline = self._pipelines[config.id]
        if config.started:
            pipeline.start()
        else:
            await pipeline.stop()
        self._note(pipeline)

    async def _remove(self, camera_id: str) -> None:
        """Stop a camera whose row is gone."""
        pipeline = self._pipeline(camera_id)
        await pipeline.stop(deleting=True)
        del self._pipelines[camera_id]
        self._pauses.lift(camera_id)
        self._ledger.forget(camera_id)
        pipeline.close_sessions()
        self._changed(camera_id, "deleted")
        try:  # those of before went with the row; one may have begun since
            await self._recordings.mark_camera_deleted(camera_id)
        except FalconEyeError as error:
            log.warning("camera %s: its last recording is not marked: %s", camera_id, error)

    async def _set(self, camera_id: str, *, always: bool = False, **values: Any) -> CameraPipeline:
        """Store other values of fields that need no new pipeline; `always`: even if none is."""
        pipeline = self._pipeline(camera_id)
        config = replace(pipeline.config, **values)
        if always or config != pipeline.config:
            config = replace(config, updated_at_us=self._parts.clock.utc_us())
            await self._store.update(config)
            pipeline.config = self._pauses.on(config)
            self._changed(camera_id, "updated")
        return pipeline

    def _changed(self, camera_id: str, kind: str) -> None:
        self._parts.bus.publish(CameraChanged(camera_id, kind))

    async def _tick(self) -> None:
        while True:
            timeout_us = int(self._creating_timeout_minutes() * MINUTE_US)
            for pipeline in self._pipelines.values():
                try:
                    pipeline.tick(creating_timeout_us=timeout_us)
                    self._note(pipeline)
                except Exception:  # one camera's trouble is not that of all
                    log.exception("camera %s: the look once a second failed", pipeline.config.id)
            await asyncio.sleep(TICK_S)
