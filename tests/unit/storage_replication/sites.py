"""Nodes reduced to their databases: real files, edited by plain SQL as any process may."""

import json
import shutil
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import StaticPool

from falconeye.storage.index.replica_triggers import mark_copy
from falconeye.storage.replication.changes import Batch, Change, FieldConflict, Merged
from falconeye.storage.replication.merging import merge, take_up_waiting
from falconeye.storage.replication.pruning import forget_old
from falconeye.storage.replication.reading import begin_incarnation, changes_after, position
from falconeye.storage.replication.shared_tables import shared_tables
from falconeye.storage.replication.words import Words
from falconeye.storage.tables.replicated import LOCAL_SETTINGS
from tests.databases import _new_database

CAMERA = {
    "protocol": "rtsp", "location": "", "transport": "auto", "audio": 1, "record": "continuous",
    "started": 1, "allow_local": 0, "metadata": "{}", "created_at_us": 1, "updated_at_us": 1,
}  # fmt: skip
USER = {
    "password_hash": "hash", "role": "admin", "live_only": 0, "created_at_us": 1,
    "password_changed_at_us": 1,
}  # fmt: skip
State = dict[tuple[str, str, str], tuple[int, str, str, str]]


class Site:
    """One node's database; `heard` tells how far it has read each other one."""

    def __init__(self, path: Path, node_id: str, begun: bytes = b"") -> None:
        """`begun`: the file of another one of this node."""
        self.path, self.node_id = path, node_id
        path.write_bytes(begun or _new_database())
        self.heard: dict[str, tuple[str, int]] = {}
        self.conflicts: list[FieldConflict] = []
        self._engine = self._opened()
        if not begun:
            self.edit("INSERT INTO node VALUES (1, ?, 1, NULL)", node_id)

    def _opened(self) -> Engine:
        engine = create_engine(
            f"sqlite:///{self.path}",
            poolclass=StaticPool,
            connect_args={"isolation_level": None, "check_same_thread": False},
        )
        with engine.connect() as connection:
            for pragma in ("journal_mode=MEMORY", "synchronous=OFF", "foreign_keys=ON"):
                connection.exec_driver_sql(f"PRAGMA {pragma}")
            begin_incarnation(connection)
            connection.commit()
        return engine

    def close(self) -> None:
        self._engine.dispose()

    def restart(self) -> None:
        self.close()
        self._engine = self._opened()

    def back_up(self) -> Path:
        """A copy as the product makes it."""
        copy = self.path.with_suffix(".backup")
        copy.unlink(missing_ok=True)
        with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(copy)) as to:
            source.backup(to)
            mark_copy(to)
            to.commit()
        return copy

    def bring_back(self, copy: Path) -> None:
        self.close()
        shutil.copyfile(copy, self.path)
        self._engine = self._opened()

    # -- edits ---------------------------------------------------------------------------------

    def edit(self, statement: str, *values: Any) -> int:
        """Run one statement as a transaction; the rows it changed."""
        with self._connection() as connection:
            changed: int = connection.exec_driver_sql(statement, values).rowcount
            return changed

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._engine.connect() as connection:
            found = connection.exec_driver_sql(statement, values).fetchall()
            return [tuple(row) for row in found]

    def add(self, table: str, **values: Any) -> None:
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        self.edit(f"INSERT INTO {table} ({names}) VALUES ({marks})", *values.values())  # noqa: S608

    def add_camera(self, camera_id: str, **values: Any) -> None:
        self.add("cameras", **{"id": camera_id, "name": camera_id, **CAMERA, **values})

    def add_user(self, user_id: str, name: str, **values: Any) -> None:
        key = name.casefold()
        self.add("users", **{"id": user_id, "name": name, "name_key": key, **USER, **values})

    def add_session(self, session_id: str, user_id: str) -> None:
        self.add(
            "sessions", id=session_id, secret_hash=session_id.encode(), user_id=user_id,
            created_at_us=5, last_seen_us=5, address="", user_agent="", active_us=5,
        )  # fmt: skip

    def set(self, key: str, value: Any) -> None:
        """A setting; None: as it is without one."""
        if value is None:
            self.edit("DELETE FROM settings WHERE key = ?", key)
        else:
            self.edit(
                "INSERT INTO settings VALUES (?, ?) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                key, json.dumps(value),
            )  # fmt: skip

    # -- replication ---------------------------------------------------------------------------

    def position(self) -> tuple[str, int]:
        with self._engine.connect() as connection:
            return position(connection)

    def after(self, seq: int = 0, limit: int = 10_000) -> Batch:
        with self._engine.connect() as connection:
            return changes_after(connection, seq, limit)

    def merge(self, changes: Iterable[Change]) -> Merged:
        """As `Replica.merge`; changes go over the wire."""
        told = [Change.of_json(json.loads(json.dumps(each.as_json()))) for each in changes]
        with self._connection() as connection:
            merged = merge(connection, told, own=self.node_id, words=Words())
        self.conflicts += merged.conflicts
        return merged

    def take_up_waiting(self) -> None:
        """As at the start of a node."""
        with self._connection() as connection:
            take_up_waiting(connection)

    def forget_old(self, utc_us: int) -> int:
        with self._connection() as connection:
            return forget_old(connection, utc_us)

    def hear(self, other: "Site", limit: int = 10_000) -> int:
        """Take over the next batch of `other`; how many fields were new."""
        incarnation, last = other.position()
        known, seq = self.heard.get(other.node_id, (incarnation, 0))
        batch = other.after(seq if known == incarnation and seq <= last else 0, limit)
        merged = self.merge(batch.changes)
        self.heard[other.node_id] = (incarnation, batch.next_seq)
        return merged.applied

    def state(self) -> State:
        """Versions and values of all that is shared."""
        return {
            (each.kind, each.id, each.field): (
                each.counter, each.node, json.dumps(each.seen, sort_keys=True),
                json.dumps(each.value, sort_keys=True),
            )
            for each in self.after().changes
        }  # fmt: skip

    def stored(self) -> dict[str, list[tuple[Any, ...]]]:
        """The shared rows themselves."""
        found = {}
        for kind, shared in shared_tables().items():
            names = ", ".join([shared.kind.id_column, *sorted(shared.columns)])
            rows = self.rows(f"SELECT {names} FROM {kind} ORDER BY 1")  # noqa: S608
            found[kind] = [row for row in rows if row[0] not in LOCAL_SETTINGS]
        return found

    def _connection(self) -> "_Transaction":
        return _Transaction(self._engine)


class _Transaction:
    """One write transaction, as the database's writer begins it."""

    def __init__(self, engine: Engine) -> None:
        self._connecting = engine.connect()

    def __enter__(self) -> Connection:
        connection = self._connecting.__enter__()
        connection.execute(text("BEGIN IMMEDIATE"))
        return connection

    def __exit__(self, kind: Any, *failure: Any) -> None:
        self._connecting.execute(text("ROLLBACK" if kind else "COMMIT"))
        self._connecting.__exit__(kind, *failure)


def exchange(sites: Sequence[Site], limit: int = 10_000) -> int:
    """Everyone hears everyone until nothing is new; how many fields were, in all."""
    total = 0
    for _ in range(50 if limit > 1000 else 500):
        positions = [site.position() for site in sites]
        for site in sites:
            for other in sites:
                if site is not other:
                    total += site.hear(other, limit)
        if positions == [site.position() for site in sites] and all(
            site.heard[other.node_id] == other.position()
            for site in sites
            for other in sites
            if site is not other
        ):
            return total
    raise AssertionError("it does not settle")
