"""Makes this node another one, of no cluster."""

import uuid
from functools import partial

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.index.database import Database
from falconeye.storage.replication import merging
from falconeye.storage.tables.node import CAMERAS, NODE


async def make_new_identity(database: Database) -> str:
    """Another node from now on, of no cluster: its new id. Cameras and accounts stay.

    For a node whose disk was copied, or that was removed from its cluster.
    """
    made = str(uuid.uuid4())

    async def write(connection: AsyncConnection) -> None:
        before = (await connection.execute(select(NODE.c.node_id))).scalar()
        await connection.execute(update(NODE).values(node_id=made))
        await connection.run_sync(partial(merging.forget, kinds=("members",)))
        mine = update(CAMERAS).where(CAMERAS.c.owner_id == before)
        await connection.execute(mine.values(owner_id=made))

    await database.write(write)
    return made
