"""`falconeye tls`: the authority's fingerprint, and another authority."""

import asyncio
import ssl
from pathlib import Path

from falconeye.base.clock import SystemClock
from falconeye.cli.exit_codes import ExitCode
from falconeye.storage.stores.authority_store import AuthorityStore, StoredAuthority
from falconeye.storage.stores.credentials import load_cipher
from falconeye.tls.authority import Authority
from falconeye.tls.fingerprint import fingerprint
from tests.certificates import authority
from tests.databases import closed_database
from tests.integration.cli.conftest import PASSWORD, Falconeye


async def _stored(data_dir: Path, new: Authority | None) -> tuple[StoredAuthority, Authority]:
    database = closed_database(data_dir, SystemClock())
    await database.open()
    try:
        cipher = await asyncio.to_thread(load_cipher, data_dir, None, {})
        store = AuthorityStore(database, cipher)
        if new is not None:
            await store.add(new.certificate, new.key_pem)
        found = await store.load()
        assert found
        return found, Authority.read(found.certificate, store.opened(found))
    finally:
        await database.close()


def printed(of: Authority) -> str:
    return fingerprint(ssl.PEM_cert_to_DER_cert(of.certificate))


def test_the_authority_is_shown_and_replaced_when_asked_twice(
    falconeye: Falconeye, data_dir: Path
) -> None:
    added = falconeye("user", "add", "eve", "--role", "admin", "--password-stdin", stdin=PASSWORD)
    assert added.code == 0
    missing = falconeye("tls", "show")
    assert missing.code == ExitCode.NOT_FOUND_OR_CONFLICT
    assert "makes one when it starts with --tls auto" in missing.err
    assert falconeye("tls", "new-authority", "--yes").code == ExitCode.NOT_FOUND_OR_CONFLICT

    first = authority()
    asyncio.run(_stored(data_dir, first))
    assert falconeye("tls", "show").out == f"SHA-256 {printed(first)}\n"
    asked = falconeye("tls", "new-authority")
    assert (asked.code, "--yes" in asked.err) == (ExitCode.USAGE, True)
    assert falconeye("tls", "show", "--json").json == {"fingerprint": printed(first)}

    made = falconeye("tls", "new-authority", "--yes", "--json").json
    _, second = asyncio.run(_stored(data_dir, None))
    assert made == {"fingerprint": printed(second)}
    assert printed(second) != printed(first)
