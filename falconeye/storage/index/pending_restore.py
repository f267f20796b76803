"""Puts restored files in the place of the present ones: all, or at the next start what is left.

A restore lays what it has checked into `restore.pending`, by one rename. Whoever holds the
instance lock then takes it from there by another, so that a later restore cannot exchange files
under its hands, and puts it in place, the database last: where that ends half-way, the next start
goes on. What is replaced stays beside, by the time of its replacement.
"""

import logging
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from falconeye.base.errors import StartError
from falconeye.base.times import to_datetime
from falconeye.storage.index.data_directory import DATABASE_NAME

log = logging.getLogger(__name__)

PENDING: Final = "restore.pending"
TAKEN: Final = "restore.taken"  # it is being put in place


def is_pending(data_dir: Path) -> bool:
    return any((data_dir / name).is_dir() for name in (PENDING, TAKEN))


def put_in_place(data_dir: Path, utc_us: int) -> list[Path]:
    """What was replaced, under its new names; nothing is done when no restore waits.

    Only for who holds the instance lock. StartError when the disk refuses. Blocks.
    """
    kept: list[Path] = []
    if (data_dir / TAKEN).is_dir():  # what an end half-way left is finished, never mixed
        kept += _put(data_dir, utc_us)
    if (data_dir / PENDING).is_dir():
        try:
            (data_dir / PENDING).rename(data_dir / TAKEN)
            _sync(data_dir)
        except OSError as error:
            raise StartError(_stuck(data_dir / PENDING, error)) from error
        kept += _put(data_dir, utc_us)
    return kept


def _put(data_dir: Path, utc_us: int) -> list[Path]:
    taken = data_dir / TAKEN
    moment = to_datetime(utc_us).strftime("%Y%m%dT%H%M%S%fZ")
    kept: list[Path] = []
    try:
        for file in sorted(taken.iterdir(), key=lambda file: (file.name == DATABASE_NAME, file)):
            kept += _replace(file, data_dir / file.name, moment)
        _sync(data_dir)
        shutil.rmtree(taken)
        _sync(data_dir)
    except OSError as error:
        raise StartError(_stuck(taken, error)) from error
    log.warning("the data of a backup are in place; what they replaced: %s", kept or "nothing")
    return kept


def _stuck(directory: Path, error: OSError) -> str:
    return (
        f"the restore in {directory} cannot be put in place ({error.strerror or error}). Mend "
        "that and start again, or remove that directory to go on with the present data"
    )


def _replace(new: Path, old: Path, moment: str) -> list[Path]:
    """`new` takes the place of `old`, which stays under another name where it holds anything."""
    kept: list[Path] = []
    if old.name == DATABASE_NAME:
        kept += _set_log_aside(old, moment)
    if old.exists() and old.stat().st_size and not _is_same(new, old):
        aside = _aside(old, moment)
        os.link(old, aside)  # the old one stays in its place until the new one takes it
        kept.append(aside)
    new.replace(old)
    return kept


def _set_log_aside(database: Path, moment: str) -> list[Path]:
    """SQLite would take the old database's log for one of the new: into the old one, or aside."""
    try:
        if database.exists() and _is_database(database):  # else SQLite would throw the log away
            with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.Error as error:  # damaged: that may be why another one is brought
        log.warning("the replaced database %s is damaged: %s", database, error)
    kept: list[Path] = []
    wal = database.with_name(f"{database.name}-wal")
    if wal.exists():
        aside = _aside(database, moment)
        kept.append(wal.rename(aside.with_name(f"{aside.name}-wal")))
    database.with_name(f"{database.name}-shm").unlink(missing_ok=True)
    return kept


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def _aside(path: Path, moment: str) -> Path:
    """A name that is free: two restores may be put in place at one moment."""
    number, aside = 1, path.with_name(f"{path.stem}-replaced-{moment}{path.suffix}")
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.stem}-replaced-{moment}-{number}{path.suffix}")
    return aside


def _is_same(one: Path, other: Path) -> bool:
    same_size = one.stat().st_size == other.stat().st_size
    return same_size and one.name != DATABASE_NAME and one.read_bytes() == other.read_bytes()


def _sync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
