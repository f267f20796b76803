"""The triggers that give each edit of a shared row its version, in the edit's own transaction.

They are made of the columns that the tables have, anew after each migration: whoever writes (the
serving process, the command line) need not know of them. Everything here blocks (a thread).
"""

import base64
import binascii
import contextlib
import json
import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from falconeye.storage.tables.known_values import knows
from falconeye.storage.tables.replicated import KINDS, LAMPORT, LAMPORT_BITS, MAX_TAKEN_AWAY, Kind

log = logging.getLogger(__name__)

COPY: Final = "copy"  # the incarnation of one, until the node starts with it
_PREFIX: Final = "replica_"
_OWN: Final = "coalesce((SELECT node_id FROM node), '')"
_KEEPS_QUIET: Final = "(SELECT applying FROM replica_state) = 0"
# How much somebody may do less by a change: what takes more away wins (tables/replicated.py).
_RANK: Final = "CASE {}.role WHEN 'viewer' THEN 0 WHEN 'operator' THEN 1 ELSE 2 END"
_TAKES_AWAY: Final = {
    "role": f"max(0, {_RANK.format('OLD')} - {_RANK.format('NEW')})",
    "cameras": (
        "(NEW.cameras IS NOT NULL AND (OLD.cameras IS NULL OR EXISTS (SELECT 1 FROM "
        "json_each(OLD.cameras) AS had WHERE had.value NOT IN "
        "(SELECT has.value FROM json_each(NEW.cameras) AS has))))"
    ),
    "live_only": "(NEW.live_only > OLD.live_only)",
    "expires_at_us": (
        "(NEW.expires_at_us IS NOT NULL AND "
        "(OLD.expires_at_us IS NULL OR NEW.expires_at_us < OLD.expires_at_us))"
    ),
    # Another password, rather than the same one under other parameters
    "password_hash": "(NEW.password_changed_at_us IS NOT OLD.password_changed_at_us)",
    "password_changed_at_us": "1",
}
_LIMITED: Final = frozenset({"users", "tokens", "displays"})


def drop(connection: Connection) -> None:
    """Before a migration: its own changes are no edits, and tables can be made anew."""
    rows = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    for (name,) in rows.fetchall():
        if str(name).startswith(_PREFIX):
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')


def renew(connection: Connection) -> None:
    """After a migration: triggers for the columns there are, and a version for every field.

    What was kept of a newer release's fields goes into the columns that are there now. Nothing is
    done at a revision without shared tables.
    """
    drop(connection)
    if not _columns(connection, "replica_state"):
        return
    connection.exec_driver_sql(
        "INSERT INTO replica_state (one, counter, next_seq, applying, incarnation) "
        "SELECT 1, 0, 1, 0, '' WHERE NOT EXISTS (SELECT 1 FROM replica_state)"
    )
    for kind, columns in _shared(connection):
        _take_over(connection, kind, columns)
        _give_versions(connection, kind, columns)
        for statement in _triggers(kind, columns):
            connection.exec_driver_sql(statement)
    for statement in _OF_OTHER_TABLES:
        connection.exec_driver_sql(statement)


def mark_copy(copy: sqlite3.Connection, *, restored: bool = False) -> None:
    """A copy of the database is not the one that peers know: its numbers may be given again.

    `restored`: nobody is signed in, and the others' sessions are not ended by that.
    """
    tables = copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'replica_state'")
    if tables.fetchone() is None:
        return
    copy.execute("UPDATE replica_state SET incarnation = ?", (COPY,))
    if restored:
        copy.execute("UPDATE replica_state SET applying = 1")
        copy.execute("DELETE FROM sessions")
        copy.execute("DELETE FROM replica_fields WHERE kind = 'sessions' AND field <> ''")
        copy.execute("UPDATE replica_state SET applying = 0")


def values_of_shared(connection: Connection) -> dict[tuple[str, str, str], str]:
    """All that is in the columns of shared rows, as JSON by (kind, id, field): see `keep_lost`."""
    if not _columns(connection, "replica_state"):
        return {}
    found: dict[tuple[str, str, str], str] = {}
    for kind, columns in _shared(connection):
        names = ", ".join(f'"{name}"' for name in columns)
        rows = connection.exec_driver_sql(f'SELECT "{kind.id_column}", {names} FROM {kind.name}')  # noqa: S608 - our own names
        for row_id, *values in rows.fetchall():
            for name, value in zip(columns, values, strict=True):
                found[kind.name, row_id, name] = _as_json(value, columns[name])
    return found


def keep_lost(connection: Connection, before: Mapping[tuple[str, str, str], str]) -> None:
    """After a way back: what its columns took along stays for the release that comes again."""
    if not before or not _columns(connection, "replica_state"):
        return
    known = {kind.name: set(columns) for kind, columns in _shared(connection)}
    lost = [key for key in before if key[2] not in known.get(key[0], set())]
    for key in lost:
        connection.exec_driver_sql(
            "UPDATE replica_fields SET value = ? WHERE kind = ? AND id = ? AND field = ?",
            (before[key], *key),
        )


def _columns(connection: Connection, table: str) -> dict[str, str]:
    """The columns of a table and their declared types; none when it is not there."""
    rows = connection.exec_driver_sql(f"PRAGMA table_info('{table}')")
    return {str(row[1]): str(row[2]) for row in rows.fetchall()}


def _shared(connection: Connection) -> Iterator[tuple[Kind, dict[str, str]]]:
    """The kinds that are there, with the columns that all nodes share."""
    for kind in KINDS.values():
        columns = _columns(connection, kind.name)
        if columns:
            own = kind.local | {kind.id_column}
            yield kind, {name: columns[name] for name in sorted(columns.keys() - own)}


def _take_over(connection: Connection, kind: Kind, columns: Mapping[str, str]) -> None:
    """Into the columns what peers of a newer release told of rows that are here."""
    if kind.register is not None:
        return
    waiting = connection.exec_driver_sql(
        "SELECT id, field, value FROM replica_fields WHERE kind = ? AND value IS NOT NULL "  # noqa: S608
        f"AND id IN (SELECT {kind.id_column} FROM {kind.name})",
        (kind.name,),
    ).fetchall()
    for row_id, field, value in waiting:
        if field not in columns:
            continue
        taken = False
        with contextlib.suppress(ValueError, TypeError, KeyError, binascii.Error, IntegrityError):
            plain = _from_json(value, columns[field])
            if knows(kind.name, field, json.loads(value)):
                with connection.begin_nested():
                    connection.exec_driver_sql(
                        f'UPDATE {kind.name} SET "{field}" = ? WHERE {kind.id_column} = ?',  # noqa: S608
                        (plain, row_id),
                    )
                taken = True
        if not taken:  # it stays beside the row, for a release that knows it
            log.warning("%s %s: what a peer told of %s does not fit", kind.name, row_id, field)
            continue
        connection.exec_driver_sql(
            "UPDATE replica_fields SET value = NULL WHERE kind = ? AND id = ? AND field = ?",
            (kind.name, row_id, field),
        )


def _give_versions(connection: Connection, kind: Kind, columns: Mapping[str, str]) -> None:
    """The first one to fields that have none: of before there were versions, or a new column."""
    fields = _fields(kind, columns)
    lacking = connection.exec_driver_sql(
        f"SELECT row.{kind.id_column}, field.value "  # noqa: S608 - our own names
        f"FROM {kind.name} AS row, json_each(?) AS field "
        f"WHERE row.{kind.id_column} NOT IN {_listed(kind.local_ids)} "
        "AND NOT EXISTS (SELECT 1 FROM replica_fields AS known WHERE known.kind = ? "
        f"AND known.id = row.{kind.id_column} AND known.field = field.value)",
        (json.dumps(fields), kind.name),
    ).fetchall()
    if not lacking:
        return
    (first,) = connection.exec_driver_sql("SELECT next_seq FROM replica_state").one()
    for seq, (row_id, field) in enumerate(lacking, first):
        connection.exec_driver_sql(
            f"INSERT INTO replica_fields VALUES (?, ?, ?, 1, {_OWN}, '{{}}', ?, NULL)",  # noqa: S608
            (kind.name, row_id, field, seq),
        )
    connection.exec_driver_sql(
        "UPDATE replica_state SET counter = max(counter, 1), next_seq = ?", (first + len(lacking),)
    )


def _as_json(value: Any, declared: str) -> str:
    if isinstance(value, bytes):
        return json.dumps({"b64": base64.b64encode(value).decode()})
    if declared == "JSON":
        return "null" if value is None else str(value)
    return json.dumps(bool(value) if declared == "BOOLEAN" and value is not None else value)


def _from_json(value: str, declared: str) -> Any:
    """What the column holds for it; ValueError, TypeError or KeyError where it does not fit."""
    plain = json.loads(value)
    if declared == "JSON":
        return None if plain is None else value
    if declared == "BLOB" and plain is not None:
        return base64.b64decode(plain["b64"], validate=True)
    if isinstance(plain, dict | list):
        raise TypeError
    return plain


# -- the triggers ----------------------------------------------------------------------------

# Same names as in a merge: a row of `replica_fields` that is there gives way to the edit. Of a
# counter the clock is new, and what was taken away adds up.
_STAMP: Final = f"""
INSERT INTO replica_fields (kind, id, field, counter, node, seen, seq, value)
SELECT '{{kind}}', {{row}}.{{id}}, edited.value, {{taken}} + state.counter + 1, {_OWN}, '{{{{}}}}',
  state.next_seq + edited.key, NULL
FROM replica_state AS state, json_each({{fields}}) AS edited WHERE edited.value IS NOT NULL
ON CONFLICT (kind, id, field) DO UPDATE SET
  seen = json_set(seen, '$."' || node || '"', counter & {LAMPORT}),
  counter = (min(counter >> {LAMPORT_BITS}, {MAX_TAKEN_AWAY}) << {LAMPORT_BITS}) + excluded.counter,
  node = excluded.node, seq = excluded.seq, value = NULL;
UPDATE replica_state SET counter = counter + 1, next_seq = next_seq + {{count}};
"""  # noqa: S608 - our own words
_BURY: Final = f"""
INSERT INTO replica_fields (kind, id, field, counter, node, seen, seq, value)
SELECT '{{kind}}', OLD.{{id}}, '', state.counter + 1, {_OWN},
  (SELECT json_group_object(node, clock) FROM (SELECT node, max(counter & {LAMPORT}) AS clock
   FROM replica_fields WHERE kind = '{{kind}}' AND id = OLD.{{id}} GROUP BY node)),
  state.next_seq, NULL
FROM replica_state AS state;
DELETE FROM replica_fields WHERE kind = '{{kind}}' AND id = OLD.{{id}} AND field <> '';
UPDATE replica_state SET counter = counter + 1, next_seq = next_seq + 1;
"""  # noqa: S608 - our own words
_REFUSE_BURIED: Final = """
SELECT RAISE(ABORT, 'this id was deleted') FROM replica_fields
WHERE kind = '{kind}' AND id = NEW.{id} AND field = '';
"""
_OF_OTHER_TABLES: Final = (
    f"""CREATE TRIGGER {_PREFIX}users_sessions AFTER DELETE ON users WHEN {_KEEPS_QUIET}
BEGIN DELETE FROM sessions WHERE user_id = OLD.id; END""",  # noqa: S608 - our own words
    # Edits of before the first start of the node
    f"""CREATE TRIGGER {_PREFIX}node_named AFTER INSERT ON node BEGIN UPDATE replica_fields SET
node = NEW.node_id, seen = replace(seen, '"":', '"' || NEW.node_id || '":') WHERE node = ''; END""",  # noqa: S608 - our own words
)


def _triggers(kind: Kind, columns: Mapping[str, str]) -> Iterator[str]:
    names = _fields(kind, columns)
    fields, count = json.dumps(names), len(names)
    mine = f"NOT IN {_listed(kind.local_ids)}"
    values = {"kind": kind.name, "id": kind.id_column}
    quiet = _KEEPS_QUIET + (f" AND {{row}}.{kind.id_column} {mine}" if kind.local_ids else "")
    insert = _STAMP.format(row="NEW", taken="0", fields=f"'{fields}'", count=count, **values)
    bury = _BURY.format(**values)
    if kind.register is None:
        insert = _REFUSE_BURIED.format(**values) + insert
    else:
        bury = _STAMP.format(row="OLD", taken="0", fields=f"'{fields}'", count=count, **values)
    edited = ", ".join(
        f"""iif(OLD."{name}" IS NOT NEW."{name}", '{name}', NULL)""" for name in names
    )
    update = _STAMP.format(
        row="NEW", taken=_taken(kind, names), fields=f"json_array({edited})", count=count, **values
    )
    differs = " OR ".join(f'OLD."{name}" IS NOT NEW."{name}"' for name in names)
    for event, condition, body in (
        ("INSERT", quiet.format(row="NEW"), insert),
        (
            "UPDATE OF " + ", ".join(f'"{name}"' for name in names),
            f"{quiet.format(row='NEW')} AND ({differs})",
            update,
        ),
        ("DELETE", quiet.format(row="OLD"), bury),
    ):
        name = f"{_PREFIX}{kind.name}_{event.partition(' ')[0].lower()}"
        yield f"CREATE TRIGGER {name} AFTER {event} ON {kind.name} WHEN {condition} BEGIN{body}END"


def _taken(kind: Kind, names: Sequence[str]) -> str:
    """SQL: what the edit of a field takes away, above the clock's bits."""
    cases = " ".join(
        f"WHEN '{name}' THEN {rule}"
        for name, rule in _TAKES_AWAY.items()
        if kind.name in _LIMITED and name in names
    )
    return f"((CASE edited.value {cases} ELSE 0 END) << {LAMPORT_BITS})" if cases else "0"


def _fields(kind: Kind, columns: Mapping[str, str]) -> list[str]:
    return [kind.register] if kind.register else list(columns)


def _listed(names: frozenset[str]) -> str:
    return "(" + ", ".join(f"'{name}'" for name in sorted(names)) + ")"
