"""The length of audio frames, against libavcodec and by the tables of the standards."""

import io
from fractions import Fraction

import av
import pytest

from falconeye.media.audio_frames import aac_frame_ticks, opus_frame_ticks
from falconeye.media.init_segment import make_init_segment
from falconeye.media.parameters import audio_parameters
from falconeye.media.samples import AudioParameters, Codec
from tests.peers.media_samples import audio_clip, video_clip
from tests.streams import clip_parameters


def _opus(duration_ms: str, application: str) -> bytes:
    """A packet by libopus."""
    context = av.CodecContext.create("libopus", "w")
    context.sample_rate, context.layout, context.format = 48_000, "mono", "s16"
    context.time_base = Fraction(1, 48_000)
    context.options = {"frame_duration": duration_ms, "application": application}
    context.open()
    frame = av.AudioFrame("s16", "mono", context.frame_size)
    frame.planes[0].update(bytes(frame.planes[0].buffer_size))
    frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
    return bytes((context.encode(frame) + context.encode(None))[0])


@pytest.mark.parametrize("application", ["voip", "audio", "lowdelay"])
@pytest.mark.parametrize("ms", ["2.5", "5", "10", "20", "40", "60", "80", "120"])
def test_opus_packets_of_libopus(ms: str, application: str) -> None:
    assert opus_frame_ticks(_opus(ms, application)) == float(ms) * 48


@pytest.mark.parametrize("packet", [b"", b"\x03", b"\x03\0", b"\x1b\x03"])
def test_what_is_no_opus_packet_has_no_length(packet: bytes) -> None:
    """Nothing, no count, a count of 0, 180 ms."""
    assert opus_frame_ticks(packet) == 0


def test_aac_of_libavcodec() -> None:
    clip = audio_clip("aac")
    assert aac_frame_ticks(clip.config, clip.sample_rate) == clip.frame_ticks == 1024


def _config(*fields: tuple[int, int]) -> bytes:
    """An AudioSpecificConfig of (value, bits) each."""
    bits = "".join(f"{value:0{count}b}" for value, count in fields)
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


LC = [(2, 5), (3, 4), (2, 4)]  # 48 kHz, stereo
HE = [(5, 5), (6, 4), (1, 4), (3, 4), (2, 5)]  # 24 kHz in the core, 48 kHz out
ELD = [(31, 5), (7, 6), (3, 4), (1, 4)]


@pytest.mark.parametrize(
    ("config", "clock_rate", "ticks"),
    [
        (_config(*LC, (0, 3)), 48_000, 1024),
        (_config(*LC, (1, 1), (0, 2)), 48_000, 960),
        (_config(*HE, (0, 3)), 48_000, 2048),
        (_config(*HE, (0, 3)), 24_000, 1024),
        (_config(*HE, (1, 1), (0, 2)), 48_000, 1920),
        (_config((2, 5), (15, 4), (22_050, 24), (1, 4), (0, 3)), 44_100, 2048),
        (_config(*ELD, (0, 1)), 48_000, 512),
        (_config(*ELD, (1, 1)), 48_000, 480),
        (_config((2, 5), (13, 4), (1, 4), (0, 3)), 48_000, 1024),
        (b"", 16_000, 1024),
    ],
    ids=["lc", "960", "he", "he-core-clock", "he-960", "own-rate", "eld", "eld-480", "bad", "none"],
)
def test_aac_by_its_configuration(config: bytes, clock_rate: int, ticks: int) -> None:
    assert aac_frame_ticks(config, clock_rate) == ticks


@pytest.mark.parametrize(
    ("config", "name"),
    [(_config(*LC, (0, 3)), "mp4a.40.2"), (_config(*ELD, (0, 1)), "mp4a.40.39")],
    ids=["lc", "eld"],
)
def test_the_codec_string_names_the_object_type(config: bytes, name: str) -> None:
    given = AudioParameters(Codec.AAC, 48_000, 2, config, 1024)
    assert make_init_segment(clip_parameters(video_clip()), given).codecs.endswith(f",{name}")


def test_the_length_is_read_from_a_streams_own_configuration() -> None:
    """HE-AAC as an announced stream has it whose clock is that of the output."""
    given = AudioParameters(Codec.AAC, 48_000, 1, _config(*HE, (0, 3)), 2048)
    init = make_init_segment(clip_parameters(video_clip()), given)
    with av.open(io.BytesIO(init.data), "r") as container:
        found = audio_parameters(container.streams.audio[0])
    assert (found.sample_rate, found.frame_ticks) == (48_000, 2048)
