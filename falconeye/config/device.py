"""What is wanted of a camera at a USB port."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Overlay(StrEnum):
    """What is written into pictures, where they are encoded anyway."""

    NONE = "none"
    NAME = "name"
    TIME = "time"
    NAME_TIME = "name_time"


PIXEL_FORMAT = r"[A-Z0-9]{1,4}"  # a four-character code: "MJPG", "YUYV", "H264"


@dataclass(frozen=True, slots=True)
class DeviceWish:
    """Which device, and how it is to deliver. What it does not have it replaces by the nearest."""

    identity: str  # devices/usb_camera.py
    pixel_format: str | None = None  # None: H.264 where it encodes itself, MJPEG, else raw
    resolution: tuple[int, int] | None = None
    controls: Mapping[str, int] = field(
        default_factory=dict
    )  # devices/v4l2_controls.py: key → value
