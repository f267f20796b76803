"""The node's database, opened beside a node that may be running, for one short command."""

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from falconeye.base.clock import SystemClock
from falconeye.base.errors import NotFound, StartError
from falconeye.cli.arguments import Arguments
from falconeye.cli.configuration import load_quietly
from falconeye.config.settings import NodeSettings
from falconeye.storage.index.data_directory import DATABASE_NAME
from falconeye.storage.index.database import Database
from falconeye.storage.index.pending_restore import PENDING, TAKEN
from falconeye.storage.volumes.id_file import ID_FILE

T = TypeVar("T")
Work = Callable[[Database, NodeSettings], Awaitable[T]]


def with_database(
    arguments: Arguments, work: Work[T], *, must_exist: bool = True, exclusive: bool = False
) -> T:
    """What `work` gives, run on the opened database of the data directory.

    NotFound when `must_exist` and nothing is there: a mistyped directory is not made. StartError
    when `exclusive` and a node is running.
    """
    settings = load_quietly(arguments).settings
    if must_exist:
        require_data(settings.data_dir)
    try:
        return asyncio.run(_run(settings, work, exclusive=exclusive))
    finally:
        give_to_owner(settings)


def require_data(data_dir: Path) -> None:
    """NotFound when no database is there, StartError when that cannot be told."""
    try:
        if (data_dir / DATABASE_NAME).exists():
            return
    except OSError as error:  # the directory of another user
        message = f"cannot look into {data_dir}: {error.strerror}"
        raise StartError(message) from error
    message = f"there are no data of FalconEye in {data_dir}: see --data-dir"
    raise NotFound(message)


def give_to_owner(settings: NodeSettings) -> None:
    """As root, give what we made in our directories to the data directory's owner (the service).

    Otherwise the service could not open it. SQLite does the same for the files beside its own.
    """
    data_dir = settings.data_dir
    owner = data_dir.stat() if data_dir.is_dir() else None
    if owner is None or os.geteuid() != 0 or owner.st_uid == 0:
        return
    for path in _ours(data_dir, settings.media_dir):
        with suppress(FileNotFoundError):  # a node beside us may have removed it
            if _made_by_root(path.lstat()):
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _ours(data_dir: Path, media_dir: Path) -> list[Path]:
    """What commands make; of a disk of its own the id file alone, since `lost+found` is root's."""
    below = ("backups", "media", PENDING, TAKEN)
    directories = [data_dir, *(data_dir / name for name in below)]
    found = [path for each in directories if each.is_dir() for path in each.iterdir()]
    return [*found, media_dir / ID_FILE]


def _made_by_root(status: os.stat_result) -> bool:
    """Another name for a file of root's elsewhere is not ours to give away, nor a link."""
    single = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
    return status.st_uid == 0 and (single or stat.S_ISDIR(status.st_mode))


async def _run(settings: NodeSettings, work: Work[T], *, exclusive: bool) -> T:
    database = Database(settings.data_dir, SystemClock())
    await database.open(exclusive=exclusive)
    try:
        return await work(database, settings)
    finally:
        await database.close()
