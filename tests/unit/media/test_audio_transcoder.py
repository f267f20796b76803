"""G.711 to AAC: in step with the camera's times, without threads of its own."""

import cmath
import errno
import math
import os
import struct
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import av
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from falconeye.media import audio_transcoder
from falconeye.media.audio_transcoder import RATE, AacTranscoder
from falconeye.media.packets import RawPacket
from tests.peers.media_samples import audio_clip

TONE_HZ = 440


def threads() -> int:
    """Of this process, those of libraries too."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def transcoded(transcoder: AacTranscoder, seconds: int, start_s: float = 0) -> list[RawPacket]:
    """What it makes of a tone in packets of G.711."""
    clip = audio_clip("pcm_mulaw")
    made = []
    for index in range(seconds * clip.sample_rate // clip.frame_ticks):
        packet = cast("av.Packet[AudioStream]", av.Packet(clip.frames[index % len(clip.frames)]))
        packet.pts = packet.dts = round(start_s * clip.sample_rate) + index * clip.frame_ticks
        packet.time_base = Fraction(1, clip.sample_rate)
        made += transcoder.push(packet, 0)
    return made


@pytest.fixture
def transcoder() -> AacTranscoder:
    rate = audio_clip("pcm_mulaw").sample_rate
    decoder = av.CodecContext.create("pcm_mulaw", "r")
    decoder.sample_rate, decoder.layout = rate, "mono"
    stream = SimpleNamespace(time_base=Fraction(1, rate), codec_context=decoder)
    return AacTranscoder(cast("AudioStream", stream))  # PyAV makes streams of files only


def test_the_sound_keeps_its_times_and_its_tone(transcoder: AacTranscoder) -> None:
    frames = transcoded(transcoder, 4, start_s=10)
    ticks = [frame.dts or 0 for frame in frames]
    assert ticks[0] == 10 * RATE - 1024  # the encoder's priming
    assert {b - a for a, b in pairwise(ticks)} == {1024}
    second = samples(transcoder, frames)[RATE : 2 * RATE]
    assert strength(second, TONE_HZ) > 10 * max(strength(second, 700), strength(second, 1500))


def test_a_camera_may_change_what_it_sends_and_no_thread_is_started() -> None:
    """Another rate or layout in the middle ends nothing."""
    before = threads()
    resampler = audio_transcoder._Resampler()
    for rate, layout in ((8000, "mono"), (16_000, "stereo"), (8000, "mono")):
        frame = AudioFrame(format="s16", layout=layout, samples=rate)
        frame.sample_rate = rate
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        made = [
            (one.sample_rate, one.layout.name, one.samples) for one in resampler.resample(frame)
        ]
        assert len(made) >= 14
        assert set(made) == {(RATE, "mono", 1024)}
    assert threads() == before


def test_a_camera_with_sound_starts_no_thread(transcoder: AacTranscoder) -> None:
    """FFmpeg starts one for each core that the thread may use, unless it is told a number."""
    before, cores = threads(), os.sched_getaffinity(0)
    assert transcoded(transcoder, 1)
    assert threads() == before
    assert os.sched_getaffinity(0) == cores


def test_where_threads_may_not_be_bound_to_cores_there_is_sound_all_the_same(
    transcoder: AacTranscoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_arguments: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "sched_setaffinity", refused)
    assert transcoded(transcoder, 1)
    assert transcoder.errors == 0


def samples(transcoder: AacTranscoder, frames: list[RawPacket]) -> list[float]:
    decoder = av.CodecContext.create("aac", "r")
    decoder.extradata = transcoder.parameters.config
    found: list[float] = []
    for frame in frames:
        for decoded in decoder.decode(av.Packet(frame.data)):
            assert isinstance(decoded, AudioFrame)
            found += struct.unpack_from(f"{decoded.samples}f", bytes(decoded.planes[0]))
    return found


def strength(samples: list[float], hz: int) -> float:
    turns = (cmath.exp(2j * math.pi * hz * i / RATE) for i in range(len(samples)))
    return abs(sum(value * turn for value, turn in zip(samples, turns, strict=True)))
