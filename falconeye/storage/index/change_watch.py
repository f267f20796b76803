"""Notices within a second that another process (the command line) changed the database."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from falconeye.base.tasks import TaskSet
from falconeye.storage.index.database import Database

log = logging.getLogger(__name__)

PERIOD_S = 1.0
Reload = Callable[[], Awaitable[None]]


class ChangeWatch:
    """Calls every `reload` after a foreign commit. The only caller of `changed_elsewhere`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reloads: list[Reload] = []
        self._changed = False
        self._one = asyncio.Lock()  # a second caller's success must not hide a failed reload
        self._tasks = TaskSet("change-watch")

    def subscribe(self, reload: Reload) -> None:
        self._reloads.append(reload)

    def start(self) -> None:
        _ = self._tasks.start(self._run(), "poll")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def check(self) -> bool:
        """Look once; True when something had changed and everyone reloaded.

        When a reload fails, the next look repeats all of them: no change is lost.
        """
        async with self._one:
            self._changed = await self._database.changed_elsewhere() or self._changed
            if not self._changed:
                return False
            for reload in self._reloads:
                await reload()
            self._changed = False
            return True

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(PERIOD_S)
            try:
                await self.check()
            except Exception:  # revocations by the command line depend on this loop
                log.exception("could not take over what another process changed; trying again")
