"""A small real sink for sources: keeps what it gets and lets tests wait for it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from falconeye.media.runs import RunEnd
from falconeye.media.samples import AudioParameters, AudioSample, VideoParameters, VideoSample
from falconeye.sources.state import SourceState

WAIT_S = 8.0


@dataclass(slots=True)
class SeenRun:
    """One run as the sink saw it."""

    video: VideoParameters
    audio: AudioParameters | None
    pictures: list[VideoSample] = field(default_factory=list)
    sounds: list[AudioSample] = field(default_factory=list)
    changes: list[tuple[int, VideoParameters]] = field(default_factory=list)  # before picture n
    ended: tuple[RunEnd, str] | None = None


class RecordingSink:
    """Implements `StreamSink`; `states.append` may serve as `on_state` through `on_state`."""

    def __init__(self) -> None:
        self.runs: list[SeenRun] = []
        self.states: list[SourceState] = []
        self.jpegs: list[bytes] = []
        self.threads: set[str] = set()
        self.faults: list[str] = []  # calls out of order
        self.wanted = True  # somebody records or watches
        self._changed = threading.Condition()

    def begin_run(self, video: VideoParameters, audio: AudioParameters | None) -> None:
        with self._changed:
            self._note()
            if self.runs and self.runs[-1].ended is None:
                self.faults.append("begin_run within a run")
            self.runs.append(SeenRun(video, audio))

    def video(self, sample: VideoSample) -> None:
        with self._changed:
            self._note()
            run = self._run()
            if not run.pictures and not sample.is_keyframe:
                self.faults.append("a run that begins without a keyframe")
            if run.pictures and sample.dts_90k <= run.pictures[-1].dts_90k:
                self.faults.append("decode times that do not grow")
            run.pictures.append(sample)

    def audio(self, sample: AudioSample) -> None:
        with self._changed:
            self._note()
            self._run().sounds.append(sample)

    def parameters_changed(self, video: VideoParameters) -> None:
        with self._changed:
            self._note()
            run = self._run()
            run.changes.append((len(run.pictures), video))

    def end_run(self, reason: RunEnd, detail: str) -> None:
        with self._changed:
            self._note()
            self._run().ended = (reason, detail)

    def jpeg(self, data: bytes, arrived_us: int) -> None:
        assert arrived_us > 0
        with self._changed:
            self._note()
            self.jpegs.append(data)

    def is_wanted(self) -> bool:
        return self.wanted

    def on_state(self, state: SourceState) -> None:
        with self._changed:
            self._note()
            self.states.append(state)

    @property
    def state(self) -> SourceState | None:
        return self.states[-1] if self.states else None

    @property
    def pictures(self) -> int:
        """Of all runs."""
        return sum(len(run.pictures) for run in self.runs)

    def until(self, condition: Callable[[], bool], timeout_s: float = WAIT_S) -> None:
        """Wait until `condition`, looked at after each call, holds."""
        with self._changed:
            if not self._changed.wait_for(condition, timeout_s):
                msg = f"not in {timeout_s} s; states {self.states}, {self.pictures} pictures"
                raise AssertionError(msg)

    def _run(self) -> SeenRun:
        if not self.runs or self.runs[-1].ended is not None:
            self.faults.append("a call outside a run")
        return self.runs[-1]

    def _note(self) -> None:
        self.threads.add(threading.current_thread().name)
        self._changed.notify_all()
