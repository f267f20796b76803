"""Noise among which some packets look like pictures."""

import pytest

from falconeye.media.packets import RawPacket
from falconeye.media.runs import RunEnd
from falconeye.media.samples import Codec, StreamKind, VideoParameters
from falconeye.sources.connection import Carried, Connection
from falconeye.sources.interrupt import Interrupt
from falconeye.sources.login import RefusedLogins
from falconeye.sources.target import SourceTarget
from tests.peers.manual_clock import ManualClock
from tests.peers.media_samples import video_clip
from tests.peers.recording_sink import RecordingSink

CLIP = video_clip()
PARAMETERS = VideoParameters(Codec.H264, CLIP.parameter_sets, CLIP.width, CLIP.height, 3600)
NOISE = b"\0\0\0\1\xff" + bytes(range(1, 200))  # forbidden_zero_bit is set
SLICE = b"\0\0\0\1\x41\x9a" + bytes(range(1, 200))  # passes for a picture


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def running(clock: ManualClock) -> tuple[Connection, list[Carried], RecordingSink]:
    carried: list[Carried] = []
    sink = RecordingSink()
    target = SourceTarget("camera", StreamKind.MAIN, "rtsp://127.0.0.1/a")
    connection = Connection(target, sink, clock, Interrupt(), RefusedLogins(), carried.append)
    connection.open(PARAMETERS, None, Carried("H.264"))
    return connection, carried, sink


Running = tuple[Connection, list[Carried], RecordingSink]


def packet(clock: ManualClock, data: bytes, number: int, *, key: bool = False) -> RawPacket:
    return RawPacket(data, number * 3600, number * 3600, key, clock.monotonic_us())


def test_what_looks_like_a_picture_now_and_then_keeps_no_stream_alive(
    clock: ManualClock, running: Running
) -> None:
    connection, carried, _ = running
    for number, frame in enumerate(CLIP.frames):
        clock.advance_s(0.04)
        connection.video(packet(clock, frame.data, number, key=frame.is_keyframe))
    assert carried
    for number in range(len(CLIP.frames), len(CLIP.frames) + 175):  # 7 s
        clock.advance_s(0.04)
        data = SLICE if number % 20 == 0 else NOISE
        connection.video(packet(clock, data, number))
    assert connection.is_stalled()


def test_a_picture_lost_now_and_then_is_no_stall(clock: ManualClock, running: Running) -> None:
    connection, _, _ = running
    for number in range(200):
        clock.advance_s(0.04)
        frame = CLIP.frames[number % len(CLIP.frames)]
        data = NOISE if number % 5 == 4 else frame.data
        connection.video(packet(clock, data, number, key=frame.is_keyframe and data != NOISE))
        assert not connection.is_stalled()


def test_a_false_keyframe_that_waits_does_not_break_the_end(
    clock: ManualClock, running: Running
) -> None:
    """A keyframe is held for a moment; when it turns out to be noise, the run still ends."""
    connection, _, sink = running
    connection.video(packet(clock, CLIP.frames[0].data, 0, key=True))
    connection.video(packet(clock, CLIP.frames[1].data, 1))
    connection.video(packet(clock, b"\0\0\0\1\x41\x1a" + bytes(50), 2))  # goes on: keyframes wait
    false_sps = b"\0\0\0\1\x67" + bytes(range(255, 155, -1))
    connection.video(packet(clock, false_sps + b"\0\0\0\1\x65\x88" + bytes(50), 3, key=True))
    connection.close(RunEnd.CAMERA_OFFLINE, "gone")
    assert sink.runs[-1].ended == (RunEnd.CAMERA_OFFLINE, "gone")
