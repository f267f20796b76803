"""SQLite's result codes (sqlite.org/rescode.html): what they mean for a transaction, in words."""

import logging
import sqlite3

from sqlalchemy.exc import DBAPIError

from falconeye.base.errors import Unavailable

log = logging.getLogger(__name__)

# SQLite may have rolled back the whole transaction (sqlite.org/lang_transaction.html, 3.1).
_LOST = frozenset({
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
})  # fmt: skip
# The disk or another process is at fault, not the statement.
_SURROUNDINGS = _LOST | {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN}


def primary_code(error: BaseException | None) -> int | None:
    """SQLite's primary result code behind an error, ours or SQLAlchemy's; None without one."""
    while error is not None:
        if isinstance(error, DBAPIError):
            error = error.orig
        if isinstance(error, sqlite3.Error):
            code: int | None = getattr(error, "sqlite_errorcode", None)
            return None if code is None else code & 0xFF
        error = error.__cause__ if error is not None else None
    return None


def loses_transaction(error: BaseException) -> bool:
    """Whether nothing of the transaction can be relied on any more."""
    return primary_code(error) in _LOST


def is_disk_full(error: BaseException | None) -> bool:
    return primary_code(error) == sqlite3.SQLITE_FULL


def from_surroundings(error: BaseException) -> bool:
    """Whether the disk, the file or another process is at fault, rather than the statement."""
    return primary_code(error) in _SURROUNDINGS


def in_words(error: Exception) -> Unavailable:
    """The error for those who asked, with words where a person can do something."""
    code = primary_code(error)
    if code == sqlite3.SQLITE_FULL:
        words = "the disk of the data directory is full"
    elif code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        words = "another process is writing to the database: try again"
    else:
        log.error("the database failed", exc_info=error)
        cause = error.orig if isinstance(error, DBAPIError) else error
        words = f"the database cannot be used ({cause})"
    failure = Unavailable(words)
    failure.__cause__ = error
    return failure
