"""Takes over what other nodes changed: plain functions on a connection, in its transaction.

For each field the version that beats all others stands, whatever the order in which they come; a
tombstone beats every edit of its row. What changed here by that gets a number of this node, so that
it travels on to nodes that do not hear who wrote it; what lost does not.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection

from falconeye.base.errors import InvalidInput
from falconeye.storage.replication.changes import MAX_CHANGES, Change, Merged, checked, encoded
from falconeye.storage.replication.items import Item, load_items
from falconeye.storage.replication.row_writing import (
    NOTHING,
    delete_row,
    in_order,
    wake_sessions,
    write_row,
    write_waiting,
)
from falconeye.storage.replication.settling import settle
from falconeye.storage.replication.shared_tables import shared_tables
from falconeye.storage.replication.words import Words
from falconeye.storage.tables.replicated import TOMBSTONE, replica_fields, replica_state


def merge(connection: Connection, changes: Sequence[Change], *, own: str, words: Words) -> Merged:
    """Take over `changes`; `own` is this node's id. InvalidInput for too many at once.

    What is no change at all is left out and counted: it keeps nothing else from being taken over.
    """
    if len(changes) > MAX_CHANGES:
        raise InvalidInput("too many changes at once")
    told, changes = len(changes), [change for change in changes if _is_change(change)]
    items = load_items(connection, {(change.kind, change.id) for change in changes})
    names = {key: words.name_of(item) for key, item in items.items()}
    lost: dict[tuple[str, str, str], tuple[Change, Change]] = {}
    for change in changes:
        for replaced in items[change.kind, change.id].take(change):
            if replaced.node == own and not change.has_seen(replaced):
                lost.setdefault((change.kind, change.id, replaced.field), (replaced, change))
    touched = [item for item in items.values() if item.touched]
    with quiet(connection):
        _raise_clock(connection, changes)
        beside = store(connection, touched)
    settled = settle(connection, touched)
    conflicts = [
        conflict
        for (kind, row_id, _), (replaced, winner) in lost.items()
        if (conflict := words.conflict(replaced, winner, names[kind, row_id])) is not None
    ]
    return Merged(
        applied=sum(len(item.touched) for item in touched),
        kinds=frozenset(item.kind for item in touched) | settled,
        conflicts=conflicts,
        unreadable=told - len(changes),
        beside=beside,
    )


def take_up_waiting(connection: Connection) -> None:
    """At the start: what an earlier release could not take over, as far as this one can."""
    with quiet(connection):
        write_waiting(connection)


def store(connection: Connection, touched: Collection[Item]) -> int:
    """Rows and versions as the items have them; the triggers keep quiet meanwhile.

    How many fields stand in no row.
    """
    seq = connection.execute(select(replica_state.c.next_seq)).scalar_one()
    versions: list[dict[str, Any]] = []
    for item in in_order(touched):
        stands = NOTHING
        if item.is_gone:
            delete_row(connection, item)
        else:
            stands = write_row(connection, item)
        for field in sorted(item.touched):
            versions.append(_version(item, field, seq, in_row=field in stands))
            seq += 1
    if versions:
        connection.execute(_PUT, versions)
        connection.execute(update(replica_state).values(next_seq=seq))
    wake_sessions(connection, touched)
    return sum(each["value"] is not None for each in versions)


def _is_change(change: Change) -> bool:
    try:
        checked(change)
    except InvalidInput:
        return False
    shared = shared_tables().get(change.kind)
    if change.field != TOMBSTONE:
        return True
    return change.value is False and not (shared is not None and shared.kind.register)


@contextmanager
def quiet(connection: Connection) -> Iterator[None]:
    """What is written within is no edit of this node; a failure undoes all of it anyway."""
    connection.execute(update(replica_state).values(applying=1))
    yield
    connection.execute(update(replica_state).values(applying=0))


def _raise_clock(connection: Connection, changes: Sequence[Change]) -> None:
    """Whatever is written here from now on is later than what came."""
    latest = max((change.clock for change in changes), default=0)
    connection.execute(
        update(replica_state).where(replica_state.c.counter < latest).values(counter=latest)
    )


def _version(item: Item, field: str, seq: int, *, in_row: bool) -> dict[str, Any]:
    change = item.versions[field]
    return {
        "kind": item.kind,
        "id": item.id,
        "field": field,
        "counter": change.counter,
        "node": change.node,
        "seen": encoded(dict(change.seen)),
        "seq": seq,
        "value": None if in_row or field == TOMBSTONE else encoded(change.value),
    }


_NEW = insert(replica_fields)
_PUT = _NEW.on_conflict_do_update(
    index_elements=["kind", "id", "field"],
    set_={name: _NEW.excluded[name] for name in ("counter", "node", "seen", "seq", "value")},
)


def forget(connection: Connection, kinds: Collection[str]) -> None:
    """Take all of these kinds away here, which is no deletion for others: see `Replica.forget`."""
    with quiet(connection):
        for kind in kinds:
            shared = shared_tables()[kind]
            connection.execute(delete(shared.table).where(shared.id.not_in(shared.kind.local_ids)))
            connection.execute(delete(replica_fields).where(replica_fields.c.kind == kind))
