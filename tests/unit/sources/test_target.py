"""Addresses of cameras: what is accepted, and how it reads."""

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.media.samples import StreamKind
from falconeye.sources.target import check_url, host_and_port, source_target


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("rtsp://10.0.0.9/live?channel=1", "rtsp://10.0.0.9/live?channel=1"),
        ("RTSP://Cam.Lan:8554/A", "rtsp://cam.lan:8554/A"),
        ("rtsps://[fe80::1]:322/x", "rtsps://[fe80::1]:322/x"),
        ("http://cam/video#top", "http://cam/video"),
        ("demo:", "demo:"),
        ("demo://anything", "demo:"),
    ],
)
def test_accepted(given: str, kept: str) -> None:
    assert check_url(given) == kept


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("file:///etc/passwd", "begins with"),
        ("concat:a|b", "begins with"),
        ("10.0.0.9", "begins with"),
        ("", "begins with"),
        ("rtsp:///live", "no host"),
        ("rtsp://cam:99999/", "host and port"),
        ("rtsp://cam:0/", "port 0"),
        ("rtsp://[::1/", "cannot be read"),
        ("rtsp://a b/", "spaces"),
        ("rtsp://cam/\r\nX: y", "control characters"),
        ("rtsp://user:pw@cam/", "own fields"),
        ("rtsp://cam/" + "x" * 3000, "too long"),
    ],
)
def test_refused_with_words(given: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        check_url(given, field="sub_url")
    assert caught.value.field == "sub_url"
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rtsp://cam/x", ("cam", 554)),
        ("rtsps://cam/x", ("cam", 322)),
        ("https://[2001:db8::5]:8443/x", ("2001:db8::5", 8443)),
    ],
)
def test_host_and_port(url: str, expected: tuple[str, int]) -> None:
    assert host_and_port(url) == expected


def _config(**changes: object) -> CameraConfig:
    values: dict[str, object] = {
        "id": "c",
        "name": "Door",
        "protocol": Protocol.RTSP,
        "source_url": "rtsp://cam/main",
        "created_at_us": 0,
        "updated_at_us": 0,
    }
    return CameraConfig(**{**values, **changes})  # type: ignore[arg-type]


def test_target_of_main_and_substream() -> None:
    config = _config(sub_url="rtsp://cam/sub", username="u", password=Secret("p"))
    main = source_target(config, StreamKind.MAIN)
    sub = source_target(config, StreamKind.SUB)
    assert (main.url, sub.url) == ("rtsp://cam/main", "rtsp://cam/sub")
    assert main.password == sub.password == Secret("p")
    assert "'p'" not in repr(main)


def test_no_substream() -> None:
    with pytest.raises(InvalidInput) as caught:
        source_target(_config(), StreamKind.SUB)
    assert caught.value.field == "sub_url"
