"""How the node's clock was set, and what a setting proves about another one of the same boot.

A board without a battery begins with a wrong clock; what it records until NTP sets it has wrong
times. UTC - monotonic is constant between steps, so a step tells how wrong all of the setting
before it was. Only a setting that NTP never kept is judged so: what was right once has drifted
since, and by how much at which time nobody knows. What no step proves keeps its date.
"""

import asyncio
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any

from sqlalchemy import Row, delete, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.clock import Clock, boot_name, clock_is_synchronised
from falconeye.base.times import SECOND_US
from falconeye.storage.index.database import Database
from falconeye.storage.tables.ledger import clocks, undated_steps

SAME_US = SECOND_US // 2  # offsets that differ by less are one setting
PROOF_US = SECOND_US  # less than that is what wall times are exact to


class Proof(StrEnum):
    """What is known of a setting, and what was done about it."""

    OPEN = "open"  # right, or not proved wrong
    PROVED = "proved"  # wrong: the ledger is to be moved, then the footage
    LEDGER_MOVED = "ledger_moved"
    SETTLED = "settled"  # all of it was moved


_TO_MOVE = (Proof.PROVED, Proof.LEDGER_MOVED)
IS_UNSETTLED = clocks.c.state.in_([state.value for state in _TO_MOVE])


@dataclass(frozen=True, slots=True)
class ClockSetting:
    """A setting of a node's clock, as files and journals name it."""

    boot: str  # `base.clock.boot_name`
    offset_us: int  # UTC - monotonic


@dataclass(frozen=True, slots=True)
class ClockCorrection:
    """A time whose footage was recorded with other times; they were corrected since."""

    from_us: int
    to_us: int
    shift_us: int  # what the clock lacked: negative where it was ahead


@dataclass(frozen=True, slots=True)
class KnownClock:
    """A row of `clocks`."""

    id: int
    setting: ClockSetting
    synchronised: bool
    state: Proof
    shift_us: int | None = None


class Clocks:
    """The settings of this boot, and those whose correction is not finished. Any thread asks."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        boot: Callable[[], str] = boot_name,
        is_synchronised: Callable[[], bool] = clock_is_synchronised,
    ) -> None:
        self._database = database
        self._clock = clock
        self._boot = boot
        self._is_synchronised = is_synchronised
        self._lock = threading.Lock()
        self._known: list[KnownClock] = []
        self._refused: set[int] = set()  # ids that the database did not take
        self._next_id = 1

    async def open(self) -> None:
        """Read what is known; steps of boots that are over cannot be moved any more."""
        boot = await asyncio.to_thread(self._boot)
        await self._database.write(partial(_forget_steps, boot))
        await self.reload()

    async def reload(self) -> None:
        """Read it anew: a journal told of more."""
        boot = self._boot()
        found, last_id = await self._database.read(partial(_read_known, boot))
        with self._lock:
            # One that was just made, for a thread, is on its way to the database.
            made = [one for one in self._known if one.id > last_id]
            self._known = [*found, *made]
            self._next_id = max(self._next_id, last_id + 1)

    def setting(self, offset_us: int) -> ClockSetting:
        """The setting with this UTC - monotonic, now."""
        return ClockSetting(self._boot(), offset_us)

    def undated(self, offset_us: int) -> int | None:
        """The id of the setting whose times may prove wrong; None where NTP has kept it."""
        setting = self.setting(offset_us)
        with self._lock:
            known = self._find(setting)
            if known is None:
                known = KnownClock(self._next_id, setting, synchronised=False, state=Proof.OPEN)
                self._next_id += 1
                self._known.append(known)
                self._put(known)
            elif known.id in self._refused:
                self._refused.remove(known.id)
                self._put(known)
        return None if known.synchronised else known.id

    def _put(self, known: KnownClock) -> None:
        """Store it before the rows that name it; refused (disk full), with the next of these.

        Else the next process would give its id to another setting, and what is proved of that
        would move the footage of this one. Under the lock.
        """
        answer = self._database.write_threadsafe(partial(_store, known))
        answer.add_done_callback(partial(self._stored, known.id))

    def _stored(self, clock_id: int, answer: Future[None]) -> None:
        if answer.cancelled() or answer.exception() is not None:
            self._refused.add(clock_id)

    async def look(self) -> None:
        """Once NTP keeps the clock: what does that prove? Ask every few seconds.

        Unavailable when the database does not take it now; the next look finds the same.
        """
        offset_us = self._offset_us()
        if not self._is_synchronised() or abs(self._offset_us() - offset_us) > SAME_US:
            return  # or it was set this very moment: the next look
        _ = self.undated(offset_us)
        boot = self._boot()
        with self._lock:
            mine = [one for one in self._known if one.setting.boot == boot and not one.synchronised]
        mine = [one for one in mine if one.state is Proof.OPEN]
        right = [one for one in mine if abs(offset_us - one.setting.offset_us) <= PROOF_US]
        wrong = [one for one in mine if one not in right]
        if not right and not wrong:
            return
        judged = [replace(one, synchronised=True) for one in right]
        judged += [
            replace(one, state=Proof.PROVED, shift_us=offset_us - one.setting.offset_us)
            for one in wrong
        ]
        await self._database.write(partial(_judge, judged))
        with self._lock:
            for before, after in zip([*right, *wrong], judged, strict=True):
                self._known[self._known.index(before)] = after

    @property
    def unsettled(self) -> Sequence[KnownClock]:
        """Those that proved wrong, and of which not all was moved."""
        with self._lock:
            return [one for one in self._known if one.state in _TO_MOVE]

    def _offset_us(self) -> int:
        return self._clock.utc_us() - self._clock.monotonic_us()

    def _find(self, setting: ClockSetting) -> KnownClock | None:
        near = [
            one
            for one in self._known
            if one.setting.boot == setting.boot
            and one.state is Proof.OPEN
            and abs(one.setting.offset_us - setting.offset_us) <= SAME_US
        ]
        return min(
            near, key=lambda one: abs(one.setting.offset_us - setting.offset_us), default=None
        )


async def shifts_of(
    connection: AsyncConnection, settings: Collection[ClockSetting]
) -> dict[ClockSetting, int]:
    """What the times of settings lack to the right ones (µs); of those that proved wrong."""
    rows = await connection.execute(
        select(clocks.c.boot, clocks.c.offset_us, clocks.c.shift_us)
        .where(
            clocks.c.boot.in_({setting.boot for setting in settings}),
            clocks.c.shift_us.is_not(None),
        )
        .order_by(clocks.c.id)
    )
    proved = rows.all()
    found: dict[ClockSetting, int] = {}
    for setting in settings:
        near = [
            (abs(row.offset_us - setting.offset_us), row.shift_us)
            for row in proved
            if row.boot == setting.boot and abs(row.offset_us - setting.offset_us) <= SAME_US
        ]
        if near:
            _, found[setting] = min(near, key=lambda one: one[0])
    return found


async def read_corrections(
    from_us: int, to_us: int, connection: AsyncConnection
) -> list[ClockCorrection]:
    """Those that have something of [from, to), in the order of time."""
    rows = await connection.execute(
        select(clocks)
        .where(
            clocks.c.shift_us.is_not(None),
            clocks.c.state != Proof.PROVED.value,  # nothing was moved yet
            clocks.c.to_us > from_us,
            clocks.c.from_us < to_us,
        )
        .order_by(clocks.c.from_us)
    )
    return [ClockCorrection(row.from_us, row.to_us, row.shift_us) for row in rows]


async def set_state(connection: AsyncConnection, clock_id: int, state: Proof) -> None:
    await connection.execute(
        update(clocks).where(clocks.c.id == clock_id).values(state=state.value)
    )


async def _read_known(boot: str, connection: AsyncConnection) -> tuple[list[KnownClock], int]:
    last_id = (await connection.execute(select(func.max(clocks.c.id)))).scalar()
    rows = await connection.execute(
        select(clocks).where(or_(clocks.c.boot == boot, IS_UNSETTLED)).order_by(clocks.c.id)
    )
    return [_known(row) for row in rows], last_id or 0


async def read_unsettled(connection: AsyncConnection) -> list[KnownClock]:
    """Those that proved wrong, and of which not all was moved."""
    rows = await connection.execute(select(clocks).where(IS_UNSETTLED).order_by(clocks.c.id))
    return [_known(row) for row in rows]


def _known(row: Row[Any]) -> KnownClock:
    setting = ClockSetting(row.boot, row.offset_us)
    return KnownClock(row.id, setting, row.synchronised, Proof(row.state), row.shift_us)


async def _store(known: KnownClock, connection: AsyncConnection) -> None:
    values = {
        "synchronised": known.synchronised,
        "state": known.state.value,
        "shift_us": known.shift_us,
    }
    await connection.execute(
        upsert(clocks)
        .values(id=known.id, boot=known.setting.boot, offset_us=known.setting.offset_us, **values)
        .on_conflict_do_update(index_elements=[clocks.c.id], set_=values)
    )


async def _judge(judged: Sequence[KnownClock], connection: AsyncConnection) -> None:
    for one in judged:
        await _store(one, connection)
    right = [one.id for one in judged if one.synchronised]
    await connection.execute(delete(undated_steps).where(undated_steps.c.clock_id.in_(right)))


async def _forget_steps(boot: str, connection: AsyncConnection) -> None:
    hopeless = select(clocks.c.id).where(clocks.c.boot != boot, clocks.c.state == Proof.OPEN.value)
    await connection.execute(delete(undated_steps).where(undated_steps.c.clock_id.in_(hopeless)))
