"""The last seconds of a stream, held in memory until an event claims them.

Whole GOPs, with the run and the init segment that they belong to. Charged to the node's memory
budget; where that is short the oldest GOP goes first, and `is_short` says so. Who holds more than
an equal share gives way to who has less and needs it: else one that comes later held nothing.
"""

import sys
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from falconeye.base.memory import MemoryBudget
from falconeye.hub.sink import Run
from falconeye.media.fragments import InitSegment
from falconeye.media.samples import AudioSample, VideoSample

# Of the node's budget what waits for a disk has a half for itself, and GOP buffers an eighth.
_KEEP_FREE = 5, 8


@dataclass(slots=True)
class HeldGop:
    """One GOP; `arrived_us`, `last_us`: its first and newest picture (monotonic)."""

    run: Run
    init: InitSegment
    arrived_us: int
    last_us: int
    samples: list[VideoSample | AudioSample] = field(default_factory=list)
    size_bytes: int = 0


class PreRollShares:
    """Who of a node's pre-rolls holds how much, where memory does not suffice for all. Any thread.

    Its lock is the last one that is taken.
    """

    def __init__(self, budget: MemoryBudget) -> None:
        self.keep_free_bytes = budget.limit_bytes * _KEEP_FREE[0] // _KEEP_FREE[1]
        self._pool_bytes = budget.limit_bytes - self.keep_free_bytes
        self._lock = threading.Lock()
        self._members: set[PreRoll] = set()
        self._lacking: set[PreRoll] = set()  # they were refused what would be their share

    def join(self, roll: "PreRoll") -> None:
        with self._lock:
            self._members.add(roll)

    def leave(self, roll: "PreRoll") -> None:
        """It holds nothing and waits for nothing."""
        with self._lock:
            self._members.discard(roll)
            self._lacking.discard(roll)

    def refused(self, roll: "PreRoll", held_bytes: int) -> None:
        """The budget gave it no more; where it has less than its share, others are to make room."""
        with self._lock:
            if held_bytes < self._share_bytes:
                self._lacking.add(roll)
            else:
                self._lacking.discard(roll)

    def has_enough(self, roll: "PreRoll") -> None:
        if roll in self._lacking:  # read without the lock: for each picture, and seldom so
            with self._lock:
                self._lacking.discard(roll)

    def must_give_way(self, held_bytes: int) -> bool:
        """Whether one that would hold so much keeps another from its share."""
        return bool(self._lacking) and held_bytes > self._share_bytes

    @property
    def _share_bytes(self) -> int:
        return self._pool_bytes // max(1, len(self._members))


class PreRoll:
    """Not thread-safe: its owner has a lock."""

    def __init__(self, budget: MemoryBudget, shares: PreRollShares | None = None) -> None:
        """`shares`: with the others of the node; None: it is alone."""
        self._budget = budget
        self._shares = shares or PreRollShares(budget)
        self._held_bytes = 0
        self._gops: deque[HeldGop] = deque()
        self._open = False  # the newest GOP goes on
        self._is_over = False  # the run has ended: nothing more comes to be held
        self.is_short = False  # the budget did not allow what was asked for

    @property
    def held_us(self) -> int:
        """From the first to the newest picture."""
        return self._gops[-1].last_us - self._gops[0].arrived_us if self._gops else 0

    def picture(self, sample: VideoSample, run: Run, init: InitSegment) -> None:
        """Add a picture of the stream's present run and init segment."""
        self._is_over = False
        if sample.is_keyframe:
            self._shares.join(self)
            self._gops.append(HeldGop(run, init, sample.arrived_us, sample.arrived_us))
            self._open = True
        if self._open and self._take(len(sample.data)):
            self._gops[-1].samples.append(sample)
            self._gops[-1].last_us = sample.arrived_us

    def sound(self, sample: AudioSample) -> None:
        if self._open and self._take(len(sample.data)):
            self._gops[-1].samples.append(sample)

    def break_off(self) -> None:
        """The run has ended: no more of the newest GOP comes."""
        self._open, self._is_over = False, True

    def trim(self, since_us: int) -> None:
        """Let go what is not needed for pictures from `since_us` (monotonic) on."""
        while self._gops and self._end_of_first() <= since_us:
            self._drop_first()
        if self._gops and self._gops[0].arrived_us <= since_us:
            self.is_short = False
            self._shares.has_enough(self)
        if not self._gops and self._is_over:
            self._shares.leave(self)

    def take(self, since_us: int) -> Iterator[HeldGop]:
        """Hand out what `trim(since_us)` leaves, oldest first; afterwards nothing is held.

        A GOP is charged no more when it is handed out: who writes it charges it again.
        """
        self.trim(since_us)
        self._open = False
        while self._gops:
            yield self._drop_first()
        self._shares.leave(self)

    def clear(self) -> None:
        while self._gops:
            self._drop_first()
        self._open = False
        self._shares.leave(self)

    def _end_of_first(self) -> int:
        """Where the next GOP of its run begins, else its last picture; none while it goes on."""
        first = self._gops[0]
        if len(self._gops) == 1:
            return sys.maxsize if self._open else first.last_us
        follows = self._gops[1].run is first.run
        return self._gops[1].arrived_us if follows else first.last_us

    def _drop_first(self) -> HeldGop:
        gop = self._gops.popleft()
        self._budget.give_back(gop.size_bytes)
        self._held_bytes -= gop.size_bytes
        gop.size_bytes = 0
        return gop

    def _take(self, size: int) -> bool:
        """Charge it to the newest GOP, giving up older ones for it, at last this one itself."""
        while len(self._gops) > 1 and self._shares.must_give_way(self._held_bytes + size):
            self.is_short = True
            self._drop_first()
        while not self._budget.take(size, keep_free=self._shares.keep_free_bytes):
            self.is_short = True
            self._shares.refused(self, self._held_bytes)
            self._drop_first()
            if not self._gops:
                self._open = False  # until the next keyframe
                return False
        self._gops[-1].size_bytes += size
        self._held_bytes += size
        return True
