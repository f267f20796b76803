"""Re-dates what was recorded by a clock that proved wrong: ledger, index, journal beside the media.

1. `Clocks.look` commits the proof: how wrong all times of that setting are.
2. One transaction moves the ledger's rows.
3. Recording by recording the segments move (`redate_rows`); files stay where they are.
4. Each disk's journal says what the index knows, so that it can be made anew from the files.

A kill anywhere leaves the rest to the next start. Files that were open are moved once they are in
the index; one that comes later still (its disk was away) gets the right start then (`dated`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.base.times import SECOND_US
from falconeye.base.words import counted
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.clocks import Clocks, KnownClock, Proof, read_unsettled
from falconeye.storage.ledger.ledger import Ledger
from falconeye.storage.ledger.redate_ledger import move_ledger
from falconeye.storage.segments.clock_journal import (
    Correction,
    read_corrections,
    read_journal,
    take_over,
    write_journal,
)
from falconeye.storage.segments.free_space import Deleter
from falconeye.storage.segments.redate_rows import Progress, move_next, unmoved_files
from falconeye.storage.volumes.id_file import VolumeMissing
from falconeye.storage.volumes.volume import ANSWER_S, Volume
from falconeye.storage.volumes.volumes import Volumes

log = logging.getLogger(__name__)

STEPS_A_ROUND = 50  # of a long backlog: other housekeeping gets its turn


@dataclass(frozen=True, slots=True)
class RedateState:
    """The last re-dating of this process. Times are UTC."""

    shift_us: int  # what the clock lacked: negative where it was ahead
    since_us: int
    ended_us: int | None = None  # None: footage has still to get its right times
    is_waiting: bool = False  # for files that are open, or whose disk is away
    files: int = 0  # that are to get their right times
    done: int = 0  # that have them


class Redater:
    """Lives on the loop; `round` is to be called every few seconds."""

    def __init__(
        self,
        database: Database,
        volumes: Volumes,
        deleter: Deleter,
        ledger: Ledger,
        clocks: Clocks,
        clock: Clock,
    ) -> None:
        self._database = database
        self._volumes = volumes
        self._deleter = deleter
        self._ledger = ledger
        self._clocks = clocks
        self._clock = clock
        self._log = RepeatingLog(log, clock)
        self.state: RedateState | None = None  # None: no clock proved wrong
        self.on_over: Callable[[RedateState], None] = lambda _state: None
        self._journals: dict[int, frozenset[Correction]] = {}  # by volume: what is in it
        self._listeners: list[Callable[[], Awaitable[None]]] = []

    def subscribe(self, cameras_changed: Callable[[], Awaitable[None]]) -> None:
        """Be told when a camera turned out to be added at another time."""
        self._listeners.append(cameras_changed)

    async def round(self) -> None:
        """Judge the clock, move what proved to be misdated, keep the journals."""
        await self._keep_journals()
        await self._clocks.look()
        unsettled = self._clocks.unsettled
        if unsettled:
            self._deleter.moving_times = True
            await self._begin(unsettled)
            is_moving = [await self._redate(known) for known in unsettled]
            self._deleter.moving_times = any(is_moving)
            await self._clocks.reload()
            self._note(is_waiting=not any(is_moving))
            await self._keep_journals()
        else:
            self._deleter.moving_times = False
            self._note()

    async def _begin(self, unsettled: Sequence[KnownClock]) -> None:
        """Count what is to be done; seldom, for that reads all segments of these cameras."""
        last = self.state
        if last is None or last.ended_us is not None:
            last = RedateState(unsettled[0].shift_us or 0, self._clock.utc_us())
        elif last.is_waiting or last.done < last.files:
            return
        left = [await self._database.read(partial(unmoved_files, known)) for known in unsettled]
        self.state = replace(last, files=last.done + sum(left))

    def _count(self, files: int) -> None:
        """So many more have their right times; those that were open when it began come on top."""
        if self.state is not None:
            done = self.state.done + files
            self.state = replace(self.state, done=done, files=max(self.state.files, done))

    def _note(self, *, is_waiting: bool = False) -> None:
        if self.state is not None and self.state.ended_us is None:
            is_over = not self._clocks.unsettled
            self.state = replace(
                self.state,
                is_waiting=is_waiting and not is_over,
                ended_us=self._clock.utc_us() if is_over else None,
            )
            if is_over:
                self.on_over(self.state)

    async def _redate(self, known: KnownClock) -> bool:
        """Go on with it; whether there is more to be done at once."""
        if known.state is Proof.PROVED:
            if not await self._ledger.settle():
                return True
            log.warning(
                "the clock was wrong by %.0f s: footage of that time gets its right times",
                (known.shift_us or 0) / SECOND_US,
            )
            if await self._database.write(partial(move_ledger, known)):
                for changed in self._listeners:
                    await changed()
        for _ in range(STEPS_A_ROUND):
            if self._deleter.times.locked():  # a person deletes, perhaps months: the next round
                return True
            # For a step only: a full disk cannot wait for all of them.
            async with self._deleter.times, self._deleter.alone:
                step = await self._database.write(partial(move_next, known))
            self._count(step.files)
            if step.progress is not Progress.MORE:
                if step.progress is Progress.DONE:
                    log.info("all footage of the wrong clock has its right times")
                return False
        return True

    async def _keep_journals(self) -> None:
        for volume in self._volumes.all:
            if volume.missing is None:
                try:
                    await self._keep_journal(volume)
                except OSError as error:  # a disk that does not answer, too
                    self._log.warning(
                        f"the journal of the clock on {volume.path} is not written: {error}"
                    )

    async def _keep_journal(self, volume: Volume) -> None:
        """Bring index and journal to say the same; a disk is looked at once."""
        if volume.number not in self._journals:
            async with asyncio.timeout(ANSWER_S):
                found = await volume.readers.run(partial(read_journal, volume))
            if found:
                await self._database.write(partial(take_over, found))
                await self._clocks.reload()  # also what an index made anew took over before
            self._journals[volume.number] = found
        known = await self._database.read(read_corrections)
        if known and known != self._journals[volume.number]:
            async with asyncio.timeout(ANSWER_S):
                await volume.writer.run(partial(write_journal, volume, known))
            self._journals[volume.number] = known


async def take_over_journals(
    database: Database, volumes: Volumes, limit_s: float | None = None
) -> None:
    """What the disks' journals say is known from now on.

    Of disks that do not answer in `limit_s` it is not: whoever indexes their files asks again.
    """

    async def of_one(volume: Volume) -> None:
        answer = volume.readers.call(partial(read_journal, volume))
        try:
            async with asyncio.timeout(limit_s):
                await take_over_journal(database, volume, asyncio.wrap_future(answer))
        except (TimeoutError, VolumeMissing):
            log.warning("the journal of the clock on %s waits for its disk", volume.path)

    await asyncio.gather(*(of_one(volume) for volume in volumes.all if volume.missing is None))


async def take_over_journal(
    database: Database, volume: Volume, reading: Awaitable[frozenset[Correction]]
) -> None:
    """That of one disk; VolumeMissing when it went away meanwhile."""
    try:
        journal = await reading
    except VolumeMissing:
        raise
    except OSError as error:  # a bad sector: its footage is worth more than a clock
        log.warning("the journal of the clock on %s cannot be read: %s", volume.path, error)
        return
    new = await database.write(partial(take_over, journal))
    if new:
        log.info("%s of the clock from %s", counted(new, "correction"), volume.path)


async def redate_rest(database: Database) -> None:
    """Move all that a kill left, where no file is open any more. Nothing may record meanwhile."""
    for known in await database.read(read_unsettled):
        if known.state is Proof.PROVED:
            await database.write(partial(move_ledger, known))
        while (await database.write(partial(move_next, known))).progress is Progress.MORE:
            pass
