"""The rows of the volumes that this node knows."""

from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.tables.footage import usage, volumes
from falconeye.storage.volumes.volume_facts import Role


@dataclass(frozen=True, slots=True)
class VolumeRow:
    """A volume as the index knows it."""

    number: int
    volume_id: str
    path: str  # "" where another volume took its place
    role: Role


async def known(connection: AsyncConnection) -> list[VolumeRow]:
    """All volumes that ever were, by their numbers."""
    rows = await connection.execute(select(volumes).order_by(volumes.c.id))
    return [VolumeRow(row.id, row.uuid, row.path, Role(row.role)) for row in rows]


async def store(
    volume_id: str, path: str, role: Role, utc_us: int, connection: AsyncConnection
) -> VolumeRow:
    """The volume `volume_id` is at `path` now, and no other is; it keeps its number."""
    number = (
        await connection.execute(select(volumes.c.id).where(volumes.c.uuid == volume_id))
    ).scalar()
    if number is None:
        last = (await connection.execute(select(func.max(volumes.c.id)))).scalar()
        number = (last or 0) + 1
    await connection.execute(update(volumes).where(volumes.c.path == path).values(path=""))
    row = upsert(volumes).values(
        id=number, uuid=volume_id, path=path, role=role.value, added_us=utc_us
    )
    await connection.execute(
        row.on_conflict_do_update(index_elements=["id"], set_={"path": path, "role": role.value})
    )
    return VolumeRow(number, volume_id, path, role)


async def set_role(number: int, role: Role, connection: AsyncConnection) -> None:
    """What the volume is for from now on; NONE: it is not used any more, and may be taken away."""
    await connection.execute(update(volumes).where(volumes.c.id == number).values(role=role.value))


async def segments_on(number: int, connection: AsyncConnection) -> int:
    """How many segments lie on it."""
    found = await connection.execute(
        select(func.coalesce(func.sum(usage.c.segments), 0)).where(usage.c.volume_id == number)
    )
    count: int = found.scalar_one()
    return count
