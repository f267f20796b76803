"""From normalised outputs to the hub: the only place where sources touch it."""

from collections.abc import Iterable
from typing import Protocol

from falconeye.media.packets import Output, ParametersChanged, RunBreak
from falconeye.media.runs import RunEnd
from falconeye.media.samples import AudioParameters, AudioSample, VideoParameters, VideoSample


class StreamSink(Protocol):
    """What a source needs of a `StreamHub`; called from the source's thread only."""

    def begin_run(self, video: VideoParameters, audio: AudioParameters | None) -> None: ...

    def video(self, sample: VideoSample) -> None: ...

    def audio(self, sample: AudioSample) -> None: ...

    def parameters_changed(self, video: VideoParameters) -> None: ...

    def end_run(self, reason: RunEnd, detail: str) -> None: ...

    def jpeg(self, data: bytes, arrived_us: int) -> None: ...

    def is_wanted(self) -> bool: ...


class Feed:
    """Begins runs with their first sample and ends each that began."""

    def __init__(
        self, sink: StreamSink, video: VideoParameters, audio: AudioParameters | None
    ) -> None:
        self._sink = sink
        self._video = video
        self._audio = audio
        self._running = False

    def put(self, outputs: Iterable[Output]) -> int:
        """Hand outputs on, in order; how many of them were pictures."""
        pictures = 0
        for output in outputs:
            if isinstance(output, VideoSample):
                self._begin()
                self._sink.video(output)
                pictures += 1
            elif isinstance(output, AudioSample):
                self._begin()
                self._sink.audio(output)
            elif isinstance(output, RunBreak):
                self.end(output.reason, output.detail)
            else:
                self._change(output)
        return pictures

    def end(self, reason: RunEnd, detail: str) -> None:
        """End the run, if one began."""
        if self._running:
            self._running = False
            self._sink.end_run(reason, detail)

    def _begin(self) -> None:
        if not self._running:
            self._running = True
            self._sink.begin_run(self._video, self._audio)

    def _change(self, changed: ParametersChanged) -> None:
        """Before the first sample they are simply the run's parameters."""
        self._video = changed.video
        if self._running:
            self._sink.parameters_changed(changed.video)
