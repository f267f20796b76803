"""The last seconds of a stream, held until an event claims them.

Whole GOPs, with the run and the init segment that they belong to. Charged to the node's memory
budget; where that gets short the oldest are written to the disk (`Spool`). What neither has room
for is lost, the oldest first, and `is_short` says so. Who holds more than an equal share gives way
to who has less and needs it: else one that comes later held nothing.
"""

import sys
import threading
from collections import deque
from collections.abc import Callable
from itertools import islice, pairwise

from falconeye.base.memory import MemoryBudget
from falconeye.hub.sink import Run
from falconeye.media.fragments import InitSegment
from falconeye.media.samples import AudioSample, VideoSample
from falconeye.recording.held_gop import HeldGop
from falconeye.storage.volumes.spool import Spooled

# Of the node's budget what waits for a disk has a half for itself, and GOP buffers an eighth.
_KEEP_FREE = 5, 8
# Of what pre-rolls may use; the rest is for what comes while the oldest is being written.
_GETS_SHORT = 3, 4


class PreRollShares:
    """Who of a node's pre-rolls holds how much, where memory does not suffice for all. Any thread.

    Its lock is the last one that is taken.
    """

    def __init__(self, budget: MemoryBudget) -> None:
        self.keep_free_bytes = budget.limit_bytes * _KEEP_FREE[0] // _KEEP_FREE[1]
        self._budget = budget
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
    def gets_short(self) -> bool:
        """Whether the oldest that is held should go to the disk while there is time."""
        return self._budget.used_bytes > self._pool_bytes * _GETS_SHORT[0] // _GETS_SHORT[1]

    @property
    def enough_bytes(self) -> int:
        """What each keeps in memory then."""
        return self._share_bytes // 2

    @property
    def _share_bytes(self) -> int:
        return self._pool_bytes // max(1, len(self._members))


class PreRoll:
    """Not thread-safe: its owner has a lock."""

    def __init__(
        self,
        budget: MemoryBudget,
        shares: PreRollShares | None = None,
        write: Callable[[HeldGop], bool] | None = None,
    ) -> None:
        """`shares`: with the others of the node; None: it is alone.

        `write` has a GOP written to a file, later, and `written` called then; False when that
        cannot be. None: there is no disk for it.
        """
        self._budget = budget
        self._shares = shares or PreRollShares(budget)
        self._write = write
        self._held_bytes = 0
        self._gops: deque[HeldGop] = deque()
        self._open = False  # the newest GOP goes on
        self._has_hole = False  # what came last was lost
        self._is_over = False  # the run has ended: nothing more comes to be held
        # An event waits for it: then it waits for a disk as other footage does, and what comes has
        # the same right to memory.
        self.is_claimed = False
        self.is_short = False  # neither memory nor disk took all that was asked for

    @property
    def first(self) -> HeldGop | None:
        """The oldest GOP."""
        return self._gops[0] if self._gops else None

    @property
    def held_us(self) -> int:
        """From the first to the newest picture, without holes."""
        if not self._gops:
            return 0
        holes = (b.arrived_us - a.last_us for a, b in pairwise(self._gops) if b.is_after_hole)
        return self._gops[-1].last_us - self._gops[0].arrived_us - sum(holes)

    @property
    def on_disk_us(self) -> int:
        """How much of that is not in memory."""
        return sum(gop.length_us for gop in self._gops if gop.file)

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more cost none of what is held."""
        return self._budget.used_bytes + size + self._keep_free_bytes <= self._budget.limit_bytes

    def picture(self, sample: VideoSample, run: Run, init: InitSegment) -> None:
        """Add a picture of the stream's present run and init segment."""
        self._is_over = False
        if sample.is_keyframe:
            self._shares.join(self)
            at_us = sample.arrived_us
            self._gops.append(HeldGop(run, init, at_us, at_us, is_after_hole=self._has_hole))
            self._open, self._has_hole = True, False
        if self._shares.gets_short and self._write is not None:
            self._spill(self._write)
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
            self._drop(self._gops.popleft())
        if self._gops and self._gops[0].arrived_us <= since_us:
            self.is_short = self.is_short and any(
                gop.is_after_hole for gop in islice(self._gops, 1, None)
            )
            self._shares.has_enough(self)
        if not self._gops and self._is_over:
            self._shares.leave(self)

    def pop(self) -> HeldGop:
        """Hand out the oldest GOP, whose samples are in memory; the newest goes on no more.

        It is charged no more: who writes it charges it again. There must be one.
        """
        gop = self._gops.popleft()
        samples = gop.samples
        self._drop(gop)
        gop.samples = samples
        if not self._gops:
            self._open = False
            self._shares.leave(self)
        return gop

    def lose(self, gop: HeldGop) -> None:
        """It cannot be read from its file, or not in time."""
        index = self._gops.index(gop)
        self._drop(gop)
        del self._gops[index]
        self.is_short = True
        self._note_hole(index)

    def lose_files(self) -> int:
        """What lies in files is not waited for any longer; how many GOPs those are."""
        gops = [gop for gop in self._gops if gop.file]
        for gop in gops:
            self.lose(gop)
        return len(gops)

    def written(self, gop: HeldGop, file: Spooled | None) -> None:
        """It lies in a file now; None: it was not written, and stays in memory."""
        if not gop.is_leaving:  # claimed or too old meanwhile
            if file:
                file.drop()
            return
        gop.is_leaving = False
        if file:
            self._forget(gop)
            gop.file = file

    def clear(self) -> None:
        while self._gops:
            self._drop(self._gops.popleft())
        self._open = False
        self._shares.leave(self)

    def _end_of_first(self) -> int:
        """Where the next GOP of its run begins, else its last picture; none while it goes on."""
        first = self._gops[0]
        if len(self._gops) == 1:
            return sys.maxsize if self._open else first.last_us
        follows = self._gops[1].run is first.run and not self._gops[1].is_after_hole
        return self._gops[1].arrived_us if follows else first.last_us

    def _spill(self, write: Callable[[HeldGop], bool]) -> None:
        """Have the oldest whole GOPs written before memory is missing."""
        staying_bytes = self._held_bytes - sum(g.size_bytes for g in self._gops if g.is_leaving)
        for gop in islice(self._gops, len(self._gops) - 1):
            if staying_bytes <= self._shares.enough_bytes:
                return
            if gop.file or gop.is_leaving:
                continue
            gop.is_leaving = True
            if not write(gop):
                gop.is_leaving = False
                return
            staying_bytes -= gop.size_bytes

    def _take(self, size: int) -> bool:
        """Charge it to the newest GOP, giving up older ones for it, at last this one itself."""
        while self._must_give_way(size) and self._in_memory > 1:
            self._give_up_oldest()
        while not self._budget.take(size, keep_free=self._keep_free_bytes):
            self._shares.refused(self, self._held_bytes)
            self._give_up_oldest()
            if not self._open:
                return False
        self._gops[-1].size_bytes += size
        self._held_bytes += size
        return True

    @property
    def _keep_free_bytes(self) -> int:
        return 0 if self.is_claimed else self._shares.keep_free_bytes

    def _must_give_way(self, size: int) -> bool:
        return not self.is_claimed and self._shares.must_give_way(self._held_bytes + size)

    @property
    def _in_memory(self) -> int:
        return sum(not gop.file for gop in self._gops)

    def _give_up_oldest(self) -> None:
        """Of those in memory, of which there is one; what lies in files takes none."""
        self.is_short = True
        index = next(index for index, gop in enumerate(self._gops) if not gop.file)
        self._drop(self._gops[index])
        del self._gops[index]
        self._note_hole(index)

    def _note_hole(self, index: int) -> None:
        """Something is missing before the GOP that has this index now, or will have it."""
        if index < len(self._gops):
            self._gops[index].is_after_hole = True
        else:
            self._has_hole, self._open = True, False  # until the next keyframe

    def _drop(self, gop: HeldGop) -> None:
        gop.is_leaving = False
        self._forget(gop)
        if gop.file:
            gop.file.drop()
            gop.file = None

    def _forget(self, gop: HeldGop) -> None:
        """Hold it in memory no more; also who is about to write it has it no more."""
        self._budget.give_back(gop.size_bytes)
        self._held_bytes -= gop.size_bytes
        gop.size_bytes = 0
        gop.samples = []
