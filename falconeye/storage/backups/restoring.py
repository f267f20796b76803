"""Restoring a node that runs: a backup is looked at, then laid ready for the next start.

What was looked at lies unpacked in a work directory until it is restored, another one is looked at,
or a quarter of an hour is over.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from falconeye.base.clock import Clock
from falconeye.base.errors import InvalidInput, NotFound, Unavailable
from falconeye.base.secret import Secret
from falconeye.base.tasks import TaskSet
from falconeye.storage.backups.backup import require_room, work_directory
from falconeye.storage.backups.restore import (
    CheckedBackup,
    Origin,
    check_backup,
    forget_pending,
)
from falconeye.storage.index.pending_restore import is_pending

MAX_BYTES: Final = 2 << 30  # all but footage takes megabytes
KEPT_S: Final = 900.0  # a person reads what would happen
_GATHERED_BYTES: Final = 1 << 20  # written at once, off the loop


@dataclass(frozen=True, slots=True)
class Look:
    """A backup that was checked to its end and may be restored."""

    id: str  # nobody can guess it
    owner: str  # who may restore it
    name: str
    checked: CheckedBackup


class Upload:
    """A file that comes in pieces, written in a folder of ours (mode 0600)."""

    def __init__(self, folder: Path, name: str) -> None:
        """`name`: what its sender calls it."""
        self.name = "".join(letter for letter in Path(name).name if letter.isprintable())[:200]
        self.path = folder / "upload"
        self.size_bytes = 0
        self._waiting = bytearray()

    async def add(self, piece: bytes | bytearray) -> None:
        """InvalidInput for one that is too large, Unavailable where the disk is full."""
        self._waiting += piece
        self.size_bytes += len(piece)
        if self.size_bytes > MAX_BYTES:
            msg = (
                f"a backup of more than {MAX_BYTES >> 30} GiB is not taken here: use 'falconeye "
                "restore' on the machine of the recorder"
            )
            raise InvalidInput(msg, field="file")
        if len(self._waiting) >= _GATHERED_BYTES:
            await self.finish()

    async def finish(self) -> None:
        """Write what waits."""
        piece, self._waiting = self._waiting, bytearray()
        await asyncio.to_thread(self._write, piece)

    def _write(self, piece: bytearray) -> None:
        require_room(self.path.parent, len(piece))
        try:
            flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC
            with os.fdopen(os.open(self.path, flags, 0o600), "ab") as file:
                file.write(piece)
        except OSError as error:
            msg = f"the backup cannot be taken: {error.strerror or error}"
            raise Unavailable(msg) from error


class Restores:
    """What the page and the API restore by. Lives on the loop."""

    def __init__(
        self, data_dir: Path, clock: Clock, *, other_key: Path | None, has_settings: bool
    ) -> None:
        """`other_key`, `has_settings`: as `restore` takes them."""
        self._data_dir = data_dir
        self._clock = clock
        self._other_key = other_key
        self._has_settings = has_settings
        self._tasks = TaskSet("restores")
        self._has_turn = False
        self._current: tuple[Look, ExitStack] | None = None
        self._timer: asyncio.Task[None] | None = None  # ends what is there now

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Path]:
        """One look at a time: a folder for a file that comes, gone afterwards."""
        if self._has_turn:
            raise Unavailable("another backup is being looked at: try again in a moment")
        self._has_turn = True
        folder = ExitStack()
        try:
            try:
                path = await asyncio.to_thread(folder.enter_context, work_directory(self._data_dir))
            except OSError as error:
                msg = f"the backup cannot be taken: {error.strerror or error}"
                raise Unavailable(msg) from error
            yield path
        finally:
            self._has_turn = False
            await asyncio.to_thread(folder.close)

    async def look(self, file: Path, name: str, passphrase: Secret | None, owner: str) -> Look:
        """Unpack `file` and check it to its end, within a turn. Errors as `check_backup` says."""
        await self._let_go()
        folder = ExitStack()
        try:
            checked = await asyncio.to_thread(self._check, folder, file, name, passphrase)
        except BaseException:
            await asyncio.to_thread(folder.close)
            raise
        found = Look(secrets.token_urlsafe(24), owner, name, checked)
        self._current = found, folder
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._tasks.start(self._let_go_later(found), "forget")
        return found

    async def begin(self, look_id: str, owner: str, origin: Origin) -> Look:
        """Lay what `owner` looked at ready for the next start; NotFound when it is not there.

        Unavailable where the disk refuses, NotABackup where its settings cannot be read: nothing
        was changed then.
        """
        found, folder = self._found(look_id, owner)
        self._current = None
        lay_ready = partial(
            found.checked.lay_ready,
            self._data_dir,
            name=found.name,
            has_settings=self._has_settings,
            utc_us=self._clock.utc_us(),
            origin=origin,
        )
        try:
            await asyncio.to_thread(lay_ready)
        finally:
            await asyncio.to_thread(folder.close)
        return found

    def find(self, look_id: str, owner: str) -> Look:
        """What `owner` looked at; NotFound when it is not there any more."""
        return self._found(look_id, owner)[0]

    async def is_waiting(self) -> bool:
        """Whether the next start begins with a backup's data."""
        return await asyncio.to_thread(is_pending, self._data_dir)

    async def forget(self) -> bool:
        """Go on with the present data at the next start too; whether a restore waited."""
        return await asyncio.to_thread(forget_pending, self._data_dir)

    async def stop(self) -> None:
        await self._tasks.stop()
        await self._let_go()

    def _found(self, look_id: str, owner: str) -> tuple[Look, ExitStack]:
        current = self._current
        if current is None or (current[0].id, current[0].owner) != (look_id, owner):
            raise NotFound("this backup was looked at too long ago: look at it again")
        return current

    def _check(
        self, folder: ExitStack, file: Path, name: str, passphrase: Secret | None
    ) -> CheckedBackup:
        try:
            work = folder.enter_context(work_directory(self._data_dir))
        except OSError as error:
            msg = f"nothing was restored: {error.strerror or error}"
            raise Unavailable(msg) from error
        return check_backup(
            file, work, passphrase, other_key=self._other_key, name=f"the file {name}"
        )

    async def _let_go_later(self, found: Look) -> None:
        await asyncio.sleep(KEPT_S)
        if self._current is not None and self._current[0] is found:
            await self._let_go()

    async def _let_go(self) -> None:
        if self._current is not None:
            (_, folder), self._current = self._current, None
            await asyncio.to_thread(folder.close)
