"""Pictures for the emulated USB cameras, encoded on the host: each carries its number."""

from pathlib import Path
from typing import Final

from tests.peers.media_samples import jpeg_pictures, video_clip
from tests.peers.usb_camera_pictures import Size, pack_pictures

SIZES: Final[tuple[Size, ...]] = ((320, 240), (640, 480))
COUNT = 60  # of JPEGs, then they begin again
_GOP = 10


def jpegs(size: Size) -> tuple[bytes, ...]:
    """The camera's own, in order."""
    return jpeg_pictures(COUNT, width=size[0], height=size[1])


def access_units(size: Size) -> tuple[bytes, ...]:
    """H.264 in Annex B, a keyframe with its parameter sets first."""
    clip = video_clip(width=size[0], height=size[1], fps=5, gop=_GOP, gops=3)
    return tuple(frame.data for frame in clip.frames)


def write_pictures(path: Path) -> None:
    """All kinds and sizes, as `tests.peers.usb_camera_pictures` reads them."""
    with path.open("wb") as file:
        for size in SIZES:
            file.write(pack_pictures("MJPG", size, jpegs(size)))
            file.write(pack_pictures("H264", size, access_units(size)))
