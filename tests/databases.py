"""Databases for tests: real SQLite files, with a ballast that costs nothing."""

from pathlib import Path

from falconeye.base.clock import Clock
from falconeye.storage.database import Database

SMALL_BALLAST = 64 * 1024


def closed_database(data_dir: Path, clock: Clock) -> Database:
    """A database that the test opens (and closes) itself."""
    return Database(data_dir, clock, ballast_bytes=SMALL_BALLAST)
