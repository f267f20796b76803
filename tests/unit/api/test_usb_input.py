"""What an API client says of a USB camera."""

from typing import Any

import pytest

from falconeye.config.camera import Protocol
from falconeye.config.device import Overlay
from falconeye.web.api.camera_input import CameraInput

USB = {"name": "Bench", "protocol": "usb", "device_path": "/dev/video2"}


def _new(**fields: Any) -> Any:
    return CameraInput.model_validate({**USB, **fields}).to_new_camera(node_name="pi-1")


def test_it_starts_at_once_unless_it_is_told_not_to() -> None:
    assert _new().start
    assert not _new(start=False).start


def test_it_has_a_device_and_no_address() -> None:
    new = _new(source_url="rtsp://10.0.0.9/a", pixel_format="YUYV", overlay="time")
    assert (new.protocol, new.source_url, new.device_path) == (Protocol.USB, None, "/dev/video2")
    assert (new.pixel_format, new.overlay) == ("YUYV", Overlay.TIME)


@pytest.mark.parametrize(
    "fields", [{"pixel_format": "mjpeg"}, {"overlay": "logo"}, {"resolution": "wide"}]
)
def test_what_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        _new(**fields)
