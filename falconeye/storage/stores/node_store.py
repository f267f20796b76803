"""Who this node is: a random id, made once."""

import uuid
from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.clock import Clock
from falconeye.storage.index.database import Database
from falconeye.storage.index.replica_triggers import COPY
from falconeye.storage.tables.node import NODE
from falconeye.storage.tables.replicated import replica_state


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """The same for as long as the data directory lives."""

    node_id: str  # UUID
    created_at_us: int


async def load_identity(database: Database, clock: Clock) -> NodeIdentity:
    """This node's identity; made at first start, by whichever process comes first."""

    async def write(connection: AsyncConnection) -> NodeIdentity:
        found = (await connection.execute(select(NODE.c.node_id, NODE.c.created_at_us))).first()
        if found is not None:
            return NodeIdentity(found.node_id, found.created_at_us)
        made = NodeIdentity(str(uuid.uuid4()), clock.utc_us())
        row = {"one": 1, "node_id": made.node_id, "created_at_us": made.created_at_us}
        await connection.execute(insert(NODE).values(row))
        return made

    return await database.write(write)


async def is_restored(database: Database) -> bool:
    """Whether the database was brought back from a copy, and no node has begun with it yet."""

    async def read(connection: AsyncConnection) -> bool:
        found = await connection.execute(select(replica_state.c.incarnation))
        return found.scalar() == COPY

    return await database.read(read)
