"""Each night a copy: in the data directory, and sealed in a directory on another disk if wished.

The one in the data directory is for mistakes and a damaged database; like every copy there it needs
the data key, which lies beside it. What is written elsewhere is sealed under a passphrase and holds
the key, for the day on which this disk is gone.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final

from falconeye.base.clock import Clock
from falconeye.base.errors import FalconEyeError, InvalidInput, Unavailable
from falconeye.base.secret import Secret
from falconeye.base.tasks import TaskSet
from falconeye.base.times import DAY_US, to_datetime, to_us
from falconeye.storage.backups.backup import Sources, make_backup, require_room
from falconeye.storage.backups.snapshot import snapshot

log = logging.getLogger(__name__)

KEPT: Final = 7
HOUR: Final = 3  # of the site's time zone
FIRST_LOOK_S: Final = 60.0  # the start has other things to do
LOOK_S: Final = 600.0
_MOMENT: Final = "%Y%m%dT%H%M%SZ"
_NAME: Final = re.compile(r"-(?P<moment>[0-9]{8}T[0-9]{6}Z)\.(?:sqlite3|backup)")


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """One nightly copy."""

    path: Path
    made_us: int
    size_bytes: int


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
        self._passphrase_file = passphrase_file
        self._tasks = TaskSet("backups")
        self.problem = ""  # why last night's is not there, in words

    def start(self) -> None:
        _ = self._tasks.start(self._run(), "nightly")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def look(self) -> None:
        """Make what is not there yet; what fails is said, and tried again at the next look."""
        problems = []
        for make in (self._keep_here, self._keep_elsewhere):
            try:
                await asyncio.to_thread(make)
            except (FalconEyeError, OSError) as error:
                problems.append(str(error))
        problem = "; ".join(problems)
        if problem and problem != self.problem:
            log.warning("no nightly backup: %s", problem)
        self.problem = problem

    async def kept(self) -> list[KeptBackup]:
        """Those that are there, the newest first."""
        return await asyncio.to_thread(kept_backups, self.sources.data_dir, self._directory)

    async def _run(self) -> None:
        await asyncio.sleep(FIRST_LOOK_S)
        while True:
            try:
                await self.look()
            except Exception:  # a mistake of ours: the next night's must not be lost by it
                log.exception("no nightly backup")
            await asyncio.sleep(LOOK_S)

    def _keep_here(self) -> None:
        directory = backups_directory(self.sources.data_dir)
        directory.mkdir(mode=0o700, exist_ok=True)
        target = directory / f"nightly-{self._moment()}.sqlite3"
        if not self._is_due(directory, "nightly-*.sqlite3"):
            return
        require_room(self.sources.data_dir)
        snapshot(self.sources.database, target)
        log.info("backed the database up to %s", target)
        _forget_old(directory, "nightly-*.sqlite3", target)

    def _keep_elsewhere(self) -> None:
        directory = self._directory
        if directory is None:
            return
        _require_other_disk(directory, self.sources.data_dir)
        node = re.sub(r"[^A-Za-z0-9.-]", "_", self.sources.node_name)
        pattern = f"falconeye-{node}-*.backup"
        if not self._is_due(directory, pattern):
            return
        target = directory / pattern.replace("*", self._moment())
        make_backup(self.sources, target, self._passphrase(), self._clock.utc_us())
        log.info("backed the node up to %s", target)
        _forget_old(directory, pattern, target)

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

    def _is_due(self, directory: Path, pattern: str) -> bool:
        """Whether none was made since three o'clock last night.

        One from the future was made while the clock was wrong: it must not keep all others away.
        """
        now_us = self._clock.utc_us()
        local = to_datetime(now_us).astimezone(self._zone())
        night = local.replace(hour=HOUR, minute=0, second=0, microsecond=0)
        if night > local:
            night -= timedelta(days=1)
        since_us = to_us(night)
        made = [kept.made_us for kept in _found(directory, pattern)]
        return not any(since_us <= made_us <= now_us + DAY_US for made_us in made)

    def _moment(self) -> str:
        return to_datetime(self._clock.utc_us()).strftime(_MOMENT)


def kept_backups(data_dir: Path, directory: Path | None) -> list[KeptBackup]:
    """The nightly copies in a data directory, and in a directory on another disk. Blocks."""
    found = _found(backups_directory(data_dir), "nightly-*.sqlite3")
    if directory is not None:
        found += _found(directory, "falconeye-*.backup")
    return sorted(found, key=lambda kept: (-kept.made_us, str(kept.path)))


def backups_directory(data_dir: Path) -> Path:
    """Where copies of the database lie in a data directory."""
    return data_dir / "backups"


def _found(directory: Path, pattern: str) -> list[KeptBackup]:
    found = []
    for path in sorted(directory.glob(pattern)):
        name = _NAME.search(path.name)
        if name is not None:
            made = datetime.strptime(name["moment"], _MOMENT).replace(tzinfo=UTC)
            found.append(KeptBackup(path, to_us(made), path.stat().st_size))
    return found


def _forget_old(directory: Path, pattern: str, made: Path) -> None:
    """Keep the newest by their names, and in any case the one just made."""
    others = [kept.path for kept in _found(directory, pattern) if kept.path != made]
    for old in others[: 1 - KEPT] if len(others) >= KEPT else []:
        old.unlink(missing_ok=True)


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
