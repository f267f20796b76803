"""The footage of one camera that several nodes have, as one line of playing. Pure.

Where several recorded the same time (make before break, a partition), one of them is played: a node
stays as long as it goes on, then comes the one whose run is the oldest. That looks back only, so
that a list that grows never changes what it has said; how long a node will go on nobody knows yet.
A node's own order is kept, also where its clock was set back.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from falconeye.base.times import SECOND_US
from falconeye.storage.reading.playback_list import Line, ListedSegment

# Clocks of nodes differ by so much, and keyframes of one camera arrive at each a little apart: what
# is shorter is no hole, and not worth repeating whole pictures up to a keyframe for.
JOIN_US: Final = SECOND_US // 4
UNTOLD_US: Final = 3 * SECOND_US  # between two files of a run nothing may be told for a moment
STUCK_US: Final = 60 * SECOND_US  # a file that has not grown for so long holds nobody up


def merge(parts: Sequence[Sequence[Line]]) -> list[Line]:
    """What is played of `parts`: those of each node, in its own order; this node's first.

    What one node has is played where no other is. A change of node repeats less than one entry, and
    loses nothing longer than `JOIN_US`.
    """
    return list(_played(parts, None))


def merge_growing(
    parts: Sequence[Sequence[Line]], segments: Sequence[Sequence[ListedSegment]], now_us: int
) -> list[Line]:
    """The same of a list that grows: up to where it is not known yet who goes on.

    `segments` are those that `parts` are of, also of nodes that have none yet: one may begin.
    """
    if len(segments) < 2:
        return merge(parts)
    growing = [
        segment.start_us + segment.entries.all[-1].start_90k * 100 // 9
        for of_node in segments
        for segment in of_node
        if segment.is_growing and segment.entries.all
    ]
    open_us = [at for at in growing if at > now_us - STUCK_US]
    return list(_played(parts, min([*open_us, now_us - UNTOLD_US]) - JOIN_US))


def _played(parts: Sequence[Sequence[Line]], sure_us: int | None) -> Iterator[Line]:
    """Up to the first choice of a node that is not before `sure_us`."""
    filled = [part for part in parts if part]
    if len(filled) == 1 and sure_us is None:
        yield from filled[0]
        return
    rests = [_Rest(part) for part in filled]
    current: _Rest | None = None
    at_us = min((part[0].wall_us for part in filled), default=0)
    while any(rest.next for rest in rests):
        if current is None or not current.goes_on(at_us):
            for rest in rests:
                rest.skip(at_us)
            left = [(rest.preference(line, at_us), rest) for rest in rests if (line := rest.next)]
            if not left:
                return
            (later_us, _), current = min(left, key=lambda pair: pair[0])
            if sure_us is not None and at_us + later_us >= sure_us:
                return
        line = current.take()
        at_us = line.wall_end_us
        yield line


class _Rest:
    """What of a node's lines was not played yet."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._index = 0

    @property
    def next(self) -> Line | None:
        return self._lines[self._index] if self._index < len(self._lines) else None

    def take(self) -> Line:
        line = self._lines[self._index]
        self._index += 1
        return line

    def goes_on(self, at_us: int) -> bool:
        """Whether its next line follows; one that goes back is of a clock that was set back."""
        return self.next is not None and self.next.wall_us <= at_us + JOIN_US

    def skip(self, at_us: int) -> None:
        """Leave out what was played by another."""
        while (line := self.next) and line.wall_us < at_us and line.wall_end_us <= at_us + JOIN_US:
            self._index += 1

    @staticmethod
    def preference(line: Line, at_us: int) -> tuple[int, int]:
        """The smallest is played: what is there at that time before what comes later."""
        return max(line.wall_us - at_us - JOIN_US, 0), line.segment.run_zero_s
