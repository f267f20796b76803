"""H.264 by libx264, for sources that have pictures only: HTTP MJPEG, the demo camera."""

from fractions import Fraction

import av

from falconeye.media.nal import NalRules, join_annex_b, split_annex_b
from falconeye.media.packets import RawPacket
from falconeye.media.samples import VIDEO_TIMESCALE, Codec, VideoParameters

_TIME_BASE = Fraction(1, VIDEO_TIMESCALE)


class VideoEncoder:
    """Encodes yuv420p pictures of one size; no delay, no B-frames, a keyframe each `gop_s`."""

    def __init__(
        self,
        width: int,
        height: int,
        framerate: float,
        *,
        gop_s: float = 2.0,
        preset: str = "ultrafast",
        crf: int = 26,
    ) -> None:
        encoder = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height = width, height
        encoder.pix_fmt = "yuv420p"
        encoder.time_base = _TIME_BASE
        encoder.framerate = Fraction(framerate).limit_denominator(1000)
        encoder.gop_size = max(1, round(framerate * gop_s))
        encoder.thread_count = 1  # more threads are more delay
        encoder.options = {"preset": preset, "tune": "zerolatency", "crf": str(crf)}
        encoder.flags |= 1 << 22  # AV_CODEC_FLAG_GLOBAL_HEADER
        encoder.open()
        self._encoder = encoder
        interval = round(VIDEO_TIMESCALE / framerate)
        rules = NalRules(Codec.H264)
        sets = [u for u in split_annex_b(encoder.extradata or b"") if rules.is_parameter_set(u)]
        self.parameters = VideoParameters(Codec.H264, join_annex_b(sets), width, height, interval)

    def encode(self, frame: av.VideoFrame, arrived_us: int) -> list[RawPacket]:
        """Packets of `frame` (its `pts` in 90 kHz units); Annex B."""
        frame.time_base = _TIME_BASE
        return [
            RawPacket(bytes(packet), packet.pts, packet.dts, packet.is_keyframe, arrived_us)
            for packet in self._encoder.encode(frame)
        ]
