"""A viewer's session: offers, choices, interruptions."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.base.memory import MemoryBudget
from falconeye.cameras.status import StatusTracker
from falconeye.events.bus import CameraStateChanged, EventBus, StreamsChanged
from falconeye.events.camera_state import CameraState, ReasonCode
from falconeye.hub.stream import StreamHub
from falconeye.live.session import LiveSession
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from tests.clock import FakeClock
from tests.peers.media_samples import video_clip
from tests.streams import clip_parameters, clip_samples


class Scene:
    """Two hubs, a state, a session and what it sends."""

    def __init__(self, clock: FakeClock) -> None:
        loop = asyncio.get_running_loop()
        budget = MemoryBudget(1 << 26)
        self.bus = EventBus()
        self.hubs = {kind: StreamHub("cam", kind, loop, clock, budget) for kind in StreamKind}
        self.status = StatusTracker("cam", clock, self._publish)
        self.session = LiveSession("cam", self.hubs, lambda: self.status.state, self.bus)

    def _publish(self, state: CameraState) -> None:
        self.bus.publish(CameraStateChanged(state))

    def deliver(self, kind: StreamKind, codec: str = "h264", pictures: int = 30) -> None:
        clip = video_clip(codec=codec)
        hub = self.hubs[kind]
        if hub.video_parameters is None:
            hub.begin_run(clip_parameters(clip), None)
        for sample in clip_samples(clip)[:pictures]:
            hub.video(sample)
        self.status.running()
        self.bus.publish(StreamsChanged("cam"))


@pytest.fixture
async def scene(clock: FakeClock) -> Scene:
    return Scene(clock)


async def text(messages: AsyncIterator[str | bytes]) -> dict[str, Any]:
    """The next JSON message; media before it is passed over."""
    async for message in messages:
        if isinstance(message, str):
            found: dict[str, Any] = json.loads(message)
            return found
    raise AssertionError("the session ended")


async def media(messages: AsyncIterator[str | bytes]) -> bytes:
    message = await anext(messages)
    assert isinstance(message, bytes)
    return message


async def test_offer_choice_hello_init_gop(scene: Scene) -> None:
    scene.deliver(StreamKind.MAIN)
    async with aclosing(scene.session.messages()) as messages:  # type: ignore[type-var]
        offer = await text(messages)
        assert offer["type"] == "offer"
        assert [(s["stream"], s["width"]) for s in offer["streams"]] == [("main", 640)]
        scene.session.choose({"type": "choose", "stream": "main", "focused": True})
        hello = await text(messages)
        assert hello["type"] == "hello"
        assert hello["mime"] == f'video/mp4; codecs="{offer["streams"][0]["codecs"]}"'
        assert (await media(messages))[4:8] == b"ftyp"
        assert (await media(messages))[4:8] == b"moof"
    assert scene.hubs[StreamKind.MAIN].live.viewers == 0


async def test_substream_that_comes_later_is_offered(scene: Scene) -> None:
    scene.deliver(StreamKind.MAIN, "hevc")
    async with aclosing(scene.session.messages()) as messages:  # type: ignore[type-var]
        assert len((await text(messages))["streams"]) == 1
        scene.deliver(StreamKind.SUB)
        offer = await text(messages)
        assert [s["stream"] for s in offer["streams"]] == ["main", "sub"]


async def test_nothing_new_is_not_offered_again(scene: Scene) -> None:
    scene.deliver(StreamKind.MAIN)
    async with aclosing(scene.session.messages()) as messages:  # type: ignore[type-var]
        await text(messages)
        scene.bus.publish(StreamsChanged("cam"))
        scene.bus.publish(StreamsChanged("other"))
        scene.status.failed(ReasonCode.DISCONNECTED, "the camera ended the stream")
        assert await text(messages) == {
            "type": "offline",
            "reason_code": "disconnected",
            "reason": "the camera ended the stream",
            "picture_us": scene.hubs[StreamKind.MAIN].last_picture_us,
        }


async def test_offline_camera_says_why_and_offers_when_it_comes(scene: Scene) -> None:
    scene.status.starting()
    async with aclosing(scene.session.messages()) as messages:  # type: ignore[type-var]
        assert (await text(messages))["reason_code"] == "connecting"
        scene.deliver(StreamKind.MAIN)
        assert (await text(messages))["type"] == "offer"


async def test_who_could_not_choose_is_offered_the_same_streams_again(scene: Scene) -> None:
    """A browser that plays no HEVC shows stills; told that the camera is off, it waits."""
    scene.deliver(StreamKind.MAIN, "hevc")
    async with aclosing(scene.session.messages()) as messages:  # type: ignore[type-var]
        offer = await text(messages)
        scene.hubs[StreamKind.MAIN].end_run(RunEnd.CAMERA_OFFLINE, "gone")
        scene.status.failed(ReasonCode.DISCONNECTED, "gone")
        scene.bus.publish(StreamsChanged("cam"))
        assert (await text(messages))["type"] == "offline"
        scene.deliver(StreamKind.MAIN, "hevc")
        assert await text(messages) == offer


async def test_an_offer_is_not_lost_when_the_stream_begins_anew(scene: Scene) -> None:
    scene.deliver(StreamKind.MAIN)
    async with aclosing(scene.session.messages()) as messages:  # type: ignore[type-var]
        await text(messages)
        scene.session.choose({"type": "choose", "stream": "main"})
        assert (await text(messages))["type"] == "hello"
        scene.deliver(StreamKind.SUB)
        for _ in range(3):  # offered, but the viewer takes nothing yet
            await asyncio.sleep(0)
        scene.hubs[StreamKind.MAIN].end_run(RunEnd.CAMERA_HOLE, "no picture for 5.0 s")
        scene.deliver(StreamKind.MAIN)
        await asyncio.sleep(0)
        kinds = [(await text(messages))["type"] for _ in range(2)]
        assert kinds == ["offer", "hello"]


async def test_viewer_stays_through_an_interruption(scene: Scene) -> None:
    scene.deliver(StreamKind.MAIN)
    async with aclosing(scene.session.messages()) as messages:  # type: ignore[type-var]
        await text(messages)
        scene.session.choose({"type": "choose", "stream": "main"})
        assert (await text(messages))["type"] == "hello"
        hub = scene.hubs[StreamKind.MAIN]
        hub.end_run(RunEnd.CAMERA_OFFLINE, "gone")
        assert (await text(messages))["type"] == "offline"
        scene.deliver(StreamKind.MAIN)
        assert (await text(messages))["type"] == "hello"
        assert (await media(messages))[4:8] == b"ftyp"


async def test_news_of_a_stream_that_runs_again_do_not_end_it(scene: Scene) -> None:
    """A recording begins with the first keyframe, before the camera is called online."""
    scene.deliver(StreamKind.MAIN)
    async with aclosing(scene.session.messages()) as messages:  # type: ignore[type-var]
        await text(messages)
        scene.session.choose({"type": "choose", "stream": "main"})
        assert (await text(messages))["type"] == "hello"
        scene.hubs[StreamKind.MAIN].end_run(RunEnd.CAMERA_OFFLINE, "gone")
        assert (await text(messages))["type"] == "offline"
        scene.status.starting()
        assert (await text(messages))["reason_code"] == "connecting"
        hub = scene.hubs[StreamKind.MAIN]
        hub.begin_run(clip_parameters(video_clip()), None)
        first, *rest = clip_samples(video_clip())
        hub.video(first)
        assert (await text(messages))["type"] == "hello"
        scene.status.recording(now_recording=True)
        scene.status.running()
        for sample in rest:
            hub.video(sample)
        kinds = [await anext(messages) for _ in range(3)]
        assert all(isinstance(message, bytes) for message in kinds)


async def test_a_choice_that_comes_too_late_is_told_so(scene: Scene) -> None:
    scene.deliver(StreamKind.MAIN)
    async with aclosing(scene.session.messages()) as messages:  # type: ignore[type-var]
        await text(messages)
        scene.hubs[StreamKind.MAIN].end_run(RunEnd.CAMERA_OFFLINE, "gone")
        scene.status.failed(ReasonCode.DISCONNECTED, "gone")
        scene.session.choose({"type": "choose", "stream": "main"})
        assert (await text(messages))["reason_code"] == "disconnected"


@pytest.mark.parametrize(
    "request_",
    [{}, {"type": "offer"}, {"type": "choose"}, {"type": "choose", "stream": "third"},
     {"type": "choose", "stream": ["main"]}],
)  # fmt: skip
async def test_bad_choices_are_refused(scene: Scene, request_: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        scene.session.choose(request_)


async def test_close_ends_the_messages(scene: Scene) -> None:
    scene.deliver(StreamKind.MAIN)
    messages = scene.session.messages()
    await text(messages)
    scene.session.choose({"type": "choose", "stream": "main"})
    scene.session.close()
    assert [message async for message in messages] == []
    assert scene.hubs[StreamKind.MAIN].live.viewers == 0


async def test_a_choice_after_the_end_joins_nothing(scene: Scene) -> None:
    scene.deliver(StreamKind.MAIN)
    ended: list[LiveSession] = []
    state = scene.status.state
    session = LiveSession("cam", scene.hubs, lambda: state, scene.bus, ended.append)
    session.close()
    session.close()
    session.choose({"type": "choose", "stream": "main"})
    assert scene.hubs[StreamKind.MAIN].live.viewers == 0
    assert ended == [session]


async def test_an_interruption_of_a_camera_that_is_online_has_a_reason(scene: Scene) -> None:
    scene.deliver(StreamKind.MAIN)
    async with aclosing(scene.session.messages()) as messages:  # type: ignore[type-var]
        await text(messages)
        scene.session.choose({"type": "choose", "stream": "main"})
        assert (await text(messages))["type"] == "hello"
        scene.hubs[StreamKind.MAIN].end_run(RunEnd.CAMERA_HOLE, "no picture for 5.0 s")
        assert await text(messages) == {
            "type": "offline",
            "reason_code": "reconnecting",
            "reason": "no picture for 5.0 s",
            "picture_us": scene.hubs[StreamKind.MAIN].last_picture_us,
        }


async def test_who_is_told_of_an_absence_hears_of_the_last_picture(scene: Scene) -> None:
    async with aclosing(scene.session.messages()) as messages:  # type: ignore[type-var]
        assert "picture_us" not in await text(messages)
    scene.deliver(StreamKind.MAIN)
    taken_us = scene.hubs[StreamKind.MAIN].last_picture_us
    scene.hubs[StreamKind.MAIN].end_run(RunEnd.CAMERA_OFFLINE, "gone")
    for is_paused, expected in ((False, taken_us), (True, None)):
        if is_paused:
            scene.status.paused("paused by anna")
        else:
            scene.status.stopped("stopped")
        session = LiveSession("cam", scene.hubs, lambda: scene.status.state, scene.bus)
        async with aclosing(session.messages()) as messages:  # type: ignore[type-var]
            assert (await text(messages)).get("picture_us") == expected
