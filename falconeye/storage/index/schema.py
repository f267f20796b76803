"""Brings the database file to this release's schema, or back; everything here blocks (a thread).

Alembic is loaded only when there is something to do: it costs 0.65 s and 53 MB.
"""

import errno
import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL, create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from falconeye.base.clock import Clock
from falconeye.base.errors import StartError
from falconeye.base.times import to_datetime
from falconeye.storage import migrations
from falconeye.storage.index import replica_triggers
from falconeye.storage.index.instance_lock import RETRY_S, InstanceLock
from falconeye.storage.tables.node import METADATA

log = logging.getLogger(__name__)

BACKUPS_KEPT = 3
SERVER_MIGRATES_S = 5.0
_BACKUP_PAGES = 1024  # 4 MB at a time, then other processes get a turn


def migrate(path: Path, lock: InstanceLock, clock: Clock) -> None:
    """Upgrade to the newest revision; one SELECT when it is there already.

    StartError for a newer or damaged database, or while a server of another release is running.
    """
    known = migrations.revisions()
    if _one_of(known, path) == known[-1]:
        return
    if lock.held:
        _upgrade(path, known, clock)
    elif _take_lock_or_wait(path, lock, known[-1]):
        try:
            _upgrade(path, known, clock)
        finally:
            lock.release()


def downgrade(path: Path, revision: str, clock: Clock) -> None:
    """Take the schema back to `revision`, after a backup; nothing is done when it is there already.

    StartError for a revision that is neither the present one nor an older one.
    """
    known = migrations.revisions()
    current = _one_of(known, path)
    if current is None:
        msg = f"the database {path} is empty: there is nothing to take back"
        raise StartError(msg)
    older = known[: known.index(current) + 1]
    if revision not in older:
        msg = f"the database is at revision {current}; it can go back to one of {', '.join(older)}"
        raise StartError(msg)
    if revision == current:
        return  # and no backup, which would push out an older one
    _backup(path, current, clock)
    _run_alembic(path, "downgrade", revision)


def current_revision(path: Path) -> str | None:
    """The schema revision of the file; None when it is empty."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            if "alembic_version" in tables:
                row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
                return str(row[0]) if row else None
    except sqlite3.Error as error:
        raise StartError(damaged(path, error)) from error
    if tables:
        msg = f"{path} is a database, but not one of FalconEye: choose another --data-dir"
        raise StartError(msg)
    return None


def copy_database(source: Path, target: Path) -> None:
    """A consistent copy (SQLite online backup API) on the disk at `target`, mode 0600.

    It has its name only once it is whole: what a kill leaves passes for no backup.
    """
    part = target.with_name(f".{target.name}.part")
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    try:
        with closing(sqlite3.connect(source)) as from_, closing(sqlite3.connect(part)) as to:
            from_.backup(to, pages=_BACKUP_PAGES, sleep=0.01)
            replica_triggers.mark_copy(to)
            to.commit()
        _sync(part)
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        part.rename(target)
        _sync(target.parent)
    finally:
        part.unlink(missing_ok=True)


def damaged(path: Path, error: Exception) -> str:
    """What to say of a file that SQLite cannot use."""
    return (
        f"the database {path} cannot be used ({error}). Put back a copy from "
        f"{path.parent / 'backups'}, or move the file away to begin anew; then run "
        "`falconeye check --repair`, which finds the footage again"
    )


def _newer(path: Path, current: str, head: str) -> str:
    return (
        f"the database {path} was written by a newer FalconEye (its revision is {current}, this "
        f"release knows up to {head}). Install the newer release again; to go back for good, let "
        f"it run `falconeye db downgrade {head}` first, or put back the copy it made in "
        f"{path.parent / 'backups'} and run `falconeye check --repair`"
    )


def _one_of(known: Sequence[str], path: Path) -> str | None:
    """`current_revision`; StartError when this release does not know it."""
    current = current_revision(path)
    if current is not None and current not in known:
        raise StartError(_newer(path, current, known[-1]))
    return current


def _upgrade(path: Path, known: Sequence[str], clock: Clock) -> None:
    """Bring the schema to the newest revision, unless whoever had the lock before has done it."""
    current, head = _one_of(known, path), known[-1]
    if current is None:
        _create(path, head)
    elif current != head:
        _backup(path, current, clock)
        log.info("migrating the database from %s to %s", current, head)
        _run_alembic(path, "upgrade", head)


def _take_lock_or_wait(path: Path, lock: InstanceLock, head: str) -> bool:
    """Take the lock to migrate (True), or let a starting server do it (False)."""
    deadline = time.monotonic() + SERVER_MIGRATES_S
    while not lock.try_acquire():
        if current_revision(path) == head:
            return False
        if time.monotonic() >= deadline:
            msg = "the running server is of an older release than this command: restart it first"
            raise StartError(msg)
        time.sleep(RETRY_S)
    return True


def _backup(path: Path, revision: str, clock: Clock) -> None:
    directory = path.parent / "backups"
    moment = to_datetime(clock.utc_us()).strftime("%Y%m%dT%H%M%S%fZ")
    target = directory / f"{path.stem}-{moment}-{revision}.sqlite3"
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        for left in directory.glob(f".{path.stem}-*.part"):  # of a start that was killed
            left.unlink(missing_ok=True)
        copy_database(path, target)
    except (OSError, sqlite3.Error) as error:
        msg = f"the database was not migrated, because no backup could be made: {error}"
        raise StartError(msg) from error
    log.info("backed the database up to %s", target)
    # By their names: a clock that was set back may sort the one just made before the older ones.
    others = sorted(set(directory.glob(f"{path.stem}-*.sqlite3")) - {target})
    for old in others[: 1 - BACKUPS_KEPT]:
        old.unlink()


def _create(path: Path, revision: str) -> None:
    """A new database needs no steps: the tables as they are now, marked with their revision.

    A test holds that they equal what the steps make.
    """
    log.info("making the database, revision %s", revision)
    try:
        with _migration_connection(path) as connection:
            METADATA.create_all(connection)
            replica_triggers.renew(connection)
            connection.exec_driver_sql(
                "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
                "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
            )
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (revision,))
    except DBAPIError as error:
        msg = f"the database {path} cannot be made: {error.orig}"
        raise StartError(msg) from error


def _run_alembic(path: Path, command_name: str, revision: str) -> None:
    # Loaded late on purpose: see the module's docstring.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(migrations.DIRECTORY).replace("%", "%%"))
    try:
        with _migration_connection(path) as connection:
            config.attributes["connection"] = connection
            shared = replica_triggers.values_of_shared(connection)
            replica_triggers.drop(connection)
            getattr(command, command_name)(config, revision)
            replica_triggers.keep_lost(connection, shared)
            replica_triggers.renew(connection)
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            if broken:
                msg = f"the {command_name} to {revision} would break {len(broken)} references"
                raise StartError(msg)
    except DBAPIError as error:
        msg = (
            f"the {command_name} of {path} to {revision} failed, nothing was changed: {error.orig}"
        )
        raise StartError(msg) from error


@contextmanager
def _migration_connection(path: Path) -> Iterator[Connection]:
    """One transaction, which Alembic's steps share: all or nothing."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=NullPool,
        connect_args={"isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def set_pragmas(dbapi_connection: sqlite3.Connection, _record: object) -> None:
        for pragma in ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL"):
            dbapi_connection.execute(f"PRAGMA {pragma}")
        # Batch migrations rebuild tables; the references are checked at the end.
        dbapi_connection.execute("PRAGMA foreign_keys=OFF")

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.begin() as connection:
        yield connection


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
