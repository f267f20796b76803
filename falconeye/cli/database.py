"""`falconeye db downgrade`."""

import asyncio

from falconeye.base.clock import SystemClock
from falconeye.base.errors import NotFound
from falconeye.cli.arguments import Arguments
from falconeye.cli.configuration import load_quietly
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.opened import give_to_owner
from falconeye.cli.output import done
from falconeye.storage.data_directory import DATABASE_NAME
from falconeye.storage.database import Database


class DowngradeArguments(Arguments):
    """The words of `db downgrade`."""

    revision: str


def downgrade(arguments: DowngradeArguments) -> ExitCode:
    """Back to `revision`, after a backup; StartError (4) when a node runs or there is no such."""
    data_dir = load_quietly(arguments).settings.data_dir
    if not (data_dir / DATABASE_NAME).exists():
        message = f"there are no data of FalconEye in {data_dir}: see --data-dir"
        raise NotFound(message)
    try:
        asyncio.run(Database(data_dir, SystemClock()).downgrade(arguments.revision))
    finally:
        give_to_owner(data_dir)
    words = f"the database is at revision {arguments.revision}; install the older release now"
    done(words, as_json=arguments.json, revision=arguments.revision)
    return ExitCode.OK
