"""The node's database: SQLite in WAL mode, one writer, a few readers, nothing blocks the loop.

`write` answers after the shared COMMIT is on the disk (synchronous=FULL); `read` sees one
consistent state and every write answered before it. Other processes (the command line) may open
the same file meanwhile; `changed_elsewhere` tells.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from falconeye.base.clock import Clock
from falconeye.base.errors import StartError, Unavailable
from falconeye.base.tasks import TaskSet
from falconeye.storage.index import data_directory, pending_restore, schema
from falconeye.storage.index.ballast import BALLAST_BYTES, Ballast
from falconeye.storage.index.instance_lock import InstanceLock
from falconeye.storage.index.one_trip import use_one_trip
from falconeye.storage.index.sqlite_errors import from_surroundings, in_words
from falconeye.storage.index.write_queue import Operation, WriteQueue

log = logging.getLogger(__name__)

T = TypeVar("T")

READERS = 3
POOL_TIMEOUT_S = 10.0  # a reader that waits longer is told Unavailable
BALLAST_RETRY_S = 60.0
WRITER_PRAGMAS = (
    "PRAGMA busy_timeout=5000",  # the command line may hold the write lock for a moment
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # NORMAL lost every row at a power cut
    "PRAGMA foreign_keys=ON",
    "PRAGMA journal_size_limit=16777216",
    "PRAGMA cache_size=-8000",  # 8 MB
)
READER_PRAGMAS = (
    "PRAGMA busy_timeout=5000",
    "PRAGMA query_only=ON",
    "PRAGMA cache_size=-4000",  # 4 MB each
)


class Database:
    """One SQLite file in the data directory. All methods but `write_threadsafe` run on the loop."""

    def __init__(self, data_dir: Path, clock: Clock, *, ballast_bytes: int = BALLAST_BYTES) -> None:
        self.data_dir = data_dir.absolute()
        self.path = self.data_dir / data_directory.DATABASE_NAME
        self.committed: list[Callable[[], None]] = []  # called on the loop after each COMMIT
        self._clock = clock
        self._lock = InstanceLock(self.data_dir)
        self._ballast = Ballast(self.data_dir, ballast_bytes)
        self._tasks = TaskSet("database")
        self._files: ThreadPoolExecutor | None = None  # the thread for all but SQL
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: WriteQueue | None = None
        self._writing: asyncio.Task[Any] | None = None
        self._writer: AsyncEngine | None = None
        self._connection: AsyncConnection | None = None
        self._readers: AsyncEngine | None = None
        self._data_version: int | None = None

    async def open(self, *, exclusive: bool = False) -> None:
        """Check the directory, migrate the schema, start the writer.

        `exclusive` (for `serve`) refuses a second such process. StartError says what is wrong and
        the way out: read-only directory, network file system, newer version, damaged file.
        """
        self._loop = asyncio.get_running_loop()
        self._files = ThreadPoolExecutor(1, thread_name_prefix="database-files")
        try:
            await self._in_thread(partial(self._prepare, exclusive=exclusive))
            await self._in_thread(partial(schema.migrate, self.path, self._lock, self._clock))
            await self._connect()
            if exclusive:
                _ = self._tasks.start(self._keep_ballast(), "ballast")
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Commit what waits, close the connections, drop the lock. May be called twice."""
        if self._queue is not None and self._writing is not None:
            self._queue.stop()
            await self._writing
        await self._tasks.stop()
        if self._connection is not None:
            await self._connection.close()
        for engine in (self._writer, self._readers):
            if engine is not None:
                await engine.dispose()
        self._connection = self._writer = self._readers = None
        if self._files is not None:
            await self._in_thread(self._lock.release)
            self._files.shutdown(wait=False)
            self._files = None

    async def write(self, operation: Operation[T]) -> T:
        """Run `operation(connection)` in a savepoint; its result once it is on the disk.

        What it raises undoes it alone and is raised here. It must touch only the connection (others
        wait meanwhile), and may be run a second time when the disk was full and room was made.
        Unavailable when it cannot be stored. A caller cancelled while it waits withdraws it.
        """
        answer: Future[T] = Future()
        self._opened_queue().put(operation, answer)
        return await asyncio.wrap_future(answer)

    def write_threadsafe(self, operation: Operation[T]) -> "Future[T]":
        """`write` for a thread; never blocks, keeps the order of the calls of one thread."""
        answer: Future[T] = Future()
        try:
            loop, queue = self._opened_loop(), self._opened_queue()
            loop.call_soon_threadsafe(queue.put, operation, answer)
        except (RuntimeError, Unavailable) as error:  # RuntimeError: the loop is closed
            failure = Unavailable("the database is closed")
            failure.__cause__ = error
            answer.set_exception(failure)
        return answer

    async def read(self, operation: Operation[T]) -> T:
        """Run `operation(connection)` on one consistent state; it cannot write."""
        async with self.reader() as connection:
            return await operation(connection)

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[AsyncConnection]:
        """A read-only connection on one consistent state; keep it briefly, there are three.

        Unavailable when the file cannot be read.
        """
        if self._readers is None:
            msg = "the database is closed"
            raise Unavailable(msg)
        try:
            async with self._readers.connect() as connection, connection.begin():
                yield connection
        except DBAPIError as error:
            if from_surroundings(error):
                raise in_words(error) from error
            raise
        except PoolTimeoutError as error:
            raise Unavailable("too many read from the database at this moment") from error

    async def changed_elsewhere(self) -> bool:
        """Whether another process committed since the last call (PRAGMA data_version)."""
        version = await self.write(_data_version)
        changed = version != self._data_version
        self._data_version = version
        return changed

    async def backup(self, target: Path) -> None:
        """A consistent copy at `target` (mode 0600, must not exist) while everything goes on."""
        await self._in_thread(partial(schema.copy_database, self.path, target))

    async def downgrade(self, revision: str) -> None:
        """Take the schema of the closed database back to `revision`, after a backup.

        For `falconeye db downgrade`, run by the newer release before the older one is installed.
        StartError when a server is running or the revision is unknown.
        """
        self._loop = asyncio.get_running_loop()
        self._files = ThreadPoolExecutor(1, thread_name_prefix="database-files")
        try:
            await self._in_thread(partial(self._prepare, exclusive=True))
            await self._in_thread(partial(schema.downgrade, self.path, revision, self._clock))
        finally:
            await self.close()

    async def is_served(self) -> bool:
        """Whether a serving process, this one or another, has the data directory."""
        return await self._in_thread(self._lock.is_held_by_anyone)

    @property
    def clock(self) -> Clock:
        """By which what is stored is dated."""
        return self._clock

    @property
    def commits(self) -> int:
        """Groups committed so far."""
        return self._queue.commits if self._queue is not None else 0

    @property
    def waiting(self) -> int:
        """Operations that wait for the writer, for metrics."""
        return self._queue.waiting if self._queue is not None else 0

    def _prepare(self, *, exclusive: bool) -> None:
        data_directory.prepare(self.data_dir, self._ballast.give_up)
        if exclusive:
            self._lock.acquire()
            pending_restore.put_in_place(self.data_dir, self._clock.utc_us())
            self._ballast.make_room_if_full()
            self._ballast.restore()

    async def _connect(self) -> None:
        writer, self._readers = await self._in_thread(self._make_engines)
        self._writer = writer
        try:
            self._connection = await writer.connect()
        except DBAPIError as error:
            raise StartError(schema.damaged(self.path, error)) from error
        self._queue = WriteQueue(self._connection, self._clock, self._make_room)
        self._queue.committed = self.committed
        self._writing = self._tasks.start(self._queue.run(), "writer")
        self._data_version = await self.write(_data_version)

    def _make_engines(self) -> tuple[AsyncEngine, AsyncEngine]:
        # In a thread: SQLAlchemy looks at the file system while it makes an engine.
        return (
            _engine(self.path, 1, "BEGIN IMMEDIATE", WRITER_PRAGMAS),
            _engine(self.path, READERS, "BEGIN", READER_PRAGMAS),
        )

    async def _make_room(self) -> bool:
        return await self._in_thread(self._ballast.give_up)

    async def _keep_ballast(self) -> None:
        """Set the ballast aside again once there is space; we or a command gave it up."""
        while True:
            await asyncio.sleep(BALLAST_RETRY_S)
            await self._in_thread(self._ballast.restore)

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await self._opened_loop().run_in_executor(self._files, function)

    def _opened_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            msg = "the database is not open"
            raise Unavailable(msg)
        return self._loop

    def _opened_queue(self) -> WriteQueue:
        if self._queue is None:
            msg = "the database is not open"
            raise Unavailable(msg)
        return self._queue


async def _data_version(connection: AsyncConnection) -> int:
    version: int = (await connection.exec_driver_sql("PRAGMA data_version")).scalar_one()
    return version


def _engine(path: Path, size: int, begin: str, pragmas: tuple[str, ...]) -> AsyncEngine:
    # isolation_level None: the driver begins nothing by itself, so that savepoints and BEGIN
    # IMMEDIATE work (docs.sqlalchemy.org, "SQLite Transactions").
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        pool_size=size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_S,
        connect_args={"isolation_level": None},
    )
    use_one_trip(engine)

    @event.listens_for(engine.sync_engine, "connect")
    def set_pragmas(dbapi_connection: Any, _record: object) -> None:
        cursor = dbapi_connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
