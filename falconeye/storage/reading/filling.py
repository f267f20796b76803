"""Which disk fills up with new footage, and when it is full: pure, from room and growth.

New footage goes to one disk, whose oldest goes on to the archives in their order; so they fill one
after the other. Beyond the last one the oldest footage makes room.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """What a disk has above what is kept free; one that has less has none."""

    number: int  # of the volume
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Filling:
    """How a disk fills up as all cameras grow."""

    bytes_per_day: float  # 0: another one fills before, or it is full
    full_in_days: float | None  # 0: it is; None: nothing grows


def fillings(rooms: Sequence[Room], bytes_per_day: float) -> dict[int, Filling]:
    """By the volumes' numbers; `rooms` in the order in which they fill."""
    found: dict[int, Filling] = {}
    before_bytes = 0
    for room in rooms:
        left_bytes = max(0, room.size_bytes)
        is_next = before_bytes == 0 and left_bytes > 0
        before_bytes += left_bytes
        days: float | None = None
        if left_bytes == 0:
            days = 0.0
        elif bytes_per_day:
            days = before_bytes / bytes_per_day
        found[room.number] = Filling(bytes_per_day if is_next else 0.0, days)
    return found
