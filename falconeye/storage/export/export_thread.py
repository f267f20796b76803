"""The one thread on which exports, or their copies, are written: started when first needed.

It is none of a volume's, so that neither recording nor a download waits for it. Its disk may hang:
whoever cancels what it does waits a moment for it, and no longer.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from falconeye.storage.volumes.work_threads import WorkThreads

log = logging.getLogger(__name__)

# Each MB it is asked whether to stop, and the node is to end within 3 s.
STOP_S = 1.0

T = TypeVar("T")


class ExportThread:
    """Runs one function after the other. Lives on the loop."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._threads: WorkThreads | None = None
        self._left: Callable[[], bool] = lambda: True  # what hung when it was cancelled: is it done

    def stop(self) -> None:
        """End the thread after what it does."""
        if self._threads is not None:
            self._threads.stop()

    async def run(self, function: Callable[[], T], stop: threading.Event) -> T:
        """Its result; cancelled, `stop` is set and its end awaited, unless it hangs."""
        asked = self._running().call(function)
        answer = asyncio.wrap_future(asked)
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            stop.set()
            _, waiting = await asyncio.wait([answer], timeout=STOP_S)
            if waiting:
                log.warning("%s: what was cancelled does not stop yet", self._name)
                self._left = asked.done
                answer.cancel()
            elif not answer.cancelled():
                answer.exception()  # Cancelled, or an error of what is thrown away
            raise

    async def settle(self, function: Callable[[], None]) -> None:
        """Run it behind what the thread does; where that hangs, it is not waited for."""
        answer = asyncio.wrap_future(self._running().call(function))
        if self._left():
            _ = await asyncio.wait([answer], timeout=STOP_S)

    def _running(self) -> WorkThreads:
        if self._threads is None:
            self._threads = WorkThreads(self._name, 1)
        return self._threads
