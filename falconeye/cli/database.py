"""`falconeye db downgrade`."""

import asyncio

from falconeye.base.clock import SystemClock
from falconeye.cli.arguments import Arguments
from falconeye.cli.configuration import load_quietly
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.opened import give_to_owner, require_data
from falconeye.cli.output import done
from falconeye.storage.index.database import Database


class DowngradeArguments(Arguments):
    """The words of `db downgrade`."""

    revision: str


def downgrade(arguments: DowngradeArguments) -> ExitCode:
    """Back to `revision`, after a backup; StartError (4) when a node runs or there is no such."""
    settings = load_quietly(arguments).settings
    require_data(settings.data_dir)
    try:
        asyncio.run(Database(settings.data_dir, SystemClock()).downgrade(arguments.revision))
    finally:
        give_to_owner(settings)
    words = f"the database is at revision {arguments.revision}; install the older release now"
    done(words, as_json=arguments.json, revision=arguments.revision)
    return ExitCode.OK
