"""Ends whatever a source's thread waits for: sleeps by an event, reads by shutting the socket down.

Closing a socket does not wake its reader; `shutdown(SHUT_RDWR)` on a duplicate does, within a
millisecond, and leaves the reader's own descriptor to its owner.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from falconeye.sources.failures import Stopped


class Interrupt:
    """Shared by a source's thread and those who may end its waits."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._lock = threading.Lock()
        self._ways: dict[int, tuple[Callable[[], None], bool]] = {}  # with whether it is slow
        self._next = 0

    @property
    def stopped(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """No more waits from now on, and the present one ends; for the loop, too.

        One whose way is slow ends when somebody who may wait calls `fire`.
        """
        self._stopping.set()
        self._hurry.set()
        self._go(slow=False)

    def hurry(self) -> None:
        """End the present sleep: what it waits for may have come."""
        self._hurry.set()

    def fire(self) -> None:
        """End the present wait for a socket, by slow ways, too; may be repeated."""
        self._go(slow=True)

    def wait(self, seconds: float) -> bool:
        """Sleep, or until there is a reason to hurry; True when told to stop."""
        self._hurry.wait(seconds)
        if not self.stopped:
            self._hurry.clear()
        return self.stopped

    def check(self) -> None:
        """Raise Stopped when told to stop."""
        if self.stopped:
            raise Stopped

    @contextmanager
    def by(self, way: Callable[[], None], *, is_slow: bool = False) -> Iterator[None]:
        """While inside, `way` (any thread) ends the wait; `is_slow`: it takes a millisecond."""
        with self._lock:
            number = self._next
            self._next += 1
            self._ways[number] = way, is_slow
        try:
            self.check()
            yield
        finally:
            with self._lock:
                del self._ways[number]

    def _go(self, *, slow: bool) -> None:
        with self._lock:  # no way is taken any more once its context has ended
            for way, is_slow in self._ways.values():
                if slow or not is_slow:
                    way()

    @contextmanager
    def by_shutdown(self, connection: socket.socket) -> Iterator[None]:
        """While inside, a shutdown of `connection` (duplicated) ends the wait."""
        duplicate = connection.dup()
        try:
            with self.by(lambda: shut_down(duplicate)):
                yield
        finally:
            duplicate.close()


def shut_down(connection: socket.socket) -> None:
    """Shut both directions; a socket that is not connected any more is as good."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # ENOTCONN: the other side was faster
