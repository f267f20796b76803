"""One trip to SQLite's thread for each statement, and answers as SQLAlchemy's own cursor has."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from falconeye.storage.index.one_trip import OneTripConnection, use_one_trip

MAKE = text("CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT UNIQUE)")
ADD = text("INSERT INTO words (word) VALUES (:word)")
ALL = text("SELECT id, word FROM words ORDER BY id")


@pytest.fixture(params=[True, False], ids=["one trip", "its own"])
async def engine(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[AsyncEngine]:
    url = URL.create("sqlite+aiosqlite", database=str(tmp_path / "words.sqlite3"))
    made = create_async_engine(url, connect_args={"isolation_level": None})
    if request.param:
        use_one_trip(made)
    async with made.connect() as connection:
        await connection.execute(MAKE)
        await connection.execute(ADD, [{"word": "one"}, {"word": "two"}])
    yield made
    await made.dispose()


async def trips(connection: AsyncConnection) -> list[object]:
    """What goes to the thread from now on."""
    raw: Any = (await connection.get_raw_connection()).driver_connection
    made: list[object] = []
    send = raw._execute

    async def counted(function: Any, *arguments: Any) -> Any:
        made.append(function)
        return await send(function, *arguments)

    raw._execute = counted
    return made


async def test_answers_are_the_same(engine: AsyncEngine) -> None:
    """Of both cursors."""
    async with engine.connect() as connection:
        found = await connection.execute(ALL)
        assert found.keys() == ["id", "word"]
        assert [tuple(row) for row in found] == [(1, "one"), (2, "two")]
        assert (await connection.execute(ALL)).first() == (1, "one")
        none = await connection.execute(text("SELECT id FROM words WHERE word = :w"), {"w": "x"})
        assert none.all() == []
        changed = await connection.execute(text("UPDATE words SET word = word || '!'"))
        assert changed.rowcount == 2
        added = await connection.execute(ADD, {"word": "three"})
        assert added.lastrowid == 3
        back = text("INSERT INTO words (word) VALUES ('four') RETURNING id")
        assert (await connection.execute(back)).scalar_one() == 4
        streamed = await connection.stream(ALL)
        assert [row.word async for row in streamed] == ["one!", "two!", "three", "four"]


async def test_errors_are_the_same_and_leave_the_connection_well(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        with pytest.raises(IntegrityError, match="UNIQUE"):
            await connection.execute(ADD, {"word": "one"})
        with pytest.raises(IntegrityError, match="UNIQUE"):
            await connection.execute(ADD, [{"word": "five"}, {"word": "two"}])
        with pytest.raises(OperationalError, match="no such table"):
            await connection.execute(text("SELECT 1 FROM nowhere"))
        assert len((await connection.execute(ALL)).all()) >= 2


async def test_a_transaction_that_is_not_ended_is_rolled_back(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.exec_driver_sql("BEGIN")
        await connection.execute(ADD, {"word": "lost"})
    async with engine.connect() as connection:
        assert [row.word for row in await connection.execute(ALL)] == ["one", "two"]
        await connection.exec_driver_sql("BEGIN IMMEDIATE")  # nobody holds the lock


@pytest.mark.parametrize("engine", [True], indirect=True, ids=["one trip"])
async def test_a_statement_is_one_trip(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        made = await trips(connection)
        (await connection.execute(ALL)).all()
        assert len(made) == 1
        await connection.execute(ADD, [{"word": "three"}, {"word": "four"}])
        assert len(made) == 2
        raw: Any = (await connection.get_raw_connection()).dbapi_connection
        assert isinstance(raw, OneTripConnection)
    assert len(made) == 2  # given back to the pool, there was nothing to roll back
