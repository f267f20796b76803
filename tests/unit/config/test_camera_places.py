"""Addresses that lead each machine to itself, and the cameras that stay with their node for it."""

from typing import Any

import pytest

from falconeye.config.addresses import leads_to_itself, stays_with_node
from falconeye.config.camera import CameraConfig, Protocol


@pytest.mark.parametrize(
    ("host", "itself"),
    [
        ("localhost", True), ("LOCALHOST.", True), ("camera.localhost", True),
        ("localhost.localdomain", True), ("ip6-localhost", True),
        ("127.0.0.1", True), ("127.9.8.7", True), ("[::1]", True), ("[::ffff:127.0.0.1]", True),
        ("0.0.0.0", True), ("[::]", True),  # noqa: S104
        ("127.1", True), ("2130706433", True), ("0x7f.1", True),
        ("10.0.0.9", False), ("167772169", False), ("cam.local", False), ("localhost.lan", False),
        ("[fd00::1]", False), ("[fe80::1%25eth0]", False), ("[::ffff:10.0.0.9]", False),
    ],
)  # fmt: skip
def test_an_address_of_the_asking_machine_itself_is_known(host: str, itself: bool) -> None:
    assert leads_to_itself(f"rtsp://{host}:554/x") is itself
    assert leads_to_itself(f" rtsp://user:127.0.0.1@{host}/localhost") is itself


@pytest.mark.parametrize("url", ["", "demo:", "rtsp://", "rtsp://[::1", "rtsp:127.0.0.1"])
def test_what_is_no_address_leads_nowhere(url: str) -> None:
    assert not leads_to_itself(url)


@pytest.mark.parametrize(
    ("protocol", "fields", "stays"),
    [
        (Protocol.USB, {}, True),
        (Protocol.DEMO, {"source_url": "demo:"}, False),
        (Protocol.RTSP, {"source_url": "rtsp://10.0.0.9/main"}, False),
        (Protocol.RTSP, {"source_url": "rtsp://127.0.0.1:8554/main"}, True),
        (Protocol.HTTP, {"source_url": "http://localhost/video.mjpg"}, True),
        (
            Protocol.RTSP,
            {"source_url": "rtsp://10.0.0.9/main", "sub_url": "rtsp://127.0.0.1:8554/sub"},
            True,
        ),
        (
            Protocol.ONVIF,
            {"source_url": "rtsp://10.0.0.9/main", "onvif_url": "http://[::1]/onvif"},
            True,
        ),
    ],
)
def test_whether_another_node_can_have_it(
    protocol: Protocol, fields: dict[str, Any], stays: bool
) -> None:
    config = CameraConfig("c", "c", protocol, fields.pop("source_url", None), 0, 0, **fields)
    assert stays_with_node(config) is stays
