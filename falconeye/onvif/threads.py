"""The threads in which messages become XML and answers are read: two, for all cameras together.

Each message takes about a millisecond; an answer made to be slow must not hold up the loop, nor the
pool that pages use. The threads are there while a camera is connected.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from falconeye.onvif.errors import OnvifClosed

T = TypeVar("T")
THREADS: Final = 2

_lock = threading.Lock()
_pools: list[ThreadPoolExecutor] = []  # none or one
_users: set[int] = set()


class CodecThreads:
    """One camera's hold on the shared threads, from the first `run` to `release`."""

    def __init__(self) -> None:
        self._held = False
        self._released = False

    async def run(self, function: Callable[[], T]) -> T:
        """`function()` in one of the threads; OnvifClosed after `release`."""
        return await asyncio.get_running_loop().run_in_executor(self._pool(), function)

    def release(self) -> None:
        """Let go; the last one ends the threads, after what they work on."""
        with _lock:
            self._released = True
            if not self._held:
                return
            self._held = False
            _users.discard(id(self))
            if not _users:
                _pools.pop().shutdown(wait=False)

    def _pool(self) -> ThreadPoolExecutor:
        with _lock:
            if self._released:
                raise OnvifClosed("the session with the camera was ended")
            if not _pools:
                _pools.append(ThreadPoolExecutor(THREADS, thread_name_prefix="onvif"))
            self._held = True
            _users.add(id(self))
            return _pools[0]
