"""This node's copy of what all nodes share: what it tells peers, what it takes over from them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import select
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import FalconEyeError, InvalidInput
from falconeye.base.tasks import TaskSet
from falconeye.base.times import DAY_US
from falconeye.storage.index.database import Database
from falconeye.storage.replication import merging, pruning, reading
from falconeye.storage.replication.changes import MAX_CHANGES, Batch, Change, Merged
from falconeye.storage.replication.words import Words
from falconeye.storage.stores.credentials import CredentialCipher
from falconeye.storage.tables.node import NODE

T = TypeVar("T")
log = logging.getLogger(__name__)

BATCH: Final = 200  # changes that are told at once: the loop has them for 10 ms
LOOK_AGAIN_S: Final = 0.05  # edits that come together are told together
TRY_AGAIN_S: Final = 1.0
Applied = Callable[[frozenset[str]], Awaitable[None]]


class Replica:
    """Lives on the loop, over a database that is open; `start` is for the process that serves.

    `on_applied` is called with the kinds in which a merge changed rows: whoever keeps them in
    memory reads them again. `changed` is called when somebody edited a row here, also from the
    command line.
    """

    def __init__(self, database: Database, cipher: CredentialCipher | None = None) -> None:
        self.on_applied: list[Applied] = []
        self.changed: list[Callable[[], None]] = []
        self._database = database
        self._words = Words(cipher)
        self._tasks = TaskSet("replica")
        self._committed = asyncio.Event()
        self._told_seq = 0
        self._counting = asyncio.Lock()  # a look within a merge takes it for an edit
        self._untold: set[str] = set()
        self._telling = asyncio.Lock()
        self._cleaned_day = -1
        self._not_known: frozenset[tuple[str, str]] = frozenset()
        self._said: set[tuple[str, str]] = set()  # of those, in the log

    @property
    def tell_of_more(self) -> frozenset[str]:
        """Nodes (ids) that told of what this release does not know: it wants to be updated."""
        return frozenset(node for node, _ in self._not_known)

    async def open(self) -> None:
        """Before anything else; a database that is new or was brought back gets its incarnation.

        What an earlier release could not take over comes into its place, where this one can.
        """
        (_, self._told_seq), not_known = await self._database.write(_opened)
        self._keep_aside(not_known)

    def start(self) -> None:
        """Watch for edits from now on."""
        self._database.committed.append(self._committed.set)
        _ = self._tasks.start(self._run(), "look")

    async def stop(self) -> None:
        if self._committed.set in self._database.committed:
            self._database.committed.remove(self._committed.set)
        await self._tasks.stop()

    async def position(self) -> tuple[str, int]:
        """(incarnation, number of what came last).

        A peer that knows another incarnation, or a greater number, begins at 0 again.
        """
        return await self._database.read(partial(_sync, reading.position))

    async def changes_after(self, seq: int, limit: int = BATCH) -> Batch:
        """What came to this node after number `seq`, whoever wrote it; at most `limit` changes."""
        if not 0 <= seq < 1 << 63 or not 1 <= limit <= MAX_CHANGES:
            raise InvalidInput("there is no such number of a change")
        return await self._database.read(
            partial(_sync, partial(reading.changes_after, seq=seq, limit=limit))
        )

    async def merge(self, changes: Sequence[Change], *, sender: str) -> Merged:
        """Take over what `sender` told; what this release does not know is kept and passed on.

        InvalidInput for too much at once. When it returns, `on_applied` was called.
        """

        async def write(connection: AsyncConnection) -> tuple[int, Merged, int]:
            own = (await connection.execute(select(NODE.c.node_id))).scalar() or ""
            _, before = await connection.run_sync(reading.position)
            merged = await connection.run_sync(
                partial(merging.merge, changes=changes, own=own, words=self._words)
            )
            _, after = await connection.run_sync(reading.position)
            return before, merged, after

        async with self._counting:
            before, merged, after = await self._database.write(write)
            if before == self._told_seq:  # peers heard it from whom we did, or hear it with a beat
                self._told_seq = after
        if merged.unreadable:
            log.warning("node %s told %d changes that are none", sender, merged.unreadable)
        if merged.beside or (merged.applied and self._not_known):
            self._keep_aside(await self._database.read(partial(_sync, reading.not_known)))
        self._untold |= merged.kinds
        await self._tell()
        return merged

    async def replace(
        self, kinds: Collection[str], changes: Sequence[Change], *, sender: str
    ) -> Merged:
        """Take over `changes` in the place of all rows of these kinds here, at once or not at all.

        For a node that joins a cluster. What goes is deleted on no other node. InvalidInput.
        """

        async def write(connection: AsyncConnection) -> Merged:
            own = (await connection.execute(select(NODE.c.node_id))).scalar() or ""
            await connection.run_sync(partial(merging.forget, kinds=kinds))
            applied = 0
            for first in range(0, len(changes), MAX_CHANGES):
                some = changes[first : first + MAX_CHANGES]
                merged = await connection.run_sync(
                    partial(merging.merge, changes=some, own=own, words=self._words)
                )
                applied += merged.applied
            return Merged(applied, frozenset(kinds))

        merged = await self._database.write(write)
        self._keep_aside(await self._database.read(partial(_sync, reading.not_known)))
        log.info("the cluster's settings came from node %s", sender)
        self._untold |= merged.kinds | {change.kind for change in changes}
        await self._tell()
        return merged

    async def look(self) -> None:
        """Look once whether somebody edited anything."""
        async with self._counting:
            _, seq = await self.position()
            is_new, self._told_seq = seq != self._told_seq, seq
        for tell in self.changed if is_new else ():
            tell()

    def _keep_aside(self, found: frozenset[tuple[str, str]]) -> None:
        self._not_known = found
        for node, what in sorted(found - self._said):
            log.warning(
                "node %s told of %s what this release does not know; it is kept for the one that "
                "does: update this node", node, what,
            )  # fmt: skip
        self._said |= found

    async def forget_old(self, utc_us: int) -> None:
        """Forget what no node needs any more; asked at any time, done once a day."""
        day = utc_us // DAY_US
        if day == self._cleaned_day:
            return
        forget = partial(_sync, partial(pruning.forget_old, utc_us=utc_us))
        forgotten = await self._database.write(forget)
        self._cleaned_day = day
        if forgotten:
            log.info("%d sessions that ended long ago are forgotten", forgotten)

    async def _run(self) -> None:
        while True:
            try:
                await self.forget_old(self._database.clock.utc_us())
                await self.look()
                await self._tell()
            except FalconEyeError as error:  # the disk is full: the next look is the same
                log.warning("what changed on this node could not be read: %s", error)
            except Exception:  # peers would never hear of an edit again
                log.exception("could not tell of what changed on this node")
            pause_s = TRY_AGAIN_S if self._untold else LOOK_AGAIN_S
            await asyncio.sleep(pause_s)
            if not self._untold:
                await self._committed.wait()
            self._committed.clear()

    async def _tell(self) -> None:
        """Everyone reads again what changed; where that fails, all do so once more in a second."""
        async with self._telling:
            kinds = frozenset(self._untold)
            if not kinds:
                return
            try:
                for applied in self.on_applied:
                    await applied(kinds)
            except Exception:  # a right that was taken away elsewhere depends on this
                log.exception("could not take up what another node changed; trying again")
                self._committed.set()
            else:
                self._untold -= kinds


async def _sync(operation: Callable[[Connection], T], connection: AsyncConnection) -> T:
    return await connection.run_sync(operation)


async def _opened(
    connection: AsyncConnection,
) -> tuple[tuple[str, int], frozenset[tuple[str, str]]]:
    await connection.run_sync(reading.begin_incarnation)
    await connection.run_sync(merging.take_up_waiting)
    position = await connection.run_sync(reading.position)
    return position, await connection.run_sync(reading.not_known)
