"""Cuts samples into recording fragments: new at each keyframe and after 0.5 s.

A sample's duration is the next one's decode time minus its own, so one sample waits for the next.
Audio goes into the fragment that is open when it arrives; video never waits for it.
"""

from itertools import pairwise

from falconeye.media.fmp4 import fragment_header
from falconeye.media.fragments import RecordingFragment
from falconeye.media.samples import AudioSample, VideoSample

FRAGMENT_90K = 45_000  # 0.5 s


class Fragmenter:
    """The fragments of one segment's file; times in the file count from `start_90k` of the run."""

    def __init__(self, start_90k: int, audio_start_ticks: int) -> None:
        self._zero_90k = start_90k
        self._audio_zero_ticks = audio_start_ticks
        self._video: list[VideoSample] = []
        self._audio: list[AudioSample] = []
        self._sequence = 0

    def video(self, sample: VideoSample) -> RecordingFragment | None:
        """Add a picture; the fragment that it completes, if any."""
        done: RecordingFragment | None = None
        if self._video:
            length = sample.dts_90k - self._video[0].dts_90k
            if sample.is_keyframe or length >= FRAGMENT_90K:
                done = self._cut(sample.dts_90k)
        self._video.append(sample)
        return done

    def audio(self, sample: AudioSample) -> None:
        """Add an audio frame; those from before the file's start are left out."""
        if sample.dts_ticks >= self._audio_zero_ticks:
            self._audio.append(sample)

    def end(self, end_90k: int) -> RecordingFragment | None:
        """What is left, the last picture lasting until `end_90k` of the run."""
        return self._cut(end_90k) if self._video else None

    def _cut(self, end_90k: int) -> RecordingFragment:
        video, audio = self._video, self._audio
        self._video, self._audio = [], []
        times = [sample.dts_90k for sample in video] + [end_90k]
        durations = [after - before for before, after in pairwise(times)]
        start = video[0].dts_90k - self._zero_90k
        audio_start = audio[0].dts_ticks - self._audio_zero_ticks if audio else 0
        self._sequence += 1
        header = fragment_header(self._sequence, start, video, durations, audio_start, audio)
        buffers = (header.data, *(s.data for s in video), *(s.data for s in audio))
        return RecordingFragment(
            buffers=buffers,
            size_bytes=len(header.data) + header.media_bytes,
            is_keyframe=video[0].is_keyframe,
            start_90k=start,
            duration_90k=end_90k - video[0].dts_90k,
            video_tfdt_offset=header.video_tfdt_offset,
            audio_tfdt_offset=header.audio_tfdt_offset,
            audio_start_ticks=audio_start,
        )
