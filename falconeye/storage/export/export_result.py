"""Exports as values: what somebody asks for, and what was made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import tzinfo
from typing import Any

from falconeye.base.times import to_datetime
from falconeye.storage.export.export_layout import ExportOrder
from falconeye.storage.segments.layout import plain_name

HEVC = "hevc"


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """One span of one or several cameras; who asked, and when, stands in the export."""

    orders: Sequence[ExportOrder]  # one for each camera, all of the same time
    asked_by: str
    asked_us: int

    @property
    def from_us(self) -> int:
        return self.orders[0].from_us

    @property
    def to_us(self) -> int:
        return self.orders[0].to_us


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One MP4 file: the footage of a camera in one format."""

    name: str
    camera_id: str
    camera_name: str
    from_us: int  # of its first picture
    to_us: int
    duration_us: int  # what it plays: holes are closed up
    size_bytes: int
    sha256: str
    codec: str  # of the pictures: h264 | hevc
    copy_of: str = ""  # SHA-256 of the original, of a file that was encoded anew


@dataclass(frozen=True, slots=True)
class Export:
    """One that was made."""

    volume: int
    file_name: str
    size_bytes: int
    sha256: str
    sidecar_name: str
    sidecar_bytes: int
    from_us: int  # of its first picture
    to_us: int
    parts: int
    gaps: int
    made_us: int
    sheet_name: str = ""  # empty: made by a release without sheets
    sheet_bytes: int = 0
    files: Sequence[ExportedFile] = ()
    freed_bytes: int = 0  # of the oldest footage, deleted to make room for it
    silent: Sequence[str] = ()  # names of nodes that may have more of it and did not answer

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Export":
        """From what `values` made of it, and JSON of that."""
        files = tuple(ExportedFile(**one) for one in values.get("files", ()))
        return cls(**{**values, "files": files, "silent": tuple(values.get("silent", ()))})

    def values(self) -> dict[str, Any]:
        """To be kept; without silent nodes as a release before them reads it."""
        found = asdict(self)
        if not self.silent:
            del found["silent"]
        return found

    @property
    def has_hevc(self) -> bool:
        return any(file.codec == HEVC for file in self.files)


def local_stamp(utc_us: int, zone: tzinfo) -> str:
    """`2026-11-20_14-02-10+0100`: the site's time, which says its zone; for names of files."""
    return f"{to_datetime(utc_us).astimezone(zone):%Y-%m-%d_%H-%M-%S%z}"


def file_name(camera_name: str, start_us: int, zone: tzinfo, suffix: str) -> str:
    """`Front-door_2026-11-20_14-02-10+0100.mp4`."""
    return f"{plain_name(camera_name)}_{local_stamp(start_us, zone)}{suffix}"


def unique_name(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken; it is taken then.

    In whichever case: Windows and macOS would unpack one over the other.
    """
    stem, dot, suffix = name.rpartition(".")
    number, chosen = 2, name
    while chosen.casefold() in taken:
        chosen = f"{stem}_{number}{dot}{suffix}"
        number += 1
    taken.add(chosen.casefold())
    return chosen
