"""The hub: sinks, tracks, live fan-out; samples come from the test's own thread of control."""

import asyncio
import io
import itertools
import struct
from dataclasses import dataclass, field, replace

import av
import pytest

from falconeye.base.memory import MemoryBudget
from falconeye.hub.live_variant import Shape
from falconeye.hub.sink import Run
from falconeye.hub.stream import MAX_LAST_BYTES, StreamHub
from falconeye.hub.subscription import Dropped, Ended, Item, LiveStart, LiveSubscription
from falconeye.media.fragments import InitSegment, LiveFragment
from falconeye.media.runs import RunEnd
from falconeye.media.samples import (
    AudioParameters,
    AudioSample,
    Codec,
    StreamKind,
    VideoSample,
)
from tests.clock import FakeClock
from tests.peers.media_samples import audio_clip, video_clip
from tests.streams import clip_parameters, clip_samples

FOCUSED = Shape(focused=True, audio=False)
TILE = Shape(focused=False, audio=False)
SOUND = Shape(focused=True, audio=True)
AAC = audio_clip("aac")
AUDIO = AudioParameters(Codec.AAC, AAC.sample_rate, AAC.channels, AAC.config, AAC.frame_ticks)


@dataclass
class Sink:
    """Notes what it is given."""

    calls: list[str] = field(default_factory=list)
    inits: list[InitSegment] = field(default_factory=list)
    samples: list[VideoSample | AudioSample] = field(default_factory=list)
    ends: list[RunEnd] = field(default_factory=list)

    def begin_run(self, _run: Run) -> None:
        self.calls.append("run")

    def begin_init(self, init: InitSegment) -> None:
        self.calls.append("init")
        self.inits.append(init)

    def video(self, sample: VideoSample) -> None:
        self.calls.append("key" if sample.is_keyframe else "video")
        self.samples.append(sample)

    def audio(self, sample: AudioSample) -> None:
        self.calls.append("audio")
        self.samples.append(sample)

    def end_run(self, reason: RunEnd, _detail: str) -> None:
        self.calls.append("end")
        self.ends.append(reason)

    __hash__ = object.__hash__


@pytest.fixture
def budget() -> MemoryBudget:
    return MemoryBudget(64 * 1024 * 1024)


@pytest.fixture
async def hub(clock: FakeClock, budget: MemoryBudget) -> StreamHub:
    return StreamHub("cam", StreamKind.MAIN, asyncio.get_running_loop(), clock, budget)


def begin(hub: StreamHub, audio: AudioParameters | None = None) -> None:
    hub.begin_run(clip_parameters(video_clip()), audio)


async def drain(viewer: LiveSubscription) -> list[Item]:
    """All that the loop has for the viewer now."""
    await asyncio.sleep(0)
    items: list[Item] = []
    while viewer.has_items and not viewer.closed:
        item = await viewer.get()
        assert item is not None
        items.append(item)
    return items


def decoded(items: list[Item]) -> int:
    """How many pictures a decoder gets out of what a viewer got."""
    start = next(item for item in items if isinstance(item, LiveStart))
    data = start.init.data + b"".join(i.data for i in items if isinstance(i, LiveFragment))
    with av.open(io.BytesIO(data), "r") as container:
        return sum(1 for _ in container.decode(video=0))


async def test_sink_joins_at_a_keyframe_and_leaves_at_a_sample(hub: StreamHub) -> None:
    samples = clip_samples(repeats=2)
    early, late = Sink(), Sink()
    hub.sinks.add(early)
    begin(hub)
    for sample in samples[:20]:
        hub.video(sample)
    hub.sinks.add(late)
    for sample in samples[20:60]:
        hub.video(sample)
    hub.sinks.remove(early, RunEnd.STOPPED_BY_USER)
    for sample in samples[60:]:
        hub.video(sample)
    hub.end_run(RunEnd.CAMERA_OFFLINE, "gone")
    assert early.calls[:3] == ["run", "init", "key"]
    assert len(early.samples) == 60
    assert early.ends == [RunEnd.STOPPED_BY_USER]
    assert late.calls[:3] == ["run", "init", "key"]
    assert len(late.samples) == 50
    assert late.ends == [RunEnd.CAMERA_OFFLINE]


async def test_sink_removed_before_it_began_is_forgotten(hub: StreamHub) -> None:
    sink = Sink()
    hub.sinks.add(sink)
    hub.sinks.remove(sink, RunEnd.STOPPED_BY_USER)
    begin(hub)
    for sample in clip_samples():
        hub.video(sample)
    hub.end_run(RunEnd.CAMERA_OFFLINE, "")
    assert sink.calls == []


def _audio(index: int, arrived_us: int) -> AudioSample:
    return AudioSample(index * 1024, 1024, AAC.frames[index % len(AAC.frames)], arrived_us)


async def test_announced_audio_is_waited_for(hub: StreamHub) -> None:
    sink = Sink()
    hub.sinks.add(sink)
    begin(hub, AUDIO)
    samples = clip_samples()
    for sample in samples[:10]:
        hub.video(sample)
    assert sink.calls == []
    hub.audio(_audio(0, samples[9].arrived_us))
    assert sink.calls[:3] == ["run", "init", "key"]
    assert sink.inits[0].audio == AUDIO
    assert len(sink.samples) == 11


async def test_silent_audio_is_given_up_after_a_second_and_taken_in_later(hub: StreamHub) -> None:
    sink = Sink()
    hub.sinks.add(sink)
    begin(hub, AUDIO)
    samples = clip_samples(repeats=4)
    for sample in samples[:60]:
        hub.video(sample)
    assert [init.audio for init in sink.inits] == [None]
    assert len(sink.samples) == 60
    for index, sample in enumerate(samples[60:]):
        hub.audio(_audio(index, sample.arrived_us))
        hub.video(sample)
    assert [init.audio for init in sink.inits] == [None, AUDIO]
    assert sink.calls[sink.calls.index("audio") - 2 :][:2] == ["init", "key"]


async def test_audio_that_stays_away_changes_the_init_segment(hub: StreamHub) -> None:
    sink = Sink()
    hub.sinks.add(sink)
    begin(hub, AUDIO)
    samples = clip_samples(repeats=5)
    for index, sample in enumerate(samples):
        if index < 20:
            hub.audio(_audio(index, sample.arrived_us))
        hub.video(sample)
    assert [init.audio for init in sink.inits] == [AUDIO, None]
    keyframes = sum(1 for s in sink.samples if isinstance(s, VideoSample) and s.is_keyframe)
    assert keyframes == 5


@pytest.mark.parametrize("shape", [FOCUSED, TILE])
async def test_viewer_gets_the_gop_and_then_every_picture(hub: StreamHub, shape: Shape) -> None:
    samples = clip_samples(repeats=2)
    begin(hub)
    for sample in samples[:30]:
        hub.video(sample)
    viewer = hub.live.join(shape)
    items: list[Item] = []
    for sample in samples[30:]:
        hub.video(sample)
        items += await drain(viewer)
    assert isinstance(items[0], LiveStart)
    pending = 0 if shape.focused else 3  # pictures of a tile's last 160 ms
    assert 100 - pending <= decoded(items) <= 100
    hub.live.leave(shape, viewer)
    assert hub.live.viewers == 0


async def test_second_tile_joins_without_loss_or_repetition(hub: StreamHub) -> None:
    samples = clip_samples(repeats=2)
    begin(hub)
    first = hub.live.join(TILE)
    for sample in samples[:33]:
        hub.video(sample)
    await asyncio.sleep(0)
    second = hub.live.join(TILE)
    got: dict[LiveSubscription, list[Item]] = {first: [], second: []}
    for sample in samples[33:]:
        hub.video(sample)
        for viewer, taken in got.items():
            taken.extend(await drain(viewer))
    for viewer, items in got.items():
        fragments = [item for item in items if isinstance(item, LiveFragment)]
        for before, after in itertools.pairwise(fragments):
            assert after.first_seq == before.last_seq + 1
        assert fragments[0].is_keyframe
        hub.live.leave(TILE, viewer)


async def test_a_viewer_that_stops_reading_resumes_at_a_keyframe(hub: StreamHub) -> None:
    samples = clip_samples(repeats=10)
    begin(hub)
    hub.video(samples[0])
    viewer = hub.live.join(FOCUSED)
    for sample in samples[1:]:
        hub.video(sample)
        await asyncio.sleep(0)
    items = await drain(viewer)
    dropped = [item for item in items if isinstance(item, Dropped)]
    assert dropped
    assert viewer.dropped == sum(item.fragments for item in dropped)
    after = items[items.index(dropped[-1]) + 1]
    assert isinstance(after, LiveFragment)
    assert after.is_keyframe
    queued = sum(len(i.data) for i in items if isinstance(i, LiveFragment))
    assert queued < 5 * 1024 * 1024
    assert hub.live.dropped == viewer.dropped
    hub.live.leave(FOCUSED, viewer)
    assert hub.live.dropped == viewer.dropped


async def test_viewer_without_a_stream_gets_it_when_it_comes(hub: StreamHub) -> None:
    viewer = hub.live.join(FOCUSED)
    begin(hub)
    for sample in clip_samples():
        hub.video(sample)
        await asyncio.sleep(0)
    assert decoded(await drain(viewer)) == 50
    hub.end_run(RunEnd.CAMERA_OFFLINE, "gone")
    await asyncio.sleep(0)
    assert await drain(viewer) == [Ended("gone")]
    begin(hub)
    for sample in clip_samples():
        hub.video(sample)
        await asyncio.sleep(0)
    items = await drain(viewer)
    assert isinstance(items[0], LiveStart)
    assert decoded(items) == 50
    hub.live.leave(FOCUSED, viewer)


async def test_sound_begins_again_with_another_init_segment(hub: StreamHub) -> None:
    begin(hub, AUDIO)
    samples = clip_samples(repeats=2)
    hub.video(samples[0])
    viewer = hub.live.join(SOUND)
    for index, sample in enumerate(samples[1:]):
        hub.audio(_audio(index, sample.arrived_us))
        hub.video(sample)
        await asyncio.sleep(0)
    starts = [item for item in await drain(viewer) if isinstance(item, LiveStart)]
    assert starts[-1].init.audio == AUDIO
    hub.live.leave(SOUND, viewer)


async def test_long_gop_keeps_only_the_keyframe(hub: StreamHub, budget: MemoryBudget) -> None:
    clip = video_clip(gop=300)
    begin(hub)
    for sample in clip_samples(clip):
        hub.video(sample)
    assert hub.gop.samples == []
    assert hub.gop.keyframe is not None
    assert budget.used_bytes == 0
    viewer = hub.live.join(FOCUSED)
    assert [type(item) for item in await drain(viewer)] == [LiveStart]
    hub.live.leave(FOCUSED, viewer)


async def test_budget_is_given_back(hub: StreamHub, budget: MemoryBudget) -> None:
    begin(hub)
    for sample in clip_samples(repeats=3):
        hub.video(sample)
    assert budget.used_bytes > 0
    hub.end_run(RunEnd.CAMERA_OFFLINE, "")
    assert budget.used_bytes == 0


async def test_step_of_the_nodes_clock_begins_a_run(hub: StreamHub, clock: FakeClock) -> None:
    sink = Sink()
    hub.sinks.add(sink)
    begin(hub)
    samples = clip_samples(repeats=2)
    for sample in samples[:50]:
        hub.video(sample)
    before = hub.wall_offset_us
    clock.step_utc(3600)
    for sample in samples[50:]:
        hub.video(sample)
    assert sink.ends == [RunEnd.CLOCK_CHANGED]
    assert sink.calls.count("run") == 2
    after = hub.wall_offset_us
    assert before is not None
    assert after is not None
    assert after - before == 3_600_000_000


async def test_loop_that_is_far_behind_costs_fragments_not_memory(hub: StreamHub) -> None:
    begin(hub)
    samples = clip_samples(repeats=10)
    hub.video(samples[0])
    viewer = hub.live.join(FOCUSED)
    for sample in samples[1:]:
        hub.video(sample)  # the loop gets no turn
    assert hub.live.overflows > 0
    items = await drain(viewer)
    for sample in clip_samples():
        moved = replace(sample, dts_90k=sample.dts_90k + 1_900_000)
        hub.video(moved)
        items += await drain(viewer)
    lost = next(index for index, item in enumerate(items) if isinstance(item, Dropped))
    after = items[lost + 1]
    assert isinstance(after, LiveFragment)
    assert after.is_keyframe
    hub.live.leave(FOCUSED, viewer)


async def test_who_joins_after_the_loop_was_far_behind_gets_every_picture(hub: StreamHub) -> None:
    begin(hub)
    samples = clip_samples(repeats=10)
    hub.video(samples[0])
    before = hub.live.join(FOCUSED)
    for sample in samples[1:460]:
        hub.video(sample)  # the loop gets no turn
    assert hub.live.overflows > 0
    await drain(before)
    hub.live.leave(FOCUSED, before)
    viewer = hub.live.join(FOCUSED)
    for sample in samples[460:490]:
        hub.video(sample)
    fragments = [item for item in await drain(viewer) if isinstance(item, LiveFragment)]
    assert fragments[-1].last_seq == 489
    for earlier, later in itertools.pairwise(fragments):
        assert later.first_seq == earlier.last_seq + 1
    hub.live.leave(FOCUSED, viewer)


class _Failing(Sink):
    """A sink with a bug in its end."""

    def end_run(self, reason: RunEnd, detail: str) -> None:
        super().end_run(reason, detail)
        raise struct.error

    __hash__ = object.__hash__


async def test_a_sink_that_fails_at_the_end_costs_no_other_and_not_the_next_run(
    hub: StreamHub, clock: FakeClock
) -> None:
    sinks = [_Failing(), Sink()]
    for sink in sinks:
        hub.sinks.add(sink)
    begin(hub)
    for sample in clip_samples():
        hub.video(sample)
    with pytest.raises(struct.error):
        hub.end_run(RunEnd.CAMERA_OFFLINE, "gone")
    assert [sink.ends for sink in sinks] == [[RunEnd.CAMERA_OFFLINE]] * 2
    assert hub.wall_offset_us is None
    hub.sinks.remove(sinks[0], RunEnd.STOPPED_BY_USER)
    clock.advance(3600)
    begin(hub)
    later_us = clock.monotonic_us()
    for sample in clip_samples(arrived_us=later_us):
        hub.video(sample)
    assert hub.first_arrived_us == later_us
    assert sinks[1].calls.count("run") == 2


class _Refusing(Sink):
    """A sink with a bug in what it does with pictures."""

    def video(self, sample: VideoSample) -> None:
        super().video(sample)
        raise struct.error

    __hash__ = object.__hash__


async def test_a_sink_that_fails_with_what_was_held_costs_no_other_its_end(hub: StreamHub) -> None:
    good = Sink()
    hub.sinks.add(good)
    hub.sinks.add(_Refusing())
    begin(hub, AUDIO)
    for sample in clip_samples()[:10]:
        hub.video(sample)  # held: announced audio is waited for
    with pytest.raises(struct.error):
        hub.end_run(RunEnd.CAMERA_OFFLINE, "gone")
    assert good.ends == [RunEnd.CAMERA_OFFLINE]
    assert hub.wall_offset_us is None


async def test_who_joins_as_the_picture_size_changes_gets_no_picture_of_the_old_one(
    hub: StreamHub,
) -> None:
    begin(hub)
    for sample in clip_samples():
        hub.video(sample)
    small = video_clip(width=320, height=176)
    hub.parameters_changed(clip_parameters(small))
    viewer = hub.live.join(FOCUSED)
    (start,) = await drain(viewer)
    assert isinstance(start, LiveStart)
    assert start.init.video.width == 320
    for sample in clip_samples(small):
        hub.video(replace(sample, dts_90k=sample.dts_90k + 180_000))
    assert decoded([start, *await drain(viewer)]) == 50
    hub.live.leave(FOCUSED, viewer)


async def test_pictures_of_a_slow_camera_join_without_a_hole(hub: StreamHub) -> None:
    """A hole of two pictures' length makes browsers wait for a keyframe."""
    begin(hub)
    viewer = hub.live.join(FOCUSED)
    for index, sample in enumerate(clip_samples()[:6]):
        hub.video(replace(sample, dts_90k=index * 180_000))
    fragments = [item for item in await drain(viewer) if isinstance(item, LiveFragment)]
    for before, after in itertools.pairwise(fragments[1:]):
        assert before.start_90k + before.duration_90k == after.start_90k
    hub.live.leave(FOCUSED, viewer)


async def test_gops_leave_half_of_the_memory_to_the_recorders(clock: FakeClock) -> None:
    budget = MemoryBudget(2_000_000)
    hub = StreamHub("cam", StreamKind.MAIN, asyncio.get_running_loop(), clock, budget)
    begin(hub)
    for sample in clip_samples()[:20]:
        hub.video(replace(sample, data=bytes(100_000)))
        assert budget.used_bytes <= 1_000_000
    assert hub.gop.keyframe is not None
    assert budget.take(1_000_000)


def last_us(hub: StreamHub) -> int | None:
    """When its last picture was taken."""
    return hub.last_picture_us


async def test_one_picture_of_a_stream_that_ended_stays_if_it_is_small(hub: StreamHub) -> None:
    first = clip_samples()[0]
    assert last_us(hub) is None
    begin(hub)
    hub.video(first)
    taken_us = last_us(hub)
    hub.end_run(RunEnd.CAMERA_OFFLINE, "gone")
    assert taken_us is not None
    assert last_us(hub) == taken_us
    # An MJPEG camera's own picture instead of it, also where nobody wanted samples.
    for with_run in (True, False):
        if with_run:
            begin(hub)
            hub.video(first)
        hub.jpeg(b"picture", first.arrived_us + 1)
        taken_us = last_us(hub)
        hub.end_run(RunEnd.CAMERA_OFFLINE, "gone")
        assert hub.last_jpeg == (b"picture", taken_us)
        assert hub.latest_jpeg is None
        assert hub.latest_still  # the trial of a camera shows it after the run
        assert last_us(hub) == taken_us
    # Another stream's keyframe takes its place.
    begin(hub)
    hub.video(first)
    assert hub.last_jpeg is None
    hub.forget_picture()
    assert last_us(hub) is None
    hub.jpeg(bytes(MAX_LAST_BYTES + 1), first.arrived_us)
    hub.end_run(RunEnd.CAMERA_OFFLINE, "gone")
    assert last_us(hub) is None
    begin(hub)
    hub.video(replace(first, data=bytes(MAX_LAST_BYTES + 1)))
    hub.end_run(RunEnd.CAMERA_OFFLINE, "gone")
    assert last_us(hub) is None
