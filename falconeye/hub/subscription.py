"""A live viewer's queue. Overflow policy: forget all, go on at the next keyframe."""

import asyncio
from collections import deque
from dataclasses import dataclass

from falconeye.media.fragments import InitSegment, LiveFragment

MAX_QUEUED_BYTES = 4 * 1024 * 1024
MAX_QUEUED_90K = 2 * 90_000


@dataclass(frozen=True, slots=True)
class LiveStart:
    """A (new) beginning: what follows is fragments of this init segment."""

    init: InitSegment
    wall_us: int  # UTC of media time 0 of the run


@dataclass(frozen=True, slots=True)
class Dropped:
    """The viewer was too slow; fragments are missing before the next one, a keyframe."""

    fragments: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The stream ended; a `LiveStart` follows when it comes back."""

    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """A message of the viewer's session, in order with the media."""

    text: str


Item = LiveStart | LiveFragment | Dropped | Ended | Note


class LiveSubscription:
    """Items for one viewer; filled and read on the loop."""

    def __init__(self) -> None:
        self._items: deque[tuple[Item, int, int]] = deque()  # item, bytes and ticks that count
        self._ready = asyncio.Event()
        self._queued_bytes = 0
        self._queued_90k = 0
        self._skipping = True
        self._waiting = True  # for the first keyframe: what comes before it is no loss
        self._skipped = 0
        self._after_seq = -1
        self.dropped = 0  # fragments that this viewer did not get
        self.closed = False

    def start(self, start: LiveStart, gop: LiveFragment | None, after_seq: int) -> None:
        """Begin (again). The GOP is outside the bound; fragments up to `after_seq` are in it.

        What waits is of no use any more, but for the session's own messages.
        """
        self._items = deque(row for row in self._items if isinstance(row[0], Note))
        self._queued_bytes = self._queued_90k = self._skipped = 0
        self._after_seq = after_seq
        self._skipping = self._waiting = gop is None
        self._add(start)
        if gop is not None:
            self._add(gop)

    def put(self, fragment: LiveFragment) -> None:
        """Queue a fragment, or skip it until the next keyframe."""
        if fragment.first_seq <= self._after_seq:
            return
        size, length = len(fragment.data), fragment.duration_90k
        if not self._skipping and self._overflows(size, length):
            self._forget()
        if self._skipping and not fragment.is_keyframe:
            if not self._waiting:
                self._skipped += 1
                self.dropped += 1
            return
        if self._skipped:
            self._add(Dropped(self._skipped))
        self._skipping, self._waiting, self._skipped = False, False, 0
        self._add(fragment, size, length)

    def lost(self) -> None:
        """A fragment was lost on the way here: go on at the next keyframe."""
        self._skipping = True
        self._skipped += 1
        self.dropped += 1

    def end(self, reason: str) -> None:
        """The stream ended; what is queued still goes out."""
        self._add(Ended(reason))

    def note(self, text: str) -> None:
        """A message for the viewer."""
        self._add(Note(text))

    @property
    def has_items(self) -> bool:
        return bool(self._items) or self.closed

    def close(self) -> None:
        """Wake the reader for the last time."""
        self.closed = True
        self._ready.set()

    async def get(self) -> Item | None:
        """The next item; None once closed."""
        while not self._items and not self.closed:
            self._ready.clear()
            await self._ready.wait()
        if self.closed:
            return None
        item, size, length = self._items.popleft()
        self._queued_bytes -= size
        self._queued_90k -= length
        return item

    def _add(self, item: Item, size: int = 0, length: int = 0) -> None:
        self._items.append((item, size, length))
        self._queued_bytes += size
        self._queued_90k += length
        self._ready.set()

    def _overflows(self, size: int, length: int) -> bool:
        too_big = self._queued_bytes + size > MAX_QUEUED_BYTES
        return self._queued_bytes > 0 and (too_big or self._queued_90k + length > MAX_QUEUED_90K)

    def _forget(self) -> None:
        """Drop all queued fragments; beginnings and ends stay, earlier losses are added up."""
        kept: deque[tuple[Item, int, int]] = deque()
        lost = 0
        for row in self._items:
            if isinstance(row[0], LiveFragment):
                lost += 1
            elif isinstance(row[0], Dropped):
                self._skipped += row[0].fragments
            else:
                kept.append(row)
        self._items = kept
        self._queued_bytes = self._queued_90k = 0
        self._skipping = True
        self._skipped += lost
        self.dropped += lost
