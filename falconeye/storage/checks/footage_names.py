"""The names of all footage on disks, small enough for a node that records: a million in 8 MB."""

import heapq
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from falconeye.media.samples import StreamKind
from falconeye.storage.export.export_files import DIRECTORY as EXPORTS
from falconeye.storage.segments.layout import SegmentName, parse_segment_path, segment_path
from falconeye.storage.volumes.volume import Volume

Stream = tuple[str, StreamKind]


@dataclass(frozen=True, slots=True)
class FootageFile:
    """A segment's file on one volume."""

    name: SegmentName
    volume: Volume

    @property
    def path(self) -> str:
        """Below the volume."""
        return segment_path(self.name)


@dataclass(frozen=True, slots=True)
class Names:
    """What lies on one volume: the starts (µs) in the names of each stream's files, sorted."""

    volume: Volume
    starts_us: dict[Stream, "array[int]"]
    foreign: int  # not ours by their path

    @property
    def count(self) -> int:
        return sum(map(len, self.starts_us.values()))

    def files(self) -> Iterator[FootageFile]:
        """The oldest first, over all streams."""
        return heapq.merge(
            *(self._files_of(stream, starts) for stream, starts in self.starts_us.items()),
            key=_order,
        )

    def _files_of(self, stream: Stream, starts: "array[int]") -> Iterator[FootageFile]:
        return (FootageFile(SegmentName(*stream, start_us), self.volume) for start_us in starts)


def list_names(volume: Volume, without: Collection[str]) -> Names:
    """All but the paths in `without`. Reader threads; OSError when a directory cannot be read."""
    found: dict[Stream, array[int]] = {}
    foreign = 0
    for path in volume.paths():
        if path in without:
            continue
        try:
            name = parse_segment_path(path)
        except ValueError:
            foreign += not path.startswith(f"{EXPORTS}/")
        else:
            found.setdefault((name.camera_id, name.stream), array("q")).append(name.start_us)
    sorted_ = {stream: array("q", sorted(starts)) for stream, starts in found.items()}
    return Names(volume, sorted_, foreign)


def oldest_first(all_names: Collection[Names]) -> Iterator[FootageFile]:
    """Over all volumes; the copies of one file follow one another."""
    return heapq.merge(*(names.files() for names in all_names), key=_order)


def has(starts_us: "array[int]", start_us: int) -> bool:
    """Whether it is among them."""
    place = bisect_left(starts_us, start_us)
    return place < len(starts_us) and starts_us[place] == start_us


def _order(file: FootageFile) -> tuple[int, str, StreamKind]:
    return file.name.start_us, file.name.camera_id, file.name.stream
