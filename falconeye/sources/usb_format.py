"""Which of a device's formats, sizes and rates is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from falconeye.config.device import DeviceWish
from falconeye.devices.v4l2 import FrameSize, PixelFormat
from falconeye.events.camera_state import ReasonCode
from falconeye.media.samples import Codec
from falconeye.sources.failures import SourceFailure, answer_failure

DEFAULT_SIZE = (1280, 720)
CODED = {"H264": Codec.H264, "HEVC": Codec.HEVC}
JPEG = ("MJPG", "JPEG")
# What libavcodec calls them.
RAW = {
    "YUYV": "yuyv422", "UYVY": "uyvy422", "YVYU": "yvyu422", "NV12": "nv12", "NV21": "nv21",
    "YU12": "yuv420p", "422P": "yuv422p", "NV16": "nv16", "GREY": "gray", "RGB3": "rgb24",
    "BGR3": "bgr24", "BGR4": "bgr0", "RGBP": "rgb565le",
}  # fmt: skip
# A camera's own H.264 is copied; JPEG comes faster over USB than raw pictures.
_PREFERENCE = (*CODED, *JPEG, *RAW)


@dataclass(frozen=True, slots=True)
class Choice:
    """What to ask the device for."""

    fourcc: str
    width: int
    height: int
    rate: float | None  # pictures/s; None where the driver lists none


def choose(formats: Sequence[PixelFormat], wish: DeviceWish, framerate: float) -> Choice:
    """The wished format and size, else the nearest; SourceFailure where none can be read.

    The size matters more than the format unless one is wished; the rate is the slowest that is
    fast enough.
    """
    readable = [each for each in formats if each.fourcc in _PREFERENCE]
    if wish.pixel_format:
        readable = [each for each in readable if each.fourcc == wish.pixel_format]
        if not readable:
            reason = f"the camera does not offer {wish.pixel_format} (any more); choose another"
            raise answer_failure(ReasonCode.UNSUPPORTED_CODEC, reason)
    if not readable:
        told = ", ".join(each.fourcc for each in formats) or "no format"
        raise answer_failure(ReasonCode.UNSUPPORTED_CODEC, f"the camera offers {told} only")
    width, height = wish.resolution or DEFAULT_SIZE
    _, chosen, size = min(
        ((_distance(size, width, height), _PREFERENCE.index(one.fourcc)), one, size)
        for one in readable
        for size in (one.sizes or (FrameSize(width, height, ()),))
    )
    return Choice(chosen.fourcc, size.width, size.height, _rate(size.rates, framerate))


def _distance(size: FrameSize, width: int, height: int) -> tuple[bool, int]:
    """Rather smaller than larger: a larger picture costs what nobody asked for."""
    pixels, wanted = size.width * size.height, width * height
    if (size.width, size.height) == (width, height):
        return False, -1
    return pixels > wanted, abs(pixels - wanted)


def _rate(rates: Sequence[float], wanted: float) -> float | None:
    enough = [rate for rate in rates if rate >= wanted - 0.1]
    return min(enough) if enough else max(rates, default=None)


def unusable(fourcc: str) -> SourceFailure:
    """The driver gave another format than it was asked for."""
    reason = f"the camera delivers {fourcc or 'an unknown format'}, which cannot be read"
    return answer_failure(ReasonCode.UNSUPPORTED_CODEC, reason)
