"""Which footage of a volume is moved next: the oldest, but for what cannot be read."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from falconeye.storage.index.database import Database
from falconeye.storage.segments import move_rows
from falconeye.storage.segments.move_rows import Movable
from falconeye.storage.volumes.volume import Volume

_MAX_UNREADABLE: Final = 1000  # files passed over; beyond it the disk is at fault


class MoveQueue:
    """By volume, where to look on, and what to pass over. Lives on the loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._after: dict[int, dict[int, int]] = {}  # volume → stream → nothing is older there
        # By volume: (stream, start) of the segments whose files cannot be read.
        self._passed_over: dict[int, set[tuple[int, int]]] = {}

    async def next_of(self, source: Volume) -> Sequence[Movable]:
        """A batch of the oldest that lie on it, behind those of the last one."""
        after = self._after.setdefault(source.number, {})
        passed_over = frozenset(self._passed_over.get(source.number, ()))
        look = partial(move_rows.oldest_on, source.number, after, passed_over)
        found = await self._database.read(look)
        if not found and after:  # some may have come that is older: once more from the beginning
            after.clear()
            found = await self._database.read(look)
        for one in reversed(found):
            after[one.stream_id] = one.start_us
        return found

    def pass_over(self, source: Volume, segment: Movable) -> None:
        """Its file cannot be read: it stays where it is, and keeps no other from moving."""
        passed_over = self._passed_over.setdefault(source.number, set())
        if len(passed_over) < _MAX_UNREADABLE:
            passed_over.add((segment.stream_id, segment.start_us))

    def unreadable_on(self, source: Volume) -> int:
        """How many files are passed over."""
        return len(self._passed_over.get(source.number, ()))

    def look_anew(self, source: Volume | None = None) -> None:
        """From the beginning, also at what could not be read; of one volume, or of all."""
        if source is None:
            self._after.clear()
            self._passed_over.clear()
        else:
            self._after.pop(source.number, None)
            self._passed_over.pop(source.number, None)
