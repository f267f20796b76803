"""What takes samples from a hub in the stream's thread: recorders, decoders."""

from dataclasses import dataclass
from typing import Protocol

from falconeye.media.fragments import InitSegment
from falconeye.media.runs import RunEnd
from falconeye.media.samples import AudioSample, VideoSample
from falconeye.media.wallclock import RunClock


@dataclass(frozen=True, slots=True)
class Run:
    """One unbroken stretch of a stream."""

    started_us: int  # UTC of its first sample, as known then
    clock: RunClock


class SampleSink(Protocol):
    """Called by the stream's thread only; must not block.

    Order: `begin_run`, `begin_init`, a keyframe, samples …, perhaps `begin_init` before another
    keyframe, at last `end_run`. A sink that joins in the middle of a run gets the first two calls
    just before the next keyframe.
    """

    def begin_run(self, run: Run) -> None: ...

    def begin_init(self, init: InitSegment) -> None: ...

    def video(self, sample: VideoSample) -> None: ...

    def audio(self, sample: AudioSample) -> None: ...

    def end_run(self, reason: RunEnd, detail: str) -> None: ...
