"""Live fragments in one shape, built only while someone watches it.

Focused viewers get a fragment for each picture at once, with the last frame interval as its
duration; tiles get about 160 ms at a time.
"""

from dataclasses import dataclass
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
        self._video.append(sample)
        length = sample.dts_90k + interval_90k - self._video[0].dts_90k
        if self.shape.focused or length >= TILE_90K:
            done.append(self._cut(interval_90k))
        return done

    def audio(self, sample: AudioSample) -> None:
        if self.shape.audio:
            self._audio.append(sample)

    def reset(self) -> None:
        """Forget what is pending: another run or init segment begins."""
        self._video, self._audio = [], []

    def _cut(self, last_90k: int) -> LiveFragment:
        video, audio = self._video, self._audio
        self._video, self._audio = [], []
        return live_fragment(self._first_seq, video, last_90k, audio)
