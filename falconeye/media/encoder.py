"""H.264 for sources that have pictures only: USB cameras, HTTP MJPEG, the demo camera.

Which encoder a machine has is found by encoding with it: libavcodec names encoders whose hardware
is not there. Hardware encoders take a few streams at once; who comes later gets libx264.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from fractions import Fraction

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from falconeye.media.nal import NalRules, join_annex_b, split_annex_b
from falconeye.media.packets import RawPacket
from falconeye.media.samples import VIDEO_TIMESCALE, Codec, VideoParameters

log = logging.getLogger(__name__)

SOFTWARE = "libx264"
# In the order of preference, with how many streams each takes at once.
HARDWARE = {"h264_v4l2m2m": 4, "h264_nvenc": 3}
_TIME_BASE = Fraction(1, VIDEO_TIMESCALE)
_PROBE_SIZE, _PROBE_PICTURES = (640, 480), 12
_BITS_PER_PIXEL = 0.08  # of encoders that are given a bit rate: 2 Mb/s for 1280×720 at 25


class Encoders:
    """The encoders of this machine: what works is found at the first wish for one."""

    def __init__(
        self,
        candidates: Mapping[str, int] = HARDWARE,
        probe: Callable[[str], bool] | None = None,
    ) -> None:
        """`probe` (default `works`) tells of a name whether that encoder works."""
        self._candidates = candidates
        self._probe = probe or works
        self._lock = threading.Lock()
        self._free: dict[str, int] | None = None

    def take(self) -> str:
        """The best one that is free; `give_back` it. Blocks while they are tried, once."""
        with self._lock:
            if self._free is None:
                self._free = {
                    name: count for name, count in self._candidates.items() if self._probe(name)
                }
                log.info("pictures are encoded by %s", next(iter(self._free), SOFTWARE))
            for name, count in self._free.items():
                if count:
                    self._free[name] = count - 1
                    return name
        return SOFTWARE

    def give_back(self, name: str) -> None:
        """It is free for another stream."""
        with self._lock:
            if self._free is not None and name in self._free:
                self._free[name] += 1

    def refuse(self, name: str) -> None:
        """It failed in use: nobody is given it any more."""
        with self._lock:
            if self._free is not None and self._free.pop(name, None) is not None:
                log.warning("the encoder %s fails; it is not used any more", name)


def works(name: str) -> bool:
    """Whether this encoder makes of some pictures what a decoder reads."""
    width, height = _PROBE_SIZE
    frame = VideoFrame(width, height, "yuv420p")
    for plane, level in zip(frame.planes, (60, 128, 128), strict=True):
        plane.update(bytes([level]) * plane.buffer_size)
    try:
        encoder = _encoder(name, width, height, 15, gop=15)
        packets = []
        for number in range(_PROBE_PICTURES):
            frame.pts, frame.time_base = number * 6000, _TIME_BASE
            packets += encoder.encode(frame)
        packets += encoder.encode(None)
        data = b"".join(bytes(packet) for packet in packets)
        decoder = VideoCodecContext.create("h264", "r")
        sets = encoder.extradata or b""
        pictures = [*decoder.decode(av.Packet(sets + data)), *decoder.decode(None)]
    except (FFmpegError, ValueError) as error:
        log.debug("the encoder %s does not work here: %s", name, error)
        return False
    return bool(pictures) and (pictures[0].width, pictures[0].height) == _PROBE_SIZE


ENCODERS = Encoders()


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
        name: str = SOFTWARE,
    ) -> None:
        """FFmpegError where the encoder does not take pictures of that size."""
        gop = max(1, round(framerate * gop_s))
        options = {"preset": preset, "tune": "zerolatency", "crf": str(crf)}
        encoder = _encoder(name, width, height, framerate, gop=gop, options=options)
        self.name = name
        self._encoder = encoder
        interval = round(VIDEO_TIMESCALE / framerate)
        rules = NalRules(Codec.H264)
        sets = [u for u in split_annex_b(encoder.extradata or b"") if rules.is_parameter_set(u)]
        self.parameters = VideoParameters(Codec.H264, join_annex_b(sets), width, height, interval)

    def encode(self, frame: VideoFrame, arrived_us: int) -> list[RawPacket]:
        """Packets of `frame` (its `pts` in 90 kHz units); Annex B."""
        frame.time_base = _TIME_BASE
        return [
            RawPacket(bytes(packet), packet.pts, packet.dts, packet.is_keyframe, arrived_us)
            for packet in self._encoder.encode(frame)
        ]


def _encoder(
    name: str,
    width: int,
    height: int,
    framerate: float,
    *,
    gop: int,
    options: dict[str, str] | None = None,
) -> VideoCodecContext:
    encoder = av.CodecContext.create(name, "w")
    if not isinstance(encoder, VideoCodecContext):
        msg = f"{name} encodes no video"
        raise TypeError(msg)
    encoder.width, encoder.height = width, height
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = _TIME_BASE
    encoder.framerate = Fraction(framerate).limit_denominator(1000)
    encoder.gop_size = gop
    encoder.max_b_frames = 0
    if name == SOFTWARE:
        encoder.thread_count = 1  # more threads are more delay
        encoder.options = options or {}
        encoder.flags |= 1 << 22  # AV_CODEC_FLAG_GLOBAL_HEADER
    else:  # their parameter sets come in band, with each keyframe
        encoder.bit_rate = max(300_000, round(width * height * framerate * _BITS_PER_PIXEL))
    encoder.open()
    return encoder
