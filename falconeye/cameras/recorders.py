"""The recorders of one camera: which there are to be now, made, attached and ended; on the loop."""

import asyncio
from collections.abc import Callable, Mapping

from falconeye.base.times import SECOND_US
from falconeye.cameras.parts import PipelineParts
from falconeye.config.camera import CameraConfig, RecordMode
from falconeye.hub.stream import StreamHub
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.recording.event_recorder import EventRecorder, Rolls
from falconeye.recording.plan import RecordingPlan
from falconeye.recording.recorder import Recorder

AnyRecorder = Recorder | EventRecorder


class CameraRecorders:
    """One recorder a stream, or none; `on_segment` is called in a stream's thread."""

    def __init__(
        self,
        config: Callable[[], CameraConfig],
        hubs: Mapping[StreamKind, StreamHub],
        parts: PipelineParts,
        on_segment: Callable[[], None],
    ) -> None:
        self._config = config
        self._hubs = hubs
        self._parts = parts
        self._on_segment = on_segment
        self.present: dict[StreamKind, AnyRecorder] = {}
        self.by_hand = False  # a person began it: no schedule ends it
        self.begun = asyncio.Event()  # the first file is, or nothing is to be recorded any more

    @property
    def schedule_is_open(self) -> bool:
        schedule = self._config().schedule
        now_us = self._parts.clock.utc_us()
        return schedule is None or schedule.is_open(now_us, self._parts.zone())

    @property
    def wanted(self) -> bool:
        """Whether mode, schedule and people want recorders now, without anybody's hand."""
        config = self._config()
        by_itself = config.record in (RecordMode.CONTINUOUS, RecordMode.EVENT)
        return by_itself and config.recording_stopped_by is None and self.schedule_is_open

    def follow(self) -> None:
        """Record, or not, as it is wanted now; what a person began goes on."""
        if self.wanted and not self.present:
            self.attach(self._config().record)
        elif not self.wanted and self.present and not self.by_hand:
            self.detach(RunEnd.SCHEDULE_OVER)

    async def begin_within(self, limit_s: float) -> bool:
        """Wait until the first file is begun, or nothing is to be recorded; False: not in time."""
        try:
            async with asyncio.timeout(limit_s):
                return await self.begun.wait()
        except TimeoutError:
            return False

    def attach(self, mode: RecordMode, *, by_hand: bool = False) -> None:
        self.by_hand = by_hand
        self.begun = asyncio.Event()
        for kind, hub in self._hubs.items():
            if kind is StreamKind.SUB and not self._parts.sub_recording:
                continue
            recorder = self._new(kind, mode)
            self.present[kind] = recorder
            hub.sinks.add(recorder)

    def detach(self, reason: RunEnd) -> None:
        """Close the files at the next picture."""
        recorders, self.present = self.present, {}
        self.by_hand = False
        for kind, recorder in recorders.items():
            self._hubs[kind].sinks.remove(recorder, reason)
            if isinstance(recorder, EventRecorder):
                recorder.close(reason)
        self.begun.set()

    @property
    def waits_for_events(self) -> bool:
        """Recorders are there, and nothing happens."""
        main = self.present.get(StreamKind.MAIN)
        return isinstance(main, EventRecorder) and not main.is_active

    async def trigger(self, length_us: int | None) -> bool:
        """Something happens; None: by a person's hand, until that ends it.

        Returns when the pre-roll is on its way: whether there is any.
        """
        events = self._of_events()
        self.by_hand = self.by_hand or (length_us is None and bool(events))
        if self.waits_for_events:
            self.begun = asyncio.Event()
        if events:  # seconds of samples are cut into fragments: not on the loop
            return await asyncio.to_thread(_trigger, events, length_us)
        return False

    async def release(self) -> None:
        """A person ends what is recorded of an event."""
        for recorder in self._of_events():
            await asyncio.to_thread(recorder.release)

    def tick(self) -> None:
        for recorder in self._of_events():
            recorder.tick()

    def _of_events(self) -> list[EventRecorder]:
        return [one for one in self.present.values() if isinstance(one, EventRecorder)]

    def _new(self, kind: StreamKind, mode: RecordMode) -> AnyRecorder:
        parts = self._parts
        plan = RecordingPlan(
            camera_id=self._config().id,
            camera_name=lambda: self._config().name,
            kind=mode.value,
            lists_recordings=kind is StreamKind.MAIN,
            segment_s=parts.segment_s,
            beginnings=parts.beginnings,
            id_ending=parts.roles.id_ending(self._config()),
        )

        def make() -> Recorder:
            return Recorder(plan, kind, parts.store, parts.clock, self._on_segment)

        if mode is RecordMode.EVENT:
            return EventRecorder(
                make, self._rolls, parts.budget, parts.clock, parts.shares, parts.spool
            )
        return make()

    def _rolls(self) -> Rolls:
        config = self._config()
        return Rolls(config.pre_roll_s * SECOND_US, config.post_roll_s * SECOND_US)


def _trigger(recorders: list[EventRecorder], length_us: int | None) -> bool:
    was_held = [recorder.trigger(length_us) for recorder in recorders]
    return any(was_held)
