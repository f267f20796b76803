"""Makes the index anew after a restore, beside the recorders; may be cancelled, and goes on.

Cancelled it ends between two transactions. Files stay missing from the index then, and all that
guards against half an index stays: nothing newer than what is in it makes room, and what a person
deletes or exports must be in it whole. Recording goes before everything else: on a disk on which
nothing more can be deleted, the index is made on by itself. The next start goes on with it, too.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from falconeye.base.clock import Clock
from falconeye.base.errors import Conflict, FalconEyeError
from falconeye.base.tasks import TaskSet
from falconeye.base.words import counted
from falconeye.storage.checks.rebuild import IndexBuild
from falconeye.storage.index.database import Database
from falconeye.storage.segments.free_space import Deleter
from falconeye.storage.segments.index_state import IndexState
from falconeye.storage.segments.recovery import end_all
from falconeye.storage.segments.segment_store import FootageStore
from falconeye.storage.volumes.volumes import Volumes

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexOutcome:
    """What came of it, in this process."""

    ended_us: int  # UTC
    files: int  # that were added
    unreadable: int
    error: str = ""  # why it is not whole


class IndexRunner:
    """Lives on the loop."""

    def __init__(
        self,
        database: Database,
        volumes: Volumes,
        store: FootageStore,
        deleter: Deleter,
        clock: Clock,
        *,
        node_name: str,
    ) -> None:
        self._database = database
        self._volumes = volumes
        self._store = store
        self._deleter = deleter
        self._clock = clock
        self._node_name = node_name
        self._tasks = TaskSet("index")
        self._task: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._pause_s = 0.0
        self.since_us: int | None = None  # UTC; None: it is not being made, nor was it
        self.outcome: IndexOutcome | None = None
        self.on_over: Callable[[IndexOutcome], None] = lambda _outcome: None

    @property
    def state(self) -> IndexState:
        """How far it is."""
        return self._store.index

    @property
    def is_over(self) -> bool:
        """Whether nothing is to be done, or it ended by a mistake of ours."""
        return self._task is None or self._task.done()

    def start(self, pause_s: float) -> None:
        """From now on; `pause_s`: so often it is looked whether a disk is back."""
        self._pause_s = pause_s
        self.state.since_us = self.since_us = self._clock.utc_us()
        self._task = self._tasks.start(self._run(), "build")

    async def stop(self) -> None:
        """The node ends; the next start goes on."""
        await self._tasks.stop()

    def cancel(self) -> None:
        """End it after the files at hand. Conflict when it is not being made."""
        if not self.state.is_building or self.state.is_cancelled:
            raise Conflict("the index is not being made now")
        log.warning("the making of the index was cancelled: footage is missing from it")
        self.state.cancel()
        self._woken.set()

    def retry(self) -> None:
        """Go on with it. Conflict when it was neither cancelled nor failed."""
        if self.state.is_cancelled:
            self.state.resume()
            self._woken.set()
        elif self.is_over and self.outcome is not None and self.outcome.error:
            self.outcome = None
            self._task = self._tasks.start(self._run(), "build")
        else:
            raise Conflict("the index was neither cancelled nor did it fail")

    async def _run(self) -> None:
        """Until the files of all disks are in the index."""
        log.warning("the database came from a backup: its index is made anew from the files")
        build = IndexBuild(
            self._database,
            self._volumes,
            node_name=self._node_name,
            numbers=self._store,
            state=self.state,
            until_us=self._deleter.indexed_until_us,
        )
        error = ""
        try:
            while not await self._goes_on(build):
                await self._wait()
            await end_all(self._database, self._store)
        except Exception:  # a mistake of ours would not mend itself: left to the next start
            log.exception("the index is not made anew until the next start")
            error = "this is our fault, not yours; the log of this node tells more"
        finally:
            self.state.end(())
            self._deleter.indexed_until_us.clear()
        report = build.report
        now_us = self._clock.utc_us()
        self.outcome = IndexOutcome(now_us, report.indexed, report.unreadable, error)
        self.on_over(self.outcome)
        files = counted(report.indexed, "file")
        log.warning("indexed %s, %d cannot be read", files, report.unreadable)

    async def _goes_on(self, build: IndexBuild) -> bool:
        """Whether it is done; else it was cancelled, or a disk or the database is not ready."""
        try:
            return await build.run()
        except FalconEyeError as error:
            log.warning("the index is not whole yet: %s", error)
            return False

    async def _wait(self) -> None:
        """A while, for a disk that is away tells nobody; cancelled until somebody says so."""
        while True:
            if self.state.is_cancelled and self.state.is_building:
                self.state.halt()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s):
                    await self._woken.wait()
            self._woken.clear()
            if self.state.is_cancelled and any(volume.is_full for volume in self._volumes.all):
                log.warning("a disk is full: the index is made on, so that old footage can go")
                self.state.resume()
            if not self.state.is_cancelled:
                return
