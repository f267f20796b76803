"""The nodes of this cluster, which know each other by their certificates."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import Conflict, NotFound
from falconeye.storage.index.database import Database
from falconeye.storage.tables.node import MEMBERS
from falconeye.storage.tables.replicated import TOMBSTONE, replica_fields


@dataclass(frozen=True, slots=True)
class Member:
    """A node of the cluster."""

    id: str  # node id
    name: str
    certificate: str  # PEM
    addresses: tuple[str, ...]  # "host:port" of its listener for peers
    created_at_us: int


class MemberStore:
    """Every change is on the disk when its method returns, and goes to all members."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> list[Member]:
        """All members, by name."""

        async def read(connection: AsyncConnection) -> list[Member]:
            rows = await connection.execute(select(MEMBERS).order_by(MEMBERS.c.name, MEMBERS.c.id))
            return [_member(row) for row in rows.mappings()]

        return await self._database.read(read)

    async def get(self, node_id: str) -> Member:
        """One member; NotFound."""

        async def read(connection: AsyncConnection) -> Member | None:
            rows = await connection.execute(select(MEMBERS).where(MEMBERS.c.id == node_id))
            row = rows.mappings().first()
            return None if row is None else _member(row)

        found = await self._database.read(read)
        if found is None:
            raise NotFound("there is no such node")
        return found

    async def put(self, member: Member) -> None:
        """Add it, or store what changed of it; Conflict for one that was removed."""
        values = asdict(member) | {"addresses": list(member.addresses)}

        async def write(connection: AsyncConnection) -> None:
            statement = insert(MEMBERS).values(values)
            try:
                await connection.execute(
                    statement.on_conflict_do_update(index_elements=[MEMBERS.c.id], set_=values)
                )
            except IntegrityError as error:
                msg = "this node was removed from the cluster: it needs a new id to join again"
                raise Conflict(msg) from error

        await self._database.write(write)

    async def removed_ids(self) -> frozenset[str]:
        """Those that were expelled; an id is never a member again."""

        async def read(connection: AsyncConnection) -> frozenset[str]:
            gone = select(replica_fields.c.id).where(
                replica_fields.c.kind == "members", replica_fields.c.field == TOMBSTONE
            )
            return frozenset((await connection.execute(gone)).scalars())

        return await self._database.read(read)

    async def remove(self, node_id: str) -> None:
        """Expel it for good; NotFound."""

        async def write(connection: AsyncConnection) -> None:
            done = await connection.execute(delete(MEMBERS).where(MEMBERS.c.id == node_id))
            if done.rowcount == 0:
                raise NotFound("there is no such node")

        await self._database.write(write)


def _member(row: Mapping[Any, Any]) -> Member:
    return Member(**{**row, "addresses": tuple(row["addresses"])})
