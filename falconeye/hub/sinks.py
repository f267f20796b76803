"""The sinks of one hub: joined and left from the loop, served in the stream's thread."""

from contextlib import ExitStack

from falconeye.hub.sink import Run, SampleSink
from falconeye.media.fragments import InitSegment
from falconeye.media.runs import RunEnd
from falconeye.media.samples import AudioSample, VideoSample


class Sinks:
    """A sink begins at a keyframe and ends at a sample, both in the stream's thread."""

    def __init__(self) -> None:
        self._wanted: tuple[SampleSink, ...] = ()  # replaced whole by the loop
        self._leaving: dict[SampleSink, RunEnd] = {}
        self._seen: tuple[SampleSink, ...] = ()  # the last `_wanted` that was acted on
        self._active: list[SampleSink] = []  # the stream's thread only
        self._init: InitSegment | None = None

    def add(self, sink: SampleSink) -> None:
        self._leaving.pop(sink, None)
        if sink not in self._wanted:
            self._wanted = (*self._wanted, sink)

    def remove(self, sink: SampleSink, reason: RunEnd) -> None:
        """End the sink's run at the next sample."""
        self._leaving[sink] = reason
        self._wanted = tuple(other for other in self._wanted if other is not sink)

    @property
    def any_wanted(self) -> bool:
        """Whether anybody has joined; any thread."""
        return bool(self._wanted)

    def init(self, init: InitSegment) -> None:
        """Samples from the next keyframe on belong to `init`."""
        self._init = init
        self._drop_leavers()
        for sink in self._active:
            sink.begin_init(init)

    def sample(self, sample: VideoSample | AudioSample, run: Run) -> None:
        self._drop_leavers()
        if isinstance(sample, VideoSample):
            if sample.is_keyframe and len(self._active) != len(self._wanted):
                self._begin_joiners(run)
            for sink in self._active:
                sink.video(sample)
        else:
            for sink in self._active:
                sink.audio(sample)

    def renew(self, run: Run, reason: RunEnd, detail: str) -> None:
        """End the run of all sinks and begin another one with the same init segment."""
        self.end(reason, detail)
        self._begin_joiners(run)

    def end(self, reason: RunEnd, detail: str) -> None:
        active, self._active = self._active, []
        with ExitStack() as all_of_them:  # one that fails keeps none from its end
            for sink in reversed(active):
                all_of_them.callback(sink.end_run, self._leaving.pop(sink, reason), detail)

    def _begin_joiners(self, run: Run) -> None:
        if self._init is None:
            return
        for sink in self._wanted:
            if sink not in self._active:
                self._active.append(sink)
                sink.begin_run(run)
                sink.begin_init(self._init)

    def _drop_leavers(self) -> None:
        wanted = self._wanted
        if wanted is self._seen:
            return
        self._seen = wanted
        for sink in [sink for sink in self._active if sink not in wanted]:
            self._active.remove(sink)
            sink.end_run(self._leaving.get(sink, RunEnd.STOPPED_BY_USER), "")
        for sink in [sink for sink in tuple(self._leaving) if sink not in self._active]:
            self._leaving.pop(sink, None)
