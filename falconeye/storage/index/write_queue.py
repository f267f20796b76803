"""One writer: what waits together is committed together, and is on the disk when it is answered."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.clock import Clock
from falconeye.base.errors import Unavailable
from falconeye.storage.index.sqlite_errors import in_words, is_disk_full, loses_transaction

T = TypeVar("T")
Operation = Callable[[AsyncConnection], Awaitable[T]]

GROUP_US = 100_000  # the first of a group waits at most this long for later ones
MAX_WAITING = 10_000  # overflow policy: the newest is refused with Unavailable


@dataclass(slots=True)
class _Request:
    operation: Operation[Any]
    answer: Future[Any]
    value: Any = None
    error: Exception | None = None

    def starts(self) -> bool:
        """False when whoever asked has withdrawn it; from now on that is too late."""
        return self.answer.set_running_or_notify_cancel()

    async def run(self, connection: AsyncConnection) -> None:
        """Run in a savepoint of its own; raises only what ends the whole group."""
        savepoint = await connection.begin_nested()
        try:
            self.value = await self.operation(connection)
        except Exception as error:
            if loses_transaction(error):
                raise
            await savepoint.rollback()
            self.error = error
        else:
            await savepoint.commit()

    def finish(self, failure: Exception | None = None) -> None:
        if (error := failure or self.error) is not None:
            self.answer.set_exception(error)
        else:
            self.answer.set_result(self.value)


class WriteQueue:
    """Runs operations one after the other on one connection; lives on the loop."""

    def __init__(
        self, connection: AsyncConnection, clock: Clock, make_room: Callable[[], Awaitable[bool]]
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._make_room = make_room
        self._waiting: deque[_Request] = deque()
        self._ready = asyncio.Event()
        self._stopping = False
        self.commits = 0
        self.committed: Sequence[Callable[[], None]] = ()  # called after each group

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def put(self, operation: Operation[Any], answer: Future[Any]) -> None:
        """Queue an operation; its answer comes after the COMMIT that covers it."""
        if self._stopping:
            answer.set_exception(Unavailable("the database is closed"))
        elif len(self._waiting) >= MAX_WAITING:
            answer.set_exception(Unavailable("the database cannot keep up with the changes"))
        else:
            self._waiting.append(_Request(operation, answer))
            self._ready.set()

    def stop(self) -> None:
        """`run` ends once everything queued so far is committed."""
        self._stopping = True
        self._ready.set()

    async def run(self) -> None:
        """Commit groups until stopped."""
        try:
            while self._waiting or not self._stopping:
                await self._ready.wait()
                if self._waiting:
                    await self._commit_group()
                if not self._waiting and not self._stopping:
                    self._ready.clear()
        finally:
            self._stopping = True
            for request in self._take_all():
                request.finish(Unavailable("the database is closed"))

    async def _commit_group(self) -> None:
        group: list[_Request] = []
        try:
            failure = await self._try_commit(group)
            if is_disk_full(failure) and await self._make_room():
                # Nothing of the group was kept: run it again, now that there is room.
                failure = await self._try_commit(group, again=True)
        except BaseException:
            for request in group:
                request.finish(Unavailable("the database is closed"))
            raise
        if failure is not None and not group:
            # It could not even begin: those who wait are told, instead of trying for ever.
            group.extend(self._take_all())
        for request in group:
            request.finish(failure)

    async def _try_commit(self, group: list[_Request], *, again: bool = False) -> Exception | None:
        """Fill `group` (unless `again`) and commit it; what makes all of it fail, or None."""
        try:
            async with self._connection.begin():
                for request in group:
                    request.error = None
                    await request.run(self._connection)
                if not again:
                    await self._take_waiting(group)
        except Exception as error:  # noqa: BLE001 - the answer for everyone in the group
            return in_words(error)
        self.commits += 1
        for tell in self.committed:
            tell()
        return None

    def _take_all(self) -> list[_Request]:
        taken = [request for request in self._waiting if request.starts()]
        self._waiting.clear()
        return taken

    async def _take_waiting(self, group: list[_Request]) -> None:
        deadline = self._clock.monotonic_us() + GROUP_US
        while self._waiting and (not group or self._clock.monotonic_us() < deadline):
            request = self._waiting.popleft()
            if request.starts():
                group.append(request)
                await request.run(self._connection)
