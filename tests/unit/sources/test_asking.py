"""How long a camera may take to begin, and whose failure bytes are that cannot be read."""

import threading

import pytest

from falconeye.events.camera_state import ReasonCode
from falconeye.media.packets import RawPacket
from falconeye.media.samples import Codec, StreamKind, VideoParameters
from falconeye.sources.connection import Carried, Connection
from falconeye.sources.failures import SourceFailure
from falconeye.sources.interrupt import Interrupt
from falconeye.sources.login import RefusedLogins
from falconeye.sources.state import SourceStatus
from falconeye.sources.stream_source import StreamSource
from falconeye.sources.target import SourceTarget
from falconeye.sources.watchdog import Watchdog
from tests.peers.judging import failed_with
from tests.peers.manual_clock import ManualClock
from tests.peers.media_samples import video_clip
from tests.peers.recording_sink import RecordingSink


def _connection(clock: ManualClock) -> Connection:
    return Connection(
        SourceTarget("c", StreamKind.MAIN, "rtsp://cam/"),
        RecordingSink(),
        clock,
        Interrupt(),
        RefusedLogins(),
        lambda _: None,
        lambda: None,
    )


def _open(connection: Connection) -> None:
    clip = video_clip()
    video = VideoParameters(Codec.H264, clip.parameter_sets, clip.width, clip.height, 3600)
    connection.open(video, None, Carried("H.264"))


def test_a_camera_that_is_asked_has_30_s() -> None:
    clock = ManualClock()
    connection = _connection(clock)
    with connection.asking():
        clock.advance_s(30)
        assert connection.stall() is None
        clock.advance_s(0.5)
        failure = connection.stall()
    assert failure
    assert failure.code is ReasonCode.NO_ANSWER
    assert "no stream in 30 s" in failure.reason
    assert connection.stall() is None


def test_a_wait_for_ones_turn_does_not_count() -> None:
    clock = ManualClock()
    connection = _connection(clock)
    clock.advance_s(60)
    assert connection.stall() is None
    with connection.asking():
        assert connection.stall() is None


def test_a_stream_that_began_is_judged_by_its_pictures() -> None:
    clock = ManualClock()
    connection = _connection(clock)
    with connection.asking():
        clock.advance_s(29)
        _open(connection)
        clock.advance_s(4)
        assert connection.stall() is None


def test_a_keyframe_that_cannot_be_read_is_the_cameras_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection = _connection(ManualClock())
    _open(connection)

    def unreadable(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr("falconeye.media.normaliser.Normaliser.video", unreadable)
    with pytest.raises(SourceFailure, match="cannot be read") as caught:
        connection.video(RawPacket(b"x", 0, 0, True, 1))
    assert caught.value.code is ReasonCode.CAMERA_ERROR


class _Broken:
    def run_once(self, connection: Connection) -> None:
        f"j{connection.target.username or chr(252)}rg".encode("ascii")


def test_an_error_of_ours_is_not_told_as_the_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("falconeye.sources.stream_source._reader", lambda _: _Broken())
    sink = RecordingSink()
    target = SourceTarget("c", StreamKind.MAIN, "rtsp://cam/")
    source = StreamSource(target, sink, sink.on_state, ManualClock(), logins=RefusedLogins())
    source.start()
    try:
        sink.until(lambda: failed_with(sink, "internal"))
    finally:
        source.stop()
        assert source.join(3)


def test_a_thread_that_was_let_go_has_the_last_word() -> None:
    """The watchdog was about to tell that the kernel holds it, when it went on."""
    sink = RecordingSink()
    clock = ManualClock()
    target = SourceTarget("c", StreamKind.MAIN, "demo:")
    source = StreamSource(target, sink, sink.on_state, clock, logins=RefusedLogins())
    connection = _connection(clock)
    connection.stalled = SourceFailure(ReasonCode.STALLED, "sends no pictures")
    source._connection = connection
    clock.advance_s(10)
    look = clock.monotonic_us

    def let_go() -> int:
        source._connection = None
        source._running(Carried("H.264"))
        return look()

    clock.monotonic_us = let_go  # type: ignore[method-assign]
    source._check()
    assert [state.status for state in sink.states] == [SourceStatus.RUNNING]


class _Held:
    def __init__(self) -> None:
        self.reads, self.answers = threading.Event(), threading.Event()

    def run_once(self, _connection: Connection) -> None:
        self.reads.set()
        self.answers.wait(8)


def test_those_that_are_held_are_waited_for_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that dies holds all of its cameras, and the others' footage is still to be closed."""
    held = _Held()
    monkeypatch.setattr("falconeye.sources.stream_source._reader", lambda _: held)
    clock = ManualClock()
    sink = RecordingSink()
    target = SourceTarget("c", StreamKind.MAIN, "demo:")
    source = StreamSource(target, sink, sink.on_state, clock, watchdog=Watchdog())
    source.start()
    try:
        assert held.reads.wait(5)
        source.stop()
        clock.advance_s(60)  # spent on the others
        assert not source.join(60)
    finally:
        held.answers.set()
        assert source.join()
