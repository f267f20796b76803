"""Moves the oldest footage from a volume that is getting full to one for older footage.

For each file: row in `moves`, copy (`move_files`), then in one transaction the segment's volume
changes and the original is garbage. A kill at any step leaves the footage where the index says it
is. Readers that had looked before find the file on its new volume (`Volumes.opener`).

A disk that hangs holds up nobody else: what is being copied to it stays in `moves` and is settled
when its thread answers, one that is read from is left alone until the read has come back.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

from falconeye.base.clock import Clock
from falconeye.base.counters import Counter, RepeatingLog
from falconeye.base.errors import FalconEyeError
from falconeye.base.tasks import TaskSet
from falconeye.base.times import HOUR_US, MINUTE_US
from falconeye.base.words import counted
from falconeye.storage.index.database import Database
from falconeye.storage.segments import move_rows, retention
from falconeye.storage.segments.free_space import Deleter
from falconeye.storage.segments.move_files import LOOK_S, Transfer
from falconeye.storage.segments.move_queue import MoveQueue
from falconeye.storage.segments.move_rows import Movable
from falconeye.storage.segments.move_state import MovePauses, MoveState, MoveStates, Pause
from falconeye.storage.volumes.volume import ANSWER_S, Space, Volume
from falconeye.storage.volumes.volume_facts import Role
from falconeye.storage.volumes.volumes import STUCK_S, Volumes

log = logging.getLogger(__name__)

MARGIN_SHARE = 50  # of a volume's size: moving begins 1/50 above the floor, and ends at 2/50
RETRY_US = MINUTE_US  # after a disk refused
LOOK_ANEW_US = HOUR_US  # for older footage, and whether what was unreadable can be read
STOP_S = 1.0  # a disk that hangs is not waited for


class Mover:
    """Lives on the loop; copies on a thread of the volume that is written to."""

    def __init__(
        self, database: Database, volumes: Volumes, deleter: Deleter, clock: Clock
    ) -> None:
        self._database = database
        self._volumes = volumes
        self._deleter = deleter
        self._clock = clock
        self._log = RepeatingLog(log, clock)
        self.states = MoveStates(clock)
        self._refused_until_us: dict[int, int] = {}  # by target: tried last until then
        self._retry_at_us: dict[int, int] = {}
        self._queue = MoveQueue(database)
        self._look_anew_at_us = clock.monotonic_us() + LOOK_ANEW_US
        # By target: what is being copied there, also while it hangs and nobody waits for it.
        self._transfers: dict[Volume, Transfer] = {}
        self._unfinished: set[int] = set()  # volumes with rows in `moves` that nobody works on
        # By source: a read that did not come back, and what it was to read.
        self._asked: dict[Volume, tuple[Movable, Future[bytes] | Future[int]]] = {}
        self._pauses = MovePauses(database)
        self._is_stopping = False
        self._woken = asyncio.Event()
        self._tasks = TaskSet("mover")
        self._task: asyncio.Task[None] | None = None
        self.moved_bytes = Counter()

    def state(self, volume: Volume) -> MoveState:
        """What is moved off a volume."""
        last, pause = self.states.of(volume), self._pauses.of(volume)
        return replace(last, moving=last.moving and pause is None, pause=pause)

    async def pause(self, volume: Volume, by: str) -> None:
        """Move nothing off it, across starts. Unavailable when that cannot be stored.

        What is being copied ends within a chunk: files that are whole have moved, a half copy is
        garbage and its original stays.
        """
        await self._pauses.pause(volume, Pause(by, self._clock.utc_us()))
        for transfer in self._transfers.values():
            if transfer.source.number == volume.number:
                transfer.stop()
        self.states.halt(volume)

    async def resume(self, volume: Volume) -> None:
        """Go on with it at once. Unavailable when that cannot be stored."""
        await self._pauses.resume(volume)
        self.retry(volume)

    def retry(self, volume: Volume) -> None:
        """Try at once what was put off, also files that could not be read."""
        self._retry_at_us.pop(volume.number, None)
        self._refused_until_us.clear()
        self._queue.look_anew(volume)
        self._woken.set()

    async def enforce(self) -> bool:
        """One batch off each volume that needs room or is to be emptied; whether any moved."""
        for number in tuple(self._unfinished):  # the database did not take the end of a batch
            await self._database.write(partial(move_rows.give_up_all, of_volume=number))
            self._unfinished.discard(number)
        self._look_anew()
        moved = False
        for volume in self._volumes.all:
            if self._is_stopping or volume.missing is not None or self._pauses.of(volume):
                continue
            if self._is_due(volume):
                moved = await self._relieve(volume) or moved
        return moved

    async def start(self, pause_s: float) -> None:
        """From now on move what is to be moved. Half copies of the last process are garbage."""
        await self._database.write(move_rows.give_up_all)
        await self._pauses.load()
        self._task = self._tasks.start(self._run(pause_s), "move")

    async def stop(self) -> None:
        """A copy that is under way ends within a chunk; what is half copied is garbage."""
        self._is_stopping = True
        self._woken.set()
        for transfer in self._transfers.values():
            transfer.stop()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=STOP_S)
        await self._tasks.stop()

    async def _run(self, pause_s: float) -> None:
        while not self._is_stopping:
            moved = False
            self._woken.clear()
            try:
                moved = await self.enforce()
            except FalconEyeError as error:  # the database is full or busy: the next round
                self._log.warning(f"footage is not moved: {error}")
            except Exception:
                log.exception("moving footage failed")
            if not moved:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._woken.wait()

    def _look_anew(self) -> None:
        """Once an hour: re-dating and recovery bring older footage; a disk is back that was ill."""
        if self._clock.monotonic_us() >= self._look_anew_at_us:
            self._look_anew_at_us = self._clock.monotonic_us() + LOOK_ANEW_US
            self._queue.look_anew()

    def _is_due(self, volume: Volume) -> bool:
        if volume in self._asked:
            segment, answer = self._asked[volume]
            if not answer.done():
                return False  # each further read would hold one more of its readers
            del self._asked[volume]
            if not answer.cancelled() and isinstance(error := answer.exception(), OSError):
                self._pass_over(volume, segment, error.strerror or str(error))
        return self._clock.monotonic_us() >= self._retry_at_us.get(volume.number, 0)

    async def _relieve(self, volume: Volume) -> bool:
        if not await self._needs_room(volume):
            self._set(volume, is_due=False)
            return False
        targets = self._targets(volume)
        if not targets:
            words = "" if volume.role is not Role.LEAVING else "there is no other volume"
            for target in self._transfers:
                words = _hangs(target)
            self._set(volume, trouble=words, is_due=bool(words))
            return False
        wanted = await self._queue.next_of(volume)
        if not wanted:
            unreadable = self._queue.unreadable_on(volume)
            words = f"{counted(unreadable, 'file')} cannot be read" if unreadable else ""
            self._set(volume, trouble=words, is_due=unreadable > 0)
            return False
        in_order = await self._in_order(targets, sum(one.size_bytes for one in wanted))
        for target in sorted(in_order, key=self._refuses):
            moved = await self._move_batch(volume, target, wanted)
            if moved is not None:
                if not self._refuses(target):  # whatever another one has said before
                    self._retry_at_us.pop(volume.number, None)
                return moved > 0
        return False

    def _refuses(self, target: Volume) -> bool:
        return self._clock.monotonic_us() < self._refused_until_us.get(target.number, 0)

    async def _in_order(self, targets: Sequence[Volume], size_bytes: int) -> list[Volume]:
        """Those with room first: nothing is deleted while one has; then that with the oldest."""
        if len(targets) == 1:
            return list(targets)
        roomy: list[Volume] = []
        full: list[tuple[float, int, Volume]] = []
        for place, target in enumerate(targets):
            lacking = await self._lacking(target, size_bytes)
            if lacking is not None and lacking <= 0:
                roomy.append(target)
                continue
            oldest = await self._database.read(partial(retention.oldest_on, target.number, 1))
            since_us = oldest[0].start_us if oldest else float("inf")
            full.append((since_us, place, target))
        return roomy + [target for _, _, target in sorted(full, key=lambda one: one[:2])]

    def _targets(self, volume: Volume) -> list[Volume]:
        """Where footage of a volume may go: archives; of one that is leaving, others too."""
        roles = (Role.ARCHIVE, Role.RECORD) if volume.role is Role.LEAVING else (Role.ARCHIVE,)
        return [
            other
            for role in roles
            for other in self._volumes.all
            if other is not volume
            and other.role is role
            and other not in self._transfers
            and other.can_record(ANSWER_S)
        ]

    async def _needs_room(self, volume: Volume) -> bool:
        """Whether footage is to leave it now."""
        if volume.role is not Role.RECORD:
            return volume.role is Role.LEAVING
        space = await self._space(volume)
        if space is None:
            return False
        margin = space.total_bytes // MARGIN_SHARE
        lacking = self._volumes.floor_bytes(volume, space.total_bytes) - space.free_bytes
        # Once begun it goes on to twice the margin: not file by file at the edge.
        aim = 2 * margin if self.states.of(volume).moving else margin
        return lacking + aim > 0

    async def _space(self, volume: Volume) -> Space | None:
        try:
            return await volume.space(ANSWER_S)
        except TimeoutError:
            volume.does_not_answer()
        except OSError as error:
            self._log.warning(f"the space of {volume.path} is not known: {error}")
        return None

    async def _move_batch(
        self, source: Volume, target: Volume, wanted: Sequence[Movable]
    ) -> int | None:
        """Move some of the oldest; the files moved, None when the target takes none."""
        if not await self._has_room(target, sum(one.size_bytes for one in wanted)):
            self._set(source, trouble=f"{target.path} is full")
            return None
        words = await self._look_at(target)
        if words:
            self._try_later(source, target, words)
            return None
        is_media_dir = target is self._volumes.all[0]
        try:
            async with self._deleter.alone:
                begun = await self._database.write(
                    partial(move_rows.begin, target.number, wanted, is_media_dir=is_media_dir)
                )
        except BaseException:  # they may have been stored all the same
            self._unfinished.add(target.number)
            raise
        self._set(source, moving=True)
        transfer = self._transfers[target] = Transfer(source, target, begun)
        if self._is_stopping or self._pauses.of(source):  # since it was looked for
            transfer.stop()
        answer = asyncio.wrap_future(target.mover.call(transfer.run))
        if not await self._answers(transfer, answer):
            self._set(source, trouble=_hangs(target))
            _ = self._tasks.start(self._settle_late(transfer, answer), "late")
            return None
        return await self._settle(transfer, answer)

    async def _look_at(self, target: Volume) -> str:
        """Why nothing can be copied there now; empty when it can."""
        try:
            async with asyncio.timeout(ANSWER_S):
                _ = await target.writer.run(target.ensure_present)
        except TimeoutError:
            return _hangs(target)
        except OSError as error:  # it is not there any more
            return f"{target.path}: {error.strerror or error}"
        return ""

    async def _answers(self, transfer: Transfer, answer: "asyncio.Future[None]") -> bool:
        """Wait for its end; False when the disk that is written to hangs."""
        while not answer.done():
            _ = await asyncio.wait([answer], timeout=LOOK_S)
            is_stuck = time.monotonic() - transfer.alive_s > STUCK_S
            if not answer.done() and (is_stuck or transfer.target.missing is not None):
                return False
        return True

    async def _settle_late(self, transfer: Transfer, answer: "asyncio.Future[None]") -> None:
        """Nobody waits for it any more. Cancelled, it is left to the next start."""
        _ = await asyncio.wait([answer])
        try:
            _ = await self._settle(transfer, answer)
        except FalconEyeError as error:  # its rows are given up in the next round
            self._log.warning(f"footage is not moved: {error}")

    async def _settle(self, transfer: Transfer, answer: "asyncio.Future[None]") -> int | None:
        """Take over what came of it; the files moved, None when the target takes none."""
        source, target = transfer.source, transfer.target
        for segment, why in transfer.unreadable:
            self._pass_over(source, segment, why)
        if transfer.waits_for is not None:
            self._asked[source] = transfer.waits_for
        copied = transfer.copied
        try:
            await self._finish(source, target, transfer.begun, copied)
        except BaseException:
            self._unfinished.add(target.number)
            raise
        finally:  # only now: the next batch may be of the same files
            del self._transfers[target]
        try:
            answer.result()
        except OSError as error:  # it was removed this moment
            transfer.words = f"{target.path}: {error.strerror or error}"
        if transfer.words:
            at_fault = target if transfer.waits_for is None else None
            self._try_later(source, at_fault, transfer.words)
            # Another target helps only where this one is at fault.
            return len(copied) if copied or transfer.waits_for is not None else None
        return len(copied)

    def _try_later(self, source: Volume, at_fault: Volume | None, words: str) -> None:
        """`at_fault`: the target; None: the source itself."""
        retry_at_us = self._clock.monotonic_us() + RETRY_US
        self._retry_at_us[source.number] = retry_at_us
        if at_fault is not None:
            self._refused_until_us[at_fault.number] = retry_at_us
        self._set(source, trouble=words)

    async def _finish(
        self, source: Volume, target: Volume, begun: Sequence[Movable], copied: Sequence[Movable]
    ) -> None:
        rest = [one for one in begun if one not in copied]
        async with self._deleter.alone:
            moved = await self._database.write(partial(move_rows.finish, target.number, copied))
            if rest:
                await self._database.write(partial(move_rows.give_up, target.number, rest))
        size = sum(one.size_bytes for one in moved)
        self.moved_bytes.add(size)
        self.states.add(source, len(moved), size)

    async def _has_room(self, target: Volume, size_bytes: int) -> bool:
        """Whether so much fits above its floor; where not, its own oldest footage goes first."""
        for _ in range(2):
            lacking = await self._lacking(target, size_bytes)
            if lacking is None:
                return False
            if lacking <= 0:
                return True
            await self._deleter.free(target, lacking)
        return False

    async def _lacking(self, target: Volume, size_bytes: int) -> int | None:
        """How many bytes less than that fit above its floor; None where that is not known."""
        space = await self._space(target)
        if space is None:
            return None
        floor = self._volumes.floor_bytes(target, space.total_bytes)
        return size_bytes + floor - space.free_bytes

    def _set(
        self, volume: Volume, *, moving: bool = False, trouble: str = "", is_due: bool = True
    ) -> None:
        """`is_due`: footage is to leave it."""
        if trouble:
            self._log.warning(f"footage is not moved off {volume.path}: {trouble}")
        self.states.set(volume, moving=moving, trouble=trouble, is_due=is_due)

    def _pass_over(self, source: Volume, segment: Movable, words: str) -> None:
        self._log.warning(f"{segment.path} on {source.path} cannot be moved: {words}")
        self._queue.pass_over(source, segment)
        self.states.pass_over(source)


def _hangs(volume: Volume) -> str:
    return f"{volume.path}: the disk does not answer"
