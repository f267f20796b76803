"""Live fragments in one shape, built only while someone watches it.

Focused viewers get a fragment for each picture at once, with the last frame interval as its
duration; tiles get about 160 ms at a time.

The duration of a fragment's last sample is thus a guess, and browsers let decode times go on by at
most twice of it: a longer step throws away all pictures up to the next keyframe (Media Source
Extensions, "coded frame processing"). Where a camera slows down or samples are lost,

- a picture that comes later than that is decoded as late as is allowed and shown at its own time.
  Its duration is the long step, so that the next one can be decoded at its own time again;
- an audio frame, which has no other time to be heard at, is preceded by itself, to fill the hole.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

from falconeye.media.fmp4 import fragment_header
from falconeye.media.fragments import LiveFragment
from falconeye.media.samples import AudioSample, VideoSample

TILE_90K = 14_400  # 160 ms


@dataclass(frozen=True, slots=True)
class Shape:
    """What a viewer asked for."""

    focused: bool
    audio: bool


def live_fragment(
    first_seq: int, video: list[VideoSample], last_90k: int, audio: list[AudioSample]
) -> LiveFragment:
    """Build one fragment; `last_90k` is the duration of its last picture."""
    durations = [b.dts_90k - a.dts_90k for a, b in pairwise(video)]
    durations.append(last_90k)
    start = video[0].dts_90k
    audio_start = audio[0].dts_ticks if audio else 0
    header = fragment_header(first_seq + 1, start, video, durations, audio_start, audio)
    parts = (header.data, *(s.data for s in video), *(s.data for s in audio))
    last_seq = first_seq + len(video) - 1
    return LiveFragment(
        b"".join(parts), first_seq, last_seq, video[0].is_keyframe, start, sum(durations)
    )


class LiveVariant:
    """Collects samples into fragments of one shape; called by the stream's thread."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._video: list[VideoSample] = []
        self._audio: list[AudioSample] = []
        self._first_seq = 0
        self._latest_90k: int | None = None  # by when the next fragment has to be decoded
        self._heard: AudioSample | None = None  # the last frame that went out
        self.last_90k = 0  # the duration told for the last picture that went out

    def follow(self, seen: VideoSample, last_90k: int, heard: AudioSample | None) -> None:
        """Go on behind these samples, the last that went out."""
        self.last_90k = last_90k
        # Browsers count in microseconds: one tick less, and it does not matter how they round.
        self._latest_90k = seen.dts_90k + 2 * last_90k - 1
        self._heard = heard

    def pending_from(self, next_seq: int) -> int:
        """The sequence number that the next fragment starts with."""
        return self._first_seq if self._video else next_seq

    def video(self, seq: int, sample: VideoSample, interval_90k: int) -> list[LiveFragment]:
        """Fragments that this picture completes: none, one, or two at a keyframe."""
        done: list[LiveFragment] = []
        if sample.is_keyframe and self._video:
            done.append(self._cut(sample.dts_90k - self._video[-1].dts_90k))
        if not self._video:
            self._first_seq = seq
            sample = self._in_time(sample)
        self._video.append(sample)
        length = sample.dts_90k + interval_90k - self._video[0].dts_90k
        if self.shape.focused or length >= TILE_90K:
            done.append(self._cut(interval_90k))
        return done

    def audio(self, sample: AudioSample) -> None:
        if self.shape.audio:
            self._audio.append(sample)

    def reset(self) -> None:
        """Forget what is pending and what went out: another run or init segment begins."""
        self._video, self._audio = [], []
        self._latest_90k = self._heard = None

    def _in_time(self, sample: VideoSample) -> VideoSample:
        """The picture, decoded no later than browsers allow."""
        late_90k = 0 if self._latest_90k is None else sample.dts_90k - self._latest_90k
        if late_90k <= 0:
            return sample
        return replace(sample, dts_90k=sample.dts_90k - late_90k, cts_90k=sample.cts_90k + late_90k)

    def _without_hole(self, audio: list[AudioSample]) -> list[AudioSample]:
        """The frames, beginning where the last one ended if they begin too late for browsers."""
        before = self._heard
        if not audio or before is None:
            return audio
        if audio[0].dts_ticks - before.dts_ticks < 2 * before.duration_ticks:
            return audio
        end_ticks = before.dts_ticks + before.duration_ticks
        return [replace(audio[0], dts_ticks=end_ticks), *audio]

    def _cut(self, last_90k: int) -> LiveFragment:
        video, audio = self._video, self._without_hole(self._audio)
        self._video, self._audio = [], []
        self.follow(video[-1], last_90k, audio[-1] if audio else self._heard)
        return live_fragment(self._first_seq, video, last_90k, audio)
