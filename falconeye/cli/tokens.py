"""`falconeye token add | list | remove`: works while the node runs or not."""

from falconeye.accounts.model import Role
from falconeye.accounts.tokens import Token
from falconeye.base.clock import SystemClock
from falconeye.cli.arguments import Arguments
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.opened import with_database
from falconeye.cli.output import Rows, done, print_rows
from falconeye.cli.rights import (
    RightsArguments,
    camera_ids,
    camera_names,
    end_us,
    moment,
    opened_accounts,
    row_of,
)
from falconeye.config.settings import NodeSettings
from falconeye.storage.index.database import Database


class NameArguments(Arguments):
    """The words of `token remove`."""

    name: str


def add(arguments: RightsArguments) -> ExitCode:
    """Make a token and print it alone on standard output: the only time it is to be had."""
    ends = end_us(arguments.expires, SystemClock().utc_us())

    async def work(database: Database, settings: NodeSettings) -> tuple[str, Token]:
        cameras = await camera_ids(arguments.cameras, database, settings)
        async with opened_accounts(database) as accounts:
            plain, token = await accounts.tokens.add(
                arguments.name,
                Role(arguments.role),
                cameras=cameras,
                live_only=arguments.live_only,
                expires_at_us=ends,
            )
            await accounts.audit.record(None, "token.added", "token", token.id, token.name)
        return plain, token

    plain, token = with_database(arguments, work, must_exist=False)
    done(plain, as_json=arguments.json, id=token.id, name=token.name, token=plain)
    return ExitCode.OK


def show(arguments: Arguments) -> ExitCode:
    """All tokens, by name, without their values."""

    async def work(database: Database, settings: NodeSettings) -> Rows:
        names = await camera_names(database, settings)
        async with opened_accounts(database) as accounts:
            return [
                {
                    **row_of(token, names),
                    "last_used_at": moment(token.last_used_us),
                    "created_by": token.created_by or "command line",
                }
                for token in accounts.tokens.list()
            ]

    rows = with_database(arguments, work)
    print_rows(rows, as_json=arguments.json, empty="there is no token yet")
    return ExitCode.OK


def remove(arguments: NameArguments) -> ExitCode:
    """Revoke a token: what it has open ends within seconds."""

    async def work(database: Database, _settings: NodeSettings) -> Token:
        async with opened_accounts(database) as accounts:
            token = await accounts.tokens.remove(arguments.name)
            await accounts.audit.record(None, "token.revoked", "token", token.id, token.name)
        return token

    token = with_database(arguments, work)
    done(f"revoked {token.name!r}", as_json=arguments.json, id=token.id, name=token.name)
    return ExitCode.OK
