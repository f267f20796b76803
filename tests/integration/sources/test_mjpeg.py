"""HTTP cameras: pictures untouched to the hub, H.264 beside them, and URLs that are none."""

from fractions import Fraction

import pytest
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from falconeye.media.samples import Codec
from falconeye.sources.multipart import MAX_PART_BYTES
from tests.integration.sources.conftest import Start
from tests.peers.judging import decoded, failed_with
from tests.peers.media_samples import jpeg_pictures
from tests.peers.mjpeg_http import MjpegServer


@pytest.mark.parametrize("login", ["none", "basic", "digest"])
@pytest.mark.parametrize("path", ["stream", "no-length"])
def test_pictures_arrive(start: Start, login: str, path: str) -> None:
    with MjpegServer(login=login) as camera:  # type: ignore[arg-type]
        source, sink = start(camera.url(path), user="admin", password="right")
        sink.until(lambda: sink.pictures >= 12)
        source.stop()
        assert source.join(1)
    assert sink.faults == []
    assert set(sink.jpegs) <= set(jpeg_pictures())
    assert sink.runs[0].video.codec is Codec.H264
    numbers = decoded(sink.runs[0])
    assert numbers[:10] == list(range(10))
    assert camera.gate.attempts == (login != "none")


def test_names_and_passwords_of_any_script(start: Start) -> None:
    with MjpegServer(login="digest", user="jürg", password="Пароль") as camera:
        _, sink = start(camera.url(), user="jürg", password="Пароль")
        sink.until(lambda: sink.pictures > 0)
        assert camera.gate.attempts == 1


def test_https(start: Start) -> None:
    with MjpegServer(tls=True, login="basic") as camera:
        source, sink = start(camera.url(), user="admin", password="right")
        sink.until(lambda: sink.pictures >= 5)
        camera.silent = True
        source.stop()
        assert source.join(1)


def test_keyframes_come_by_time_not_by_count(start: Start) -> None:
    with MjpegServer(fps=4) as camera:
        _, sink = start(camera.url())
        sink.until(lambda: sum(p.is_keyframe for run in sink.runs for p in run.pictures) >= 3)
        first, second = [p.dts_90k for p in sink.runs[0].pictures if p.is_keyframe][:2]
        assert second - first == pytest.approx(2 * 90_000, rel=0.2)


def test_fast_camera_is_encoded_at_the_rate_wanted(start: Start) -> None:
    with MjpegServer(fps=40) as camera:
        _, sink = start(camera.url(), framerate=10)
        sink.until(lambda: sink.pictures >= 10)
        assert len(sink.jpegs) > 2 * sink.pictures


def test_a_picture_beyond_all_cameras_is_not_unpacked(start: Start) -> None:
    """A few kilobytes can hold gigabytes of points; this one is just beyond what is taken."""
    frame = VideoFrame(8_208, 4_400, "yuvj420p")
    encoder = VideoCodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    huge = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    assert len(huge) < MAX_PART_BYTES
    with MjpegServer(pictures=(huge,)) as camera:
        _, sink = start(camera.url())
        sink.until(lambda: failed_with(sink, "camera_error"))


def test_picture_size_changes(start: Start) -> None:
    pictures = jpeg_pictures(5) + jpeg_pictures(5, width=320, height=176)
    with MjpegServer(pictures=pictures) as camera:
        _, sink = start(camera.url())
        sink.until(lambda: len(sink.runs) >= 2)
    assert (sink.runs[0].video.width, sink.runs[1].video.width) == (640, 320)
    assert sink.runs[0].ended
    assert sink.faults == []


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("page", "not_a_camera", "web page"),
        ("snapshot", "not_a_camera", "one picture"),
        ("missing", "not_found", "no stream at this path"),
        ("busy", "too_many_sessions", "busy"),
        ("mute", "no_answer", "in time"),
        ("huge-header", "not_a_camera", "part"),
        ("huge-part", "not_a_camera", "8 MB"),
        ("garbage", "camera_error", "cannot be read"),
    ],
)
def test_url_that_is_no_camera(start: Start, path: str, code: str, words: str) -> None:
    with MjpegServer(fps=20) as camera:
        _, sink = start(camera.url(path))
        sink.until(lambda: failed_with(sink, code))
        assert sink.state
        assert words in sink.state.reason


def test_wrong_password_is_shown_once(start: Start) -> None:
    with MjpegServer(login="digest") as camera:
        _, sink = start(camera.url(), user="admin", password="wrong")
        sink.until(lambda: failed_with(sink, "password_refused"))
        assert camera.gate.attempts == 1
        assert "wrong" not in repr(sink.states)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://0.0.0.0/", "//[::]/x", ""])
def test_redirect_that_is_not_followed(start: Start, location: str) -> None:
    with MjpegServer() as camera:
        camera.redirect = location
        _, sink = start(camera.url("redirect"))
        expected = "camera_error" if not location else "address_forbidden"
        sink.until(lambda: failed_with(sink, expected))


def test_redirect_to_another_camera_takes_no_password_along(start: Start) -> None:
    with MjpegServer() as other, MjpegServer(login="basic") as camera:
        camera.redirect = other.url()
        _, sink = start(camera.url("redirect"), user="admin", password="right")
        sink.until(lambda: sink.pictures > 0)
        assert camera.gate.attempts == 1
    with MjpegServer(login="basic") as other, MjpegServer() as camera:
        camera.redirect = other.url()
        _, sink = start(camera.url("redirect"), user="admin", password="right")
        sink.until(lambda: failed_with(sink, "password_needed"))
        assert other.gate.attempts == 0


def test_local_address_is_not_touched_unless_allowed(start: Start) -> None:
    with MjpegServer() as camera:
        _, sink = start(camera.url(), allow_local=False)
        sink.until(lambda: failed_with(sink, "address_forbidden"))
        assert camera.paths == []


def test_stream_that_ends_begins_again(start: Start) -> None:
    with MjpegServer() as camera:
        _, sink = start(camera.url("ends"))
        sink.until(lambda: len(sink.runs) >= 2)
        assert sink.runs[0].ended
        assert sink.runs[0].ended[0] == "camera_offline"


@pytest.mark.parametrize("path", ["mute", "mute-body", "stream"])
def test_stop_is_prompt(start: Start, path: str) -> None:
    with MjpegServer() as camera:
        source, sink = start(camera.url(path))
        if path == "stream":
            sink.until(lambda: sink.pictures > 2)
            camera.silent = True
        source.stop()
        assert source.join(1)


@pytest.mark.timeout(20)
def test_silence_is_a_stall(start: Start) -> None:
    with MjpegServer() as camera:
        _, sink = start(camera.url())
        sink.until(lambda: sink.pictures > 2)
        camera.silent = True
        sink.until(lambda: len(sink.states) >= 3, timeout_s=10)
        assert sink.state
        assert sink.state.reason_code in ("stalled", "no_answer")
