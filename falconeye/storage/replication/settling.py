"""What a node puts in order after a merge: edits of its own, which every node would make alike."""

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import Table, delete, select, text, update
from sqlalchemy.engine import Connection

from falconeye.storage.replication.items import Item
from falconeye.storage.stores.account_store import name_key
from falconeye.storage.tables.node import DISPLAYS, SESSIONS, TOKENS, USERS

MAX_NAME: Final = 64  # accounts/users.py
_NAMED: Final = {"users": USERS, "tokens": TOKENS, "displays": DISPLAYS}
_ORPHANS = text(
    "SELECT DISTINCT waiting.id FROM replica_fields AS waiting "
    "JOIN replica_fields AS user ON user.kind = 'users' AND user.field = '' "
    "AND user.id = json_extract(waiting.value, '$') "
    "WHERE waiting.kind = 'sessions' AND waiting.field = 'user_id' AND waiting.value IS NOT NULL"
)
_BURY = text(
    "INSERT INTO replica_fields (kind, id, field, counter, node, seen, seq) "
    "SELECT 'sessions', :id, '', counter + 1, (SELECT node_id FROM node), '{}', next_seq "
    "FROM replica_state"
)
_COUNT = text("UPDATE replica_state SET counter = counter + 1, next_seq = next_seq + 1")
_FORGET = text("DELETE FROM replica_fields WHERE kind = 'sessions' AND id = :id AND field <> ''")


def settle(connection: Connection, touched: Collection[Item]) -> frozenset[str]:
    """End sessions of deleted users, keep names apart; the kinds in which that changed anything."""
    kinds = {item.kind for item in touched}
    changed = set()
    if kinds & {"users", "sessions"} and _end_orphans(connection, touched):
        changed.add("sessions")
    for kind in sorted(kinds & _NAMED.keys()):
        if _keep_names_apart(connection, _NAMED[kind]):
            changed.add(kind)
    return frozenset(changed)


def _end_orphans(connection: Connection, touched: Iterable[Item]) -> bool:
    """Revoking beats everything: also a login that another node did not know of."""
    gone = [item.id for item in touched if item.kind == "users" and item.is_gone]
    ended = connection.execute(delete(SESSIONS).where(SESSIONS.c.user_id.in_(gone)))
    waiting = [row.id for row in connection.execute(_ORPHANS)]
    for session_id in waiting:
        for statement in (_BURY, _COUNT, _FORGET):
            connection.execute(statement, {} if statement is _COUNT else {"id": session_id})
    return ended.rowcount > 0


def _keep_names_apart(connection: Connection, table: Table) -> bool:
    """Of two with one name the one with the greater id is called "name (2)"."""
    rows = connection.execute(select(table.c.id, table.c.name, table.c.name_key).order_by("id"))
    found = rows.all()
    keys = {row.name_key for row in found}
    met: set[str] = set()
    renamed = False
    for row in found:
        if row.name_key not in met:
            met.add(row.name_key)
            continue
        name = _free_name(row.name, keys)
        key = name_key(name)
        keys.add(key)
        met.add(key)
        values = {"name": name, "name_key": key}
        connection.execute(update(table).where(table.c.id == row.id).values(values))
        renamed = True
    return renamed


def _free_name(name: str, keys: Collection[str]) -> str:
    stem = name.rpartition(" (")[0] if name.endswith(")") and " (" in name else name
    number = 2
    while True:
        suffix = f" ({number})"
        candidate = stem[: MAX_NAME - len(suffix)].rstrip() + suffix
        if name_key(candidate) not in keys:
            return candidate
        number += 1
