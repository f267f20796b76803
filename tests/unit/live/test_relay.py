"""The endless MP4: what ends it, and what does not."""

import asyncio
import io
from dataclasses import replace

import av
import pytest

from falconeye.base.memory import MemoryBudget
from falconeye.hub.stream import StreamHub
from falconeye.live.relay import live_mp4
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from tests.clock import FakeClock
from tests.peers.media_samples import video_clip
from tests.streams import clip_parameters, clip_samples


@pytest.fixture
async def hub(clock: FakeClock) -> StreamHub:
    loop = asyncio.get_running_loop()
    made = StreamHub("cam", StreamKind.MAIN, loop, clock, MemoryBudget(1 << 26))
    made.begin_run(clip_parameters(video_clip()), None)
    return made


async def test_a_reader_that_was_too_slow_goes_on_at_a_keyframe(hub: StreamHub) -> None:
    samples = clip_samples(repeats=7)
    for sample in samples[:60]:
        hub.video(sample)
    relay = live_mp4(hub)
    parts = [await anext(relay), await anext(relay)]
    for sample in samples[60:]:  # 11 s that nobody reads
        hub.video(sample)
        await asyncio.sleep(0)
    hub.end_run(RunEnd.CAMERA_OFFLINE, "gone")
    parts += [part async for part in relay]
    with av.open(io.BytesIO(b"".join(parts)), "r") as container:
        times = [frame.time or 0.0 for frame in container.decode(video=0)]
    assert times[0] == pytest.approx(2)
    assert times[-1] > 12
    assert len(times) < 290


async def test_other_parameters_end_it(hub: StreamHub) -> None:
    for sample in clip_samples():
        hub.video(sample)
    relay = live_mp4(hub)
    assert [(await anext(relay))[4:8] for _ in range(2)] == [b"ftyp", b"moof"]
    small = video_clip(width=320, height=176)
    hub.parameters_changed(clip_parameters(small))
    for sample in clip_samples(small):
        hub.video(replace(sample, dts_90k=sample.dts_90k + 180_000))
    assert [part async for part in relay] == []
