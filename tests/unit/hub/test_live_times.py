"""The times of live fragments, held against the rule by which browsers throw samples away."""

import asyncio
import io
import math
import struct
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import av
import pytest

from falconeye.base.memory import MemoryBudget
from falconeye.hub.live_variant import Shape
from falconeye.hub.stream import StreamHub
from falconeye.hub.subscription import LiveStart
from falconeye.media.fragments import LiveFragment
from falconeye.media.init_segment import AUDIO_TRACK, VIDEO_TRACK
from falconeye.media.samples import AudioParameters, AudioSample, Codec, StreamKind, VideoSample
from tests.clock import FakeClock
from tests.peers.media_samples import VideoClip, audio_clip, video_clip
from tests.streams import clip_parameters, clip_samples

AAC = audio_clip("aac")
AUDIO = AudioParameters(Codec.AAC, AAC.sample_rate, AAC.channels, AAC.config, AAC.frame_ticks)
SOUND = [Shape(focused=True, audio=True), Shape(focused=False, audio=True)]
SHAPES = [Shape(focused=True, audio=False), Shape(focused=False, audio=False), *SOUND]
STEPS = {
    "slows down": [3600] * 24 + [22_500] * 8,
    "loses pictures": [3600] * 24 + [5 * 3600] + [3600] * 24,
    "loses all but a few": [3600] * 20 + [6 * 3600, 3600] * 8,
    "slows down again and again": [3600] * 20 + [9000] * 4 + [24_000] * 3 + [60_000] * 2,
    "has the same time twice": [3600] * 10 + [1, 7199] * 10 + [1, 1, 1, 3 * 3600] * 5,
    "stutters": [3600] * 20 + [7000, 100, 3700, 3600] * 8,
    "loses one of 29.97": [3003] * 20 + [6006] + [3003] * 10 + [6007] + [3003] * 10,
}


def name(shape: Shape) -> str:
    return f"{'focused' if shape.focused else 'tile'}{', sound' if shape.audio else ''}"


@dataclass(frozen=True)
class Sent:
    """A sample as a browser reads it, in the track's timescale."""

    dts: int
    duration: int
    cts: int


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size


def _track(traf: bytes) -> tuple[int, list[Sent]]:
    """Id and samples of a `traf` (ISO 14496-12 8.8.7, 8.8.8, 8.8.12)."""
    inside = dict(_boxes(traf))
    track, default = struct.unpack(">4xII", inside[b"tfhd"][:12])
    (at,) = struct.unpack(">4xQ", inside[b"tfdt"])
    flags, count = struct.unpack(">II", inside[b"trun"][:8])
    rows = inside[b"trun"][16 if flags & 0x4 else 12 :]
    columns = [
        name for bit, name in ((0x100, "duration"), (0x200, "size"), (0x800, "cts")) if flags & bit
    ]
    samples = []
    for values in list(struct.iter_unpack(f">{len(columns)}I", rows))[:count]:
        row = dict(zip(columns, values, strict=True))
        duration = row.get("duration", default)
        samples.append(Sent(at, duration, row.get("cts", 0)))
        at += duration
    return track, samples


def sent(fragments: Sequence[LiveFragment]) -> dict[int, list[Sent]]:
    """All samples by track."""
    tracks: dict[int, list[Sent]] = {VIDEO_TRACK: [], AUDIO_TRACK: []}
    for fragment in fragments:
        moof = dict(_boxes(fragment.data))[b"moof"]
        for track, samples in (_track(box) for kind, box in _boxes(moof) if kind == b"traf"):
            tracks[track] += samples
    return tracks


def assert_browsers_follow(samples: Sequence[Sent], rate: int) -> None:
    """W3C Media Source Extensions, "coded frame processing"; browsers count in microseconds."""
    for before, after in pairwise(samples):
        step = after.dts * 1_000_000 // rate - before.dts * 1_000_000 // rate
        assert after.dts > before.dts
        assert step <= 2 * (before.duration * 1_000_000 // rate)


def browser_takes_all(
    fragments: Sequence[LiveFragment], pictures: Sequence[VideoSample], sound: Sequence[AudioSample]
) -> list[Sent]:
    """The pictures as sent: all up to the last fragment's, and the sound that came with them."""
    tracks = sent(fragments)
    assert_browsers_follow(tracks[VIDEO_TRACK], 90_000)
    assert_browsers_follow(tracks[AUDIO_TRACK], AAC.sample_rate)
    assert fragments[0].first_seq == 0
    assert len(tracks[VIDEO_TRACK]) == fragments[-1].last_seq + 1
    at_us = pictures[fragments[-1].last_seq].arrived_us
    assert len(tracks[AUDIO_TRACK]) == sum(frame.arrived_us <= at_us for frame in sound)
    return tracks[VIDEO_TRACK]


def heard(until_90k: int, lost: range = range(0)) -> list[AudioSample]:
    frames = list[AudioSample]()
    for index in range(until_90k * AAC.sample_rate // 90_000 // 1024):
        at = index * 1024
        arrived_us = 1_000_001_000 + at * 1_000_000 // AAC.sample_rate
        data = AAC.frames[index % len(AAC.frames)]
        if index not in lost:
            frames.append(AudioSample(at, 1024, data, arrived_us))
    return frames


def seen(steps: Sequence[int], clip: VideoClip) -> list[VideoSample]:
    """The clip's pictures at other times; each is shown as long after its decoding as before."""
    times = [sum(steps[:index]) for index in range(len(steps) + 1)]
    return [
        replace(sample, dts_90k=at, arrived_us=1_000_000_000 + at * 100 // 9)
        for sample, at in zip(clip_samples(clip), times, strict=False)
    ]


class Viewer:
    """What a viewer got: the last init segment, and the fragments after it."""

    def __init__(self, hub: StreamHub, shape: Shape) -> None:
        self.subscription = hub.live.join(shape)
        self.init = b""
        self.fragments: list[LiveFragment] = []

    async def take(self) -> None:
        while self.subscription.has_items:
            item = await self.subscription.get()
            if isinstance(item, LiveStart):
                self.init, self.fragments = item.init.data, []
            elif isinstance(item, LiveFragment):
                self.fragments.append(item)


class Camera:
    """A hub that is given samples in the order of their arrival, and its viewers."""

    def __init__(self, clip: VideoClip, samples: Sequence[VideoSample | AudioSample]) -> None:
        loop = asyncio.get_running_loop()
        budget = MemoryBudget(64 * 1024 * 1024)
        self.hub = StreamHub("cam", StreamKind.MAIN, loop, FakeClock(), budget)
        audio = AUDIO if any(isinstance(sample, AudioSample) for sample in samples) else None
        self.hub.begin_run(clip_parameters(clip), audio)
        self.samples = deque(sorted(samples, key=lambda sample: sample.arrived_us))
        self.viewers: list[Viewer] = []

    def join(self, shape: Shape) -> Viewer:
        self.viewers.append(Viewer(self.hub, shape))
        return self.viewers[-1]

    async def go_on(self, until_us: float = math.inf) -> None:
        """All samples that arrive before then."""
        while self.samples and self.samples[0].arrived_us < until_us:
            sample = self.samples.popleft()
            if isinstance(sample, VideoSample):
                self.hub.video(sample)
            else:
                self.hub.audio(sample)
            await asyncio.sleep(0)
            for viewer in self.viewers:
                await viewer.take()


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS.keys())
@pytest.mark.parametrize("shape", SHAPES, ids=name)
async def test_browsers_keep_all_pictures_of_a_camera_that(
    shape: Shape, steps: list[int], b_frames: int
) -> None:
    clip = video_clip(gop=100, b_frames=b_frames)
    pictures = seen(steps, clip)
    sound = heard(pictures[-1].dts_90k) if shape.audio else []
    camera = Camera(clip, [*pictures, *sound])
    viewer = camera.join(shape)
    await camera.go_on()
    out = browser_takes_all(viewer.fragments, pictures, sound)
    # Each is shown when it was before, and none is decoded before the one ahead of it came.
    for index, one in enumerate(out):
        assert one.dts + one.cts == pictures[index].dts_90k + pictures[index].cts_90k
        assert one.dts <= pictures[index].dts_90k
        assert index == 0 or one.dts > pictures[index - 1].dts_90k
    data = viewer.init + b"".join(fragment.data for fragment in viewer.fragments)
    with av.open(io.BytesIO(data), "r") as file:
        assert sum(1 for _ in file.decode(video=0)) == len(out)


@pytest.mark.parametrize("shape", SHAPES, ids=name)
async def test_decode_times_come_back_to_the_cameras_own(shape: Shape) -> None:
    clip = video_clip(gop=100)
    pictures = seen(STEPS["slows down"], clip)
    camera = Camera(clip, pictures)
    viewer = camera.join(shape)
    await camera.go_on()
    out = sent(viewer.fragments)[VIDEO_TRACK]
    late = [one for one, picture in zip(out, pictures, strict=True) if one.dts != picture.dts_90k]
    assert len(late) <= 1


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS.keys())
@pytest.mark.parametrize("others", [True, False], ids=["among others", "alone"])
@pytest.mark.parametrize("shape", SHAPES, ids=name)
async def test_whoever_joins_keeps_all_pictures_of_a_camera_that(
    shape: Shape, steps: list[int], *, others: bool
) -> None:
    clip = video_clip(gop=100)
    pictures = seen(steps, clip)
    sound = heard(pictures[-1].dts_90k) if shape.audio else []
    for joins in pictures[18:]:
        camera = Camera(clip, [*pictures, *sound])
        if others:
            camera.join(shape)
        await camera.go_on(joins.arrived_us)
        viewer = camera.join(shape)
        await camera.go_on()
        assert viewer.fragments[0].is_keyframe
        browser_takes_all(viewer.fragments, pictures, sound)


@pytest.mark.parametrize("joins", [0, 45, 60])
@pytest.mark.parametrize("lost", [range(20, 21), range(20, 30)], ids=len)
@pytest.mark.parametrize("shape", SOUND, ids=name)
async def test_a_hole_in_the_sound_costs_no_picture(shape: Shape, lost: range, joins: int) -> None:
    clip = video_clip(gop=100)
    pictures = seen([3600] * 80, clip)
    camera = Camera(clip, [*pictures, *heard(pictures[-1].dts_90k, lost)])
    await camera.go_on(pictures[joins].arrived_us)
    viewer = camera.join(shape)
    await camera.go_on()
    tracks = sent(viewer.fragments)
    assert_browsers_follow(tracks[VIDEO_TRACK], 90_000)
    assert_browsers_follow(tracks[AUDIO_TRACK], AAC.sample_rate)
    times = [frame.dts // 1024 for frame in tracks[AUDIO_TRACK] if frame.dts < 32 * 1024]
    # The first frame after the hole fills it too, unless one fragment spans it.
    began = pictures[joins].dts_90k * AAC.sample_rate // 90_000 >= (lost.stop + 1) * 1024
    filled = [] if began else [lost.start]
    assert times == [*range(lost.start), *filled, *range(lost.stop, 32)]


@pytest.mark.parametrize("shape", SHAPES, ids=name)
async def test_other_parameters_begin_at_the_cameras_own_time(shape: Shape) -> None:
    """Players place a new beginning by the decode time of its first fragment."""
    clip = video_clip(gop=25, gops=2)
    pictures = seen([3600] * 24 + [22_500] * 8, clip)
    camera = Camera(clip, pictures)
    viewer = camera.join(shape)
    await camera.go_on(pictures[25].arrived_us)
    camera.hub.parameters_changed(clip_parameters(clip))
    await camera.go_on()
    assert viewer.fragments[0].first_seq == 25
    assert viewer.fragments[0].start_90k == pictures[25].dts_90k
