"""What came to this node, in the order in which it came: for peers that ask."""

import json
from typing import Final

from sqlalchemy import bindparam, select, text
from sqlalchemy.engine import Connection

from falconeye.storage.replication.changes import Batch, Change, encoded
from falconeye.storage.replication.items import changes_of
from falconeye.storage.replication.shared_tables import shared_tables
from falconeye.storage.tables.replicated import replica_fields, replica_state

MAX_BATCH_BYTES: Final = 4 << 20  # of values: what a newer release shares may be pictures
_BESIDE = text(
    "SELECT kind, field, node, value FROM replica_fields WHERE value IS NOT NULL AND field <> ''"
)
_AFTER = (
    select(replica_fields)
    .where(replica_fields.c.seq > bindparam("seq"))
    .order_by(replica_fields.c.seq)
    .limit(bindparam("limit"))
)
# How far a restored node's clock is set ahead: it may have written more since the backup than
# it knows, and gives no version twice.
_ANOTHER = text(
    "UPDATE replica_state SET incarnation = lower(hex(randomblob(16))), counter = counter + "
    "CASE incarnation WHEN '' THEN 0 ELSE 1048576 + abs(random() % 16777216) END "
    "WHERE incarnation IN ('', 'copy')"
)


def position(connection: Connection) -> tuple[str, int]:
    """(incarnation, number of what came last)."""
    row = connection.execute(select(replica_state)).one()
    return row.incarnation, row.next_seq - 1


def changes_after(connection: Connection, seq: int, limit: int) -> Batch:
    """At most `limit` changes whose numbers are greater than `seq`.

    All of them for who knows more than there is: an older copy of the database lies here.
    """
    last = position(connection)[1]
    seq = seq if seq <= last else 0
    found = connection.execute(_AFTER, {"seq": seq, "limit": limit + 1}).all()
    rows, more = found[:limit], len(found) > limit
    changes: list[Change] = []
    size = 0
    for row, change in zip(rows, changes_of(connection, rows), strict=True):
        if change is None:
            continue
        size += len(encoded(change.value))
        if changes and size > MAX_BATCH_BYTES:
            return Batch(changes, row.seq - 1, more=True)
        changes.append(change)
    return Batch(changes, rows[-1].seq if more else last, more)


def not_known(connection: Connection) -> frozenset[tuple[str, str]]:
    """(node, "kind.field") of what is kept beside the rows because this release does not know it.

    What only waits for the rest of its row is not among it.
    """
    found = set()
    for kind, field, node, value in connection.execute(_BESIDE):
        shared = shared_tables().get(kind)
        if (
            shared is None
            or field not in shared.columns
            or not shared.fits(field, json.loads(value))
        ):
            found.add((node, f"{kind}.{field}"))
    return frozenset(found)


def begin_incarnation(connection: Connection) -> None:
    """A new database, or one that was brought back, is not the one that peers know."""
    connection.execute(_ANOTHER)
