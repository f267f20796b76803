"""Runs that begin in an open GOP: without pictures that need what never came, without a hole."""

import itertools
from dataclasses import replace

import pytest

from falconeye.media.normaliser import Normaliser
from falconeye.media.packets import Output, RawPacket, RunBreak
from falconeye.media.pictures import PictureDecoder
from falconeye.media.samples import Codec, VideoParameters, VideoSample
from falconeye.sources.demo_picture import read_barcode
from tests.peers.media_samples import VideoClip, nal_type, split_nal_units, video_clip

STEP = 3600
RADL, RASL = {6, 7}, {8, 9}
BLA_W_RADL, CRA = 17, 21


def clip_of(codec: str) -> VideoClip:
    """Four GOPs; after each keyframe but the first come two pictures that are shown before it."""
    return video_clip(codec, gop=27, gops=4, b_frames=3, open_gop=True)


def keyframes(clip: VideoClip) -> list[int]:
    return [index for index, frame in enumerate(clip.frames) if frame.is_keyframe]


def packets(clip: VideoClip, first: int = 0, step: int = STEP) -> list[RawPacket]:
    """The clip from a picture on, a picture every `step`, arriving when they are due."""
    return [
        RawPacket(
            frame.data,
            frame.pts_90k // STEP * step,
            frame.dts_90k // STEP * step,
            frame.is_keyframe,
            1_000_000 + frame.dts_90k // STEP * step * 100 // 9,
        )
        for frame in clip.frames[first:]
    ]


def parameters(clip: VideoClip, step: int = STEP) -> VideoParameters:
    return VideoParameters(Codec(clip.codec), clip.parameter_sets, clip.width, clip.height, step)


def run(clip: VideoClip, raw: list[RawPacket], step: int = STEP) -> list[Output]:
    normal = Normaliser(parameters(clip, step), None)
    return [item for packet in raw for item in normal.video(packet)] + normal.end()


def samples(outputs: list[Output]) -> list[VideoSample]:
    return [item for item in outputs if isinstance(item, VideoSample)]


def kinds(pictures: list[VideoSample]) -> list[int]:
    """The NAL unit type of each HEVC picture."""
    return [_kind(picture.data) for picture in pictures]


def _kind(data: bytes) -> int:
    while data:
        kind, size = data[4] >> 1 & 0x3F, int.from_bytes(data[:4], "big")
        if kind < 32:
            return kind
        data = data[4 + size :]
    pytest.fail("a sample without a picture")


def shown(pictures: list[VideoSample]) -> list[int]:
    return sorted(picture.dts_90k + picture.cts_90k for picture in pictures)


def numbers(clip: VideoClip, pictures: list[VideoSample]) -> list[int | None]:
    """The bar codes that one decoder finds, in the order in which it gives the pictures."""
    decoder = PictureDecoder(parameters(clip))
    frames = [frame for picture in pictures for frame in decoder.decode(picture)]
    return [
        read_barcode(bytes(frame.planes[0]), frame.planes[0].line_size, frame.width)
        for frame in frames + decoder.flush()
    ]


def test_rasl_pictures_of_the_first_keyframe_only_are_left_out() -> None:
    clip = clip_of("hevc")
    first, second = keyframes(clip)[1:3]
    out = samples(run(clip, packets(clip, first - 5)))
    assert kinds(out)[0] == BLA_W_RADL
    left_out = len(clip.frames) - first - len(out)
    assert left_out == 2
    assert not RASL & set(kinds(out)[: second - first - left_out])
    assert {CRA, *RASL} <= set(kinds(out)[second - first - left_out :])
    assert numbers(clip, out) == list(range(27, 108))


@pytest.mark.parametrize("codec", ["hevc", "h264"])
@pytest.mark.parametrize("step", [STEP, 90_000, 180_000])
def test_no_hole_is_where_they_were(codec: str, step: int) -> None:
    """Decode and presentation times go on evenly, also where a picture lasts a second or two."""
    clip = clip_of(codec)
    outputs = run(clip, packets(clip, keyframes(clip)[1] - 5, step), step)
    out = samples(outputs)
    assert not [item for item in outputs if isinstance(item, RunBreak)]
    assert [picture.dts_90k for picture in out] == [index * step for index in range(len(out))]
    assert {b - a for a, b in itertools.pairwise(shown(out))} == {step}
    assert shown(out)[0] == out[0].cts_90k
    # The wall clock of the run is read off these two.
    assert len({p.arrived_us - p.dts_90k * 100 // 9 for p in out}) == 1


def test_a_keyframe_without_a_time_is_shown_after_the_pictures_left_out() -> None:
    """What libavformat gives of a connection that begins there."""
    clip = clip_of("hevc")
    raw = packets(clip, keyframes(clip)[1])
    raw[0] = replace(raw[0], pts=None, dts=None)
    raw[1:3] = [replace(packet, dts=None) for packet in raw[1:3]]
    out = samples(run(clip, raw))
    assert kinds(out[:2]) == [BLA_W_RADL, 1]
    assert {b - a for a, b in itertools.pairwise(p.dts_90k for p in out)} == {STEP}
    assert {b - a for a, b in itertools.pairwise(shown(out))} == {STEP}


def test_radl_pictures_stay() -> None:
    clip = clip_of("hevc")
    raw = packets(clip, keyframes(clip)[1])
    raw[2] = replace(raw[2], data=_renamed(raw[2].data, 8, 6))
    out = samples(run(clip, raw))
    assert kinds(out[:3]) == [BLA_W_RADL, 6, 1]
    assert out[1].dts_90k - out[0].dts_90k == STEP
    raw[1], raw[2] = (
        replace(raw[1], data=_renamed(raw[1].data, 9, 7)),
        replace(raw[2], data=_renamed(raw[2].data, 6, 8)),
    )
    assert kinds(samples(run(clip, raw))[:3]) == [BLA_W_RADL, 7, 1]


def test_what_is_left_out_after_a_radl_picture_is_no_hole_in_a_slow_stream() -> None:
    clip = clip_of("hevc")
    raw = packets(clip, keyframes(clip)[1], 90_000)
    raw[1] = replace(raw[1], data=_renamed(raw[1].data, 9, 7))
    raw[3:5] = [replace(packet, data=_renamed(packet.data, 1, 9)) for packet in raw[3:5]]
    outputs = run(clip, raw, 90_000)
    assert not [item for item in outputs if isinstance(item, RunBreak)]
    assert kinds(samples(outputs)[:3]) == [BLA_W_RADL, 7, 0]
    assert len(samples(outputs)) == len(raw) - 3


def _renamed(data: bytes, before: int, after: int) -> bytes:
    """An HEVC picture of another NAL unit type."""
    units = split_nal_units(data)
    return b"".join(
        b"\0\0\0\1" + (bytes([after << 1]) + unit[1:] if nal_type(unit, "hevc") == before else unit)
        for unit in units
    )


def test_h264_pictures_shown_before_the_first_keyframe_are_left_out() -> None:
    clip = clip_of("h264")
    first = keyframes(clip)[1]
    out = samples(run(clip, packets(clip, first - 5)))
    assert len(out) == len(clip.frames) - first - 2
    assert shown(out)[0] == out[0].cts_90k
    assert numbers(clip, out) == list(range(27, 108))


def test_a_run_after_another_decodes_as_if_it_stood_alone() -> None:
    """Joined in one download: nothing of the earlier run is taken for what the later one lacks."""
    clip = clip_of("hevc")
    earlier = samples(run(clip, packets(clip)[:70]))
    later = samples(run(clip, packets(clip, keyframes(clip)[1])))
    assert numbers(clip, earlier + later) == numbers(clip, earlier) + list(range(27, 108))


@pytest.mark.parametrize("codec", ["hevc", "h264"])
def test_a_run_after_a_hole_in_the_connection_begins_so_too(codec: str) -> None:
    clip = clip_of(codec)
    first, second = keyframes(clip)[1:3]
    raw = packets(clip)
    outputs = run(clip, raw[: first - 10] + _later(raw[second - 3 :], 90_000 * 5))
    (broken,) = [item for item in outputs if isinstance(item, RunBreak)]
    after = samples(outputs[outputs.index(broken) :])
    assert after[0].is_keyframe
    assert len(after) == len(raw) - second - 2
    assert [p.dts_90k for p in after] == [index * STEP for index in range(len(after))]


def test_a_clock_that_jumps_while_the_keyframe_waits_begins_another_run() -> None:
    clip = clip_of("hevc")
    first, second = keyframes(clip)[1:3]
    raw = packets(clip)
    jumped = [replace(p, pts=(p.pts or 0) + 10**7, dts=(p.dts or 0) + 10**7) for p in raw]
    outputs = run(clip, raw[first : first + 2] + jumped[first + 4 :])
    assert [type(item) for item in outputs[:2]] == [VideoSample, RunBreak]
    assert len(samples(outputs)) == 1 + len(raw) - second - 2


def test_a_keyframe_that_nothing_follows_is_not_lost() -> None:
    clip = clip_of("hevc")
    first = keyframes(clip)[1]
    assert kinds(samples(run(clip, packets(clip, first)[:2]))) == [BLA_W_RADL]


def test_without_reordering_nothing_waits() -> None:
    """Most cameras: the first keyframe goes on with the next packet, as that of a closed GOP."""
    clip = video_clip("hevc", gop=27, gops=2, open_gop=True)
    first = keyframes(clip)[1]
    normal = Normaliser(parameters(clip), None)
    made = [len(normal.video(packet)) for packet in packets(clip, first)[:3]]
    assert made == [0, 2, 1]


def _later(raw: list[RawPacket], by_90k: int) -> list[RawPacket]:
    return [
        replace(
            packet,
            pts=(packet.pts or 0) + by_90k,
            dts=(packet.dts or 0) + by_90k,
            arrived_us=packet.arrived_us + by_90k * 100 // 9,
        )
        for packet in raw
    ]
