"""The current GOP of a stream, kept for viewers who join and for stills."""

from falconeye.base.memory import MemoryBudget
from falconeye.media.samples import VIDEO_TIMESCALE, AudioSample, VideoSample

MAX_GOP_90K = 10 * VIDEO_TIMESCALE
MAX_GOP_BYTES = 8 * 1024 * 1024


class GopBuffer:
    """Samples since the last keyframe, bounded by 10 s, 8 MB and half of the node's memory budget.

    The other half is for footage that waits for a disk: a viewer may begin later, a recorder not.
    A GOP that outgrows a bound keeps only its keyframe: viewers get a still, then the next GOP.
    """

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._keep_free_bytes = budget.limit_bytes // 2
        self._taken_bytes = 0
        self._uncharged_bytes = 0
        self._whole = False
        self.keyframe: VideoSample | None = None
        self.samples: list[VideoSample] = []
        self.audio: list[AudioSample] = []

    def add(self, sample: VideoSample) -> None:
        if sample.is_keyframe:
            self._release()
            self.keyframe = sample
            self.samples = []
            self.audio = []
            self._whole = True
        if not self._whole or self.keyframe is None:
            return
        size = len(sample.data) + self._uncharged_bytes
        self._uncharged_bytes = 0
        too_long = sample.dts_90k - self.keyframe.dts_90k > MAX_GOP_90K
        too_big = self._taken_bytes + size > MAX_GOP_BYTES
        if too_long or too_big or not self._take(size):
            self._give_up()
            return
        self._taken_bytes += size
        self.samples.append(sample)

    def add_audio(self, sample: AudioSample) -> None:
        """Keep an audio frame beside the pictures; the next picture counts its bytes."""
        if self._whole and self.samples:
            self._uncharged_bytes += len(sample.data)
            self.audio.append(sample)

    def clear(self) -> None:
        """Forget all, at the end of a run."""
        self._give_up()
        self.keyframe = None

    def _give_up(self) -> None:
        self._release()
        self.samples = []
        self.audio = []
        self._whole = False

    def _take(self, size: int) -> bool:
        return self._budget.take(size, keep_free=self._keep_free_bytes)

    def _release(self) -> None:
        self._budget.give_back(self._taken_bytes)
        self._taken_bytes = 0
        self._uncharged_bytes = 0
