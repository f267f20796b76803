"""Announced addresses turned to the one by which a camera is reached."""

import pytest

from falconeye.base.peers import Peer
from falconeye.onvif.address import Reached
from falconeye.onvif.errors import OnvifUnreadable

BY_NAME = Reached("cam.lan", Peer("192.168.1.5", 2020), tls=False)
BY_SIX = Reached("fd00::5", Peer("fd00::5", 443), tls=True)


@pytest.mark.parametrize(
    ("announced", "url"),
    [
        ("http://10.0.0.9/onvif/Media", "http://cam.lan:2020/onvif/Media"),
        ("http://10.0.0.9:8000/onvif/Media?a=1", "http://cam.lan:2020/onvif/Media?a=1"),
        ("https://10.0.0.9/x", "http://cam.lan:2020/x"),
        ("http://192.168.1.5/x", "http://cam.lan:80/x"),
        ("http://192.168.1.5:8899/x", "http://cam.lan:8899/x"),
        ("http://CAM.lan:8899", "http://cam.lan:8899/"),
        ("http://admin:pw@10.0.0.9:8000/x", "http://cam.lan:2020/x"),
        ("/onvif/events?Idx=1", "http://cam.lan:2020/onvif/events?Idx=1"),
        ("http://10.0.0.9/a http://[fe80::1]/a", "http://cam.lan:2020/a"),
        (" http://0.0.0.0:80/x ", "http://cam.lan:2020/x"),
    ],
)
def test_services(announced: str, url: str) -> None:
    assert BY_NAME.rewritten(announced) == url


def test_by_ip_version_6() -> None:
    assert BY_SIX.url("/a") == "https://[fd00::5]:443/a"
    assert BY_SIX.rewritten("http://10.0.0.9/x") == "https://[fd00::5]:443/x"
    assert BY_SIX.rewritten("http://[fd00::5]:80/x") == "https://[fd00::5]:443/x"  # stays in TLS
    assert BY_SIX.rewritten("https://[fd00::5]:8443/x") == "https://[fd00::5]:8443/x"
    assert BY_SIX.of_media("rtsp://10.0.0.9:554/s", ("rtsp",)) == "rtsp://[fd00::5]:554/s"


@pytest.mark.parametrize(
    "announced", ["", "ftp://10.0.0.9/x", "http://10.0.0.9:99999/x", "onvif", "http://[::1/x",
                  "http://10.0.0.9/" + "x" * 3000, "http://10.0.0.9/a\x00"]
)  # fmt: skip
def test_what_is_no_address(announced: str) -> None:
    with pytest.raises(OnvifUnreadable):
        BY_NAME.rewritten(announced)
    with pytest.raises(OnvifUnreadable):
        BY_NAME.of_media(announced, ("rtsp", "rtsps"))


@pytest.mark.parametrize(
    ("announced", "url"),
    [
        ("rtsp://a:b@10.0.0.9/s", "rtsp://cam.lan/s"),
        ("rtsp://10.0.0.9:554/s?x=1#f", "rtsp://cam.lan:554/s?x=1"),
        ("rtsp://admin:se/cret@10.0.0.9:554/s", "rtsp://cam.lan:554/s"),
        ("rtsp://admin:12/cret@10.0.0.9:554/s", "rtsp://cam.lan:554/s"),
        ("rtsp://admin:se@cret@10.0.0.9:554/s", "rtsp://cam.lan:554/s"),
        ("rtsp://10.0.0.9:554/cam@1", "rtsp://cam.lan:554/cam%401"),
        ("rtsps://10.0.0.9/s", "rtsps://cam.lan/s"),
    ],
)
def test_streams_have_no_login(announced: str, url: str) -> None:
    assert BY_NAME.of_media(announced, ("rtsp", "rtsps")) == url


@pytest.mark.parametrize(
    "announced",
    [
        "http://admin:secret@10.0.0.9/s",
        "http://10.0.0.9/s?user=admin&password=secret",
        "http://10.0.0.9/user=admin_password=secret_channel=1",
        "admin:secret@10.0.0.9",
    ],
)
def test_errors_have_no_password(announced: str) -> None:
    with pytest.raises(OnvifUnreadable) as caught:
        BY_NAME.of_media(announced, ("rtsp",))
    assert "secret" not in str(caught.value)
