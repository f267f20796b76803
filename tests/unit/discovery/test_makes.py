"""Who made a camera, and where its streams are."""

import pytest

from falconeye.discovery.makes import STREAMS, make_named, make_of_mac, stream_urls


@pytest.mark.parametrize(
    ("mac", "make"),
    [
        ("ac:cc:8e:00:00:01", "Axis"),
        ("44:19:b6:00:00:01", "Hikvision"),
        ("ec:71:db:00:00:01", "Reolink"),
        ("00:00:00:00:00:01", ""),
        ("", ""),
    ],
)
def test_hardware_addresses(mac: str, make: str) -> None:
    assert make_of_mac(mac) == make


@pytest.mark.parametrize(
    ("text", "make"),
    [
        ("AXIS M1065-LW - ACCC8E000001", "Axis"),
        ("DNVRS-Webs", "Hikvision"),
        ("Amcrest by Dahua", "Amcrest"),
        ("DH-IPC-HFW2431S", "Dahua"),
        ("RLC-810A", "Reolink"),
        ("a taxis page", ""),
        ("Apache", ""),
    ],
)
def test_words(text: str, make: str) -> None:
    assert make_named("", text) == make


def test_stream_addresses_hold_no_login_and_follow_the_port() -> None:
    assert stream_urls("Hikvision", "192.168.1.20") == (
        "rtsp://192.168.1.20:554/Streaming/Channels/101",
        "rtsp://192.168.1.20:554/Streaming/Channels/102",
    )
    assert stream_urls("Wyze", "fd00::1", 8554) == ("rtsp://[fd00::1]:8554/live", None)
    assert stream_urls("", "192.168.1.20") is None
    for make in STREAMS:
        main, sub = stream_urls(make, "192.168.1.20") or ("", None)
        assert main != sub
        assert "@" not in main
