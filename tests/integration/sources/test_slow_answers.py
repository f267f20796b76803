"""Cameras that answer a byte at a time: never silent, never done."""

import time
from collections.abc import Callable, Iterator

import pytest

from falconeye.base.secret import Secret
from falconeye.media.samples import StreamKind
from falconeye.sources.login import RefusedLogins
from falconeye.sources.stream_source import StreamSource
from falconeye.sources.target import SourceTarget
from tests.peers.judging import failed_with
from tests.peers.media_samples import video_clip
from tests.peers.mjpeg_http import MjpegServer
from tests.peers.recording_sink import RecordingSink
from tests.peers.replay_rtsp import ReplayServer

Start = Callable[[str], RecordingSink]


class _FastClock:
    """Runs 100 times as fast as time: what takes a minute is over in a second."""

    def monotonic_us(self) -> int:
        return time.monotonic_ns() // 10

    def utc_us(self) -> int:
        return time.time_ns() // 10


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[StreamSource] = []

    def start(url: str) -> RecordingSink:
        sink = RecordingSink()
        target = SourceTarget("c", StreamKind.MAIN, url, "admin", Secret("right"), allow_local=True)
        source = StreamSource(target, sink, sink.on_state, _FastClock(), logins=logins)
        started.append(source)
        source.start()
        return sink

    logins = RefusedLogins()
    yield start
    for source in started:
        source.stop()
    assert all(source.join(3) for source in started)


def _until_ended(sink: RecordingSink) -> None:
    sink.until(lambda: failed_with(sink, "no_answer"))
    assert sink.state
    assert "no stream in 30 s" in sink.state.reason


def test_a_description_that_never_ends(replay: ReplayServer, start: Start) -> None:
    replay.add("a", video=video_clip()).faults.trickle_methods = frozenset({"DESCRIBE"})
    _until_ended(start(replay.url("a")))


def test_a_head_of_a_part_that_never_ends(start: Start) -> None:
    with MjpegServer() as camera:
        _until_ended(start(camera.url("trickle")))
