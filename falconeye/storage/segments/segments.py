"""Segments as values, and the protocol through which a recorder writes them.

A segment is one fragmented MP4 file of whole GOPs of one run, about 60 s long.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Protocol

from falconeye.base.times import SECOND_US
from falconeye.media.fragments import InitSegment, RecordingFragment
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind

MAX_HOLE_US = 60 * SECOND_US  # a longer hole ends a recording


class RecordingKind(StrEnum):
    """How a recording came about."""

    CONTINUOUS = "continuous"  # one UTC clock hour, or less
    MANUAL = "manual"
    EVENT = "event"  # around something that happened
    IMPORTED = "imported"  # registered by path; made elsewhere


class ClockState(IntEnum):
    """What was known of the node's clock when the segment was opened."""

    UNKNOWN = 0  # e.g. a Pi without a clock chip, before NTP
    SYNCHRONISED = 1


@dataclass(frozen=True, slots=True)
class SegmentStart:
    """All that is known when a segment's file is opened."""

    camera_id: str
    stream: StreamKind
    run_id: int  # from `SegmentStore.begin_run`
    start_us: int  # UTC of the first sample; with the ids it names the file
    media_offset_90k: int  # decode time of the first sample in the run
    audio_offset_ticks: int  # the audio track's zero of this file, in the run
    clock: ClockState
    init: InitSegment
    recording_id: str | None  # None for the substream
    recording_kind: str = "continuous"  # or another: see `RecordingKind`
    camera_name: str = ""  # as it is now; a recording keeps it after the camera is deleted
    utc_offset_us: int | None = None  # UTC - monotonic, as the run has it; None: not known


@dataclass(frozen=True, slots=True)
class SegmentEnd:
    """What is known when it is closed: its wall end is the next segment's start, if one follows."""

    end_us: int
    run_end: RunEnd | None = None  # None: another segment of the run follows
    recording_ended: bool = False  # True: no other segment of this recording follows


class Accepted(StrEnum):
    """What became of a fragment handed to a segment."""

    YES = "yes"
    OVER_BUDGET = "over_budget"  # the disk is too slow: nothing was taken, close the segment
    FAILED = "failed"  # the file cannot be written any more: see `SegmentWriter.failure`


class SegmentWriter(Protocol):
    """One open segment. Called by the stream's thread; never blocks."""

    @property
    def failure(self) -> RunEnd | None:
        """Why the file cannot be written (DISK_FULL, DISK_ERROR), once that is known."""

    def append(self, fragment: RecordingFragment) -> Accepted:
        """Queue one fragment for the volume's writer."""

    def close(self, end: SegmentEnd) -> None:
        """Queue the end: the file is synced, then indexed."""


class SegmentStore(Protocol):
    """Where recorders put their segments; all methods are for the streams' threads."""

    def begin_run(
        self,
        camera_id: str,
        stream: StreamKind,
        started_us: int,
        utc_offset_us: int | None = None,
    ) -> int:
        """A new run's id, unique on this node for ever; never blocks.

        `utc_offset_us`: UTC - monotonic of the node, by which all its times are made.
        """

    def has_room(self) -> bool:
        """False while so much waits for a slow disk that a new file could not be written."""

    def disk_trouble(self) -> RunEnd | None:
        """What keeps footage from its disk, also while all of it still fits into memory."""

    def bytes_written(self, camera_id: str, stream: StreamKind) -> int:
        """Of a stream's footage, on its disk, since the node's start."""

    def create(self, start: SegmentStart) -> SegmentWriter:
        """Queue a new file; never blocks. Errors show up at `append`."""
