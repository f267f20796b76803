"""SQLite in a thread, asked with one trip to it for each statement.

SQLAlchemy's cursor over aiosqlite makes four: it opens a cursor, executes, fetches and closes, and
waits each time until the thread has run and the loop is woken. On a node whose cores are busy that
is most of what a short question costs; the question itself takes microseconds.

What is overridden has no public name: `test_one_trip.py` holds it against SQLAlchemy's own, within
the releases that `pyproject.toml` allows.
"""

# ruff: noqa: SLF001 - as above

import collections
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy import event
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
)
from sqlalchemy.ext.asyncio import AsyncEngine
from typing_extensions import override


class _Answer(NamedTuple):
    """What a cursor told before it was closed (PEP 249), beside its rows."""

    description: Any = None
    rowcount: int = -1
    lastrowid: int | None = None
    arraysize: int = 1

    def close(self) -> None:
        """It is."""


_NOTHING: Final = _Answer()


class OneTripCursor(AsyncAdapt_aiosqlite_cursor):
    """Opens, executes, fetches all and closes within the thread."""

    __slots__ = ()
    _awaitable_cursor_close = False

    @override
    def _make_new_cursor(self, connection: Any) -> Any:
        _ = connection  # none is opened yet
        return _NOTHING

    @override
    def _aenter_cursor(self, cursor: Any) -> Any:
        return cursor

    @override
    async def _execute_async(self, operation: Any, parameters: Any) -> Any:
        await self._asked(partial(_execute, operation, () if parameters is None else parameters))

    @override
    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> Any:
        await self._asked(partial(_execute_many, operation, seq_of_parameters))

    async def _asked(
        self, question: Callable[[sqlite3.Connection], tuple[_Answer, Sequence[Any]]]
    ) -> None:
        connection: Any = self._connection
        async with self._adapt_connection._execute_mutex:
            answer: Any
            answer, rows = await connection._execute(question, connection._conn)
            self._cursor = answer
            self._rows = collections.deque(rows)


class OneTripConnection(AsyncAdapt_aiosqlite_connection):
    """Its usual cursor makes one trip; one that streams is SQLAlchemy's."""

    __slots__ = ()
    _cursor_cls = OneTripCursor

    @override
    def rollback(self) -> None:
        """No trip where there is nothing to roll back: the pool asks for one after each use."""
        connection: Any = self._connection
        if connection._connection and connection.in_transaction:
            super().rollback()


def use_one_trip(engine: AsyncEngine) -> None:
    """All connections that the engine makes from now on."""

    @event.listens_for(engine.sync_engine, "do_connect")
    def connect(
        dialect: Any, _record: object, arguments: Sequence[Any], named: dict[str, Any]
    ) -> OneTripConnection:
        made = dialect.dbapi.connect(*arguments, **named)
        return OneTripConnection(made.dbapi, made._connection)


def _execute(
    operation: str, parameters: Any, connection: sqlite3.Connection
) -> tuple[_Answer, Sequence[Any]]:
    cursor = connection.cursor()
    try:
        cursor.execute(operation, parameters)
        rows = cursor.fetchall() if cursor.description else ()
        return _Answer(cursor.description, cursor.rowcount, cursor.lastrowid), rows
    finally:
        cursor.close()


def _execute_many(
    operation: str, parameters: Any, connection: sqlite3.Connection
) -> tuple[_Answer, Sequence[Any]]:
    cursor = connection.cursor()
    try:
        cursor.executemany(operation, parameters)
        return _Answer(cursor.description, cursor.rowcount, cursor.lastrowid), ()
    finally:
        cursor.close()
