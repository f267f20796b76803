"""Which of an MJPEG camera's pictures are recorded."""

from fractions import Fraction

import av
import pytest

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


def _connection(sink: RecordingSink) -> Connection:
    return Connection(
        SourceTarget("c", StreamKind.MAIN, "http://cam/a"),
        sink,
        ManualClock(),
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
