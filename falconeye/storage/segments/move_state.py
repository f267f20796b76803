"""What is said of the footage that moves off a volume; and the moves that a person has paused.

A pause outlives the process: it is a row of `settings`, so that a disk which is to be left alone
for a night is left alone, whatever ends the node meanwhile.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.clock import Clock
from falconeye.storage.index.database import Database
from falconeye.storage.tables.node import SETTINGS
from falconeye.storage.volumes.volume import Volume

log = logging.getLogger(__name__)

PAUSED: Final = "moves_paused"  # a key of `settings`: volume id → [who, when]


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is moved off a volume because somebody wants it so."""

    by: str
    at_us: int  # UTC


@dataclass(frozen=True, slots=True)
class MoveState:
    """What the mover does with a volume now. Times are UTC."""

    moving: bool = False
    moved_bytes: int = 0  # off it, since the node's start
    moved_files: int = 0
    unreadable: int = 0  # files that could not be read; they stay where they are
    trouble: str = ""  # why nothing is moved though it should be
    since_us: int | None = None  # footage is to leave it since then; None: none is
    ended_us: int | None = None  # when the last that was to leave it had left
    pause: Pause | None = None
    first_us: int | None = None  # when the first of this process was to leave it
    last_trouble: str = ""  # that there was in this process, also where it is over


class MoveStates:
    """What is said of each volume. Lives on the loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._states: dict[int, MoveState] = {}
        # Told each time that all has left which was to leave.
        self.on_over: Callable[[Volume, MoveState], None] = lambda _volume, _state: None

    def of(self, volume: Volume) -> MoveState:
        """The pause is not in it."""
        return self._states.get(volume.number, MoveState())

    def halt(self, volume: Volume) -> None:
        """Somebody pauses it."""
        self._states[volume.number] = replace(self.of(volume), moving=False, trouble="")

    def set(self, volume: Volume, *, moving: bool, trouble: str, is_due: bool) -> None:
        """`is_due`: footage is to leave it."""
        last, now_us = self.of(volume), self._clock.utc_us()
        has_ended = last.since_us is not None and not is_due
        since_us = (last.since_us or now_us) if is_due else None
        self._states[volume.number] = state = replace(
            last,
            moving=moving,
            trouble=trouble,
            since_us=since_us,
            ended_us=now_us if has_ended else last.ended_us,
            first_us=last.first_us or since_us,
            last_trouble=trouble or last.last_trouble,
        )
        if has_ended:
            self.on_over(volume, state)

    def add(self, volume: Volume, files: int, size_bytes: int) -> None:
        """So many have left it."""
        last = self.of(volume)
        self._states[volume.number] = replace(
            last,
            moved_bytes=last.moved_bytes + size_bytes,
            moved_files=last.moved_files + files,
        )

    def pass_over(self, volume: Volume) -> None:
        """One more stays, because it cannot be read."""
        last = self.of(volume)
        self._states[volume.number] = replace(last, unreadable=last.unreadable + 1)


class MovePauses:
    """The volumes off which nothing is moved, by their ids. Lives on the loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pauses: Mapping[str, Pause] = {}

    def of(self, volume: Volume) -> Pause | None:
        """The pause of a volume; None when footage may leave it."""
        return self._pauses.get(volume.id)

    async def load(self) -> None:
        """Read what is stored."""
        self._pauses = await self._database.read(read_pauses)

    async def pause(self, volume: Volume, pause: Pause) -> None:
        """From now on; Unavailable when it cannot be stored: then it is not paused."""
        self._pauses = await self._database.write(partial(_change, volume.id, pause))

    async def resume(self, volume: Volume) -> None:
        """Footage may leave it again; Unavailable when that cannot be stored."""
        self._pauses = await self._database.write(partial(_change, volume.id, None))


async def read_pauses(connection: AsyncConnection) -> dict[str, Pause]:
    """Those that are stored, by the id of the volume.

    What cannot be understood (changed by hand, written by a newer release) counts for none: a node
    that does not start for that would not record.
    """
    found = await connection.scalar(select(SETTINGS.c.value).where(SETTINGS.c.key == PAUSED))
    try:
        stored: dict[str, Any] = dict(found or {})
        return {one: Pause(str(by), int(at_us)) for one, (by, at_us) in stored.items()}
    except (TypeError, ValueError) as error:
        log.warning("the stored pauses of moves are ignored: %s", error)
        return {}


async def _change(
    volume_id: str, pause: Pause | None, connection: AsyncConnection
) -> dict[str, Pause]:
    """Store the pause of one volume, or none; all that are stored then."""
    pauses = await read_pauses(connection)
    pauses.pop(volume_id, None)
    if pause is not None:
        pauses[volume_id] = pause
    await connection.execute(delete(SETTINGS).where(SETTINGS.c.key == PAUSED))
    if pauses:
        stored = {known: [one.by, one.at_us] for known, one in pauses.items()}
        await connection.execute(upsert(SETTINGS).values(key=PAUSED, value=stored))
    return pauses
