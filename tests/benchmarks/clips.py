"""The benchmark's footage: real x264 at the full bit rate with noise, made once and cached.

A demo picture compresses to a tenth of a camera's bit rate; noise on moving test bars does not.
"""

import functools
import math
import random
import struct
import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path

import av

from tests.peers.media_samples import AudioClip, ClipFrame, VideoClip, nal_type, split_nal_units

_SECONDS = 8
_GOP_S = 2
AUDIO_RATE = 48_000


@functools.cache
def camera_clip(width: int, height: int, fps: int, kilobits: int) -> VideoClip:
    """H.264 of `kilobits` per second, GOP 2 s, no B-frames, as an IP camera sends it."""
    cached = _cache() / f"{width}x{height}-{fps}-{kilobits}k-{_SECONDS}s.h264"
    if not cached.exists():
        _encode(cached, width, height, fps, kilobits)
    frames: list[ClipFrame] = []
    with av.open(str(cached), format="h264") as container:
        for packet in container.demux(video=0):
            if packet.size:
                ticks = len(frames) * 90_000 // fps
                frames.append(ClipFrame(bytes(packet), ticks, ticks, packet.is_keyframe))
    units = split_nal_units(frames[0].data)
    sets = b"".join(b"\0\0\0\1" + unit for unit in units if nal_type(unit, "h264") in {7, 8})
    return VideoClip("h264", width, height, fps, sets, tuple(frames))


def main_clip() -> VideoClip:
    """1080p25 at 4 Mb/s."""
    return camera_clip(1920, 1080, 25, 4000)


def sub_clip() -> VideoClip:
    """A substream: 640×360 at 15 pictures and 0.5 Mb/s."""
    return camera_clip(640, 360, 15, 500)


@functools.cache
def sound() -> AudioClip:
    """AAC-LC, 48 kHz mono, 64 kb/s: 47 frames a second."""
    context = av.CodecContext.create("aac", "w")
    context.sample_rate, context.layout, context.format = AUDIO_RATE, "mono", "fltp"
    context.time_base, context.bit_rate = Fraction(1, AUDIO_RATE), 64_000
    context.open()
    noise = random.Random(1)  # noqa: S311 - sound, not a secret
    frames: list[bytes] = []
    for start in range(0, 2 * AUDIO_RATE, 1024):
        frames += [bytes(packet) for packet in context.encode(_hum(start, noise))]
    return AudioClip("aac", AUDIO_RATE, 1, bytes(context.extradata or b""), 1024, tuple(frames))


def _hum(start: int, noise: random.Random) -> av.AudioFrame:
    values = [
        math.sin(2 * math.pi * 440 * (start + i) / AUDIO_RATE) * 0.2 + noise.gauss(0, 0.02)
        for i in range(1024)
    ]
    frame = av.AudioFrame("fltp", "mono", 1024)
    data = struct.pack("<1024f", *values)
    frame.planes[0].update(data + bytes(frame.planes[0].buffer_size - len(data)))
    frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, start, Fraction(1, AUDIO_RATE)
    return frame


def _cache() -> Path:
    directory = Path(tempfile.gettempdir()) / "falconeye-benchmark-clips"
    directory.mkdir(exist_ok=True)
    return directory


def _encode(path: Path, width: int, height: int, fps: int, kilobits: int) -> None:
    picture = f"testsrc2=size={width}x{height}:rate={fps},noise=alls=18:allf=t+u,format=yuv420p"
    rate = f"{kilobits}k"
    gop = fps * _GOP_S
    unfinished = path.with_suffix(".part")
    subprocess.run(
        [
            "ffmpeg", "-y", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", picture,
            "-t", str(_SECONDS), "-c:v", "libx264", "-preset", "veryfast", "-bf", "0",
            "-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate,
            "-g", str(gop), "-keyint_min", str(gop), "-sc_threshold", "0",
            "-x264-params", "repeat-headers=1:nal-hrd=cbr:slices=1", "-f", "h264", str(unfinished),
        ],
        check=True,
    )  # fmt: skip
    unfinished.rename(path)
