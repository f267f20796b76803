"""The node's database, opened beside a node that may be running, for one short command."""

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

from falconeye.base.clock import SystemClock
from falconeye.base.errors import NotFound
from falconeye.cli.arguments import Arguments
from falconeye.cli.configuration import load_quietly
from falconeye.cli.exit_codes import ExitCode
from falconeye.config.settings import NodeSettings
from falconeye.storage.data_directory import DATABASE_NAME
from falconeye.storage.database import Database

Work = Callable[[Database, NodeSettings], Awaitable[ExitCode]]


def with_database(arguments: Arguments, work: Work, *, must_exist: bool = True) -> ExitCode:
    """Run `work` on the opened database of the data directory, then close it.

    NotFound when `must_exist` and nothing is there: a mistyped directory is not made.
    """
    settings = load_quietly(arguments).settings
    if must_exist and not (settings.data_dir / DATABASE_NAME).exists():
        message = f"there are no data of FalconEye in {settings.data_dir}: see --data-dir"
        raise NotFound(message)
    try:
        return asyncio.run(_run(settings, work))
    finally:
        give_to_owner(settings.data_dir)


def give_to_owner(data_dir: Path) -> None:
    """As root, give what we made in the data directory to the directory's owner (the service).

    Otherwise the service could not open it. SQLite does the same for the files beside its own.
    """
    if os.geteuid() != 0 or not data_dir.is_dir():
        return
    owner = data_dir.stat()
    for entry in os.scandir(data_dir):
        status = entry.stat(follow_symlinks=False)
        # Another name for a root's file elsewhere is not ours to give away.
        ours = status.st_uid == 0 and status.st_nlink == 1 and stat.S_ISREG(status.st_mode)
        if ours and owner.st_uid != 0:
            os.chown(entry.path, owner.st_uid, owner.st_gid, follow_symlinks=False)


async def _run(settings: NodeSettings, work: Work) -> ExitCode:
    database = Database(settings.data_dir, SystemClock())
    await database.open()
    try:
        return await work(database, settings)
    finally:
        await database.close()
