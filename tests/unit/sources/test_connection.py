"""Feeding runs to the hub, and what counts as a stall."""

import pytest

from falconeye.base.clock import Clock
from falconeye.events.camera_state import ReasonCode
from falconeye.media.packets import ParametersChanged, RawPacket, RunBreak
from falconeye.media.runs import RunEnd
from falconeye.media.samples import (
    AudioSample,
    Codec,
    StreamKind,
    VideoParameters,
    VideoSample,
)
from falconeye.sources.connection import Carried, Connection
from falconeye.sources.feed import Feed
from falconeye.sources.interrupt import Interrupt
from falconeye.sources.login import RefusedLogins
from falconeye.sources.target import SourceTarget
from tests.peers.manual_clock import ManualClock
from tests.peers.media_samples import video_clip
from tests.peers.recording_sink import RecordingSink

VIDEO = VideoParameters(Codec.H264, b"", 640, 360, 3600)
NO_VIDEO = "the camera sends data that is no video"
OTHER = VideoParameters(Codec.H264, b"", 320, 176, 3600)


def _picture(dts_90k: int, *, is_keyframe: bool = False) -> VideoSample:
    return VideoSample(dts_90k, 0, is_keyframe, b"x", 1)


def test_run_begins_with_its_first_sample() -> None:
    sink = RecordingSink()
    feed = Feed(sink, VIDEO, None)
    feed.put([ParametersChanged(OTHER)])
    assert sink.runs == []
    assert feed.put([_picture(0, is_keyframe=True), AudioSample(0, 1024, b"a", 1)]) == 1
    assert sink.runs[0].video == OTHER
    assert sink.runs[0].changes == []


def test_break_ends_a_run_and_the_next_sample_begins_another() -> None:
    sink = RecordingSink()
    feed = Feed(sink, VIDEO, None)
    feed.put([_picture(0, is_keyframe=True), RunBreak(RunEnd.CAMERA_HOLE, "hole")])
    assert sink.runs[0].ended == (RunEnd.CAMERA_HOLE, "hole")
    assert len(sink.runs) == 1
    feed.put([_picture(0, is_keyframe=True), ParametersChanged(OTHER)])
    assert sink.runs[1].changes == [(1, OTHER)]
    feed.end(RunEnd.CAMERA_OFFLINE, "gone")
    feed.end(RunEnd.CAMERA_OFFLINE, "gone again")
    assert sink.runs[1].ended == (RunEnd.CAMERA_OFFLINE, "gone")
    assert sink.faults == []


def test_nothing_began_nothing_ends() -> None:
    sink = RecordingSink()
    Feed(sink, VIDEO, None).end(RunEnd.CAMERA_OFFLINE, "gone")
    assert sink.runs == []


class _Told:
    """What a connection said of itself."""

    def __init__(self) -> None:
        self.running: list[Carried] = []
        self.waiting = 0

    def wait(self) -> None:
        self.waiting += 1


def _connection(clock: Clock) -> tuple[Connection, _Told]:
    told = _Told()
    target = SourceTarget("c", StreamKind.MAIN, "rtsp://cam/")
    connection = Connection(
        target,
        RecordingSink(),
        clock,
        Interrupt(),
        RefusedLogins(),
        told.running.append,
        told.wait,
    )
    return connection, told


def _stalled(connection: Connection) -> tuple[ReasonCode, str]:
    failure = connection.stall()
    assert failure
    return failure.code, failure.reason


def _open(connection: Connection, fps: int = 25) -> None:
    clip = video_clip()
    video = VideoParameters(Codec.H264, clip.parameter_sets, clip.width, clip.height, 90_000 // fps)
    connection.open(video, None, Carried("H.264"))


def _packet(index: int, clock: Clock) -> RawPacket:
    frame = video_clip().frames[index]
    return RawPacket(
        frame.data, frame.pts_90k, frame.dts_90k, frame.is_keyframe, clock.monotonic_us()
    )


def test_stall_is_five_seconds_without_a_picture() -> None:
    clock = ManualClock()
    connection, told = _connection(clock)
    assert connection.stall() is None
    _open(connection)
    for index in range(3):
        connection.video(_packet(index, clock))
    assert connection.delivered
    assert len(told.running) == 1
    assert told.waiting == 0
    clock.advance_s(4.9)
    assert connection.stall() is None
    clock.advance_s(0.2)
    words = "the camera is connected but sends no pictures any more"
    assert _stalled(connection) == (ReasonCode.STALLED, words)


class _Watched(Connection):
    """The watchdog looks at it after each of its steps."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name in ("_alive_us", "_opened_us", "_normaliser") and hasattr(self, "_waiting"):
            assert self.stall() is None


def test_a_connection_that_has_just_opened_is_no_stall() -> None:
    target = SourceTarget("c", StreamKind.MAIN, "rtsp://cam/")
    connection = _Watched(
        target,
        RecordingSink(),
        ManualClock(3_600_000_000),
        Interrupt(),
        RefusedLogins(),
        lambda _carried: None,
        lambda: None,
    )
    _open(connection)


def test_slow_camera_has_three_intervals() -> None:
    clock = ManualClock()
    connection, _ = _connection(clock)
    connection.open(VideoParameters(Codec.H264, b"", 640, 368, 4 * 90_000), None, Carried("H.264"))
    clock.advance_s(11.9)
    assert connection.stall() is None
    clock.advance_s(0.2)
    words = "the camera is connected but sends no pictures"
    assert _stalled(connection) == (ReasonCode.STALLED, words)


def test_packets_that_become_no_picture_do_not_count() -> None:
    clock = ManualClock()
    connection, _ = _connection(clock)
    _open(connection)
    connection.video(_packet(0, clock))
    connection.video(_packet(1, clock))
    for _ in range(6):
        clock.advance_s(1)
        connection.video(RawPacket(b"noise", None, None, False, clock.monotonic_us()))
    assert _stalled(connection) == (ReasonCode.CAMERA_ERROR, NO_VIDEO)


@pytest.mark.parametrize("fps", [25, 1])
def test_waiting_for_a_keyframe_is_told_and_bounded(fps: int) -> None:
    clock = ManualClock()
    connection, told = _connection(clock)
    _open(connection, fps)
    for number in range(60 * fps):
        connection.video(_packet(1 + number % 40, clock))
        assert connection.stall() is None
        clock.advance_s(1 / fps)
    assert told.waiting == 1
    clock.advance_s(0.5)
    connection.video(_packet(1, clock))
    words = "the camera sent no keyframe in 60 s; set a shorter keyframe interval in the camera"
    assert _stalled(connection) == (ReasonCode.STALLED, words)
    assert told.running == []


def test_the_keyframe_that_is_waited_for_ends_the_wait() -> None:
    clock = ManualClock()
    connection, told = _connection(clock)
    _open(connection)
    for index in (30, 31, 32, 0, 1, 2):
        connection.video(_packet(index, clock))
        clock.advance_s(0.04)
    assert (told.waiting, len(told.running)) == (1, 1)
    assert connection.stall() is None


def test_silence_while_waiting_for_a_keyframe_is_a_stall() -> None:
    clock = ManualClock()
    connection, _ = _connection(clock)
    _open(connection)
    for index in (30, 31, 32):
        connection.video(_packet(index, clock))
    clock.advance_s(5.1)
    words = "the camera is connected but sends no pictures any more"
    assert _stalled(connection) == (ReasonCode.STALLED, words)
