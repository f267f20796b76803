"""Exports that no job knows of, since the database is older than they are: listed again.

An export that is whole gets a job. What is finished but not whole is kept: somebody may need it all
the same. Only what was begun and never finished is garbage.
"""

import logging
from enum import StrEnum
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.export.export_files import DIRECTORY
from falconeye.storage.export.export_found import (
    find_export,
    is_begun,
    list_export,
    take_over_export,
)
from falconeye.storage.index.database import Database
from falconeye.storage.segments import segment_index
from falconeye.storage.volumes.volume import Volume

log = logging.getLogger(__name__)


class Adopted(StrEnum):
    """What became of one, in words."""

    LISTED = "it is listed again"
    KEPT = "it is not whole, and is kept"
    REMOVED = "it was never finished, and is deleted"


async def adopt_export(database: Database, volume: Volume, job_id: str) -> Adopted:
    """Of one that has no job. OSError when the disk cannot read it."""
    names = await volume.readers.run(partial(list_export, volume, job_id)) or []
    if not names:  # not ours, but for its place
        return Adopted.KEPT
    if is_begun(names):
        for name in names:
            path = f"{DIRECTORY}/{job_id}/{name}"
            size = await volume.readers.run(partial(volume.size_of, path))
            await database.write(partial(_add_garbage, volume.number, path, size or 0))
        return Adopted.REMOVED
    found = await volume.readers.run(partial(find_export, volume, job_id))
    if found is None:
        return Adopted.KEPT
    if await take_over_export(database, found):
        log.info("the export %s is listed again", found.made.file_name)
    return Adopted.LISTED


async def _add_garbage(
    volume: int, path: str, size_bytes: int, connection: AsyncConnection
) -> None:
    await segment_index.add_garbage(connection, volume, path, size_bytes)
