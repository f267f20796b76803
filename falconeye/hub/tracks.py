"""Decides which tracks the init segment has, from what really arrives.

The start of a run waits at most 1 s for announced audio. Audio that comes later, or stays away
for 2 s, changes the init segment at the next keyframe of the same run.
"""

from collections.abc import Callable

from falconeye.media.fragments import InitSegment
from falconeye.media.init_segment import make_init_segment
from falconeye.media.samples import AudioParameters, AudioSample, VideoParameters, VideoSample

WAIT_FOR_AUDIO_US = 1_000_000
AUDIO_GONE_US = 2_000_000


class TrackGate:
    """Between a hub and its sinks; one per run. Called by the stream's thread."""

    def __init__(
        self,
        video: VideoParameters,
        audio: AudioParameters | None,
        on_init: Callable[[InitSegment], None],
        on_sample: Callable[[VideoSample | AudioSample], None],
    ) -> None:
        self._video = video
        self._audio = audio
        self._on_init = on_init
        self._on_sample = on_sample
        self._held: list[VideoSample | AudioSample] = []
        self._undecided = audio is not None
        self._has_audio = False
        self._last_audio_us: int | None = None
        self._stale_init = True  # the next keyframe needs a new init segment

    def parameters_changed(self, video: VideoParameters) -> None:
        """Other video parameters from the next keyframe on."""
        self._flush(has_audio=self._has_audio)
        self._video = video
        self._stale_init = True

    def video(self, sample: VideoSample) -> None:
        if self._undecided:
            self._held.append(sample)
            if sample.arrived_us - self._held[0].arrived_us >= WAIT_FOR_AUDIO_US:
                self._flush(has_audio=False)
            return
        self._pass_video(sample)

    def audio(self, sample: AudioSample) -> None:
        self._last_audio_us = sample.arrived_us
        if self._undecided:
            self._held.append(sample)
            self._flush(has_audio=True)
        elif self._has_audio:
            self._on_sample(sample)

    def end(self) -> None:
        """Pass on what is held, at the end of the run."""
        self._flush(has_audio=False)

    def _flush(self, *, has_audio: bool) -> None:
        if not self._undecided:
            return
        self._undecided = False
        self._has_audio = has_audio
        held, self._held = self._held, []
        for sample in held:
            if isinstance(sample, VideoSample):
                self._pass_video(sample)
            elif has_audio:
                self._on_sample(sample)

    def _pass_video(self, sample: VideoSample) -> None:
        if sample.is_keyframe:
            heard = self._last_audio_us
            wants = heard is not None and sample.arrived_us - heard < AUDIO_GONE_US
            if self._stale_init or wants != self._has_audio:
                self._has_audio = wants
                self._stale_init = False
                self._on_init(make_init_segment(self._video, self._audio if wants else None))
        self._on_sample(sample)
