"""`falconeye setup-link`: a new one-time link for the first account."""

import asyncio

from falconeye.cli.arguments import Arguments
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.opened import with_database
from falconeye.cli.output import done
from falconeye.cli.rights import opened_accounts
from falconeye.config.serving_address import below, reachable_url, read_serving_address
from falconeye.config.settings import NodeSettings
from falconeye.storage.index.database import Database

# A node that has just begun notes its address when it serves.
_LOOKS = 25
_LOOK_S = 0.2


def setup_link(arguments: Arguments) -> ExitCode:
    """Print the link alone on standard output; Conflict when there is an admin already."""

    async def work(database: Database, settings: NodeSettings) -> str:
        address = None
        expected = reachable_url(settings.host, settings.port, settings.scheme)
        for _ in range(_LOOKS):
            if address is not None or not await database.is_served():
                break
            address = await asyncio.to_thread(read_serving_address, settings.data_dir)
            await asyncio.sleep(0 if address else _LOOK_S)
        async with opened_accounts(database) as accounts:
            return await accounts.make_setup_link(address or below(expected, settings.base_path))

    link = with_database(arguments, work, must_exist=False)
    done(link, as_json=arguments.json, link=link)
    return ExitCode.OK
