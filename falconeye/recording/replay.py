"""Hands what was held before an event to its recorder, as if it came now."""

from falconeye.hub.sink import Run
from falconeye.media.fragments import InitSegment
from falconeye.media.runs import RunEnd
from falconeye.media.samples import VideoSample
from falconeye.recording.held_gop import HeldGop
from falconeye.recording.recorder import Recorder


class Replay:
    """Of one event. Not thread-safe: its owner has a lock."""

    def __init__(self, recorder: Recorder, until_us: int) -> None:
        """`until_us`: so long it may take (monotonic)."""
        self.recorder = recorder
        self.until_us = until_us
        self.reads: HeldGop | None = None  # asked for from the disk
        self._run: Run | None = None
        self._init: InitSegment | None = None

    def hand_over(self, gop: HeldGop) -> None:
        if gop.run is not self._run:
            self._end(RunEnd.CAMERA_OFFLINE)
        elif gop.is_after_hole:
            self._end(RunEnd.DISK_TOO_SLOW)
        if self._run is None:
            self._run = gop.run
            self.recorder.begin_run(gop.run)
        if gop.init is not self._init:
            self._init = gop.init
            self.recorder.begin_init(gop.init)
        for sample in gop.samples:
            if isinstance(sample, VideoSample):
                self.recorder.video(sample)
            else:
                self.recorder.audio(sample)

    def finish(self, run: Run | None, init: InitSegment | None) -> None:
        """All is handed over: the stream goes on live, with this run and init segment."""
        if self._run is not run:
            self._end(RunEnd.CAMERA_OFFLINE)
            if run is not None:
                self.recorder.begin_run(run)
        if run is not None and init is not None and init is not self._init:
            self.recorder.begin_init(init)

    def _end(self, reason: RunEnd) -> None:
        if self._run is not None:
            self.recorder.end_run(reason, "")
        self._run, self._init = None, None
