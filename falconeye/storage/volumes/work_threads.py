"""Named daemon threads with one queue: all that touches a volume runs on its own few.

No shared pool: a disk that hangs may hold its own threads for ever, and no others. Daemon
threads, so that it cannot hold the end of the process either.
"""

import asyncio
import errno
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class WorkThreads:
    """`count` threads that run jobs in the order of their arrival.

    The queue itself has no bound: the jobs of a writer are bounded by the memory budget of what
    they carry, those of readers by their callers, each of which waits for its answer.
    """

    def __init__(self, name: str, count: int) -> None:
        self._name = name
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{index}", daemon=True)
            for index in range(count)
        ]
        self._begun_s: dict[int, float] = {}  # by thread: when its job began
        self._stopping = threading.Lock()
        self._has_stopped = False
        for thread in self._threads:
            thread.start()

    @property
    def busy_s(self) -> float:
        """How long the job takes that runs longest now; 0 while none does."""
        begun = min(tuple(self._begun_s.values()), default=None)
        return 0.0 if begun is None else time.monotonic() - begun

    @property
    def waiting(self) -> int:
        """Jobs not yet begun."""
        return self._jobs.qsize()

    def submit(self, job: Callable[[], None]) -> None:
        """Queue a job; what it raises is logged."""
        self._jobs.put(job)

    def release(self, job: Callable[[], None]) -> None:
        """`submit` of a job that lets go of the disk: done after `stop` too, on its own thread.

        Whoever still reads from a disk that was removed closes its file only then; what stays
        open keeps the disk from being unmounted.
        """
        with self._stopping:
            if not self._has_stopped:
                self._jobs.put(job)
                return
        threading.Thread(target=job, name=f"{self._name}-release", daemon=True).start()

    def call(self, function: Callable[[], T]) -> "Future[T]":
        """Queue a function; its result or error is in the future.

        After `stop` that is an OSError at once: a disk was removed while somebody read from it,
        who would wait for ever.
        """
        answer: Future[T] = Future()

        def job() -> None:
            if not answer.set_running_or_notify_cancel():
                return
            try:
                answer.set_result(function())
            except BaseException as error:  # noqa: BLE001 - handed to whoever asked
                answer.set_exception(error)

        with self._stopping:
            if not self._has_stopped:
                self._jobs.put(job)
                return answer
        answer.set_exception(OSError(errno.ENODEV, "it is not used any more"))
        return answer

    async def run(self, function: Callable[[], T]) -> T:
        """`call` from the loop."""
        return await asyncio.wrap_future(self.call(function))

    def stop(self) -> None:
        """End after what is queued; does not wait."""
        with self._stopping:
            self._has_stopped = True
            for _ in self._threads:
                self._jobs.put(None)

    def join(self, timeout_s: float) -> bool:
        """Wait for the threads to end; False when one hangs."""
        for thread in self._threads:
            thread.join(timeout_s)
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        me = threading.get_ident()
        while (job := self._jobs.get()) is not None:
            self._begun_s[me] = time.monotonic()
            try:
                job()
            except Exception:
                log.exception("a job of %s failed", threading.current_thread().name)
            finally:
                self._begun_s.pop(me, None)
            del job  # frees what it carries while the next one is awaited
