"""Turns one stream's samples into segments. A sink of its hub; lives in the stream's thread."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from falconeye.base.clock import Clock, clock_is_synchronised
from falconeye.base.counters import Counter, RepeatingLog
from falconeye.hub.sink import Run
from falconeye.media.fragmenter import Fragmenter
from falconeye.media.fragments import InitSegment, RecordingFragment
from falconeye.media.runs import RunEnd
from falconeye.media.samples import (
    VIDEO_TIMESCALE,
    AudioSample,
    StreamKind,
    VideoSample,
)
from falconeye.recording.plan import RecordingIds, RecordingPlan
from falconeye.storage.segments.segments import (
    Accepted,
    ClockState,
    SegmentEnd,
    SegmentStart,
    SegmentStore,
    SegmentWriter,
)

log = logging.getLogger(__name__)
_LATE_AUDIO_90K = 27_000  # 0.3 s: audio reaches us after the pictures of its time
_ENDS_RECORDING = frozenset(
    {
        RunEnd.STOPPED_BY_USER,
        RunEnd.NODE_STOPPED,
        RunEnd.PAUSED,
        RunEnd.SCHEDULE_OVER,
        RunEnd.HANDED_OVER,
    }
)
_RETRY_US = 2_000_000  # after a failed file: the disk may be back at a later keyframe


@dataclass(slots=True)
class _OpenSegment:
    writer: SegmentWriter
    fragmenter: Fragmenter
    start_us: int
    start_90k: int
    has_audio: bool


@dataclass(slots=True)
class _EndingSegment:
    """A segment whose pictures are all there; its last audio is still to come."""

    segment: _OpenSegment
    end_90k: int
    end_us: int
    audio_end_ticks: int  # of the run: later audio belongs to the next segment


class Recorder:
    """Writes segments while its hub delivers; all but the properties is called in one thread."""

    def __init__(
        self,
        plan: RecordingPlan,
        kind: StreamKind,
        store: SegmentStore,
        clock: Clock,
        on_segment: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_segment` is called in the stream's thread whenever a segment has begun."""
        self._plan = plan
        self._kind = kind
        self._store = store
        self._clock = clock
        self._on_segment = on_segment
        self._ids = RecordingIds(plan)
        self._log = RepeatingLog(log, clock)
        self._run: Run | None = None
        self._run_id = 0
        self._init: InitSegment | None = None
        self._open: _OpenSegment | None = None
        self._ending: _EndingSegment | None = None
        self._cut_next = False
        self._last: VideoSample | None = None
        self._interval_90k = 3600
        self._last_start_us = 0
        self._retry_at_us = 0
        self.lost_fragments = Counter()
        self.trouble: RunEnd | None = None  # why nothing is written though samples come

    @property
    def recording_id(self) -> str | None:
        """The recording being written; None while nothing is."""
        return self._ids.current if self._open else None

    @property
    def is_writing(self) -> bool:
        return self._open is not None

    @property
    def has_room(self) -> bool:
        """Whether its disk keeps up: more than what comes live may be handed to it."""
        return self._store.has_room()

    @property
    def lost(self) -> int:
        """Fragments that no disk took."""
        return self.lost_fragments.value

    @property
    def since_us(self) -> int | None:
        return self._ids.since_us if self._open else None

    def begin_run(self, run: Run) -> None:
        self._run = run
        self._run_id = self._new_run_id(run.started_us)
        self._last = None
        self._last_start_us = 0  # the node's clock may have been set back since the last run

    def begin_init(self, init: InitSegment) -> None:
        """The next sample is a keyframe of another init segment: a new file."""
        self._interval_90k = init.video.frame_interval_90k
        self._init = init
        self._cut_next = True

    def video(self, sample: VideoSample) -> None:
        if self._last:
            self._interval_90k = sample.dts_90k - self._last.dts_90k
        if self._ending and sample.dts_90k - self._ending.end_90k >= _LATE_AUDIO_90K:
            self._finish_ending()
        if sample.is_keyframe and self._wants_new_segment(sample):
            self._leave(sample.dts_90k)
            self._begin(sample)
        self._last = sample
        if self._open is None:
            return
        fragment = self._open.fragmenter.video(sample)
        if fragment:
            self._append(self._open, fragment)

    def audio(self, sample: AudioSample) -> None:
        if self._ending:
            if sample.dts_ticks < self._ending.audio_end_ticks:
                self._ending.segment.fragmenter.audio(sample)
                return
            self._finish_ending()
        if self._open:
            self._open.fragmenter.audio(sample)

    def end_run(self, reason: RunEnd, detail: str) -> None:
        """Write what is left; the file ends one frame interval after the last picture."""
        self._finish_ending()
        if self._last:
            self._finish(self._last.dts_90k + self._interval_90k, reason)
        if detail:
            log.debug("camera %s: run ended: %s", self._plan.camera_id, detail)
        self._run = None
        self._last = None
        self.trouble = None  # no samples come: what keeps footage away now is not the disk

    def _wants_new_segment(self, keyframe: VideoSample) -> bool:
        if self._open is None:
            return self._clock.monotonic_us() >= self._retry_at_us and self._has_room()
        length_90k = keyframe.dts_90k - self._open.start_90k
        if self._cut_next or length_90k >= self._plan.segment_s * VIDEO_TIMESCALE:
            return True
        return self._ids.crosses_hour(self._open.start_us, self._wall_us(keyframe.dts_90k))

    def _has_room(self) -> bool:
        """False while the disk has not caught up: a file more would only wait, too."""
        if self._store.has_room():
            return True
        self._note_trouble(RunEnd.DISK_TOO_SLOW)
        return False

    def _begin(self, keyframe: VideoSample) -> None:
        if self._run is None or self._init is None:
            return
        self._cut_next = False
        # The estimate may move back a little between segments; their order in a run may not.
        start_us = max(self._wall_us(keyframe.dts_90k), self._last_start_us + 1)
        audio_zero = self._audio_ticks(keyframe.dts_90k)
        start = SegmentStart(
            camera_id=self._plan.camera_id,
            stream=self._kind,
            run_id=self._run_id,
            start_us=start_us,
            media_offset_90k=keyframe.dts_90k,
            audio_offset_ticks=audio_zero,
            clock=ClockState.SYNCHRONISED if clock_is_synchronised() else ClockState.UNKNOWN,
            init=self._init,
            recording_id=self._ids.for_segment(start_us, self._init),
            recording_kind=self._plan.kind,
            camera_name=self._plan.camera_name(),
            utc_offset_us=self._utc_offset_us(),
        )
        self._last_start_us = start_us
        writer = self._store.create(start)
        fragmenter = Fragmenter(keyframe.dts_90k, audio_zero)
        has_audio = self._init.audio is not None
        self._open = _OpenSegment(writer, fragmenter, start_us, keyframe.dts_90k, has_audio)
        self._on_segment()

    def _append(self, segment: _OpenSegment, fragment: RecordingFragment) -> None:
        if self._take(segment, fragment):
            return
        self._open = None
        self._retry_at_us = self._clock.monotonic_us() + _RETRY_US
        end_us = self._wall_us(segment.start_90k + fragment.start_90k)
        segment.writer.close(SegmentEnd(end_us, self.trouble))
        self._ids.note_end(end_us)
        self._renew_run()

    def _take(self, segment: _OpenSegment, fragment: RecordingFragment) -> bool:
        """Hand it to the writer; when that takes it not, `trouble` says why."""
        accepted = segment.writer.append(fragment)
        if accepted is Accepted.YES:
            self.trouble = None
            return True
        self.lost_fragments.add()
        slow = accepted is Accepted.OVER_BUDGET
        failure = segment.writer.failure or RunEnd.DISK_ERROR
        self._note_trouble(RunEnd.DISK_TOO_SLOW if slow else failure)
        return False

    def _note_trouble(self, reason: RunEnd) -> None:
        self.trouble = reason
        self._log.warning(f"camera {self._plan.camera_id}: not recorded: {reason.value}")

    def _renew_run(self) -> None:
        """Footage is missing: what follows is another run."""
        self._run_id = self._new_run_id(self._clock.utc_us())

    def _new_run_id(self, started_us: int) -> int:
        return self._store.begin_run(
            self._plan.camera_id, self._kind, started_us, self._utc_offset_us()
        )

    def _utc_offset_us(self) -> int | None:
        return self._run.clock.utc_offset_us if self._run else None

    def _leave(self, end_90k: int) -> None:
        """End the segment before the one that begins now; its last audio comes a little later."""
        segment = self._open
        if segment is None or not segment.has_audio or self._cut_next:
            self._finish(end_90k, None)
            return
        self._finish_ending()
        self._open = None
        end_us = max(self._wall_us(end_90k), segment.start_us + 1)
        self._ids.note_end(end_us)
        self._ending = _EndingSegment(segment, end_90k, end_us, self._audio_ticks(end_90k))

    def _finish_ending(self) -> None:
        ending, self._ending = self._ending, None
        if ending is None:
            return
        segment = ending.segment
        fragment = segment.fragmenter.end(ending.end_90k)
        if fragment is None or self._take(segment, fragment):
            segment.writer.close(SegmentEnd(ending.end_us))
        else:  # the next segment has begun already, in the same run
            end_us = ending.end_us - fragment.duration_90k * 100 // 9
            segment.writer.close(SegmentEnd(end_us, self.trouble))

    def _finish(self, end_90k: int, run_end: RunEnd | None) -> None:
        segment = self._open
        if segment is None:
            return
        fragment = segment.fragmenter.end(end_90k)
        if fragment:
            self._append(segment, fragment)
        if self._open is None:  # the last fragment was not taken: already closed
            return
        self._open = None
        end_us = max(self._wall_us(end_90k), segment.start_us + 1)
        # One of an event whose camera comes back in time is taken up again.
        is_over = run_end in _ENDS_RECORDING or (run_end is not None and self._plan.kind == "event")
        segment.writer.close(SegmentEnd(end_us, run_end, recording_ended=is_over))
        self._ids.note_end(end_us)

    def _audio_ticks(self, dts_90k: int) -> int:
        """The first audio time that is not before a decode time of the run; 0 without audio."""
        rate = self._init.audio.sample_rate if self._init and self._init.audio else 0
        return -(-dts_90k * rate // VIDEO_TIMESCALE)

    def _wall_us(self, dts_90k: int) -> int:
        return self._run.clock.wall_us(dts_90k) if self._run else self._clock.utc_us()
