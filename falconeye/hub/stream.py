"""The junction of one stream."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from falconeye.base.clock import Clock
from falconeye.base.memory import MemoryBudget
from falconeye.hub.gop import GopBuffer
from falconeye.hub.live_fanout import LiveFanout
from falconeye.hub.meter import StreamMeter
from falconeye.hub.sink import Run
from falconeye.hub.sinks import Sinks
from falconeye.hub.tracks import TrackGate
from falconeye.media.fragments import InitSegment
from falconeye.media.init_segment import make_init_segment
from falconeye.media.runs import RunEnd
from falconeye.media.samples import (
    AudioParameters,
    AudioSample,
    StreamKind,
    VideoParameters,
    VideoSample,
)
from falconeye.media.wallclock import RunClock

CLOCK_STEP_US = 500_000  # a larger step of the node's own clock begins another run
MAX_LAST_BYTES: Final = 4 << 20  # of the picture that is kept of a stream that has ended


@dataclass(frozen=True, slots=True)
class Still:
    """The last keyframe that came, to be decoded on demand."""

    parameters: VideoParameters
    keyframe: VideoSample
    wall_us: int


class StreamHub:
    """Samples in from the source's thread; out to sinks (same thread) and viewers (loop)."""

    def __init__(
        self,
        camera_id: str,
        kind: StreamKind,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        budget: MemoryBudget,
    ) -> None:
        self.camera_id = camera_id
        self.kind = kind
        self.meter = StreamMeter()
        self.gop = GopBuffer(budget)
        self.live = LiveFanout(loop, self.gop)
        self.sinks = Sinks()
        self.video_parameters: VideoParameters | None = None  # while a run lasts
        self.audio_parameters: AudioParameters | None = None
        self.latest_jpeg: tuple[bytes, int] | None = None  # of MJPEG cameras: data, monotonic µs
        self.latest_still: Still | None = None  # stays after the run has ended
        self.last_jpeg: tuple[bytes, int] | None = None  # of a stream that ended: data, UTC µs
        self.first_arrived_us: int | None = None  # of the present run, monotonic
        self._clock = clock
        self._run: Run | None = None
        self._gate: TrackGate | None = None
        self._interval_90k = 3600
        self._last_dts_90k = -1

    @property
    def wall_offset_us(self) -> int | None:
        """UTC − monotonic time of the run; None while nothing comes."""
        run = self._run
        if run is None:
            return self._utc_offset_us() if self.latest_jpeg else None
        return run.clock.utc_offset_us

    @property
    def last_picture_us(self) -> int | None:
        """When the last picture that can still be had was taken (UTC); None: there is none."""
        jpeg, offset_us = self.latest_jpeg, self.wall_offset_us
        if jpeg is not None and offset_us is not None:
            return jpeg[1] + offset_us
        still, last = self.latest_still, self.last_jpeg
        if still is None:
            return None if last is None else last[1]
        return still.wall_us if last is None else max(still.wall_us, last[1])

    def forget_picture(self) -> None:
        """Nobody is to see the last one any more; call it when no source delivers."""
        self.latest_still = self.latest_jpeg = self.last_jpeg = None

    # -- the source's thread ---------------------------------------------------------------

    def begin_run(self, video: VideoParameters, audio: AudioParameters | None) -> None:
        """A connection delivers; the run begins with the first sample, a keyframe."""
        self.video_parameters, self.audio_parameters = video, audio
        self._interval_90k = video.frame_interval_90k
        self._last_dts_90k = -1
        self._gate = TrackGate(video, audio, self._on_init, self._on_sample)
        self.first_arrived_us = None

    def parameters_changed(self, video: VideoParameters) -> None:
        """The next sample is a keyframe of these parameters."""
        self.video_parameters = video
        if self._gate:
            self._gate.parameters_changed(video)
        if self._run:
            self.live.begin(make_init_segment(video, None), self._run.clock)

    def video(self, sample: VideoSample) -> None:
        if self._gate is None or self.video_parameters is None:
            return
        run = self._run or self._first_sample(sample)
        run.clock.observe(sample.dts_90k, sample.arrived_us)
        self.meter.add(len(sample.data), sample.arrived_us, picture=True)
        if self._last_dts_90k >= 0:  # steps that are no frame interval begin another run
            self._interval_90k = sample.dts_90k - self._last_dts_90k
        self._last_dts_90k = sample.dts_90k
        if sample.is_keyframe:
            wall_us = run.clock.wall_us(sample.dts_90k)
            self.latest_still, self.last_jpeg = Still(self.video_parameters, sample, wall_us), None
        self.live.video(sample, self._interval_90k)
        self._gate.video(sample)

    def audio(self, sample: AudioSample) -> None:
        if self._gate is None or self._run is None:
            return
        self.meter.add(len(sample.data), sample.arrived_us, picture=False)
        self.live.audio(sample)
        self._gate.audio(sample)

    def end_run(self, reason: RunEnd, detail: str) -> None:
        """No more samples of this run; sinks finish, viewers are told."""
        with ExitStack() as ends:  # whatever fails in a sink, nothing of this run is left
            ends.callback(self._forget_run, detail)
            ends.callback(self.sinks.end, reason, detail)
            if self._gate:
                self._gate.end()

    def _forget_run(self, detail: str) -> None:
        """The next connection must not get this run's clock. Its last pictures stay, if small."""
        jpeg, offset_us = self.latest_jpeg, self.wall_offset_us
        if jpeg is not None and offset_us is not None and len(jpeg[0]) <= MAX_LAST_BYTES:
            self.last_jpeg = jpeg[0], jpeg[1] + offset_us
        if self.latest_still and len(self.latest_still.keyframe.data) > MAX_LAST_BYTES:
            self.latest_still = None
        if self._run:
            self.live.end(detail)
        self._gate = self._run = None
        self.video_parameters = self.audio_parameters = None
        self.latest_jpeg = None

    def jpeg(self, data: bytes, arrived_us: int) -> None:
        """The camera's own JPEG, for viewers who take pictures untouched.

        Without a run it is all that comes: nobody wanted its samples.
        """
        if self._run is None:
            self.meter.add(len(data), arrived_us, picture=True)
        self.last_jpeg = None
        self.latest_jpeg = (data, arrived_us)

    def is_wanted(self) -> bool:
        """Whether samples have a use beyond the camera's own JPEGs: somebody records or watches."""
        return self.sinks.any_wanted or self.live.viewers > 0

    def _first_sample(self, sample: VideoSample) -> Run:
        clock = RunClock(self._utc_offset_us())
        clock.observe(sample.dts_90k, sample.arrived_us)
        self.first_arrived_us = sample.arrived_us
        self._run = Run(clock.wall_us(sample.dts_90k), clock)
        if self.video_parameters:
            self.live.begin(make_init_segment(self.video_parameters, None), clock)
        return self._run

    def _on_init(self, init: InitSegment) -> None:
        self.live.audio_init(init if init.audio else None)
        self.sinks.init(init)

    def _on_sample(self, sample: VideoSample | AudioSample) -> None:
        run = self._run
        if run is None:
            return
        if isinstance(sample, VideoSample) and sample.is_keyframe:
            run = self._follow_clock(run, sample)
        self.sinks.sample(sample, run)

    def _follow_clock(self, run: Run, sample: VideoSample) -> Run:
        """Begin another run where the node's own clock was set."""
        offset_us = self._utc_offset_us()
        if abs(offset_us - run.clock.utc_offset_us) <= CLOCK_STEP_US:
            return run
        clock = RunClock(offset_us)
        clock.observe(sample.dts_90k, sample.arrived_us)
        self._run = Run(clock.wall_us(sample.dts_90k), clock)
        self.live.change_clock(clock)
        self.sinks.renew(self._run, RunEnd.CLOCK_CHANGED, "the node's clock was set")
        return self._run

    def _utc_offset_us(self) -> int:
        return self._clock.utc_us() - self._clock.monotonic_us()
