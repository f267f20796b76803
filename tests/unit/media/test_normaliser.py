"""Every repair of the normaliser, each on a sequence with one thing bent."""

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falconeye.media.nal import NalRules, join_annex_b, split_annex_b, split_length_prefixed
from falconeye.media.normaliser import Normaliser
from falconeye.media.packets import Output, ParametersChanged, RawPacket, RunBreak
from falconeye.media.samples import (
    AudioParameters,
    AudioSample,
    Codec,
    VideoParameters,
    VideoSample,
)
from tests.peers.media_samples import VideoClip, video_clip

STEP = 3600
STEP_US = 40_000


def packets(clip: VideoClip, repeats: int = 1, start_90k: int = 0) -> list[RawPacket]:
    """The clip as a demuxer gives it, arriving in real time."""
    result = []
    for turn in range(repeats):
        for frame in clip.frames:
            at = turn * clip.duration_90k + frame.dts_90k
            shown = turn * clip.duration_90k + frame.pts_90k
            arrived = 1_000_000 + at * 100 // 9
            result.append(
                RawPacket(frame.data, shown + start_90k, at + start_90k, frame.is_keyframe, arrived)
            )
    return result


def normaliser(clip: VideoClip, audio: AudioParameters | None = None) -> Normaliser:
    parameters = VideoParameters(
        Codec(clip.codec), clip.parameter_sets, clip.width, clip.height, STEP
    )
    return Normaliser(parameters, audio)


def run(normal: Normaliser, raw: list[RawPacket]) -> list[Output]:
    return [item for packet in raw for item in normal.video(packet)] + normal.end()


def samples(outputs: list[Output]) -> list[VideoSample]:
    return [item for item in outputs if isinstance(item, VideoSample)]


def breaks(outputs: list[Output]) -> list[RunBreak]:
    return [item for item in outputs if isinstance(item, RunBreak)]


def test_clean_stream_passes_with_its_times() -> None:
    clip = video_clip()
    out = run(normaliser(clip), packets(clip, start_90k=5_000_000))
    assert [s.dts_90k for s in samples(out)] == [i * STEP for i in range(50)]
    assert [s.is_keyframe for s in samples(out)] == [i == 0 for i in range(50)]
    assert not breaks(out)


def test_samples_hold_the_same_slices_length_prefixed() -> None:
    clip = video_clip()
    out = samples(run(normaliser(clip), packets(clip)))
    first = split_length_prefixed(out[0].data)
    original = split_annex_b(clip.frames[0].data)
    sets = set(split_annex_b(clip.parameter_sets))
    assert first == [unit for unit in original if unit not in sets]


def test_nothing_before_the_first_keyframe() -> None:
    clip = video_clip()
    out = samples(run(normaliser(clip), packets(clip, repeats=2)[7:]))
    assert out[0].is_keyframe
    assert out[0].dts_90k == 0
    assert len(out) == 50


def test_leading_packet_without_times_is_counted_back() -> None:
    clip = video_clip()
    raw = packets(clip)
    raw[0] = replace(raw[0], pts=None, dts=None)
    out = samples(run(normaliser(clip), raw))
    assert [s.dts_90k for s in out] == [i * STEP for i in range(50)]
    assert out[0].cts_90k == 0


def test_a_stream_without_any_times_is_counted() -> None:
    clip = video_clip()
    raw = [replace(packet, pts=None, dts=None) for packet in packets(clip, repeats=3)]
    out = run(normaliser(clip), raw)
    assert not breaks(out)
    assert [s.dts_90k for s in samples(out)] == [i * STEP for i in range(150)]


def test_reordered_stream_without_leading_times_keeps_order() -> None:
    clip = video_clip(b_frames=2)
    raw = packets(clip)
    raw[:3] = [replace(packet, dts=None) for packet in raw[:3]]
    out = samples(run(normaliser(clip), raw))
    assert len(out) == 50
    assert all(b.dts_90k > a.dts_90k for a, b in itertools.pairwise(out))
    assert all(sample.cts_90k >= 0 for sample in out)
    shown = sorted(sample.dts_90k + sample.cts_90k for sample in out)
    assert [b - a for a, b in itertools.pairwise(shown)] == [STEP] * 49


def test_a_stream_that_reorders_nothing_and_does_not_say_so_shows_its_first_picture_first() -> None:
    """The demuxer holds back as many as might be reordered, and knows no pts of the first."""
    clip = video_clip()
    raw = packets(clip, repeats=2)
    raw[:6] = [replace(packet, dts=None) for packet in raw[:6]]
    raw[0] = replace(raw[0], pts=None)
    out = samples(run(normaliser(clip), raw))
    assert [sample.cts_90k for sample in out] == [0] * 100
    assert [sample.dts_90k for sample in out] == [index * STEP for index in range(100)]


def test_split_keyframe_is_joined() -> None:
    clip = video_clip(slices=4)
    raw: list[RawPacket] = []
    for packet in packets(clip, repeats=2):
        units = split_annex_b(packet.data)
        if packet.is_keyframe:
            head = b"".join(b"\0\0\0\1" + unit for unit in units[:-2])
            tail = b"".join(b"\0\0\0\1" + unit for unit in units[-2:])
            raw += [replace(packet, data=head), replace(packet, data=tail)]
        else:
            raw.append(packet)
    out = samples(run(normaliser(clip), raw))
    assert len(out) == 100
    whole = samples(run(normaliser(clip), packets(clip, repeats=2)))
    assert [s.data for s in out] == [s.data for s in whole]


def test_repeated_dts_becomes_last_plus_one() -> None:
    clip = video_clip()
    raw = packets(clip)
    raw[10] = replace(raw[10], dts=raw[9].dts, pts=raw[9].pts)
    out = samples(run(normaliser(clip), raw))
    assert out[10].dts_90k == out[9].dts_90k + 1
    assert len(out) == 50


def test_jump_ahead_begins_a_run_at_the_next_keyframe() -> None:
    clip = video_clip()
    raw = packets(clip, repeats=3)
    raw[60:] = [
        replace(p, dts=(p.dts or 0) + 30 * 90_000, pts=(p.pts or 0) + 30 * 90_000) for p in raw[60:]
    ]
    out = run(normaliser(clip), raw)
    assert len(breaks(out)) == 1
    at = out.index(breaks(out)[0])
    following = out[at + 1]
    assert isinstance(following, VideoSample)
    assert following.is_keyframe
    assert following.dts_90k == 0
    assert len(samples(out)) == 60 + 50


def test_jump_back_begins_a_run() -> None:
    clip = video_clip()
    raw = packets(clip, repeats=2, start_90k=90_000 * 100)
    raw[50:] = [
        replace(p, dts=(p.dts or 0) - 90_000 * 30, pts=(p.pts or 0) - 90_000 * 30) for p in raw[50:]
    ]
    out = run(normaliser(clip), raw)
    assert [b.detail for b in breaks(out)] == ["the camera's clock went back"]
    assert len(samples(out)) == 100


def test_hole_in_real_time_begins_a_run() -> None:
    clip = video_clip()
    raw = packets(clip, repeats=2)
    raw[50:] = [
        replace(
            p,
            dts=(p.dts or 0) + 450_000,
            pts=(p.pts or 0) + 450_000,
            arrived_us=p.arrived_us + 5_000_000,
        )
        for p in raw[50:]
    ]
    out = run(normaliser(clip), raw)
    assert [b.detail for b in breaks(out)] == ["no picture for 5.0 s"]


def test_slow_camera_is_no_hole() -> None:
    clip = video_clip()
    slow = [
        replace(p, dts=i * 90_000, pts=i * 90_000, arrived_us=i * 1_000_000)
        for i, p in enumerate(packets(clip))
    ]
    normal = Normaliser(VideoParameters(Codec.H264, clip.parameter_sets, 640, 368, 90_000), None)
    out = run(normal, slow)
    assert not breaks(out)
    assert len(samples(out)) == 50


def slow(clip: VideoClip, fps: float, count: int = 150) -> list[RawPacket]:
    """So many pictures of the clip at another rate, each up to 5 ms early or late."""
    chance = random.Random(1)  # noqa: S311 - jitter
    made = []
    for packet, index in zip(itertools.cycle(packets(clip)), range(count), strict=False):
        at = int(index * 90_000 / fps) + chance.randint(-450, 450) + 100_000
        made.append(replace(packet, dts=at, pts=at, arrived_us=at * 100 // 9))
    return made


@pytest.mark.parametrize("fps", [2, 1, 0.8, 0.5, 0.2])
def test_a_camera_that_is_slower_than_it_says_has_no_holes(fps: float) -> None:
    clip = video_clip()
    normal = normaliser(clip)
    out = run(normal, slow(clip, fps))
    assert not breaks(out)
    assert len(samples(out)) == 150
    assert normal.frame_interval_90k == pytest.approx(90_000 / fps, rel=0.02)


def test_a_camera_that_becomes_slow_costs_one_gop() -> None:
    clip = video_clip(gop=10)
    fast = packets(clip, repeats=5)
    after = slow(clip, 0.5)[5:]
    first = (fast[-1].dts or 0) + 180_000 - (after[0].dts or 0)
    for packet in after:
        packet.dts = packet.pts = first + (packet.dts or 0)
        packet.arrived_us = packet.dts * 100 // 9
    out = run(normaliser(clip), fast + after)
    assert [b.detail for b in breaks(out)] == ["no picture for 2.0 s"]
    assert len(samples(out)) == 50 + 140


def test_a_slow_camera_has_holes_too() -> None:
    clip = video_clip(gop=10)
    raw = slow(clip, 1)
    raw[50:] = [
        replace(
            p,
            dts=(p.dts or 0) + 5 * 90_000,
            pts=(p.pts or 0) + 5 * 90_000,
            arrived_us=p.arrived_us + 5_000_000,
        )
        for p in raw[50:]
    ]
    out = run(normaliser(clip), raw)
    assert [b.detail for b in breaks(out)] == ["no picture for 6.0 s"]
    assert len(samples(out)) == 150


@pytest.mark.parametrize("step_s", [30, 1_700_000_000, -1_000_000_000])
def test_the_first_pts_of_a_clock_that_was_set_is_not_believed(step_s: int) -> None:
    """Where pictures are reordered a demuxer tells the old dts with it."""
    clip = video_clip(b_frames=2)
    raw = packets(clip, repeats=3)
    step_90k = step_s * 90_000
    raw[61] = replace(raw[61], pts=(raw[61].pts or 0) + step_90k)
    raw[62:] = [
        replace(p, dts=(p.dts or 0) + step_90k, pts=(p.pts or 0) + step_90k) for p in raw[62:]
    ]
    out = run(normaliser(clip), raw)
    assert len(breaks(out)) == 1
    assert len(samples(out)) == 62 + 50
    assert max(s.cts_90k for s in samples(out)) <= 4 * STEP


def picture_set(unit: bytes, qp: int) -> bytes:
    """Another PPS of id 0: only what stands behind its two ids differs."""
    return unit[:2] + bytes([unit[2] ^ qp]) + unit[3:]


def test_a_picture_parameter_set_that_changes_and_changes_back_takes_its_place_each_time() -> None:
    clip = video_clip(gop=10)
    rules = NalRules(Codec.H264)
    old = next(u for u in split_annex_b(clip.parameter_sets) if rules.picture_set_id(u) == 0)
    new = picture_set(old, 0x10)
    assert rules.picture_set_id(new) == 0
    sequence = [u for u in split_annex_b(clip.parameter_sets) if u != old]
    raw = []
    for index, packet in enumerate(packets(clip, repeats=3)):
        units = [u for u in split_annex_b(packet.data) if not rules.is_parameter_set(u)]
        if packet.is_keyframe:
            units.insert(0, new if index // 10 == 1 else old)
        raw.append(replace(packet, data=join_annex_b(units)))
    out = run(normaliser(clip), raw)
    changed = [item.video.parameter_sets for item in out if isinstance(item, ParametersChanged)]
    assert changed == [join_annex_b([*sequence, new]), join_annex_b([*sequence, old])]


def test_other_parameter_sets_change_the_parameters() -> None:
    small, large = video_clip(), video_clip(width=320, height=176)
    shift = small.duration_90k
    second = [
        replace(
            p,
            dts=(p.dts or 0) + shift,
            pts=(p.pts or 0) + shift,
            arrived_us=p.arrived_us + shift * 100 // 9,
        )
        for p in packets(large)
    ]
    out = run(normaliser(small), packets(small) + second)
    changed = [item for item in out if isinstance(item, ParametersChanged)]
    assert [(c.video.width, c.video.height) for c in changed] == [(320, 176)]
    following = out[out.index(changed[0]) + 1]
    assert isinstance(following, VideoSample)
    assert following.is_keyframe


def test_parameters_unknown_from_the_description_are_read_from_the_keyframe() -> None:
    clip = video_clip(codec="hevc")
    normal = Normaliser(VideoParameters(Codec.HEVC, b"", 0, 0, STEP), None)
    out = run(normal, packets(clip))
    assert isinstance(out[0], ParametersChanged)
    assert (out[0].video.width, out[0].video.height) == (clip.width, clip.height)
    assert len(samples(out)) == 50


@given(st.lists(st.binary(max_size=200), max_size=30))
def test_garbage_never_raises(blobs: list[bytes]) -> None:
    normal = normaliser(video_clip())
    for index, blob in enumerate(blobs):
        normal.video(RawPacket(blob, index * STEP, index * STEP, False, index * STEP_US))
    normal.end()


@given(st.data())
def test_times_always_rise(data: st.DataObject) -> None:
    clip = video_clip()
    normal = normaliser(clip)
    outputs: list[Output] = []
    for packet in packets(clip):
        shift = data.draw(st.sampled_from([0, 0, 0, -STEP * 2, STEP, 90_000 * 5, -90_000 * 5]))
        lost = data.draw(st.sampled_from([False, False, False, True]))
        time = None if lost else (packet.dts or 0) + shift
        outputs += normal.video(replace(packet, dts=time, pts=time))
    outputs += normal.end()
    last = -1
    for item in outputs:
        if isinstance(item, RunBreak):
            last = -1
        elif isinstance(item, VideoSample):
            assert item.dts_90k > last
            assert item.cts_90k >= 0
            assert last >= 0 or (item.is_keyframe and item.dts_90k == 0)
            last = item.dts_90k


AAC = AudioParameters(Codec.AAC, 16_000, 1, bytes.fromhex("1408"), 1024)


def _audio(normal: Normaliser, index: int, shift_s: float = 0.0) -> list[AudioSample]:
    ticks = index * 1024 + int(shift_s * 16_000)
    packet = RawPacket(b"a", ticks, ticks, True, 1_000_000 + index * 64_000)
    return [item for item in normal.audio(packet) if isinstance(item, AudioSample)]


def _interleave(normal: Normaliser, seconds: float, shift: dict[int, float]) -> list[AudioSample]:
    clip = video_clip()
    video = packets(clip, repeats=int(seconds // 2) + 1)
    out: list[AudioSample] = []
    now_shift = 0.0
    for index in range(int(seconds / 0.064)):
        while video and video[0].arrived_us <= 1_000_000 + index * 64_000:
            normal.video(video.pop(0))
        now_shift = shift.get(index, now_shift)
        out += _audio(normal, index, now_shift)
    return out


def test_audio_tiles() -> None:
    out = _interleave(normaliser(video_clip(), AAC), 6, {})
    assert len(out) >= 90
    assert all(b.dts_ticks == a.dts_ticks + 1024 for a, b in itertools.pairwise(out))


def test_audio_clock_step_of_30_s_is_not_believed() -> None:
    for step in (30.0, -30.0):
        out = _interleave(normaliser(video_clip(), AAC), 6, {40: step})
        assert len(out) >= 88
        span = out[-1].dts_ticks - out[0].dts_ticks
        assert abs(span - (len(out) - 1) * 1024) <= 2 * 1024


OPUS = AudioParameters(Codec.OPUS, 48_000, 1, b"", 960)


@pytest.mark.parametrize(
    ("packet", "ticks"), [(b"\xf0", 480), (b"\xf8", 960), (b"\x18", 2880)], ids=["10", "20", "60"]
)
def test_opus_frames_tile_whatever_their_length(packet: bytes, ticks: int) -> None:
    clip = video_clip()
    normal = normaliser(clip, OPUS)
    out: list[Output] = []
    video = packets(clip, repeats=3)
    for at in range(0, 5 * 48_000, ticks):
        arrived = 1_000_000 + at * 1_000_000 // 48_000
        while video and video[0].arrived_us <= arrived:
            normal.video(video.pop(0))
        out += normal.audio(RawPacket(packet, at, at, True, arrived))
    heard = [item for item in out if isinstance(item, AudioSample)]
    assert heard[0].dts_ticks < 0.1 * 48_000
    assert {item.duration_ticks for item in heard} == {ticks}
    assert all(b.dts_ticks == a.dts_ticks + ticks for a, b in itertools.pairwise(heard))
    assert heard[-1].dts_ticks + ticks == pytest.approx(5 * 48_000, abs=ticks)
