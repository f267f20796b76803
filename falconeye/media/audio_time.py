"""Places audio frames on the run's time line, whatever the camera's clock does.

With two streams libavformat derives the times from RTCP sender reports, so a step of the camera's
clock moves audio alone by seconds. Frames tile without holes while the times are within 0.1 s of
that; a step is judged by the arrival time. Opus frames may each be of another length.
"""

from falconeye.media.audio_frames import opus_frame_ticks
from falconeye.media.packets import RawPacket
from falconeye.media.samples import VIDEO_TIMESCALE, AudioParameters, AudioSample, Codec

_TOLERANCE_S = 0.1
_BELIEVED_S = 1.5  # further than this from the pictures that arrive now, a time is not believed


class AudioTime:
    """The audio clock of one connection, restarted with each run."""

    def __init__(self, parameters: AudioParameters) -> None:
        self._rate = parameters.sample_rate
        self._frame_ticks = None if parameters.codec is Codec.OPUS else parameters.frame_ticks
        self._shift_ticks = 0
        self._end_ticks: int | None = None

    def restart(self) -> None:
        """A new run: times count from its zero again."""
        self._end_ticks = None
        self._shift_ticks = 0

    def place(self, packet: RawPacket, *, base_90k: int, now_90k: int) -> AudioSample | None:
        """The frame as a sample; None where it lies before the run or its predecessor, or is none.

        `base_90k` is the raw time of the run's zero, `now_90k` where the pictures are now.
        """
        length = self._frame_ticks or opus_frame_ticks(packet.data)
        if not length:
            return None
        now_ticks = now_90k * self._rate // VIDEO_TIMESCALE
        time = packet.pts if packet.pts is not None else packet.dts
        if time is None:
            if self._end_ticks is None:
                return None
            at = self._end_ticks
        else:
            at = time - base_90k * self._rate // VIDEO_TIMESCALE + self._shift_ticks
            if abs(at - now_ticks) > _BELIEVED_S * self._rate:
                expected = max(now_ticks, self._end_ticks or 0)
                self._shift_ticks += expected - at
                at = expected
        if self._end_ticks is not None and abs(at - self._end_ticks) <= _TOLERANCE_S * self._rate:
            at = self._end_ticks
        if at < (self._end_ticks or 0):
            return None
        self._end_ticks = at + length
        return AudioSample(at, length, packet.data, packet.arrived_us)
