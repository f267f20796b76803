"""JPEG pictures for watchers: the camera's own ones, and decoded ones."""

import asyncio
import threading
from contextlib import aclosing, suppress

import pytest

from falconeye.base.memory import MemoryBudget
from falconeye.hub.stream import StreamHub
from falconeye.live.picture_feed import PictureFeed
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from tests.clock import FakeClock
from tests.peers.media_samples import video_clip
from tests.streams import clip_parameters, clip_samples


@pytest.fixture
async def hub(clock: FakeClock) -> StreamHub:
    loop = asyncio.get_running_loop()
    return StreamHub("cam", StreamKind.MAIN, loop, clock, MemoryBudget(1 << 26))


@pytest.fixture
async def feed(hub: StreamHub) -> PictureFeed:
    return PictureFeed(hub, asyncio.get_running_loop())


def _own(hub: StreamHub, jpeg: bytes) -> None:
    """An MJPEG camera begins a run with this picture."""
    hub.begin_run(clip_parameters(video_clip()), None)
    first = clip_samples()[0]
    hub.video(first)
    hub.jpeg(jpeg, first.arrived_us)


async def test_a_cameras_own_pictures_go_on_after_it_was_away(
    hub: StreamHub, feed: PictureFeed
) -> None:
    _own(hub, b"before")
    async with aclosing(feed.pictures()) as pictures:  # type: ignore[type-var]
        assert await anext(pictures) == b"before"
        hub.end_run(RunEnd.CAMERA_OFFLINE, "gone")
        waiting = asyncio.ensure_future(anext(pictures))
        await asyncio.sleep(0)  # it has seen that there is none
        _own(hub, b"after")
        assert await waiting == b"after"


async def test_the_last_picture_of_former_watchers_does_not_pass_for_live(
    hub: StreamHub, feed: PictureFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoding, may_end = threading.Event(), threading.Event()

    def encode(_frame: object) -> bytes:
        if encoding.is_set():
            return b"new"
        encoding.set()
        assert may_end.wait(5)
        return b"late"

    monkeypatch.setattr("falconeye.live.picture_feed.frame_to_jpeg", encode)
    samples = clip_samples(repeats=2)
    hub.begin_run(clip_parameters(video_clip()), None)
    hub.video(samples[0])
    former = asyncio.ensure_future(anext(feed.pictures()))
    await asyncio.sleep(0)
    for sample in samples[1:75]:
        hub.video(sample)
    assert await asyncio.to_thread(encoding.wait, 5)
    former.cancel()
    await asyncio.sleep(0)
    assert feed.watchers == 0
    may_end.set()
    with suppress(asyncio.CancelledError):
        await former
    async with aclosing(feed.pictures()) as pictures:  # type: ignore[type-var]
        later = asyncio.ensure_future(anext(pictures))
        await asyncio.sleep(0)
        for sample in clip_samples(arrived_us=samples[-1].arrived_us + 1_000_000):
            hub.video(sample)
        assert await later == b"new"
