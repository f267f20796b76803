"""Which format, size and rate a device is asked for."""

import pytest

from falconeye.config.device import DeviceWish
from falconeye.devices.v4l2 import FrameSize, PixelFormat
from falconeye.events.camera_state import ReasonCode
from falconeye.sources.failures import SourceFailure
from falconeye.sources.usb_format import Choice, choose

RATES = (30.0, 15.0, 5.0)


def offered(fourcc: str, *sizes: tuple[int, int]) -> PixelFormat:
    return PixelFormat(fourcc, fourcc, tuple(FrameSize(*size, RATES) for size in sizes))


WEBCAM = (
    offered("YUYV", (640, 480), (1280, 720)),
    offered("MJPG", (640, 480), (1280, 720), (1920, 1080)),
)


def wish(size: tuple[int, int] | None = None, fourcc: str | None = None) -> DeviceWish:
    return DeviceWish("usb:046d:0825:serial:1", pixel_format=fourcc, resolution=size)


@pytest.mark.parametrize(
    ("wanted", "framerate", "expected"),
    [
        (wish(), 15, Choice("MJPG", 1280, 720, 15.0)),
        (wish((1920, 1080)), 15, Choice("MJPG", 1920, 1080, 15.0)),
        (wish((640, 480), "YUYV"), 5, Choice("YUYV", 640, 480, 5.0)),
        (wish((1920, 1080), "YUYV"), 15, Choice("YUYV", 1280, 720, 15.0)),
        (wish((800, 600)), 10, Choice("MJPG", 640, 480, 15.0)),
        (wish((160, 120)), 60, Choice("MJPG", 640, 480, 30.0)),
    ],
)
def test_the_nearest_is_chosen(wanted: DeviceWish, framerate: float, expected: Choice) -> None:
    assert choose(WEBCAM, wanted, framerate) == expected


def test_a_cameras_own_h264_is_preferred_at_the_same_size() -> None:
    formats = (*WEBCAM, offered("H264", (1280, 720)))
    assert choose(formats, wish(), 15).fourcc == "H264"
    assert choose(formats, wish((1920, 1080)), 15).fourcc == "MJPG"


def test_a_device_that_lists_no_sizes_is_asked_for_the_wished_one() -> None:
    bare = (PixelFormat("MJPG", "JPEG", ()),)
    assert choose(bare, wish((640, 480)), 15) == Choice("MJPG", 640, 480, None)


@pytest.mark.parametrize(
    ("formats", "wanted"),
    [((), wish()), ((offered("PJPG"),), wish()), (WEBCAM, wish(None, "H264"))],
)
def test_what_cannot_be_read_is_said(formats: tuple[PixelFormat, ...], wanted: DeviceWish) -> None:
    with pytest.raises(SourceFailure) as refused:
        choose(formats, wanted, 15)
    assert refused.value.code is ReasonCode.UNSUPPORTED_CODEC
