"""Which node each camera belongs to, for cameras that were added before anybody asked."""

from collections.abc import Mapping

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.config.addresses import leads_to_itself
from falconeye.storage.index.database import Database
from falconeye.storage.tables.node import CAMERAS
from falconeye.storage.tables.replicated import replica_fields


async def assign(
    database: Database, owners: Mapping[str, str], *, pinned: bool | None = None
) -> None:
    """Cameras (by id) belong to these nodes from now on; `pinned`: and no plan moves them."""
    more = {} if pinned is None else {"pinned": pinned}

    async def write(connection: AsyncConnection) -> None:
        for camera_id, node_id in owners.items():
            values = {"owner_id": node_id, **more}
            this = CAMERAS.c.id == camera_id
            await connection.execute(update(CAMERAS).where(this).values(values))

    await database.write(write)


async def hand_over(database: Database, from_id: str, to_id: str) -> int:
    """The cameras of one node that another can have belong to it from now on; how many."""
    addresses = (CAMERAS.c.source_url, CAMERAS.c.sub_url, CAMERAS.c.onvif_url)
    theirs = CAMERAS.c.owner_id == from_id

    async def write(connection: AsyncConnection) -> int:
        found = await connection.execute(
            select(CAMERAS.c.id, *addresses).where(theirs, CAMERAS.c.protocol != "usb")
        )
        moved = [
            camera_id
            for camera_id, *urls in found
            if not any(leads_to_itself(url) for url in urls if url)  # as `stays_with_node` says
        ]
        for camera_id in moved:
            this = update(CAMERAS).where(CAMERAS.c.id == camera_id)
            await connection.execute(this.values(owner_id=to_id))
        return len(moved)

    return await database.write(write)


async def claim(database: Database, own_id: str) -> int:
    """Cameras without an owner that were added at this node are its own from now on; how many.

    The command line adds them without asking, and a node had them before it had peers.
    """

    async def write(connection: AsyncConnection) -> int:
        here = exists().where(
            replica_fields.c.kind == "cameras",
            replica_fields.c.id == CAMERAS.c.id,
            replica_fields.c.field == "name",
            replica_fields.c.node == own_id,
        )
        mine = update(CAMERAS).where(CAMERAS.c.owner_id.is_(None), here)
        return (await connection.execute(mine.values(owner_id=own_id))).rowcount

    return await database.write(write)
