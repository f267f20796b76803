"""Encoded media for tests, made once per process with PyAV: H.264, HEVC, AAC, G.711, JPEG.

Each picture carries its number as the bar code of `falconeye.sources.demo_picture`, so a test can
tell which picture it sees. A clip is a whole number of GOPs and can be repeated for ever.
"""

import functools
import math
import random
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext

from falconeye.sources.demo import to_frame
from falconeye.sources.demo_picture import DemoPicture, draw_barcode

_GRAIN = bytes(96 + value // 4 for value in range(256))


@dataclass(frozen=True, slots=True)
class ClipFrame:
    """One access unit, Annex B; times in 90 kHz units from the clip's start, in decode order."""

    data: bytes
    pts_90k: int
    dts_90k: int
    is_keyframe: bool


@dataclass(frozen=True, slots=True)
class VideoClip:
    """Whole GOPs of one codec."""

    codec: str  # h264 | hevc
    width: int
    height: int
    fps: int
    parameter_sets: bytes  # Annex B
    frames: tuple[ClipFrame, ...]

    @property
    def duration_90k(self) -> int:
        return len(self.frames) * 90_000 // self.fps


@dataclass(frozen=True, slots=True)
class AudioClip:
    """Audio frames of equal length."""

    codec: str  # aac | pcm_mulaw | pcm_alaw
    sample_rate: int
    channels: int
    config: bytes  # AudioSpecificConfig for AAC
    frame_ticks: int
    frames: tuple[bytes, ...]


@functools.cache
def video_clip(
    codec: str = "h264",
    *,
    width: int = 640,
    height: int = 368,
    fps: int = 25,
    gop: int = 50,
    gops: int = 1,
    slices: int = 1,
    b_frames: int = 0,
    open_gop: bool = False,
    bit_rate: int = 1_000_000,
    noise: bool = False,
    start_us: int = 0,
) -> VideoClip:
    """Encode `gops` x `gop` pictures; parameter sets also in front of keyframes.

    GOPs are closed; with `open_gop` keyframes but the first are CRA (HEVC) or I pictures (H.264),
    and B-frames shown before them refer to both sides (`gop=27, b_frames=3` has such).
    The plain picture needs few bits; with `noise` the clip really has its `bit_rate`. Its clock
    begins at `start_us`.
    """
    library = "libx264" if codec == "h264" else "libx265"
    context = cast("VideoCodecContext", av.CodecContext.create(library, "w"))
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 90_000), Fraction(fps)
    context.bit_rate, context.gop_size = bit_rate, gop
    context.options = _options(codec, gop, slices, b_frames, open_gop=open_gop)
    picture = DemoPicture(width, height)
    packets = []
    for index in range(gop * gops):
        picture.draw(start_us + index * 1_000_000 // fps)
        draw_barcode(picture.luma, width, index)
        if noise:
            _add_noise(picture, index)
        frame = to_frame(picture)
        frame.pts, frame.time_base = index * 90_000 // fps, Fraction(1, 90_000)
        packets += context.encode(frame)
    packets += context.encode(None)
    first = packets[0].dts or 0
    frames = tuple(
        ClipFrame(bytes(p), (p.pts or 0) - first, (p.dts or 0) - first, p.is_keyframe)
        for p in packets
    )
    sets = _parameter_sets(frames[0].data, codec)
    return VideoClip(codec, width, height, fps, sets, frames)


def _add_noise(picture: DemoPicture, seed: int) -> None:
    """Grain over the lower half; the same for the same seed."""
    start = picture.width * (picture.height // 2)
    grain = random.Random(seed).randbytes(len(picture.luma) - start)  # noqa: S311 - a picture
    picture.luma[start:] = grain.translate(_GRAIN)


def _options(codec: str, gop: int, slices: int, b_frames: int, *, open_gop: bool) -> dict[str, str]:
    if codec == "h264":
        parameters = (
            f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_frames}:b-adapt=0:"
            f"open-gop={open_gop:d}:repeat-headers=1:annexb=1:slices={slices}:threads=1:sliced-threads=0"
        )
        return {"preset": "veryfast", "x264-params": parameters}
    parameters = (
        f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_frames}:open-gop={open_gop:d}:"
        f"repeat-headers=1:annexb=1:slices={slices}:log-level=none:pools=1:frame-threads=1"
    )
    return {"preset": "ultrafast", "x265-params": parameters}


def split_nal_units(data: bytes) -> list[bytes]:
    """NAL units of an Annex B access unit (own code: the product's is under test)."""
    parts = data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part for part in parts if part]


def nal_type(unit: bytes, codec: str) -> int:
    return unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F


def _parameter_sets(keyframe: bytes, codec: str) -> bytes:
    wanted = {7, 8} if codec == "h264" else {32, 33, 34}
    units = [unit for unit in split_nal_units(keyframe) if nal_type(unit, codec) in wanted]
    return b"".join(b"\0\0\0\1" + unit for unit in units)


@functools.cache
def audio_clip(codec: str = "aac", *, seconds: int = 2) -> AudioClip:
    """A 440 Hz tone: AAC 16 kHz mono in frames of 1024, G.711 8 kHz in frames of 160 (20 ms)."""
    rate = 16_000 if codec == "aac" else 8_000
    context = cast("AudioCodecContext", av.CodecContext.create(codec, "w"))
    context.sample_rate, context.layout = rate, "mono"
    context.format = "fltp" if codec == "aac" else "s16"
    context.time_base = Fraction(1, rate)
    context.open()
    size = 1024 if codec == "aac" else 160
    frames: list[bytes] = []
    for start in range(0, seconds * rate, size):
        frames += [bytes(packet) for packet in context.encode(_tone(start, size, rate, codec))]
    config = bytes(context.extradata or b"")
    return AudioClip(codec, rate, 1, config, size, tuple(frames))


def _tone(start: int, size: int, rate: int, codec: str) -> av.AudioFrame:
    values = [math.sin(2 * math.pi * 440 * (start + i) / rate) * 0.2 for i in range(size)]
    frame = av.AudioFrame("fltp" if codec == "aac" else "s16", "mono", size)
    data = (
        struct.pack(f"<{size}f", *values)
        if codec == "aac"
        else struct.pack(f"<{size}h", *(int(value * 32767) for value in values))
    )
    frame.planes[0].update(data + bytes(frame.planes[0].buffer_size - len(data)))
    frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
    return frame


@functools.cache
def jpeg_pictures(count: int = 10, *, width: int = 640, height: int = 368) -> tuple[bytes, ...]:
    """JPEG files, 4:2:0 full range, each with its number as bar code."""
    context = av.CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuvj420p"
    context.time_base = Fraction(1, 25)
    context.color_range = 2
    picture = DemoPicture(width, height)
    pictures: list[bytes] = []
    for index in range(count):
        picture.draw(index * 100_000)
        draw_barcode(picture.luma, width, index)
        frame = to_frame(picture).reformat(format="yuvj420p")
        frame.pts, frame.time_base = index, Fraction(1, 25)
        pictures += [bytes(packet) for packet in context.encode(frame)]
    pictures += [bytes(packet) for packet in context.encode(None)]
    return tuple(pictures)
