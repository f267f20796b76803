"""One shared row with the versions of its fields: which of two values stands."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Row, bindparam, select, tuple_
from sqlalchemy.engine import Connection

from falconeye.storage.replication.changes import Change
from falconeye.storage.replication.shared_tables import SharedTable, shared_tables
from falconeye.storage.tables.replicated import TOMBSTONE, replica_fields

Key = tuple[str, str]  # kind, id
_AT_ONCE: Final = 400  # values in one statement


@dataclass(slots=True)
class Item:
    """What this node knows of one id of a kind."""

    kind: str
    id: str
    has_row: bool = False
    versions: dict[str, Change] = field(default_factory=dict)  # by field; TOMBSTONE alone if gone
    touched: set[str] = field(default_factory=set)  # the fields that `take` changed

    @property
    def shared(self) -> SharedTable | None:
        """Its table; None where this release has none for it."""
        shared = shared_tables().get(self.kind)
        return None if shared is None or self.id in shared.kind.local_ids else shared

    @property
    def is_gone(self) -> bool:
        return TOMBSTONE in self.versions

    def take(self, change: Change) -> list[Change]:
        """Let `change` stand if it beats what is here; what it replaced."""
        known = self.versions.get(change.field)
        if known is not None:
            if not change.beats(known):
                return []
        elif self.is_gone:
            return []
        replaced = [] if known is None else [known]
        if change.field == TOMBSTONE:
            replaced = [each for each in self.versions.values() if each.field != TOMBSTONE]
            self.versions.clear()
            self.touched.clear()
        self.versions[change.field] = change
        self.touched.add(change.field)
        return replaced

    def values(self) -> dict[str, Any]:
        """What is known of the fields that are columns here, as changes have them."""
        shared = self.shared
        columns = {} if shared is None else shared.columns
        return {name: change.value for name, change in self.versions.items() if name in columns}


def load_items(connection: Connection, keys: Collection[Key]) -> dict[Key, Item]:
    """What is known of these; an empty item for those of which nothing is."""
    items = {key: Item(*key) for key in keys}
    wanted = tuple_(replica_fields.c.kind, replica_fields.c.id)
    query = select(replica_fields).where(wanted.in_(bindparam("keys", expanding=True)))
    stored: list[Row[Any]] = []
    for part in _parts(sorted(items), _AT_ONCE // 2):
        stored += connection.execute(query, {"keys": part}).all()
    rows = _rows(connection, {(each.kind, each.id) for each in stored})
    for each in stored:
        key = (each.kind, each.id)
        items[key].has_row = key in rows
        change = _change(each, rows.get(key))
        if change is not None:
            items[key].versions[change.field] = change
    return items


def changes_of(connection: Connection, stored: Sequence[Row[Any]]) -> list[Change | None]:
    """Rows of `replica_fields` with their values; None for one whose row was taken away."""
    rows = _rows(connection, {(each.kind, each.id) for each in stored})
    return [_change(each, rows.get((each.kind, each.id))) for each in stored]


def _change(stored: Row[Any], row: dict[str, Any] | None) -> Change | None:
    """None for a version whose row was taken away without one (a restored backup)."""
    seen = json.loads(stored.seen)
    value: Any = None
    if stored.field == TOMBSTONE:
        value = False
    elif stored.value is not None:
        value = json.loads(stored.value)
    elif row is not None and stored.field in row:
        value = row[stored.field]
    elif not _is_register(stored.kind):
        return None
    version = (stored.counter, stored.node)
    return Change(stored.kind, stored.id, stored.field, value, *version, seen)


def _is_register(kind: str) -> bool:
    shared = shared_tables().get(kind)
    return shared is not None and shared.kind.register is not None


def _rows(connection: Connection, keys: Iterable[Key]) -> dict[Key, dict[str, Any]]:
    """The shared rows that are there, each as changes have its fields."""
    found: dict[Key, dict[str, Any]] = {}
    by_kind: dict[str, list[str]] = {}
    for kind, row_id in keys:
        by_kind.setdefault(kind, []).append(row_id)
    for kind, ids in by_kind.items():
        shared = shared_tables().get(kind)
        if shared is None:
            continue
        for part in _parts(ids, _AT_ONCE):
            query = select(shared.table).where(shared.id.in_(part))
            for row in connection.execute(query).mappings():
                found[kind, row[shared.id]] = shared.told(row)
    return found


def _parts(values: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
