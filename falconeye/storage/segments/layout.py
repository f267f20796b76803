"""Where a segment's file lies below its volume, and the names of recordings. Pure functions.

`<camera id>/<main|sub>/<YYYY-MM-DD>/<HH>/<start in µs>.mp4`, all in UTC. Files are never renamed.
"""

import re
import unicodedata
from dataclasses import dataclass

from falconeye.base.times import to_datetime
from falconeye.media.samples import StreamKind

_CAMERA_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_PATH = re.compile(
    r"(?P<camera>[A-Za-z0-9][A-Za-z0-9_-]{0,63})/(?P<stream>main|sub)/"
    r"\d{4}-\d{2}-\d{2}/\d{2}/(?P<start>0|[1-9]\d{0,17})\.mp4"
)
_NAME_BYTES = 180
_FORBIDDEN = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class SegmentName:
    """What a segment's path says: ids and start as they were known when it was opened."""

    camera_id: str
    stream: StreamKind
    start_us: int


def segment_path(name: SegmentName) -> str:
    """The path below the volume, with `/`; ValueError for an id or time that cannot be in one."""
    if not _CAMERA_ID.fullmatch(name.camera_id):
        msg = f"{name.camera_id!r} cannot name a directory"
        raise ValueError(msg)
    if name.start_us < 0:
        msg = "a start before 1970"
        raise ValueError(msg)
    at = to_datetime(name.start_us)
    day = f"{at.year:04}-{at.month:02}-{at.day:02}"
    return f"{name.camera_id}/{name.stream}/{day}/{at.hour:02}/{name.start_us}.mp4"


def parse_segment_path(path: str) -> SegmentName:
    """The inverse of `segment_path`; ValueError for any other path."""
    match = _PATH.fullmatch(path)
    if match is not None:
        name = SegmentName(match["camera"], StreamKind(match["stream"]), int(match["start"]))
        try:
            if segment_path(name) == path:
                return name
        except OverflowError:  # after the year 9999
            pass
    msg = f"{path!r} is no segment's path"
    raise ValueError(msg)


def recording_id(camera_id: str, start_us: int) -> str:
    """`<camera id>_<YYYYMMDDHHMMSS>`, UTC (api.md)."""
    return f"{camera_id}_{to_datetime(start_us):%Y%m%d%H%M%S}"


def recording_file_name(camera_name: str, start_us: int) -> str:
    """A name for the download, safe on any file system: `Front-door_2026-11-20_14-02-10Z.mp4`."""
    return f"{plain_name(camera_name)}_{to_datetime(start_us):%Y-%m-%d_%H-%M-%SZ}.mp4"


def plain_name(camera_name: str) -> str:
    """A camera's name as a part of a file's name, which may have 255 bytes in all."""
    plain = unicodedata.normalize("NFC", camera_name)
    short = _FORBIDDEN.sub("-", plain).strip("-._")[:80]
    return short.encode()[:_NAME_BYTES].decode(errors="ignore") or "camera"
