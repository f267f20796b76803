"""Moves the oldest footage from a volume that is getting full to one for older footage.

For each file: row in `moves`, copy, fdatasync, directories, read back and compare, then in one
transaction the segment's volume changes and the original is garbage. A kill at any step leaves
the footage where the index says it is. Readers that had looked before find the file on its new
volume (`Volumes.opener`). Half of each disk's time is left to others.
"""

import asyncio
import contextlib
import errno
import logging
import os
import threading
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from falconeye.base.clock import Clock
from falconeye.base.counters import Counter, RepeatingLog
from falconeye.base.errors import FalconEyeError
from falconeye.base.tasks import TaskSet
from falconeye.base.times import HOUR_US, MINUTE_US
from falconeye.storage.index.database import Database
from falconeye.storage.segments import move_rows, retention
from falconeye.storage.segments.free_space import Deleter
from falconeye.storage.segments.move_rows import Movable
from falconeye.storage.volumes.disk_calls import PartlyWritten, write_all
from falconeye.storage.volumes.volume import ANSWER_S, Space, Volume
from falconeye.storage.volumes.volume_facts import Role
from falconeye.storage.volumes.volumes import Volumes

log = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 20
SYNC_EVERY_BYTES = 16 << 20  # so that no sync has much to do
MARGIN_SHARE = 50  # of a volume's size: moving begins 1/50 above the floor, and ends at 2/50
RETRY_US = MINUTE_US  # after a disk refused
LOOK_ANEW_US = HOUR_US  # for older footage, and whether what was unreadable can be read
STOP_S = 1.0  # a disk that hangs is not waited for
_MAX_UNREADABLE = 1000  # files passed over; beyond it the disk is at fault


@dataclass(frozen=True, slots=True)
class MoveState:
    """What the mover does with a volume now."""

    moving: bool = False
    moved_bytes: int = 0  # off it, since the node's start
    moved_files: int = 0
    unreadable: int = 0  # files that could not be read; they stay where they are
    trouble: str = ""  # why nothing is moved though it should be


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
        self._states: dict[int, MoveState] = {}
        self._retry_at_us: dict[int, int] = {}
        self._after: dict[int, dict[int, int]] = {}  # volume → stream → nothing is older there
        # By volume: (stream, start) of the segments whose files cannot be read.
        self._passed_over: dict[int, set[tuple[int, int]]] = {}
        self._look_anew_at_us = clock.monotonic_us() + LOOK_ANEW_US
        self._is_unfinished = False  # rows in `moves` that nobody works on
        self._stop = threading.Event()  # for the copying thread
        self._stopped = asyncio.Event()  # for the loop
        self._tasks = TaskSet("mover")
        self._task: asyncio.Task[None] | None = None
        self.moved_bytes = Counter()

    def state(self, volume: Volume) -> MoveState:
        """What is moved off a volume."""
        return self._states.get(volume.number, MoveState())

    async def enforce(self) -> bool:
        """One batch off each volume that needs room or is to be emptied; whether any moved."""
        if self._is_unfinished:  # the database did not take the end of the last batch
            await self._database.write(move_rows.give_up_all)
            self._is_unfinished = False
        self._look_anew()
        moved = False
        for volume in self._volumes.all:
            if volume.missing is None and self._is_due(volume) and not self._stop.is_set():
                moved = await self._relieve(volume) or moved
        return moved

    async def start(self, pause_s: float) -> None:
        """From now on move what is to be moved. Half copies of the last process are garbage."""
        await self._database.write(move_rows.give_up_all)
        self._task = self._tasks.start(self._run(pause_s), "move")

    async def stop(self) -> None:
        """A copy that is under way ends within a chunk; what is half copied is garbage."""
        self._stop.set()
        self._stopped.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=STOP_S)
        await self._tasks.stop()

    async def _run(self, pause_s: float) -> None:
        while not self._stop.is_set():
            moved = False
            try:
                moved = await self.enforce()
            except FalconEyeError as error:  # the database is full or busy: the next round
                self._log.warning(f"footage is not moved: {error}")
            except Exception:
                log.exception("moving footage failed")
            if not moved:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._stopped.wait()

    def _look_anew(self) -> None:
        """Once an hour: re-dating and recovery bring older footage; a disk is back that was ill."""
        if self._clock.monotonic_us() >= self._look_anew_at_us:
            self._look_anew_at_us = self._clock.monotonic_us() + LOOK_ANEW_US
            self._after.clear()
            self._passed_over.clear()

    def _is_due(self, volume: Volume) -> bool:
        return self._clock.monotonic_us() >= self._retry_at_us.get(volume.number, 0)

    async def _relieve(self, volume: Volume) -> bool:
        if not await self._needs_room(volume):
            self._set(volume, moving=False, trouble="")
            return False
        targets = self._targets(volume)
        if not targets:
            words = "" if volume.role is not Role.LEAVING else "there is no other volume"
            self._set(volume, moving=False, trouble=words)
            return False
        wanted = await self._oldest_on(volume)
        if not wanted:
            unreadable = len(self._passed_over.get(volume.number, ()))
            words = f"{unreadable} files cannot be read" if unreadable else ""
            self._set(volume, moving=False, trouble=words)
            return False
        for target in await self._in_order(targets, sum(one.size_bytes for one in wanted)):
            moved = await self._move_batch(volume, target, wanted)
            if moved is not None:
                return moved > 0
        return False

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
            if other is not volume and other.role is role and other.can_record(ANSWER_S)
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
        aim = 2 * margin if self.state(volume).moving else margin
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
            self._set(source, moving=False, trouble=f"{target.path} is full")
            return None
        is_media_dir = target is self._volumes.all[0]
        self._is_unfinished = True
        async with self._deleter.alone:
            begun = await self._database.write(
                partial(move_rows.begin, target.number, wanted, is_media_dir=is_media_dir)
            )
        self._set(source, moving=True, trouble="")
        copied: list[Movable] = []
        words = ""
        try:
            await target.writer.run(target.ensure_present)
            copied, words = await target.mover.run(partial(self._copy_all, source, target, begun))
        except OSError as error:  # it is not there any more
            words = f"{target.path}: {error.strerror or error}"
        finally:
            await self._finish(source, target, begun, copied)
        if words:
            self._retry_at_us[source.number] = self._clock.monotonic_us() + RETRY_US
            self._set(source, moving=False, trouble=words)
            return None if not copied else len(copied)
        return len(copied)

    async def _oldest_on(self, source: Volume) -> list[Movable]:
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

    async def _finish(
        self, source: Volume, target: Volume, begun: Sequence[Movable], copied: Sequence[Movable]
    ) -> None:
        rest = [one for one in begun if one not in copied]
        async with self._deleter.alone:
            moved = await self._database.write(partial(move_rows.finish, target.number, copied))
            if rest:
                await self._database.write(partial(move_rows.give_up, target.number, rest))
        self._is_unfinished = False
        size = sum(one.size_bytes for one in moved)
        self.moved_bytes.add(size)
        state = self.state(source)
        self._states[source.number] = replace(
            state,
            moved_bytes=state.moved_bytes + size,
            moved_files=state.moved_files + len(moved),
        )

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

    def _set(self, volume: Volume, *, moving: bool, trouble: str) -> None:
        if trouble:
            self._log.warning(f"footage is not moved off {volume.path}: {trouble}")
        self._states[volume.number] = replace(self.state(volume), moving=moving, trouble=trouble)

    # -- the target's mover thread ----------------------------------------------------------------

    def _copy_all(
        self, source: Volume, target: Volume, begun: Sequence[Movable]
    ) -> tuple[list[Movable], str]:
        """Those that are safely on the target, and what kept the others from it."""
        copied: list[Movable] = []
        words = ""
        for segment in begun:
            try:
                self._copy(source, target, segment)
            except FileExistsError:  # of a time that the index has forgotten: garbage, then again
                continue
            except _Unreadable as error:
                self._pass_over(source, segment, str(error))
            except _Stopped:
                break
            except OSError as error:
                words = f"{target.path}: {error.strerror or error}"
                break
            else:
                copied.append(segment)
        try:
            target.sync_parents(segment.path for segment in copied)
            # By their names, too: the disk may have been another one for a moment.
            there = [one for one in copied if target.size_of(one.path) == one.size_bytes]
        except OSError as error:
            return [], f"{target.path}: {error.strerror or error}"
        if len(there) < len(copied):
            words = words or f"{target.path}: a copy is not there any more"
        return there, words

    def _pass_over(self, source: Volume, segment: Movable, words: str) -> None:
        self._log.warning(f"{segment.path} on {source.path} cannot be moved: {words}")
        passed_over = self._passed_over.setdefault(source.number, set())
        if len(passed_over) < _MAX_UNREADABLE:
            passed_over.add((segment.stream_id, segment.start_us))
        state = self.state(source)
        self._states[source.number] = replace(state, unreadable=state.unreadable + 1)

    def _copy(self, source: Volume, target: Volume, segment: Movable) -> None:
        """Copy one file and read it back. OSError: the target; `_Unreadable`: the original."""
        try:
            from_fd = source.open_file(segment.path)
        except OSError as error:
            raise _Unreadable(error.strerror or str(error)) from error
        try:
            fd = target.create_copy(segment.path)
            try:
                checksum = self._copy_bytes(from_fd, fd, segment.size_bytes, target)
                target.calls.fdatasync(fd)
                self._read_back(fd, segment.size_bytes, checksum)
            finally:
                os.close(fd)
        finally:
            os.close(from_fd)

    def _copy_bytes(self, from_fd: int, fd: int, size_bytes: int, target: Volume) -> int:
        checksum = offset = 0
        while offset < size_bytes:
            begun = time.monotonic()
            try:
                data = os.pread(from_fd, min(CHUNK_BYTES, size_bytes - offset), offset)
            except OSError as error:
                raise _Unreadable(error.strerror or str(error)) from error
            if not data:
                msg = f"it ends at {offset} of {size_bytes} bytes"
                raise _Unreadable(msg)
            try:
                write_all(target.calls, fd, (data,))
            except PartlyWritten as error:
                raise error.error from error
            checksum = zlib.crc32(data, checksum)
            offset += len(data)
            if offset % SYNC_EVERY_BYTES < CHUNK_BYTES:
                target.calls.fdatasync(fd)
            self._rest(time.monotonic() - begun)
        os.posix_fadvise(from_fd, 0, 0, os.POSIX_FADV_DONTNEED)
        return checksum

    def _read_back(self, fd: int, size_bytes: int, expected: int) -> None:
        """OSError when the disk does not hold what was written to it."""
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)  # from the disk, not from memory
        checksum = offset = 0
        while data := os.pread(fd, CHUNK_BYTES, offset):
            begun = time.monotonic()
            checksum = zlib.crc32(data, checksum)
            offset += len(data)
            self._rest(time.monotonic() - begun)
        if (offset, checksum) != (size_bytes, expected):
            raise OSError(errno.EIO, "what was written reads back differently")

    def _rest(self, busy_s: float) -> None:
        """As long as the disks were busy; `_Stopped` at the end of the node."""
        if self._stop.wait(min(busy_s, 1.0)):
            raise _Stopped


class _Unreadable(Exception):
    """The original cannot be read."""


class _Stopped(Exception):
    """The node ends."""
