"""Makes rows of what is known of them, as far as this release can; the rest stays beside them.

A value that the row cannot hold (of a newer release, or simply wrong) stands in `replica_fields`
with its version and is passed on; the row keeps what it has. A user or token of whose rights that
is so is no row here at all. Plain functions on a connection, while the triggers keep quiet.
"""

import logging
from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from falconeye.storage.replication.changes import encoded
from falconeye.storage.replication.items import Item, Key, load_items
from falconeye.storage.replication.shared_tables import SharedTable, shared_tables
from falconeye.storage.stores.camera_store import leave_footage
from falconeye.storage.tables.known_values import ALL_OR_NOTHING
from falconeye.storage.tables.replicated import TOMBSTONE, replica_fields

log = logging.getLogger(__name__)

NOTHING: Final[frozenset[str]] = frozenset()
# A session comes to be a row when its user is one.
_ORDER: Final = ("users",)
_SESSIONS_OF = text(
    "SELECT DISTINCT id FROM replica_fields WHERE kind = 'sessions' AND field = 'user_id' "
    "AND value IS NOT NULL AND json_extract(value, '$') = :user_id"
)
_WAITING = text("SELECT kind, id, field FROM replica_fields WHERE value IS NOT NULL")


def in_order(items: Collection[Item]) -> list[Item]:
    """As rows can be made of them."""
    return sorted(items, key=lambda item: item.kind not in _ORDER)


def delete_row(connection: Connection, item: Item) -> None:
    """It was deleted somewhere: its tombstone is all that stays."""
    shared = item.shared
    if shared is not None:
        if item.has_row and item.kind == "cameras":
            for statement in leave_footage(item.id):
                connection.execute(statement)
        connection.execute(delete(shared.table).where(shared.id == item.id))
    connection.execute(
        delete(replica_fields).where(
            replica_fields.c.kind == item.kind,
            replica_fields.c.id == item.id,
            replica_fields.c.field != TOMBSTONE,
        )
    )


def write_row(connection: Connection, item: Item) -> frozenset[str]:
    """The item's row as it is known; the fields of which the row has the value now.

    None of them while it cannot be a row.
    """
    shared = item.shared
    if shared is None:
        return NOTHING
    known = item.values()
    fitting = {name: value for name, value in known.items() if shared.fits(name, value)}
    if shared.kind.register is not None:
        return _write_register(connection, shared, item, fitting)
    if item.kind in ALL_OR_NOTHING and len(fitting) < len(known):
        _leave_row(connection, shared, item)
        return NOTHING
    if item.has_row:
        return _change_row(connection, shared, item, fitting)
    return _make_row(connection, shared, item, fitting)


def wake_sessions(connection: Connection, touched: Collection[Item]) -> None:
    """Sessions that came before their users can be rows now."""
    users = [item.id for item in touched if item.kind == "users" and item.has_row]
    waiting: set[Key] = {
        ("sessions", row.id)
        for user_id in users
        for row in connection.execute(_SESSIONS_OF, {"user_id": user_id})
    }
    for item in load_items(connection, waiting).values():
        write_row(connection, item)


def write_waiting(connection: Connection) -> None:
    """Try again what could not be in a row so far: this may be another release.

    No version is another by that: the peers have it from whom we had it.
    """
    waiting: dict[Key, set[str]] = {}
    for row in connection.execute(_WAITING):
        waiting.setdefault((row.kind, row.id), set()).add(row.field)
    for item in in_order(load_items(connection, waiting).values()):
        item.touched = waiting[item.kind, item.id] & set(item.values())
        if not item.touched or item.is_gone:
            continue
        stands = write_row(connection, item) & item.touched
        if stands:
            _move_into_row(connection, item, stands)


def _write_register(
    connection: Connection, shared: SharedTable, item: Item, fitting: Mapping[str, Any]
) -> frozenset[str]:
    name = str(shared.kind.register)
    if name not in fitting:
        return NOTHING
    if fitting[name] is None:
        connection.execute(delete(shared.table).where(shared.id == item.id))
        return frozenset((name,))
    row = {shared.kind.id_column: item.id, name: shared.stored(name, fitting[name])}
    connection.execute(
        insert(shared.table)
        .values(row)
        .on_conflict_do_update(index_elements=[shared.id], set_={name: row[name]})
    )
    return frozenset((name,))


def _make_row(
    connection: Connection, shared: SharedTable, item: Item, fitting: Mapping[str, Any]
) -> frozenset[str]:
    if not _can_be_row(connection, shared, item, fitting):
        return NOTHING
    written = {name: shared.stored(name, value) for name, value in fitting.items()}
    row = {shared.kind.id_column: item.id, **written, **shared.own(fitting)}
    try:
        with connection.begin_nested():
            connection.execute(insert(shared.table), row)
    except IntegrityError as error:  # a secret that another has
        log.warning("%s %s cannot be stored here: %s", item.kind, item.id, error.orig)
        return NOTHING
    item.has_row = True
    if not fitting.keys() <= item.touched:
        _move_into_row(connection, item, fitting.keys())
    return frozenset(fitting)


def _change_row(
    connection: Connection, shared: SharedTable, item: Item, fitting: Mapping[str, Any]
) -> frozenset[str]:
    written = {name: shared.stored(name, fitting[name]) for name in fitting.keys() & item.touched}
    if not written:
        return NOTHING
    own = shared.own(fitting) if shared.needed <= fitting.keys() else {}
    own.pop("last_seen_us", None)  # of sessions and displays: when that was here is nobody else's
    try:
        with connection.begin_nested():
            _update(connection, shared, item, written | own)
    except IntegrityError:
        return frozenset(
            name for name, value in written.items() if _takes(connection, shared, item, name, value)
        )
    return frozenset(written)


def _takes(connection: Connection, shared: SharedTable, item: Item, name: str, value: Any) -> bool:
    try:
        with connection.begin_nested():
            _update(connection, shared, item, {name: value})
    except IntegrityError as error:
        log.warning("%s %s, %s cannot be stored here: %s", item.kind, item.id, name, error.orig)
        return False
    return True


def _update(
    connection: Connection, shared: SharedTable, item: Item, values: Mapping[str, Any]
) -> None:
    connection.execute(update(shared.table).where(shared.id == item.id).values(values))


def _can_be_row(
    connection: Connection, shared: SharedTable, item: Item, known: Mapping[str, Any]
) -> bool:
    if not shared.needed <= known.keys():
        return False
    if item.kind != "sessions":
        return True
    users = shared_tables()["users"]
    user = select(users.id).where(users.id == known["user_id"])
    return connection.execute(user).first() is not None


def _leave_row(connection: Connection, shared: SharedTable, item: Item) -> None:
    """Take the row away, with the sessions of a user; all of it waits, and nothing was deleted."""
    if not item.has_row:
        return
    if item.kind == "users":
        sessions = shared_tables()["sessions"]
        own = select(sessions.id).where(sessions.table.c.user_id == item.id)
        ids: set[Key] = {("sessions", each) for each in connection.execute(own).scalars()}
        for session in load_items(connection, ids).values():
            _leave_row(connection, sessions, session)
    for field, change in item.versions.items():
        connection.execute(
            update(replica_fields)
            .where(*_at(item), replica_fields.c.field == field)
            .values(value=encoded(change.value))
        )
    connection.execute(delete(shared.table).where(shared.id == item.id))
    item.has_row = False


def _move_into_row(connection: Connection, item: Item, fields: Collection[str]) -> None:
    """What waited in `replica_fields` stands in the row now."""
    connection.execute(
        update(replica_fields)
        .where(*_at(item), replica_fields.c.field.in_(sorted(fields)))
        .values(value=None)
    )


def _at(item: Item) -> tuple[Any, ...]:
    return replica_fields.c.kind == item.kind, replica_fields.c.id == item.id
