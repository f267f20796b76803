"""`falconeye tls`: what browsers are shown, and another authority in place of the cluster's."""

import asyncio
import ssl
from typing import Final

from falconeye.base.errors import InvalidInput, NotFound
from falconeye.cli.arguments import Arguments
from falconeye.cli.cameras import camera_cipher
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.opened import with_database
from falconeye.cli.output import done
from falconeye.config.settings import NodeSettings
from falconeye.storage.index.database import Database
from falconeye.storage.stores.authority_store import AuthorityStore
from falconeye.tls.fingerprint import fingerprint

_NONE: Final = "there is no authority: the recorder makes one when it starts with --tls auto"


class NewAuthorityArguments(Arguments):
    """The words of `tls new-authority`."""

    yes: bool


def show(arguments: Arguments) -> ExitCode:
    """The fingerprint of the cluster's authority, to compare with what the page /ca shows."""

    async def work(database: Database, settings: NodeSettings) -> str:
        stored = await AuthorityStore(database, await camera_cipher(settings)).load()
        if stored is None:
            raise NotFound(_NONE)
        return fingerprint(ssl.PEM_cert_to_DER_cert(stored.certificate))

    found = with_database(arguments, work)
    done(f"SHA-256 {found}", as_json=arguments.json, fingerprint=found)
    return ExitCode.OK


def new_authority(arguments: NewAuthorityArguments) -> ExitCode:
    """Make another one; every device has to be told of it again."""
    if not arguments.yes:
        msg = "every browser has to be told of the new authority: say --yes to go on"
        raise InvalidInput(msg)

    async def work(database: Database, settings: NodeSettings) -> str:
        from falconeye.web.https.own_names import Called  # noqa: PLC0415 - it reads X.509, 4 MB

        store = AuthorityStore(database, await camera_cipher(settings))
        if await store.load() is None:
            raise NotFound(_NONE)
        called = Called(settings, lambda: settings.own_name)
        made = await asyncio.to_thread(called.make_authority)
        await store.add(made.certificate, made.key_pem, instead=True)
        return fingerprint(ssl.PEM_cert_to_DER_cert(made.certificate))

    made = with_database(arguments, work)
    done(f"SHA-256 {made}", as_json=arguments.json, fingerprint=made)
    return ExitCode.OK
