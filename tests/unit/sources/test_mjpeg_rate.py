"""Which of an MJPEG camera's pictures are encoded."""

from fractions import Fraction

import av
import pytest

from falconeye.config.device import Overlay
from falconeye.events.camera_state import ReasonCode
from falconeye.media.pictures import jpeg_to_frame, keyframe_to_jpeg
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.sources.connection import Connection
from falconeye.sources.failures import SourceFailure
from falconeye.sources.interrupt import Interrupt
from falconeye.sources.jpeg_recoder import JpegRecoder
from falconeye.sources.login import RefusedLogins
from falconeye.sources.recoder import Recoder
from falconeye.sources.target import SourceTarget
from tests.peers.manual_clock import ManualClock
from tests.peers.media_samples import jpeg_pictures
from tests.peers.recording_sink import RecordingSink


def _connection(sink: RecordingSink, clock: ManualClock | None = None) -> Connection:
    return Connection(
        SourceTarget("c", StreamKind.MAIN, "http://cam/a"),
        sink,
        clock or ManualClock(),
        Interrupt(),
        RefusedLogins(),
        lambda _carried: None,
        lambda: None,
    )


def _recorded(arrivals_ms: list[int], framerate: float) -> int:
    """How many of the pictures that arrive so are recorded."""
    sink = RecordingSink()
    connection = _connection(sink)
    (jpeg,) = jpeg_pictures(1, width=320, height=176)
    with Recoder(connection, framerate, "MJPEG") as recoder:
        jpegs = JpegRecoder(connection, recoder)
        for arrival_ms in arrivals_ms:
            jpegs.picture(jpeg, 1_000_000 + arrival_ms * 1000)
    return sum(len(run.pictures) for run in sink.runs)


@pytest.mark.parametrize("late_ms", [0, 60, 300])
def test_pictures_that_the_network_held_back_are_all_kept(late_ms: int) -> None:
    """Every fifth comes late, and those after it at once behind it."""
    sent = [number * 67 for number in range(30)]
    arrivals = list(sent)
    for number in range(4, 30, 5):
        for after in range(number, 30):
            arrivals[after] = max(arrivals[after], sent[number] + late_ms + after - number)
    assert _recorded(arrivals, 15) == 30


def test_a_fast_camera_is_kept_to_the_rate_whatever_its_jitter() -> None:
    arrivals = [number * 20 + (15 if number % 3 else 0) for number in range(150)]  # 3 s at 50/s
    assert 28 <= _recorded(arrivals, 10) <= 36


def test_pictures_of_a_size_that_cannot_be_encoded_are_the_cameras_failure() -> None:
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 1, 16, "yuvj420p"
    encoder.time_base, encoder.color_range = Fraction(1, 25), 2
    frame = av.VideoFrame(1, 16, "yuvj420p")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    jpeg = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    connection = _connection(RecordingSink())
    with (
        Recoder(connection, 15, "MJPEG") as recoder,
        pytest.raises(SourceFailure, match="cannot be recorded"),
    ):
        JpegRecoder(connection, recoder).picture(jpeg, 1_000_000)


def test_what_nobody_wants_is_not_encoded_and_goes_on_untouched() -> None:
    sink = RecordingSink()
    connection = _connection(sink)
    (jpeg,) = jpeg_pictures(1, width=320, height=176)
    with Recoder(connection, 10, "MJPEG") as recoder:
        jpegs = JpegRecoder(connection, recoder)

        def send(from_s: int, to_s: int) -> None:
            for number in range(from_s * 10, to_s * 10):
                jpegs.picture(jpeg, 1_000_000 + number * 100_000)

        send(0, 5)
        sink.wanted = False
        send(5, 30)
        (run,) = sink.runs
        assert run.ended is not None
        assert 140 <= len(run.pictures) <= 160  # ten seconds more: somebody may come back
        assert len(sink.jpegs) == 300
        sink.wanted = True
        send(30, 31)
    assert [len(run.pictures) for run in sink.runs[1:]] == [10]
    assert sink.faults == []


def test_a_camera_that_falls_silent_while_nobody_watches_is_noticed() -> None:
    sink = RecordingSink()
    sink.wanted = False
    clock = ManualClock()
    connection = _connection(sink, clock)
    (jpeg,) = jpeg_pictures(1, width=320, height=176)
    with Recoder(connection, 10, "MJPEG") as recoder:
        jpegs = JpegRecoder(connection, recoder)
        for _ in range(200):
            clock.advance_s(0.1)
            jpegs.picture(jpeg, clock.monotonic_us())
            assert connection.stall() is None
        assert recoder.rests
        clock.advance_s(4.9)
        assert connection.stall() is None
        clock.advance_s(0.2)
        failure = connection.stall()
    assert failure is not None
    assert failure.code is ReasonCode.STALLED


@pytest.mark.parametrize("overlay", [Overlay.NONE, Overlay.NAME])
def test_what_is_wanted_is_written_into_what_is_encoded_and_nowhere_else(overlay: Overlay) -> None:
    """Of HTTP cameras, too; the camera's own pictures stay as they are."""
    sink, names = RecordingSink(), ["Door", "Yard"]
    target = SourceTarget("c", StreamKind.MAIN, "http://cam/a", overlay=overlay, name=names.pop)
    connection = Connection(
        target, sink, ManualClock(), Interrupt(), RefusedLogins(), lambda _: None, lambda: None
    )
    (jpeg,) = jpeg_pictures(1, width=320, height=176)
    with Recoder(connection, 15, "MJPEG") as recoder:
        jpegs = JpegRecoder(connection, recoder)
        for at_s in (1, 4):  # both are keyframes
            jpegs.picture(jpeg, at_s * 1_000_000)
    connection.close(RunEnd.STOPPED_BY_USER, "")
    assert sink.jpegs == [jpeg, jpeg]
    assert names == (["Door", "Yard"] if overlay is Overlay.NONE else [])
    first, second = (
        _luma(jpeg_to_frame(keyframe_to_jpeg(run.video, picture, None)))
        for run in sink.runs
        for picture in run.pictures
    )
    own = _luma(jpeg_to_frame(jpeg))
    assert _near(first[:100], own[:100])
    assert _near(second[:100], own[:100])
    assert _near(first[-8:], own[-8:]) is (overlay is Overlay.NONE)
    assert _near(first[-8:], second[-8:]) is (overlay is Overlay.NONE)


def _luma(frame: av.VideoFrame) -> list[bytes]:
    """Its left side, where a name of four letters stands."""
    plane = frame.planes[0]
    data = bytes(plane)
    return [data[y * plane.line_size :][:24] for y in range(frame.height)]


def _near(one: list[bytes], other: list[bytes]) -> bool:
    """Whether they are one picture, encoded differently; full and limited range are 20 apart."""
    pairs = list(zip(b"".join(one), b"".join(other), strict=True))
    return sum(abs(a - b) for a, b in pairs) < 10 * len(pairs)
