"""Noise among which some packets look like pictures."""

import random

import pytest

from falconeye.events.camera_state import ReasonCode
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
    connection = Connection(
        target, sink, clock, Interrupt(), RefusedLogins(), carried.append, lambda: None
    )
    connection.open(PARAMETERS, None, Carried("H.264"))
    return connection, carried, sink


NO_VIDEO = (ReasonCode.CAMERA_ERROR, "the camera sends data that is no video")
Running = tuple[Connection, list[Carried], RecordingSink]


def packet(clock: ManualClock, data: bytes, number: int, *, key: bool = False) -> RawPacket:
    return RawPacket(data, number * 3600, number * 3600, key, clock.monotonic_us())


def said(connection: Connection) -> tuple[ReasonCode, str] | None:
    failure = connection.stall()
    return (failure.code, failure.reason) if failure else None


def noise(source: random.Random) -> bytes:
    """A picture's worth of random NAL units, as libavformat makes of random RTP payloads."""
    units = [source.randbytes(source.randint(40, 1400)) for _ in range(source.randint(1, 18))]
    return b"".join(b"\0\0\0\1" + unit for unit in units)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_noise_from_the_first_packet_on_is_told_in_the_time_of_a_stall(
    clock: ManualClock, codec: str
) -> None:
    """A hundred such cameras: each is told, and none seems to run or to wait for a keyframe."""
    source = random.Random(codec)  # noqa: S311 - noise
    for _ in range(100):
        connection = of_no_use(codec, clock)
        for number in range(160):  # 6.4 s
            clock.advance_s(0.04)
            key = source.random() < 0.4  # what libavformat makes of it
            connection.video(packet(clock, noise(source), number, key=key))
        assert said(connection) == NO_VIDEO


def of_no_use(codec: str, clock: ManualClock) -> Connection:
    """A connection that may say neither that it runs nor that it waits for a keyframe."""

    def running(carried: Carried) -> None:
        pytest.fail(f"it is said to run: {carried}")

    def waiting() -> None:
        pytest.fail("it is said to wait for a keyframe")

    target = SourceTarget("camera", StreamKind.MAIN, "rtsp://127.0.0.1/a")
    connection = Connection(
        target, RecordingSink(), clock, Interrupt(), RefusedLogins(), running, waiting
    )
    clip = video_clip(codec)
    sets = VideoParameters(Codec(codec), clip.parameter_sets, clip.width, clip.height, 3600)
    connection.open(sets, None, Carried(codec))
    return connection


@pytest.mark.parametrize(("named", "sent"), [("h264", "hevc"), ("hevc", "h264")])
def test_another_codec_than_the_description_names_is_no_video(
    clock: ManualClock, named: str, sent: str
) -> None:
    connection = of_no_use(named, clock)
    for number in range(160):
        clock.advance_s(0.04)
        connection.video(packet(clock, video_clip(sent).frames[number % 50].data, number))
    assert said(connection) == NO_VIDEO


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
    assert said(connection) == NO_VIDEO


def test_parameter_sets_amid_noise_change_nothing(clock: ManualClock, running: Running) -> None:
    """Neither another recording for each, nor an error at the first that cannot be read."""
    connection, _, sink = running
    for number in range(4):
        connection.video(packet(clock, CLIP.frames[number].data, number, key=number == 0))
    other = video_clip(width=320, height=176).frames[0].data
    false_sps = b"\0\0\0\1\x67" + bytes(range(255, 155, -1))
    for number, sets in enumerate((NOISE * 9, other + NOISE * 4, false_sps + NOISE + other), 4):
        clock.advance_s(0.04)
        connection.video(packet(clock, sets, number, key=True))
    connection.close(RunEnd.CAMERA_OFFLINE, "gone")
    assert [run.changes for run in sink.runs] == [[]]
    assert sink.faults == []


def test_a_picture_lost_now_and_then_is_no_stall(clock: ManualClock, running: Running) -> None:
    connection, _, _ = running
    for number in range(200):
        clock.advance_s(0.04)
        frame = CLIP.frames[number % len(CLIP.frames)]
        data = NOISE if number % 5 == 4 else frame.data
        connection.video(packet(clock, data, number, key=frame.is_keyframe and data != NOISE))
        assert connection.stall() is None


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
