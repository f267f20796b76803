"""A copy of the database without the index of the files, which the files themselves tell.

Of 64 cameras the index takes gigabytes a month; all else (cameras, accounts, settings, why footage
is missing, what is protected, the audit log) takes megabytes. Sessions are left out as well: who
signed out since must not be signed in again.

It is one read transaction rather than SQLite's backup API, which copies all pages, begins again
with each commit of another process, and would take the gigabytes twice. In WAL mode it holds no
writer up and sees one moment.
"""

import errno
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from falconeye.base.errors import Unavailable
from falconeye.storage.index import replica_triggers

INCOMPLETE: Final = "index_incomplete"  # a key of `settings`: `check --rebuild` takes it away
_LEFT_OUT: Final = frozenset({
    "segments", "fragments", "usage", "open_files", "moves", "sessions", "setup_links",
})  # fmt: skip


def snapshot(source: Path, target: Path) -> None:
    """Copy `source` to the new file `target` (mode 0600), synced. Blocks: a thread.

    It has its name only once it is whole: what a kill leaves passes for no backup. Unavailable when
    it cannot be read or written, or `target` is there; nothing is left behind then.
    """
    part = part_of(target)
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        with closing(_connect(part)) as connection:
            _copy(connection, source)
        fsync(part)
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        part.rename(target)
        fsync(target.parent)
    except (sqlite3.Error, OSError) as error:
        msg = f"the database cannot be copied: {error}"
        raise Unavailable(msg) from error
    finally:
        part.unlink(missing_ok=True)


def part_of(target: Path) -> Path:
    """A name of its own for `target` while it is not whole."""
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")


def fsync(path: Path) -> None:
    """Bring a file, or the entries of a directory, to the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _connect(target: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(target.absolute().as_uri(), uri=True, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "foreign_keys=OFF", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}").close()
    return connection


def _copy(connection: sqlite3.Connection, source: Path) -> None:
    connection.execute("ATTACH ? AS source", (f"{source.absolute().as_uri()}?mode=rw",))
    with _transaction(connection):
        schema = connection.execute(
            "SELECT type, name, sql FROM source.sqlite_master WHERE sql IS NOT NULL "
            "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid"
        ).fetchall()
        tables = [(name, sql) for kind, name, sql in schema if kind == "table"]
        for name, sql in tables:
            connection.execute(sql)
            if name not in _LEFT_OUT:
                quoted = '"' + name.replace('"', '""') + '"'
                connection.execute(f"INSERT INTO main.{quoted} SELECT * FROM source.{quoted}")  # noqa: S608 - a table's own name, quoted
        if _has_sequences(connection):  # so that no number of the audit log is given twice
            connection.execute("DELETE FROM main.sqlite_sequence")
            connection.execute(
                "INSERT INTO main.sqlite_sequence SELECT * FROM source.sqlite_sequence"
            )
        for kind, _, sql in schema:  # triggers refuse changes: they come last
            if kind != "table":
                connection.execute(sql)
        replica_triggers.mark_copy(connection, restored=True)
        if any(name == "settings" for name, _ in tables):
            connection.execute(
                "INSERT OR REPLACE INTO main.settings (key, value) VALUES (?, 'true')",
                (INCOMPLETE,),
            )


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN")
    yield  # an error leaves a file that is thrown away
    connection.execute("COMMIT")


def _has_sequences(connection: sqlite3.Connection) -> bool:
    found = connection.execute(
        "SELECT count(*) FROM main.sqlite_master WHERE name = 'sqlite_sequence'"
    ).fetchone()
    return bool(found[0])
