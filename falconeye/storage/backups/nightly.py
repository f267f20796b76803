"""Each night a copy: in the data directory, and sealed in a directory on another disk if wished.

The one in the data directory is for mistakes and a damaged database; like every copy there it needs
the data key, which lies beside it. What is written elsewhere is sealed under a passphrase and holds
the key, for the day on which this disk is gone.
"""

import asyncio
import logging
import re
import shutil
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from falconeye.base.clock import Clock
from falconeye.base.errors import Conflict, FalconEyeError, InvalidInput, NotFound, Unavailable
from falconeye.base.secret import Secret
from falconeye.base.tasks import TaskSet
from falconeye.base.times import DAY_US, to_datetime, to_us
from falconeye.storage.backups.backup import (
    Sources,
    forget_abandoned,
    make_backup,
    require_room,
)
from falconeye.storage.backups.snapshot import snapshot
from falconeye.storage.volumes.work_threads import WorkThreads

log = logging.getLogger(__name__)

T = TypeVar("T")

KEPT: Final = 7
HOUR: Final = 3  # of the site's time zone
FIRST_LOOK_S: Final = 60.0  # the start has other things to do
LOOK_S: Final = 600.0
MAKE_S: Final = 300.0  # a backup on another disk; then it is said that the disk does not answer
LIST_S: Final = 2.0  # a page waits so long for that disk
_MOMENT: Final = "%Y%m%dT%H%M%SZ"
_MOMENT_FORM: Final = "[0-9]{8}T[0-9]{6}Z"
_ABANDONED_US: Final = DAY_US


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """One nightly copy."""

    path: Path
    made_us: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class NightlyState:
    """The nightly copies now. Times are UTC."""

    is_on: bool
    since_us: int | None  # one is being made since then
    newest: tuple[KeptBackup, ...]  # of each directory, as it was looked at last
    problem: str  # why last night's is not there; empty when it is


@dataclass(frozen=True, slots=True)
class _Series:
    """The copies of one node in one directory, by their names.

    Exactly: nodes that share a disk may be called "pi" and "pi-2", or alike: many a board is
    called as its system was, so a part of the node's id stands in the name.
    """

    directory: Path
    prefix: str  # up to the moment
    suffix: str

    def path(self, utc_us: int) -> Path:
        moment = to_datetime(utc_us).strftime(_MOMENT)
        return self.directory / f"{self.prefix}{moment}{self.suffix}"

    def found(self) -> list[KeptBackup]:
        """Those that are there, the oldest by its name first. Blocks."""
        form = re.compile(f"{re.escape(self.prefix)}({_MOMENT_FORM}){re.escape(self.suffix)}")
        found = []
        for path in sorted(self.directory.glob(f"*{self.suffix}")):
            name = form.fullmatch(path.name)
            if name is not None:
                made = datetime.strptime(name[1], _MOMENT).replace(tzinfo=UTC)
                found.append(KeptBackup(path, to_us(made), path.stat().st_size))
        return found

    def forget_old(self, made: Path) -> None:
        """Keep the newest by their names, and in any case the one just made. Blocks."""
        others = [kept.path for kept in self.found() if kept.path != made]
        for old in others[: 1 - KEPT] if len(others) >= KEPT else []:
            old.unlink(missing_ok=True)

    def forget_parts(self, utc_us: int) -> None:
        """What a kill left of one that was being made: a day old, so that nobody writes it now."""
        form = re.compile(
            rf"\.{re.escape(self.prefix)}{_MOMENT_FORM}{re.escape(self.suffix)}\.[0-9a-f]+\.part"
        )
        for path in self.directory.glob(".*.part"):
            old_us = utc_us - _ABANDONED_US
            if form.fullmatch(path.name) and path.stat().st_mtime_ns // 1000 < old_us:
                path.unlink(missing_ok=True)


class AnotherDisk:
    """One question at a time to a directory on a disk that may hang.

    In a thread of its own, which a hanging disk may keep for ever: the executor of all others, and
    the end of the process, never wait for it.
    """

    def __init__(self, directory: Path, name: str = "backups-list") -> None:
        self.directory = directory
        self._name = name  # of the thread
        self._asked: Future[Any] | None = None

    async def ask(self, question: Callable[[], T], limit_s: float) -> T:
        """Its answer; Unavailable after `limit_s`, or at once while an earlier one is asked."""
        if self._asked is not None and not self._asked.done():
            raise Unavailable(self._silent())
        thread = WorkThreads(self._name, 1)
        asked = thread.call(question)
        thread.stop()
        self._asked = asked
        answer = asyncio.wrap_future(asked)
        done, _ = await asyncio.wait({answer}, timeout=limit_s)
        if not done:
            raise Unavailable(self._silent())
        return await answer

    def _silent(self) -> str:
        return f"the directory of backups {self.directory} does not answer: see its disk"


class NightlyBackups:
    """Looks every ten minutes whether last night's copies are there; lives on the loop."""

    def __init__(
        self,
        sources: Sources,
        clock: Clock,
        zone: Callable[[], tzinfo],
        *,
        directory: Path | None = None,
        passphrase_file: Path | None = None,
    ) -> None:
        self.sources = sources
        self._clock = clock
        self._zone = zone
        self._directory = directory
        self._making = AnotherDisk(directory, "backups-make") if directory is not None else None
        self._listing = AnotherDisk(directory) if directory is not None else None
        self._reading = AnotherDisk(directory, "backups-read") if directory is not None else None
        self._passphrase_file = passphrase_file
        self._tasks = TaskSet("backups")
        self._woken = asyncio.Event()
        self._begun_us: int | None = None  # one is being made since then
        self._newest: tuple[KeptBackup, ...] = ()
        self._is_on = False
        self.problem = ""  # why last night's is not there, in words

    @property
    def state(self) -> "NightlyState":
        """What is done now, and what came of the last night; asks no disk."""
        return NightlyState(self._is_on, self._begun_us, self._newest, self.problem)

    def retry(self) -> None:
        """Look at once for what is not there yet. Conflict where none are made."""
        if not self._is_on:
            raise Conflict("no nightly backups are made: see the setting nightly_backup")
        self._woken.set()

    def start(self) -> None:
        self._is_on = True
        _ = self._tasks.start(self._run(), "nightly")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def look(self) -> None:
        """Make what is not there yet; what fails is said, and tried again at the next look."""
        try:
            problem = "; ".join([problem async for problem in self._make()])
        finally:
            self._begun_us = None
        if problem and problem != self.problem:
            log.warning("no nightly backup: %s", problem)
        self.problem = problem

    async def _make(self) -> AsyncIterator[str]:
        """Why one could not be made, of each."""
        try:
            await asyncio.to_thread(self._keep_here)
        except (FalconEyeError, OSError) as error:
            yield str(error)
        try:
            if self._making is not None:
                await self._making.ask(self._keep_elsewhere, MAKE_S)
        except (FalconEyeError, OSError) as error:
            yield str(error)

    async def kept(self) -> list[KeptBackup]:
        """Those that are there, the newest first; without those of a disk that does not answer."""
        owner = whose(self.sources.node_name, self.sources.node_id)
        found, problem = await kept_backups(self.sources.data_dir, owner, self._listing)
        self.problem = self.problem or problem
        return found

    async def bring(self, name: str, folder: Path) -> Path:
        """The nightly copy of that name, to be read without waiting for another disk.

        One that lies there is copied into `folder` first. NotFound, Unavailable when that disk does
        not answer or there is no room.
        """
        for kept in await self.kept():
            if kept.path.name == name:
                break
        else:
            raise NotFound("there is no such nightly backup any more")
        if self._reading is None or kept.path.parent != self._reading.directory:
            return kept.path
        target = folder / name
        await asyncio.to_thread(require_room, folder, kept.size_bytes)
        try:
            await self._reading.ask(partial(shutil.copyfile, kept.path, target), MAKE_S)
        except OSError as error:
            msg = f"the backup {kept.path} cannot be read: {error.strerror or error}"
            raise Unavailable(msg) from error
        return target

    async def _run(self) -> None:
        await self._note_newest()
        await self._wait(FIRST_LOOK_S)
        while True:
            try:
                await self.look()
            except Exception:  # a mistake of ours: the next night's must not be lost by it
                log.exception("no nightly backup")
            await self._note_newest()
            await self._wait(LOOK_S)

    async def _wait(self, seconds: float) -> None:
        """So long, or until somebody wants it tried again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()

    async def _note_newest(self) -> None:
        """The newest of each directory, for whoever asks for the state."""
        try:
            found = await self.kept()
        except (FalconEyeError, OSError) as error:  # the next look makes one, or says why not
            log.warning("the nightly backups cannot be listed: %s", error)
            return
        newest: dict[Path, KeptBackup] = {}
        for one in found:
            newest.setdefault(one.path.parent, one)
        self._newest = tuple(newest.values())

    def _keep_here(self) -> None:
        series = _here(self.sources.data_dir)
        series.directory.mkdir(mode=0o700, exist_ok=True)
        now_us = self._clock.utc_us()
        series.forget_parts(now_us)
        forget_abandoned(self.sources.data_dir)
        if not self._is_due(series):
            return
        self._begun_us = now_us
        require_room(self.sources.data_dir)
        target = series.path(now_us)
        snapshot(self.sources.database, target)
        log.info("backed the database up to %s", target)
        series.forget_old(target)

    def _keep_elsewhere(self) -> None:
        directory = self._directory
        if directory is None:
            return
        _require_other_disk(directory, self.sources.data_dir)
        series = _elsewhere(directory, whose(self.sources.node_name, self.sources.node_id))
        now_us = self._clock.utc_us()
        series.forget_parts(now_us)
        if not self._is_due(series):
            return
        self._begun_us = now_us
        target = series.path(now_us)
        make_backup(self.sources, target, self._passphrase(), now_us)
        log.info("backed the node up to %s", target)
        series.forget_old(target)

    def _passphrase(self) -> Secret:
        file = self._passphrase_file
        if file is None:
            raise InvalidInput(
                "backup_dir needs backup_passphrase_file, which seals what lies there"
            )
        try:
            return Secret(file.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r"))
        except (OSError, UnicodeDecodeError) as error:
            msg = f"the passphrase of the backups cannot be read from {file}: {error}"
            raise Unavailable(msg) from error

    def _is_due(self, series: _Series) -> bool:
        """Whether none was made since three o'clock last night.

        One from the future was made while the clock was wrong: it must not keep all others away.
        """
        now_us = self._clock.utc_us()
        local = to_datetime(now_us).astimezone(self._zone())
        night = local.replace(hour=HOUR, minute=0, second=0, microsecond=0)
        if night > local:
            night -= timedelta(days=1)
        since_us = to_us(night)
        made = [kept.made_us for kept in series.found()]
        return not any(since_us <= made_us <= now_us + DAY_US for made_us in made)


async def kept_backups(
    data_dir: Path, owner: str, other: AnotherDisk | None
) -> tuple[list[KeptBackup], str]:
    """The nightly copies of a node, the newest first, and why those on another disk are not known.

    `owner`: as `whose` says. OSError when the data directory cannot be read.
    """
    found, problem = await asyncio.to_thread(_here(data_dir).found), ""
    if other is not None:
        try:
            found += await other.ask(_elsewhere(other.directory, owner).found, LIST_S)
        except (FalconEyeError, OSError) as error:
            problem = str(error)
    return sorted(found, key=lambda kept: (-kept.made_us, str(kept.path))), problem


def whose(node_name: str, node_id: str) -> str:
    """Whose a nightly backup is, for its file's name: what people know, and what is unique."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", node_name) + f"-{node_id[:8]}"


def backups_directory(data_dir: Path) -> Path:
    """Where copies of the database lie in a data directory."""
    return data_dir / "backups"


def _here(data_dir: Path) -> _Series:
    return _Series(backups_directory(data_dir), "nightly-", ".sqlite3")


def _elsewhere(directory: Path, owner: str) -> _Series:
    return _Series(directory, f"falconeye-{owner}-", ".backup")


def _require_other_disk(directory: Path, data_dir: Path) -> None:
    """A disk that is not mounted leaves an empty directory, where backups would be of no use."""
    try:
        same = directory.stat().st_dev == data_dir.stat().st_dev
    except OSError as error:
        msg = f"the directory of backups {directory} cannot be used: {error.strerror}"
        raise Unavailable(msg) from error
    if same:
        msg = (
            f"the directory of backups {directory} lies on the disk of the data directory: is its "
            "own disk mounted?"
        )
        raise Unavailable(msg)
