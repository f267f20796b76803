"""What a recorder is told to do, and which recording a segment belongs to."""

from dataclasses import dataclass

from falconeye.base.times import HOUR_US, SECOND_US, to_datetime
from falconeye.media.fragments import InitSegment

MAX_HOLE_US = 60 * SECOND_US  # a longer hole ends a recording


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """How one stream is recorded; fixed while its recorder lives."""

    camera_id: str
    camera_name: str
    kind: str  # continuous | manual
    lists_recordings: bool  # the main stream: people see its recordings; the substream has none
    segment_s: int = 60


class RecordingIds:
    """Names the recording of each segment of one stream, by DESIGN's rule.

    A continuous recording ends at the UTC hour, at a change of the init segment and at a hole of
    more than 60 s; a manual one at the latter two. A new recorder always begins a new one.
    """

    def __init__(self, plan: RecordingPlan) -> None:
        self._plan = plan
        self._current: str | None = None
        self._since_us = 0
        self._end_us = 0
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
        self._end_us = start_us
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
        return hole or init.data != self._init or self.crosses_hour(self._since_us, start_us)

    def _new_id(self, start_us: int) -> str:
        moment = to_datetime(start_us)
        new = f"{self._plan.camera_id}_{moment:%Y%m%d%H%M%S}"
        # Two in one second (a camera that changes its picture size at once): tell them apart.
        return new if new != self._current else f"{new}-{moment.microsecond:06d}"
