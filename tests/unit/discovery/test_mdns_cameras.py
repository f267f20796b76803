"""Which announced services are cameras."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network

import pytest

from falconeye.discovery.interfaces import Interface
from falconeye.discovery.mdns import MAX_SERVICES, MAX_SILENT, Browse, Mdns, Service, _has_room
from falconeye.discovery.mdns_cameras import evidence_of
from tests.clock import FakeClock

HERE = (
    Interface(
        "lan0", 2, IPv4Address("192.168.1.2"), IPv4Network("192.168.1.0/24"), default_route=True
    ),
)


def service(
    kind: str,
    name: str,
    txt: Mapping[str, str] | None = None,
    addresses: tuple[str, ...] = ("172.17.0.1", "192.168.1.20"),
    port: int = 80,
) -> Service:
    full = f"{kind}._tcp.local."
    return Service(f"{name}.{full}", full, name, addresses, port, txt or {})


@pytest.mark.parametrize(
    ("announced", "camera"),
    [
        (service("_rtsp", "x"), True),
        (service("_axis-video", "x"), True),
        (service("_http", "Printer"), False),
        (service("_http", "Camcorder shop"), False),
        (service("_http", "IPCAM-17"), True),
        (service("_http", "Garage camera"), True),
        (service("_http", "HIKVISION DS-2CD"), True),
        (service("_hap", "Lamp", {"ci": "5"}), False),
        (service("_hap", "Camera"), False),
        (service("_hap", "Camera", {"ci": "17"}), True),
        (service("_hap", "Bell", {"ci": "18"}), True),
        (service("_rtsp", "x", addresses=("172.17.0.1",)), False),
        (service("_rtsp", "x", addresses=()), False),
    ],
)
def test_what_is_a_camera(announced: Service, camera: bool) -> None:
    assert (evidence_of(announced, HERE, 1) is not None) is camera


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/live/0", "rtsp://192.168.1.20:80/live/0"),
        ("live", "rtsp://192.168.1.20:80/live"),
        ("", "rtsp://192.168.1.20:80/"),
        ("//elsewhere/x", "rtsp://192.168.1.20:80/elsewhere/x"),
        ("@elsewhere/x", "rtsp://192.168.1.20:80/@elsewhere/x"),
    ],
)
def test_a_stream_is_at_the_host_that_announced_it(path: str, url: str) -> None:
    evidence = evidence_of(service("_rtsp", "x", {"path": path}), HERE, 1)
    assert evidence is not None
    assert evidence.cleaned().url == url


def test_a_service_that_never_answers_makes_room_for_others() -> None:
    gone: list[str] = []
    wish = Browse(Mdns(FakeClock()), ["_rtsp._tcp.local."], lambda _: None, gone.append)
    wish.services = {str(number): "_rtsp._tcp.local." for number in range(MAX_SERVICES)}
    assert not _has_room(wish)
    wish.silent["7"] = MAX_SILENT - 1
    assert not _has_room(wish)
    wish.silent["7"] = MAX_SILENT
    assert _has_room(wish)
    assert gone == ["7"]
    assert "7" not in wish.services
