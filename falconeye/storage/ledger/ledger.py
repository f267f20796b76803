"""The coverage ledger's own rows: what keeps cameras from recording, and when the node was up.

Both are known in memory at once and stored soon: within a second where something changed, once a
minute as a sign of life. What a crash takes of that lies within the hole that the crash makes.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import delete
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.base.errors import FalconEyeError
from falconeye.base.tasks import TaskSet
from falconeye.base.times import MINUTE_US
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.clocks import SAME_US, Clocks
from falconeye.storage.ledger.coverage import GapReason, Step, Uptime
from falconeye.storage.tables.ledger import coverage_steps, undated_steps, uptimes

log = logging.getLogger(__name__)

ROUND_S = 1.0
ALIVE_US = MINUTE_US
MAX_WAITING = 10_000  # steps; beyond it only the newest of each camera is kept
MAX_UNDATED = 100_000  # steps of a process that are moved should its clock prove wrong


@dataclass(slots=True)
class _Up:
    """A stretch of the node's life on one setting of its clock."""

    from_us: int
    offset_us: int  # UTC - monotonic
    to_us: int
    ended: GapReason | None = None
    clock_id: int | None = None  # where its times may prove wrong
    step_us: int | None = None  # how far the clock was set as it began


@dataclass(frozen=True, slots=True)
class _Noted:
    """A step that is to be stored."""

    camera_id: str
    step: Step
    clock_id: int | None
    is_undone: bool = False  # it never was; it is moved all the same should its clock prove wrong


class Ledger:
    """Lives on the loop. `note` is called by whoever knows a camera, as often as it likes."""

    def __init__(self, database: Database, clock: Clock, clocks: Clocks | None = None) -> None:
        self._database = database
        self._clock = clock
        self._clocks = clocks
        self._log = RepeatingLog(log, clock)
        self._steps: dict[str, Step] = {}  # the present one of each camera
        self._waiting: list[_Noted] = []  # not stored yet
        self._in_writing: Sequence[_Noted] = ()  # the database is asked to take them
        self._undated = 0  # steps stored of times that may prove wrong
        self._undone: list[tuple[int, int]] = []  # this process noted them, and they never were
        self._ups: list[_Up] = [self._up_from_now()]  # those not stored; the last one lasts
        self._alive_due_us = clock.monotonic_us()
        self._storing = asyncio.Lock()
        self._tasks = TaskSet("ledger")
        self._know_clock()

    @property
    def up(self) -> Uptime:
        """The node's present stretch, up to now."""
        return Uptime(self._ups[-1].from_us, self._clock.utc_us(), GapReason.NODE_STOPPED)

    def start(self) -> None:
        """Store what is noted, until `stop`."""
        _ = self._tasks.start(self._keep(), "keep")

    async def stop(self) -> None:
        """The node ends: store the rest."""
        await self._tasks.stop()
        self._follow_clock()
        self._ups[-1].to_us = self._clock.utc_us()
        self._ups[-1].ended = GapReason.NODE_STOPPED
        await self._store()

    def note(self, camera_id: str, reason: GapReason | None, detail: str = "") -> None:
        """This keeps a camera from recording now (None: nothing does)."""
        known = self._steps.get(camera_id)
        if known is None or (known.reason, known.detail) != (reason, detail):
            self._note(camera_id, Step(self._clock.utc_us(), reason, detail))

    def reason(self, camera_id: str) -> Step | None:
        """The present step of a camera; None before the first."""
        return self._steps.get(camera_id)

    @property
    def present(self) -> Mapping[str, Step]:
        """The present step of every camera."""
        return self._steps

    def unstored(self, camera_id: str) -> list[Step]:
        """What is noted of a camera and not in the database yet: for long where that is full."""
        return [
            noted.step
            for noted in (*self._in_writing, *self._waiting)
            if noted.camera_id == camera_id and not noted.is_undone
        ]

    def forget(self, camera_id: str) -> None:
        """The camera is gone; its history stays."""
        self._steps.pop(camera_id, None)

    async def round(self) -> None:
        """Once a second: store what is new, and a sign of life when it is due."""
        self._follow_clock()
        now_us = self._clock.monotonic_us()
        if not self._waiting and len(self._ups) == 1 and now_us < self._alive_due_us:
            return
        self._ups[-1].to_us = self._clock.utc_us()
        if await self._store():
            self._alive_due_us = now_us + ALIVE_US

    async def settle(self) -> bool:
        """Store all that is noted, under the clock as it is now; False when it cannot be."""
        self._follow_clock()
        self._ups[-1].to_us = self._clock.utc_us()
        return await self._store()

    async def _keep(self) -> None:
        while True:
            try:
                await self.round()
            except Exception:  # the next round may succeed, and nobody else notices
                log.exception("the coverage ledger cannot be stored")
            await asyncio.sleep(ROUND_S)

    def _note(self, camera_id: str, step: Step) -> None:
        self._steps[camera_id] = step
        self._waiting.append(_Noted(camera_id, step, self._ups[-1].clock_id))
        if len(self._waiting) > MAX_WAITING:  # the database takes none, and has not for long
            self._waiting = list({noted.camera_id: noted for noted in self._waiting}.values())

    def _up_from_now(self) -> _Up:
        now_us = self._clock.utc_us()
        offset_us = now_us - self._clock.monotonic_us()
        return _Up(now_us, offset_us, now_us)

    def _know_clock(self) -> None:
        """Under which setting of the clock the present stretch is."""
        if self._clocks is not None:
            self._ups[-1].clock_id = self._clocks.undated(self._ups[-1].offset_us)

    def _follow_clock(self) -> None:
        """Where the clock was set the time line has a seam: what holds now holds from there on."""
        up, now = self._ups[-1], self._up_from_now()
        if abs(now.offset_us - up.offset_us) <= SAME_US:
            return
        up.to_us = self._clock.monotonic_us() + up.offset_us
        up.ended = GapReason.CLOCK_CHANGED
        now.step_us = now.offset_us - up.offset_us
        self._ups.append(now)
        self._know_clock()
        if now.from_us <= up.to_us:
            # Set back: what was noted of times that are to come again was of a wrong clock. What
            # other processes noted stays: a board without a battery begins in the past each time.
            self._undone.append((max(now.from_us, up.from_us), up.to_us))
            self._waiting = [
                noted if noted.step.since_us < now.from_us else replace(noted, is_undone=True)
                for noted in self._waiting
            ]
        for camera_id, step in self._steps.items():
            self._note(camera_id, Step(now.from_us, step.reason, step.detail))

    async def _store(self) -> bool:
        """False when the database takes nothing now; all of it waits for the next round."""
        async with self._storing:
            return await self._store_all()

    async def _store_all(self) -> bool:
        self._in_writing = waiting = self._waiting
        self._waiting = []
        undone, self._undone = self._undone, []
        ups = tuple(self._ups)
        try:
            await self._database.write(partial(_write, undone, self._bounded(waiting), ups))
        except BaseException as error:  # also where `stop` ends a write that had not begun
            self._waiting, self._undone = waiting + self._waiting, undone + self._undone
            if not isinstance(error, FalconEyeError):
                raise
            self._log.warning(f"the coverage ledger cannot be stored now: {error}")
            return False
        finally:
            self._in_writing = ()
        self._ups = self._ups[len(ups) - 1 :]
        return True

    def _bounded(self, waiting: Sequence[_Noted]) -> Sequence[_Noted]:
        """Where NTP never comes, copies of steps must not grow for ever."""
        self._undated += sum(noted.clock_id is not None for noted in waiting)
        if self._undated <= MAX_UNDATED:
            return waiting
        return [replace(noted, clock_id=None) for noted in waiting]


async def _write(
    undone: Sequence[tuple[int, int]],
    noted: Sequence[_Noted],
    ups: Sequence[_Up],
    connection: AsyncConnection,
) -> None:
    for from_us, to_us in undone:
        await connection.execute(
            delete(coverage_steps).where(coverage_steps.c.since_us.between(from_us, to_us))
        )
    for one in noted:
        if not one.is_undone:
            await put_step(connection, one.camera_id, one.step)
        if one.clock_id is not None:
            await _put_undated(connection, one.clock_id, one)
    for up in ups:
        values = {"to_us": up.to_us, "ended": up.ended, "clock_id": up.clock_id}
        await connection.execute(
            upsert(uptimes)
            # Told once: what was before the step may have got its right times since.
            .values(from_us=up.from_us, step_us=up.step_us, **values)
            .on_conflict_do_update(index_elements=[uptimes.c.from_us], set_=values)
        )


async def put_step(connection: AsyncConnection, camera_id: str, step: Step) -> None:
    """Store a step, instead of another one of that moment."""
    said = {"reason": step.reason, "detail": step.detail}
    await connection.execute(
        upsert(coverage_steps)
        .values(camera_id=camera_id, since_us=step.since_us, **said)
        .on_conflict_do_update(
            index_elements=[coverage_steps.c.camera_id, coverage_steps.c.since_us], set_=said
        )
    )


async def _put_undated(connection: AsyncConnection, clock_id: int, noted: _Noted) -> None:
    said = {"reason": noted.step.reason, "detail": noted.step.detail}
    key = {"clock_id": clock_id, "camera_id": noted.camera_id, "since_us": noted.step.since_us}
    await connection.execute(
        upsert(undated_steps)
        .values(**key, **said)
        .on_conflict_do_update(index_elements=list(key), set_=said)
    )
