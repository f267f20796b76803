"""One camera, wired: source → hub → recorder, live view, pictures. Read this file first.

```
 main: StreamSource ──▶ StreamHub ──▶ Recorder ──▶ SegmentStore
 (its own thread)           ├──▶ LiveSession, live_mp4 (loop)
                            └──▶ Snapshots, PictureFeed
 sub:  the same, connected once main delivers; its footage is listed in no recording
```
"""

import asyncio
from functools import partial

from falconeye.base.errors import BadRequest, Conflict, Unavailable
from falconeye.cameras.parts import PipelineParts
from falconeye.cameras.status import StatusTracker
from falconeye.cameras.substream import SubstreamPolicy
from falconeye.config.camera import CameraConfig, RecordMode
from falconeye.events.bus import CameraStateChanged, StreamsChanged
from falconeye.events.camera_state import CameraState, CameraStatus
from falconeye.hub.stream import StreamHub
from falconeye.live.picture_feed import PictureFeed
from falconeye.live.session import LiveSession
from falconeye.live.snapshots import Snapshots
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.recording.plan import RecordingPlan
from falconeye.recording.recorder import Recorder
from falconeye.sources.login import REFUSED_LOGINS
from falconeye.sources.state import SourceState, SourceStatus
from falconeye.sources.stream_source import StreamSource
from falconeye.sources.target import source_target


class CameraPipeline:
    """Everything of one camera that runs; all methods on the loop."""

    def __init__(self, config: CameraConfig, parts: PipelineParts) -> None:
        self.config = config
        self._parts = parts
        self.status = StatusTracker(config.id, parts.clock, self._state_changed)
        self.hubs = {StreamKind.MAIN: self._new_hub(StreamKind.MAIN)}
        if config.sub_url:
            self.hubs[StreamKind.SUB] = self._new_hub(StreamKind.SUB)
        self._snapshots = {kind: Snapshots(hub, parts.pictures) for kind, hub in self.hubs.items()}
        self._feeds = {kind: PictureFeed(hub, parts.loop) for kind, hub in self.hubs.items()}
        self._sources: dict[StreamKind, StreamSource] = {}
        self._ending: list[StreamSource] = []
        self._sub_policy = SubstreamPolicy(parts.clock)
        self.recorders: dict[StreamKind, Recorder] = {}
        self._turns = dict.fromkeys(StreamKind, 0)  # tells a source from its predecessor
        self.reconnects = dict.fromkeys(StreamKind, 0)

    # -- running ---------------------------------------------------------------------------

    def start(self) -> None:
        """Connect; does nothing when it runs already."""
        if StreamKind.MAIN in self._sources:
            return
        self.status.starting()
        if self.config.username:  # somebody asks: try a login again that the camera refused
            for kind in self.hubs:
                REFUSED_LOGINS.forget(source_target(self.config, kind))
        if self._records_by_itself():
            self._attach_recorders(self.config.record)
        self._connect(StreamKind.MAIN)

    def signal_stop(
        self, reason: RunEnd = RunEnd.STOPPED_BY_USER, *, deleting: bool = False
    ) -> None:
        """Begin to stop; `wait_stopped` ends it. The open fragments go to the disk."""
        if deleting:
            self.status.deleting()
        else:
            self.status.stopped("stopped")
        for source in self._sources.values():
            source.stop(reason)
        self._ending += self._sources.values()
        self._sources = {}

    async def wait_stopped(self) -> None:
        """Wait until the streams' threads have ended, with the last samples handed on."""
        ending, self._ending = self._ending, []
        for source in ending:
            await asyncio.to_thread(source.join)
        self._detach_recorders(RunEnd.STOPPED_BY_USER)
        self.tick(creating_timeout_us=1)

    def tick(self, *, creating_timeout_us: int) -> None:
        """Once a second: silence, time limits, the substream's turn."""
        main = self.hubs[StreamKind.MAIN]
        recorder = self.recorders.get(StreamKind.MAIN)
        self.status.tick(
            main.meter.last_arrived_us,
            recording=bool(recorder and recorder.is_writing),
            creating_timeout_us=creating_timeout_us,
        )
        if self._wants_substream():
            self._connect(StreamKind.SUB)

    # -- recording -------------------------------------------------------------------------

    def start_recording(self) -> None:
        """Record now; BadRequest when the camera is not running, Conflict when it records."""
        if self.status.state.status is not CameraStatus.RUNNING:
            msg = f"the camera is not running: {self.status.state.reason or 'stopped'}"
            raise BadRequest(msg)
        if self.recorders:
            msg = "this camera is recording already"
            raise Conflict(msg)
        continuous = self.config.record is RecordMode.CONTINUOUS
        self._attach_recorders(RecordMode.CONTINUOUS if continuous else RecordMode.MANUAL)

    def stop_recording(self) -> None:
        """Close the files at the next picture."""
        self._detach_recorders(RunEnd.STOPPED_BY_USER)

    def _records_by_itself(self) -> bool:
        config = self.config
        return config.record is RecordMode.CONTINUOUS and config.recording_stopped_by is None

    def _attach_recorders(self, mode: RecordMode) -> None:
        parts = self._parts
        for kind, hub in self.hubs.items():
            if kind is StreamKind.SUB and not parts.sub_recording:
                continue
            plan = RecordingPlan(
                camera_id=self.config.id,
                camera_name=self.config.name,
                kind=mode.value,
                lists_recordings=kind is StreamKind.MAIN,
                segment_s=parts.segment_s,
            )
            recorder = Recorder(plan, kind, parts.store, parts.clock)
            self.recorders[kind] = recorder
            hub.sinks.add(recorder)

    def _detach_recorders(self, reason: RunEnd) -> None:
        recorders, self.recorders = self.recorders, {}
        for kind, recorder in recorders.items():
            self.hubs[kind].sinks.remove(recorder, reason)

    # -- watching --------------------------------------------------------------------------

    def live_session(self) -> LiveSession:
        """A viewer's session; works while the camera is off, too: it says so."""
        return LiveSession(self.config.id, self.hubs, lambda: self.status.state, self._parts.bus)

    async def snapshot(self, height: int | None) -> tuple[bytes, int]:
        """(JPEG, UTC µs); small ones from the substream while it delivers."""
        main = self.hubs[StreamKind.MAIN]
        sub = self.hubs.get(StreamKind.SUB)
        small = height is not None and sub is not None and sub.video_parameters is not None
        if small and sub and sub.latest_still and (main.latest_still or main.latest_jpeg):
            return await self._snapshots[StreamKind.SUB].latest(height)
        return await self._snapshots[StreamKind.MAIN].latest(height)

    def picture_feed(self) -> PictureFeed:
        """MJPEG from the substream while it delivers, else from main."""
        sub = self.hubs.get(StreamKind.SUB)
        use_sub = sub is not None and sub.video_parameters is not None
        if not self.status.state.online:
            raise Unavailable(self.status.state.reason or "the camera is off")
        return self._feeds[StreamKind.SUB if use_sub else StreamKind.MAIN]

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
        target = source_target(self.config, kind)
        source = StreamSource(target, self.hubs[kind], on_state, self._parts.clock)
        self._sources[kind] = source
        source.start()

    def _from_thread(self, kind: StreamKind, turn: int, state: SourceState) -> None:
        try:
            self._parts.loop.call_soon_threadsafe(self._source_changed, kind, turn, state)
        except RuntimeError:  # the loop has ended: the node is gone
            return

    def _source_changed(self, kind: StreamKind, turn: int, state: SourceState) -> None:
        if kind not in self._sources or turn != self._turns[kind]:
            return  # of a source that was stopped meanwhile
        if state.status is SourceStatus.FAILED:
            self.reconnects[kind] += 1
        if kind is StreamKind.SUB:
            self._sub_changed(state)
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
