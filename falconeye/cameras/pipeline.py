"""One camera, wired: source → hub → recorder, live view, pictures. Read this file first.

```
 main: StreamSource ──▶ StreamHub ──▶ Recorder ──▶ SegmentStore
 (its own thread)           ├──▶ LiveSession, live_mp4 (loop)
                            └──▶ Snapshots, PictureFeed
 sub:  the same, connected once main delivers; its footage is listed in no recording
```
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial

from falconeye.base.errors import BadRequest, Conflict, InvalidInput, NotFound, Unavailable
from falconeye.cameras.hardware import target_of
from falconeye.cameras.parts import PipelineParts
from falconeye.cameras.privacy import Pause, pause_of
from falconeye.cameras.recorders import AnyRecorder, CameraRecorders
from falconeye.cameras.status import StatusTracker
from falconeye.cameras.substream import SubstreamPolicy
from falconeye.config.camera import CameraConfig, RecordMode
from falconeye.events.bus import CameraStateChanged, StreamsChanged
from falconeye.events.camera_state import CameraState, CameraStatus, ReasonCode
from falconeye.hub.stream import StreamHub
from falconeye.live.picture_feed import PictureFeed
from falconeye.live.session import LiveSession
from falconeye.live.snapshots import Snapshots
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.sources.login import REFUSED_LOGINS
from falconeye.sources.state import SourceState, SourceStatus
from falconeye.sources.stream_source import StreamSource
from falconeye.sources.target import source_target

log = logging.getLogger(__name__)

END_S = 5.0  # of a stream that was told to end; only a device that hangs in the kernel takes longer


class CameraPipeline:
    """Everything of one camera that runs; all methods on the loop."""

    def __init__(
        self, config: CameraConfig, parts: PipelineParts, password_problem: str | None = None
    ) -> None:
        """`password_problem`: why its stored password cannot be read; then it does not connect."""
        self.config = config
        self._parts = parts
        self._password_problem = password_problem
        self.status = StatusTracker(config.id, parts.clock, self._state_changed)
        self.hubs = {StreamKind.MAIN: self._new_hub(StreamKind.MAIN)}
        if config.sub_url:
            self.hubs[StreamKind.SUB] = self._new_hub(StreamKind.SUB)
        self._snapshots = {kind: Snapshots(hub, parts.pictures) for kind, hub in self.hubs.items()}
        self._feeds = {kind: PictureFeed(hub, parts.loop) for kind, hub in self.hubs.items()}
        self._sources: dict[StreamKind, StreamSource] = {}
        self._ending: list[StreamSource] = []
        self._sub_policy = SubstreamPolicy(parts.clock)
        self._recorders = CameraRecorders(
            lambda: self.config, self.hubs, parts, partial(self._on_loop, self._segment_begun)
        )
        self.pause: Pause | None = None  # privacy: why nobody is to see it now
        self._held_back = False  # it would be connected, were it not paused
        self._told_to_stop = True  # or not to start yet
        self._turns = dict.fromkeys(StreamKind, 0)  # tells a source from its predecessor
        self.reconnects = dict.fromkeys(StreamKind, 0)
        self._sessions: set[LiveSession] = set()
        self.start_failed = False  # it should run, but the node could not begin it

    # -- running ---------------------------------------------------------------------------

    @property
    def is_here(self) -> bool:
        """Whether this node is to run it, and not another."""
        return self._parts.roles.here(self.config)

    def start(self) -> None:
        """Connect; does nothing when it runs already. What prevents it becomes the camera's state.

        So that one camera keeps neither the node from its start nor the others from theirs.
        """
        if StreamKind.MAIN in self._sources or not self.is_here:
            return
        self.start_failed = self._told_to_stop = self._held_back = False
        self._follow_privacy()
        if self.pause is not None:
            return
        self.status.starting()
        if self._password_problem:  # without it a camera would see a wrong login again and again
            log.warning("camera %s: %s", self.config.id, self._password_problem)
            self.status.failed(ReasonCode.PASSWORD_NEEDED, self._password_problem)
            return
        try:
            self._start()
        except InvalidInput as error:  # stored by a release that allowed it, or edited by hand
            log.warning("camera %s cannot be connected to: %s", self.config.id, error)
            self.status.failed(ReasonCode.CAMERA_ERROR, str(error))
        except Exception:
            log.exception("camera %s could not be started", self.config.id)
            self.start_failed = True
            self.status.failed(ReasonCode.INTERNAL, "an error inside FalconEye; see its log")

    def hurry(self) -> None:
        """Do not wait for the next try: the camera may be there now."""
        for source in self._sources.values():
            source.hurry()

    def signal_stop(
        self, reason: RunEnd = RunEnd.STOPPED_BY_USER, *, deleting: bool = False
    ) -> None:
        """Begin to stop; `wait_stopped` ends it. Open fragments go to the disk."""
        self._told_to_stop = True
        if deleting:
            self.status.deleting()
        elif reason is RunEnd.STOPPED_BY_USER:  # the others are no state of the camera
            self.status.stopped("stopped")
        self._stop_sources(reason)

    async def stop(self, *, deleting: bool = False) -> None:
        """`signal_stop`, and wait for its end."""
        self.signal_stop(deleting=deleting)
        await self.wait_stopped()

    def hub(self, kind: StreamKind) -> StreamHub:
        """The junction of a stream, for viewers; NotFound where the camera has no such stream."""
        if kind not in self.hubs:
            raise NotFound("this camera has no substream")
        return self.hubs[kind]

    async def wait_stopped(self) -> None:
        """Wait until the streams' threads have ended, with the last samples handed on."""
        await self.wait_ended()
        self._recorders.detach(RunEnd.STOPPED_BY_USER)
        self.status.recording(now_recording=False)

    def tick(self, *, creating_timeout_us: int) -> None:
        """Once a second: silence, time limits, the substream's turn."""
        main = self.hubs[StreamKind.MAIN]
        recorder = self.recorders.get(StreamKind.MAIN)
        self.status.tick(
            main.meter.last_arrived_us,
            recording=bool(recorder and recorder.is_writing),
            creating_timeout_us=creating_timeout_us,
        )
        self._ending = [source for source in self._ending if not source.join(0)]
        self._recorders.tick()
        self.follow()
        if self._wants_substream():
            self._connect(StreamKind.SUB)

    def _start(self) -> None:
        if self.config.username:  # somebody asks: try a login again that the camera refused
            for kind in self.hubs:
                REFUSED_LOGINS.forget(source_target(self.config, kind))
        self._recorders.follow()
        self._connect(StreamKind.MAIN)

    # -- recording -------------------------------------------------------------------------

    @property
    def recorders(self) -> Mapping[StreamKind, AnyRecorder]:
        """Those there are, by stream."""
        return self._recorders.present

    async def start_recording(self) -> None:
        """Record now; BadRequest when the camera is not running, Conflict when it records.

        A camera that records events takes it for one that lasts until somebody stops it.
        """
        if self.status.state.status is not CameraStatus.RUNNING:
            msg = f"the camera is not running: {self.status.state.reason or 'stopped'}"
            raise BadRequest(msg)
        if self._recorders.waits_for_events:
            await self._recorders.trigger(None)
        elif self.recorders:
            raise Conflict("this camera is recording already")
        else:
            self._recorders.attach(RecordMode.MANUAL, by_hand=True)

    async def resume_recording(self) -> None:
        """Nobody wants it stopped any more; outside its schedule it is recorded by hand."""
        self.follow()
        if not self.schedule_is_open and self.status.state.status is CameraStatus.RUNNING:
            await self.start_recording()

    @property
    def recording_is_stopped(self) -> bool:
        """A person stopped a recording that would otherwise be continuous."""
        config = self.config
        return config.record is RecordMode.CONTINUOUS and config.recording_stopped_by is not None

    @property
    def records_by_hand(self) -> bool:
        """A person began what is recorded now."""
        return self._recorders.by_hand

    @property
    def schedule_is_open(self) -> bool:
        """It may record now, as far as its schedule goes."""
        return self._recorders.schedule_is_open

    @property
    def waits_for_events(self) -> bool:
        """Ready to record, and nothing happens."""
        return self._recorders.waits_for_events

    async def event(self, length_us: int) -> bool:
        """Something happens: whether any of it is recorded, by whatever recorder.

        Of a camera that is away it is what it sent before.
        """
        was_held = await self._recorders.trigger(length_us)
        return bool(self.recorders) and (was_held or self.status.state.online)

    async def recording_begun(self, limit_s: float) -> None:
        """Wait, at most so long, until the first file is begun, which takes a keyframe.

        Not at all while no pictures come or none is to be recorded.
        """
        if self.status.state.status is not CameraStatus.RUNNING or not self.recorders:
            return
        if not await self._recorders.begin_within(limit_s):
            log.info("camera %s: no keyframe to begin the recording with", self.config.id)

    async def stop_recording(self) -> None:
        """Close the files at the next picture; one that records events waits for the next."""
        if self.config.record is RecordMode.EVENT and not self.records_by_hand:
            await self._recorders.release()
        else:
            self._recorders.detach(RunEnd.STOPPED_BY_USER)
            self.follow()

    def follow(self) -> None:
        """Do at once what its configuration and the time of day want: connected, recorded."""
        self._follow_privacy()
        if StreamKind.MAIN in self._sources:
            self._recorders.follow()

    def _segment_begun(self) -> None:
        main = self.recorders.get(StreamKind.MAIN)
        if main and main.is_writing:
            self.status.recording(now_recording=True)
            self._recorders.begun.set()

    # -- privacy ---------------------------------------------------------------------------

    def _follow_privacy(self) -> None:
        now_us, zone = self._parts.clock.utc_us(), self._parts.zone()
        self.pause = pause = pause_of(self.config, now_us, zone)
        if pause is None:
            # Sources that end still deliver to the same hubs.
            if self._held_back and not self._told_to_stop and not self._ending:
                self.start()
            return
        if not self._told_to_stop:
            self._held_back = True
            self.status.paused(pause.words(now_us, zone))
        if self._sources:
            self._recorders.detach(RunEnd.PAUSED)
            self.status.recording(now_recording=False)
            self._stop_sources(RunEnd.PAUSED)
        elif not self._ending:
            for hub in self.hubs.values():
                hub.forget_picture()

    def refuse_while_paused(self) -> None:
        """Conflict, with who paused it and until when."""
        if self.pause is not None:
            words = self.pause.words(self._parts.clock.utc_us(), self._parts.zone())
            raise Conflict(f"the camera is {words}")

    async def wait_ended(self) -> None:
        """Wait until the streams that were told to end deliver nothing any more."""
        for source in tuple(self._ending):
            if not await asyncio.to_thread(source.join, END_S):
                log.warning("camera %s: the kernel holds its thread", self.config.id)
        self._ending = [source for source in self._ending if not source.join(0)]

    def _stop_sources(self, reason: RunEnd) -> None:
        for source in self._sources.values():
            source.stop(reason)
        self._ending += self._sources.values()
        self._sources = {}

    # -- watching --------------------------------------------------------------------------

    def live_session(self) -> LiveSession:
        """A viewer's session; works while the camera is off, too: it says so."""
        session = LiveSession(
            self.config.id,
            self.hubs,
            lambda: self.status.state,
            self._parts.bus,
            self._sessions.discard,
        )
        self._sessions.add(session)
        return session

    def close_sessions(self) -> None:
        """This pipeline ends for good: its viewers are to come again, to the one after it."""
        for session in tuple(self._sessions):
            session.close()

    async def snapshot(self, height: int | None) -> tuple[bytes, int]:
        """(JPEG, UTC µs); small ones from the substream while it delivers."""
        if self.pause is not None:  # the last one that came is not to see either
            raise Unavailable(self.status.state.reason)
        main = self.hubs[StreamKind.MAIN]
        sub = self.hubs.get(StreamKind.SUB)
        small = height is not None and sub is not None and sub.video_parameters is not None
        if small and sub and sub.latest_still and main.last_picture_us is not None:
            return await self._snapshots[StreamKind.SUB].latest(height)
        return await self._snapshots[StreamKind.MAIN].latest(height)

    def picture_feed(self) -> PictureFeed:
        """MJPEG from the substream while it delivers, else from main."""
        sub = self.hubs.get(StreamKind.SUB)
        use_sub = sub is not None and sub.video_parameters is not None
        if not self.status.state.online:
            raise Unavailable(self.status.state.reason or "the camera is off")
        return self._feeds[StreamKind.SUB if use_sub else StreamKind.MAIN]

    @property
    def recording_trouble(self) -> RunEnd | None:
        """What keeps its footage from the disk; None while nothing does, or nothing records."""
        recorder = self.recorders.get(StreamKind.MAIN)
        return (recorder.trouble or self._parts.store.disk_trouble()) if recorder else None

    def bytes_written(self, kind: StreamKind) -> int:
        """Of this stream's footage on the disks since the node's start, by whichever recorder."""
        return self._parts.store.bytes_written(self.config.id, kind)

    def watchers(self, kind: StreamKind) -> int:
        """How many watch the stream's pictures."""
        return self._feeds[kind].watchers

    # -- wiring ----------------------------------------------------------------------------

    def _new_hub(self, kind: StreamKind) -> StreamHub:
        parts = self._parts
        return StreamHub(self.config.id, kind, parts.loop, parts.clock, parts.budget)

    def _connect(self, kind: StreamKind) -> None:
        self._turns[kind] += 1
        on_state = partial(self._from_thread, kind, self._turns[kind])
        target = target_of(lambda: self.config, kind, self._parts)
        source = StreamSource(target, self.hubs[kind], on_state, self._parts.clock)
        source.start()
        self._sources[kind] = source

    def _from_thread(self, kind: StreamKind, turn: int, state: SourceState) -> None:
        self._on_loop(self._source_changed, kind, turn, state)

    def _on_loop(self, function: Callable[..., None], *arguments: object) -> None:
        try:
            self._parts.loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop has ended: the node is gone
            return

    def _source_changed(self, kind: StreamKind, turn: int, state: SourceState) -> None:
        if kind not in self._sources or turn != self._turns[kind]:
            return  # of a source that was stopped meanwhile
        if state.status is SourceStatus.FAILED:
            self.reconnects[kind] += 1
        if kind is StreamKind.SUB:
            self._sub_changed(state)
        elif state.status is SourceStatus.CONNECTING:
            self.status.connecting(state.reason)
        elif state.status is SourceStatus.RUNNING:
            self.status.running()
        elif state.status is SourceStatus.FAILED:
            self.status.failed(state.reason_code, state.reason)
            if self._sub_policy.main_failed():
                self._drop_substream()
        self._parts.bus.publish(StreamsChanged(self.config.id))

    def _sub_changed(self, state: SourceState) -> None:
        if state.status is SourceStatus.RUNNING:
            self._sub_policy.connected()
        elif state.status is SourceStatus.FAILED and self._sub_policy.sub_failed(state.reason_code):
            self._drop_substream()

    def _drop_substream(self) -> None:
        source = self._sources.pop(StreamKind.SUB, None)
        if source:
            source.stop()
            self._ending.append(source)

    def _wants_substream(self) -> bool:
        return (
            StreamKind.SUB in self.hubs
            and StreamKind.SUB not in self._sources
            and self.status.state.online
            and self._sub_policy.may_connect()
        )

    def _state_changed(self, state: CameraState) -> None:
        self._parts.bus.publish(CameraStateChanged(state))
