"""Each codec, transport and login of a real RTSP server arrives as clean samples."""

import pytest

from falconeye.config.camera import Transport
from falconeye.media.samples import Codec
from tests.integration.sources.conftest import Start
from tests.peers.gst_rtsp import PASSWORD, USER, GstRtspServer, Login, skip_without_gst
from tests.peers.judging import decoded, failed_with, span_s

pytestmark = pytest.mark.rtsp


@pytest.mark.parametrize(
    ("mount", "video", "audio", "size", "fps"),
    [
        ("h264-aac", Codec.H264, Codec.AAC, (1280, 720), 25),
        ("h264-pcmu", Codec.H264, Codec.AAC, (640, 360), 25),
        ("h264-pcma", Codec.H264, Codec.AAC, (640, 360), 25),
        ("h264-opus", Codec.H264, Codec.OPUS, (640, 360), 25),
        ("b-frames-aac", Codec.H264, Codec.AAC, (640, 360), 25),
        ("hevc-aac", Codec.HEVC, Codec.AAC, (640, 360), 15),
        ("hevc-pcmu", Codec.HEVC, Codec.AAC, (640, 360), 15),
        ("sub", Codec.H264, None, (640, 360), 15),
        ("udp-only", Codec.H264, None, (640, 360), 25),
    ],
)
def test_codec(
    gst: GstRtspServer,
    start: Start,
    mount: str,
    video: Codec,
    audio: Codec | None,
    size: tuple[int, int],
    fps: int,
) -> None:
    source, sink = start(gst.url(mount))
    sink.until(lambda: sink.pictures >= 40)
    source.stop()
    assert source.join(1)
    assert sink.faults == []
    assert len(sink.runs) == 1
    run = sink.runs[0]
    shown = run.changes[0][1] if run.changes else run.video
    assert (run.video.codec, (shown.width, shown.height)) == (video, size)
    assert (run.audio.codec if run.audio else None) == audio
    assert bool(run.sounds) == (audio is not None)
    assert len(decoded(run)) == len(run.pictures)
    expected_s = (len(run.pictures) - 1) / fps
    assert span_s(run) == pytest.approx(expected_s, abs=2 / fps)
    has_b_frames = any(picture.cts_90k for picture in run.pictures)
    assert has_b_frames == ("b-frames" in mount)
    assert sink.state
    assert sink.state.transport == (Transport.UDP if mount == "udp-only" else Transport.TCP)


@pytest.mark.parametrize("login", ["basic", "digest"])
def test_login(gst: GstRtspServer, start: Start, login: Login) -> None:
    _, sink = start(gst.url("sub", login=login), user=USER, password=PASSWORD)
    sink.until(lambda: sink.pictures >= 5)


@pytest.mark.parametrize("login", ["basic", "digest"])
def test_wrong_password_is_told_and_not_shown(
    gst: GstRtspServer, start: Start, login: Login
) -> None:
    _, sink = start(gst.url("sub", login=login), user=USER, password="geheim")
    sink.until(lambda: failed_with(sink, "password_refused"))
    assert sink.state
    assert "geheim" not in repr(sink.states)
    assert sink.state.retry_s == pytest.approx(600, abs=1)


def test_unsupported_codec_is_named(gst: GstRtspServer, start: Start) -> None:
    _, sink = start(gst.url("mjpeg"))
    sink.until(lambda: failed_with(sink, "unsupported_codec"))
    assert sink.state
    assert "MJPEG" in sink.state.reason


def test_audio_is_left_out_where_not_wanted(gst: GstRtspServer, start: Start) -> None:
    _, sink = start(gst.url("h264-pcmu"), audio=False)
    sink.until(lambda: sink.pictures >= 25)
    assert sink.runs[0].audio is None
    assert not sink.runs[0].sounds


def test_server_dies_and_comes_back(start: Start) -> None:
    skip_without_gst()
    server = GstRtspServer()
    with server:
        _, sink = start(server.url("sub"))
        sink.until(lambda: sink.pictures >= 5)
        server.kill()
        sink.until(lambda: failed_with(sink, "connection_refused"))
        assert sink.runs[0].ended is not None
        assert sink.runs[0].ended[0] == "camera_offline"


@pytest.mark.timeout(25)
def test_frozen_server_is_a_stall(start: Start) -> None:
    skip_without_gst()
    with GstRtspServer() as server:
        _, sink = start(server.url("sub"))
        sink.until(lambda: sink.pictures >= 5)
        server.pause()
        sink.until(lambda: failed_with(sink, "stalled"), timeout_s=10)
        server.resume()
        sink.until(lambda: len(sink.runs) == 2, timeout_s=10)
