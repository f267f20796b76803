"""Brings every stored secret under the newest data key, after another one has come."""

import logging
from typing import Any

from sqlalchemy import RowMapping, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.index.database import Database
from falconeye.storage.stores import authority_store, destinations
from falconeye.storage.stores.credentials import CredentialCipher, CredentialUnreadable
from falconeye.storage.stores.sealed_urls import seal, sealed_values, unseal
from falconeye.storage.tables.node import CAMERAS, SETTINGS

log = logging.getLogger(__name__)

_URLS = ("source_url", "sub_url")


async def encrypt_anew(database: Database, cipher: CredentialCipher) -> int:
    """How many rows changed; what cannot be read stays as it is, and is there with its key again.

    Each is an edit, so that all members get it.
    """

    async def write(connection: AsyncConnection) -> int:
        return await _cameras(connection, cipher) + await _settings(connection, cipher)

    changed = await database.write(write)
    log.info("%d stored secrets were encrypted anew", changed)
    return changed


async def _cameras(connection: AsyncConnection, cipher: CredentialCipher) -> int:
    columns = [CAMERAS.c.id, CAMERAS.c.password_encrypted, *(CAMERAS.c[name] for name in _URLS)]
    rows = (await connection.execute(select(*columns))).mappings().all()
    changed = 0
    for row in rows:
        values = _of_camera(row, cipher)
        if values:
            changed += 1
            this = CAMERAS.c.id == row["id"]
            await connection.execute(update(CAMERAS).where(this).values(values))
    return changed


def _of_camera(row: RowMapping, cipher: CredentialCipher) -> dict[str, Any]:
    values: dict[str, Any] = {}
    password = row["password_encrypted"]
    if password is not None and not cipher.is_newest(password):
        try:
            values["password_encrypted"] = cipher.encrypt(cipher.decrypt(password))
        except CredentialUnreadable as error:
            log.warning("camera %s: %s", row["id"], error)
    for name in _URLS:
        if row[name] and any(not cipher.is_newest(each) for each in sealed_values(row[name])):
            plain, problem = unseal(row[name], cipher)
            if problem:
                log.warning("camera %s: %s", row["id"], problem)
            else:
                values[name] = seal(plain, cipher)
    return values


async def _settings(connection: AsyncConnection, cipher: CredentialCipher) -> int:
    names = destinations.NAMES | {authority_store.NAME}
    wanted = select(SETTINGS.c.key, SETTINGS.c.value).where(SETTINGS.c.key.in_(names))
    changed = 0
    for key, value in (await connection.execute(wanted)).all():
        try:
            if key == authority_store.NAME:
                anew = authority_store.encrypted_anew(value, cipher)
            else:
                anew = destinations.encrypted_anew(value, cipher)
        except CredentialUnreadable as error:
            log.warning("the setting %s: %s", key, error)
            continue
        if anew != value:
            changed += 1
            this = SETTINGS.c.key == key
            await connection.execute(update(SETTINGS).where(this).values(value=anew))
    return changed
