"""The certificate authority of the cluster: one for all nodes, its key sealed by the data key.

It lies among the shared settings, under a name that no page sets: so it is replicated, a node that
joins takes the cluster's, and of two that were made at once one is left. A backup or a stolen disk
without the data key tells its certificate only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.secret import Secret
from falconeye.storage.index.database import Database
from falconeye.storage.stores.credentials import CredentialCipher, CredentialUnreadable
from falconeye.storage.tables.node import SETTINGS

NAME: Final = "tls_authority"
_CERTIFICATE, _KEY = "certificate", "key"


@dataclass(frozen=True, slots=True)
class StoredAuthority:
    """As it is stored: PEM, and the sealed key's PEM."""

    certificate: str
    sealed_key: str


class AuthorityStore:
    """Every change is on the disk when its method returns."""

    def __init__(self, database: Database, cipher: CredentialCipher) -> None:
        self._database = database
        self._cipher = cipher

    async def load(self) -> StoredAuthority | None:
        """None where there is none; CredentialUnreadable for what no release has written."""

        async def read(connection: AsyncConnection) -> Any:
            wanted = select(SETTINGS.c.value).where(SETTINGS.c.key == NAME)
            return (await connection.execute(wanted)).scalar_one_or_none()

        value = await self._database.read(read)
        return None if value is None else _parsed(value)

    def opened(self, stored: StoredAuthority) -> Secret:
        """Its key (PEM); CredentialUnreadable where the data key is another one."""
        return self._cipher.decrypt(stored.sealed_key.encode())

    async def add(self, certificate: str, key: Secret, *, instead: bool = False) -> None:
        """Store it, unless there is one already, or `instead` of that."""
        value = {_CERTIFICATE: certificate, _KEY: self._cipher.encrypt(key).decode()}

        async def write(connection: AsyncConnection) -> None:
            added = insert(SETTINGS).values(key=NAME, value=value)
            if instead:
                keys, changed = [SETTINGS.c.key], {"value": value}
                added = added.on_conflict_do_update(index_elements=keys, set_=changed)
            else:
                added = added.on_conflict_do_nothing()
            await connection.execute(added)

        await self._database.write(write)


def encrypted_anew(value: Any, cipher: CredentialCipher) -> Any:
    """The stored value under the newest data key; CredentialUnreadable."""
    sealed = _parsed(value).sealed_key.encode()
    if cipher.is_newest(sealed):
        return value
    return {**value, _KEY: cipher.encrypt(cipher.decrypt(sealed)).decode()}


def _parsed(value: Any) -> StoredAuthority:
    certificate = value.get(_CERTIFICATE) if isinstance(value, Mapping) else None
    key = value.get(_KEY) if isinstance(value, Mapping) else None
    if not isinstance(certificate, str) or not isinstance(key, str):
        msg = "the stored certificate authority is damaged"
        raise CredentialUnreadable(msg)
    return StoredAuthority(certificate, key)
