"""`falconeye user add | list | passwd | remove`: works while the node runs or not."""

from pathlib import Path

from falconeye.accounts.model import Role
from falconeye.accounts.password_rule import RULE
from falconeye.accounts.users import Rights, User
from falconeye.base.clock import SystemClock
from falconeye.base.secret import Secret
from falconeye.cli.arguments import Arguments
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.opened import with_database
from falconeye.cli.output import Rows, done, note, print_rows
from falconeye.cli.passwords import read_secret
from falconeye.cli.rights import (
    RightsArguments,
    camera_ids,
    camera_names,
    end_us,
    opened_accounts,
    row_of,
)
from falconeye.config.settings import NodeSettings
from falconeye.storage.index.database import Database


class NameArguments(Arguments):
    """The words of `user remove`."""

    name: str


class PasswordArguments(NameArguments):
    """The words of `user passwd`."""

    password_stdin: bool
    password_file: Path | None


class AddArguments(RightsArguments, PasswordArguments):
    """The words of `user add`."""


def add(arguments: AddArguments) -> ExitCode:
    """Make an account; Conflict when the name is taken."""
    ends = end_us(arguments.expires, SystemClock().utc_us())
    password = _read_password("Password", arguments)

    async def work(database: Database, settings: NodeSettings) -> User:
        cameras = await camera_ids(arguments.cameras, database, settings)
        rights = Rights(Role(arguments.role), cameras, arguments.live_only, ends)
        async with opened_accounts(database) as accounts:
            user = await accounts.users.add(arguments.name, password, rights)
            await accounts.audit.record(None, "user.added", "user", user.id, user.name)
        return user

    user = with_database(arguments, work, must_exist=False)
    words = f"made the account {user.name!r} ({user.role.value})"
    done(words, as_json=arguments.json, id=user.id, name=user.name, role=user.role.value)
    return ExitCode.OK


def show(arguments: Arguments) -> ExitCode:
    """All accounts, by name."""

    async def work(database: Database, settings: NodeSettings) -> Rows:
        names = await camera_names(database, settings)
        async with opened_accounts(database) as accounts:
            return [row_of(user, names) for user in accounts.users.list()]

    rows = with_database(arguments, work)
    print_rows(rows, as_json=arguments.json, empty="there is no account yet")
    return ExitCode.OK


def passwd(arguments: PasswordArguments) -> ExitCode:
    """Another password; the account's sessions end at once."""
    password = _read_password("New password", arguments)

    async def work(database: Database, _settings: NodeSettings) -> User:
        async with opened_accounts(database) as accounts:
            user = accounts.users.find(arguments.name)
            await accounts.users.set_password(user.id, password)
            await accounts.audit.record(None, "user.password_changed", "user", user.id, user.name)
        return user

    user = with_database(arguments, work)
    words = f"{user.name!r} has a new password; its sessions have ended"
    done(words, as_json=arguments.json, id=user.id, name=user.name)
    return ExitCode.OK


def remove(arguments: NameArguments) -> ExitCode:
    """Remove an account; Conflict for the last admin."""

    async def work(database: Database, _settings: NodeSettings) -> User:
        async with opened_accounts(database) as accounts:
            user = await accounts.users.remove(arguments.name)
            await accounts.audit.record(None, "user.removed", "user", user.id, user.name)
        return user

    user = with_database(arguments, work)
    done(f"removed {user.name!r}", as_json=arguments.json, id=user.id, name=user.name)
    return ExitCode.OK


def _read_password(question: str, arguments: PasswordArguments) -> Secret:
    if not arguments.password_stdin and arguments.password_file is None:
        note(f"a password has {RULE}")
    return read_secret(
        f"{question} for {arguments.name}",
        from_stdin=arguments.password_stdin,
        file=arguments.password_file,
        twice=True,
    )
