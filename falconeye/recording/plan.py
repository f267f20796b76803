"""What a recorder is told to do, and which recording a segment belongs to."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from falconeye.base.times import HOUR_US, SECOND_US
from falconeye.media.fragments import InitSegment
from falconeye.storage.segments.layout import recording_id
from falconeye.storage.segments.segments import MAX_HOLE_US


class Beginnings:
    """In which second the latest recording of each camera began, whoever wrote it; any thread.

    A recording that is stopped and one that is begun within a second are two.
    """

    def __init__(self) -> None:
        self._latest_s: dict[str, int] = {}
        self._lock = threading.Lock()

    def know(self, latest_us: Mapping[str, int]) -> None:
        """Of former processes, by camera (UTC): a board without a battery begins in the past."""
        with self._lock:
            for camera_id, start_us in latest_us.items():
                latest_s = self._latest_s.get(camera_id, -1)
                self._latest_s[camera_id] = max(latest_s, start_us // SECOND_US)

    def is_first(self, camera_id: str, start_us: int) -> bool:
        """Whether no recording began in this second or later; from now on one has."""
        second = start_us // SECOND_US
        with self._lock:
            latest_s = self._latest_s.get(camera_id, -1)
            self._latest_s[camera_id] = max(latest_s, second)
        return second > latest_s


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """How one stream is recorded; fixed while its recorder lives."""

    camera_id: str
    camera_name: Callable[[], str]  # asked at each segment, in any thread: people rename cameras
    kind: str  # `RecordingKind`: continuous | manual | event
    lists_recordings: bool  # the main stream: people see its recordings; the substream has none
    segment_s: int = 60
    beginnings: Beginnings | None = None  # of all recorders of the node; None: of this one alone
    id_ending: str = ""  # of a node that records for another: both may begin one in one second


class RecordingIds:
    """Names the recording of each segment of one stream, by DESIGN's rule.

    A continuous recording ends at the UTC hour, at a change of the init segment, at a hole of more
    than 60 s and where the node's clock was set back before its last segment; a manual one at the
    latter three. A new recorder always begins a new one.
    """

    def __init__(self, plan: RecordingPlan) -> None:
        self._plan = plan
        self._beginnings = plan.beginnings or Beginnings()
        self._current: str | None = None
        self._since_us = 0
        self._end_us = 0
        self._last_us = 0  # where its last segment began
        self._init: bytes = b""

    @property
    def current(self) -> str | None:
        return self._current

    @property
    def since_us(self) -> int:
        return self._since_us

    def for_segment(self, start_us: int, init: InitSegment) -> str | None:
        """The recording that a segment starting at `start_us` belongs to."""
        if not self._plan.lists_recordings:
            return None
        if self._current is None or self._ends_before(start_us, init):
            self._current = self._new_id(start_us)
            self._since_us = start_us
            self._init = init.data
        self._end_us = self._last_us = start_us
        return self._current

    def note_end(self, end_us: int) -> None:
        """A segment ended here; a hole is measured from it."""
        self._end_us = end_us

    def crosses_hour(self, start_us: int, now_us: int) -> bool:
        """Whether a continuous recording must end between these times."""
        continuous = self._plan.kind == "continuous" and self._plan.lists_recordings
        return continuous and start_us // HOUR_US != now_us // HOUR_US

    def _ends_before(self, start_us: int, init: InitSegment) -> bool:
        hole = start_us - self._end_us > MAX_HOLE_US
        was_set_back = start_us <= self._last_us  # its segments lie in the order of their starts
        is_other = hole or was_set_back or init.data != self._init
        return is_other or self.crosses_hour(self._since_us, start_us)

    def _new_id(self, start_us: int) -> str:
        new = recording_id(self._plan.camera_id, start_us)
        # A second that may have one already (the picture size changed at once, the clock was set
        # back, a person stopped and started): tell them apart.
        is_first = self._beginnings.is_first(self._plan.camera_id, start_us)
        within = "" if is_first else f"-{start_us % SECOND_US:06d}"
        return new + within + self._plan.id_ending
