"""Which disk fills up with new footage, and when it is full: pure, from room and growth.

New footage goes to one disk, whose oldest goes on to the archives in their order; so they fill one
after the other. Beyond the last one the oldest footage makes room.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from falconeye.storage.segments.mover import MARGIN_SHARE
from falconeye.storage.volumes.volume_facts import Role, VolumeFacts


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


def in_line(found: Sequence[VolumeFacts], first_id: str) -> list[VolumeFacts]:
    """The disks that fill, in their order: where new footage goes, then the archives.

    A further disk for recording takes none while the first can: it gives no room. `first_id`: of
    the volume that records now.
    """
    present = [one for one in found if one.present]
    archives = [one for one in present if one.role is Role.ARCHIVE and one.id != first_id]
    return [*(one for one in present if one.id == first_id), *archives]


def kept_free_bytes(one: VolumeFacts, line: Sequence[VolumeFacts]) -> int:
    """Of a disk in line: beside an archive the oldest is moved on before the floor is reached."""
    moves_on = len(line) > 1 and one.role is Role.RECORD
    return one.floor_bytes + (one.total_bytes // MARGIN_SHARE if moves_on else 0)


def rooms_of(found: Sequence[VolumeFacts], numbers: Mapping[str, int], first_id: str) -> list[Room]:
    """The rooms of the disks in line; `numbers`: of the volumes, by their ids."""
    line = in_line(found, first_id)
    return [Room(numbers[one.id], one.free_bytes - kept_free_bytes(one, line)) for one in line]
