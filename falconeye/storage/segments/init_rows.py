"""Init segments: each is kept once, for all segments that share it."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.tables.footage import inits


@dataclass(frozen=True, slots=True)
class InitEntry:
    """An init segment as it is kept once for all segments that share it."""

    data: bytes
    codecs: str
    width: int
    height: int


async def init_ids(
    connection: AsyncConnection, entries: Iterable[InitEntry]
) -> dict[InitEntry, int]:
    """Their numbers in the index; those that it lacks are added."""
    digests = {entry: hashlib.sha256(entry.data).hexdigest() for entry in dict.fromkeys(entries)}
    known = await _read(connection, set(digests.values()))
    new: dict[str, InitEntry] = {}
    for entry, digest in digests.items():
        if digest not in known:
            _ = new.setdefault(digest, entry)
    if new:
        await connection.execute(
            upsert(inits).on_conflict_do_nothing(),
            [
                {
                    "sha256": digest,
                    "data": entry.data,
                    "codecs": entry.codecs,
                    "width": entry.width,
                    "height": entry.height,
                }
                for digest, entry in new.items()
            ],
        )
        known |= await _read(connection, new)
    return {entry: known[digest] for entry, digest in digests.items()}


async def _read(connection: AsyncConnection, digests: Collection[str]) -> dict[str, int]:
    found = await connection.execute(
        select(inits.c.sha256, inits.c.id).where(inits.c.sha256.in_(digests))
    )
    return {row.sha256: row.id for row in found}
