"""Takes live fragments from the stream's thread to the viewers on the loop."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass

from falconeye.hub.gop import GopBuffer
from falconeye.hub.live_variant import LiveVariant, Shape, live_fragment
from falconeye.hub.subscription import LiveStart, LiveSubscription
from falconeye.media.fragments import InitSegment, LiveFragment
from falconeye.media.samples import AudioSample, VideoSample
from falconeye.media.wallclock import RunClock

MAX_IN_FLIGHT = 256  # calls handed to the loop that have not run yet


@dataclass(frozen=True, slots=True)
class _Joining:
    """The GOP that a joining viewer begins with."""

    before_seq: int
    video: list[VideoSample]
    audio: list[AudioSample]
    last_90k: int  # the duration of its last picture

    def fragment(self) -> LiveFragment | None:
        """It as one fragment; None where there is no whole GOP to begin with."""
        if not self.video:
            return None
        last_us = self.video[-1].arrived_us
        audio = [sample for sample in self.audio if sample.arrived_us <= last_us]
        return live_fragment(self.before_seq - len(self.video), self.video, self.last_90k, audio)


class LiveFanout:
    """The viewers of one stream, by shape. The only thread → loop crossing of media.

    A short lock orders a join against the samples; under it lists are copied, no bytes.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, gop: GopBuffer) -> None:
        self._loop = loop
        self._gop = gop
        self._lock = threading.Lock()
        self._variants: dict[Shape, LiveVariant] = {}
        self._viewers: dict[Shape, set[LiveSubscription]] = {}
        self._handed = 0  # raised by the stream's thread only
        self._delivered = 0  # raised by the loop only
        self._lossy: set[Shape] = set()  # each step on it is one of the interpreter's
        self._next_seq = 0
        self._interval_90k = 3600
        self._video_init: InitSegment | None = None
        self._av_init: InitSegment | None = None
        self._clock: RunClock | None = None
        self.overflows = 0  # fragments dropped because the loop was too far behind
        self._dropped_by_former = 0  # fragments that viewers who left were too slow for

    # -- the stream's thread ---------------------------------------------------------------

    def begin(self, video_init: InitSegment, clock: RunClock) -> None:
        """Another run, or other video parameters: viewers begin again at the next keyframe."""
        with self._lock:
            self._gop.clear()  # who joins before that keyframe must not get it with this init
            self._video_init, self._av_init, self._clock = video_init, None, clock
            for variant in self._variants.values():
                variant.reset()
            shapes = list(self._variants)
        self._restart(shapes)

    def change_clock(self, clock: RunClock) -> None:
        """The node's own clock was set: those who join from now on are told the new wall time."""
        self._clock = clock

    def audio_init(self, init: InitSegment | None) -> None:
        """Audio is there now (or no more): viewers with sound begin again, with the current GOP."""
        with self._lock:
            if init is self._av_init:
                return
            self._av_init = init
            shapes = [shape for shape in self._variants if shape.audio]
            joining = self._joining(self._next_seq, self._interval_90k, with_audio=init is not None)
            for shape in shapes:
                self._variants[shape].reset()
                self._continue(self._variants[shape])
        self._restart(shapes, joining)

    def video(self, sample: VideoSample, interval_90k: int) -> None:
        with self._lock:
            self._gop.add(sample)
            seq = self._next_seq
            self._next_seq += 1
            self._interval_90k = interval_90k
            built = [
                (shape, fragment)
                for shape, variant in self._variants.items()
                for fragment in variant.video(seq, sample, interval_90k)
            ]
        for shape, fragment in built:
            self._hand_over(shape, fragment)

    def audio(self, sample: AudioSample) -> None:
        with self._lock:
            self._gop.add_audio(sample)
            if self._av_init is not None:
                for variant in self._variants.values():
                    variant.audio(sample)

    def end(self, reason: str) -> None:
        with self._lock:
            self._gop.clear()
            self._video_init = self._av_init = self._clock = None
            for variant in self._variants.values():
                variant.reset()
        self._call(self._end_viewers, reason)

    def _hand_over(self, shape: Shape, fragment: LiveFragment) -> None:
        behind = self._handed - self._delivered >= MAX_IN_FLIGHT
        if behind or (shape in self._lossy and not fragment.is_keyframe):
            self.overflows += 1
            if shape not in self._lossy:
                self._lossy.add(shape)
                self._call(self._lose, shape)
            return
        self._lossy.discard(shape)
        self._handed += 1
        self._call(self._deliver, shape, fragment)

    def _restart(self, shapes: list[Shape], joining: "_Joining | None" = None) -> None:
        gop = joining.fragment() if joining and shapes else None
        after_seq = joining.before_seq - 1 if joining else -1
        for shape in shapes:
            self._lossy.discard(shape)  # they begin again, behind what was lost
            init = self._init_for(shape)
            if init is not None and self._clock is not None:
                start = self._live_start(init, self._clock)
                self._call(self._begin_viewers, shape, start, gop, after_seq)

    def _continue(self, variant: LiveVariant) -> None:
        """Let a variant without a past go on behind the current GOP; under the lock."""
        if not self._gop.samples:
            return
        seen, heard = self._gop.samples[-1], None
        for sample in self._gop.audio if self._av_init else ():
            if sample.arrived_us <= seen.arrived_us:
                heard = sample
            else:  # not in the fragment that joining viewers begin with
                variant.audio(sample)
        variant.follow(seen, self._interval_90k, heard)

    def _joining(self, before_seq: int, last_90k: int, *, with_audio: bool) -> "_Joining":
        """Copy the current GOP up to, not including, sample `before_seq`; under the lock."""
        video = self._gop.samples[: len(self._gop.samples) - (self._next_seq - before_seq)]
        return _Joining(before_seq, video, self._gop.audio[:] if with_audio else [], last_90k)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop has ended: nobody watches any more
            return

    # -- the loop --------------------------------------------------------------------------

    @property
    def viewers(self) -> int:
        return sum(len(group) for group in self._viewers.values())

    @property
    def dropped(self) -> int:
        """Fragments that viewers did not get: each one's own, and those of all at once."""
        now = sum(viewer.dropped for group in self._viewers.values() for viewer in group)
        return self.overflows + self._dropped_by_former + now

    @property
    def inits(self) -> tuple[InitSegment | None, InitSegment | None]:
        """The video-only init segment and the one with audio, while the stream runs."""
        return self._video_init, self._av_init

    def join(self, shape: Shape) -> LiveSubscription:
        """A new viewer: gets a `LiveStart` and the current GOP if the stream runs."""
        viewer = LiveSubscription()
        self._viewers.setdefault(shape, set()).add(viewer)
        with self._lock:
            variant = self._variants.get(shape)
            if variant is None:
                variant = self._variants[shape] = LiveVariant(shape)
                self._lossy.discard(shape)  # what was lost was lost to those before
                self._continue(variant)
            before = variant.pending_from(self._next_seq)
            with_audio = shape.audio and self._av_init is not None
            joining = self._joining(before, variant.last_90k, with_audio=with_audio)
            init, clock = self._init_for(shape), self._clock
        if init is not None and clock is not None:
            gop = joining.fragment()
            viewer.start(self._live_start(init, clock), gop, before - 1)
        return viewer

    def leave(self, shape: Shape, viewer: LiveSubscription) -> None:
        """A viewer has gone; a shape that nobody watches is built no more."""
        viewer.close()
        group = self._viewers.get(shape, set())
        if viewer in group:
            self._dropped_by_former += viewer.dropped
        group.discard(viewer)
        if not group:
            with self._lock:
                self._variants.pop(shape, None)
            self._viewers.pop(shape, None)

    def _init_for(self, shape: Shape) -> InitSegment | None:
        return (self._av_init or self._video_init) if shape.audio else self._video_init

    def _live_start(self, init: InitSegment, clock: RunClock) -> LiveStart:
        return LiveStart(init, clock.wall_us(0))

    def _deliver(self, shape: Shape, fragment: LiveFragment) -> None:
        self._delivered += 1
        for viewer in self._viewers.get(shape, ()):
            viewer.put(fragment)

    def _lose(self, shape: Shape) -> None:
        for viewer in self._viewers.get(shape, ()):
            viewer.lost()

    def _begin_viewers(
        self, shape: Shape, start: LiveStart, gop: LiveFragment | None, after_seq: int
    ) -> None:
        for viewer in self._viewers.get(shape, ()):
            viewer.start(start, gop, after_seq)

    def _end_viewers(self, reason: str) -> None:
        for group in self._viewers.values():
            for viewer in group:
                viewer.end(reason)
