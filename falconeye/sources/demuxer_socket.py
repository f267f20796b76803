"""Finds the connection that libavformat opened, to check where it leads and to end its waits.

libavformat does not tell its descriptors. What appeared in /proc/self/fd while `av.open` ran and
leads to the peer we asked for is it. Opens of the same peer (channels of one recorder box) take
turns, but only until the earlier one's connection is seen: the camera's answers, which take most of
the time, are awaited side by side. Opens of different peers never wait for each other.
"""

import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakValueDictionary

from falconeye.base.peers import Peer
from falconeye.sources.addresses import is_own, peer_of
from falconeye.sources.interrupt import Interrupt, shut_down

_FDS = Path("/proc/self/fd")
_LOOK_S = 0.01


class Opening:
    """One `av.open` to `peer`, which makes one connection; made by `opening` only."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._before = _inodes()
        self._seen: frozenset[int] = frozenset()

    def find(self) -> list[socket.socket]:
        """Duplicates of the new sockets that lead to the peer; the caller closes them."""
        return [
            duplicate
            for number, inode in _sockets()
            if inode not in self._before and (duplicate := self._duplicate(number)) is not None
        ]

    def see(self) -> bool:
        """Whether the connection is there; from then on later ones are not taken for it."""
        if not self._seen:
            found = self.find()
            self._seen = frozenset(_inode(duplicate.fileno()) for duplicate in found)
            for duplicate in found:
                duplicate.close()
        return bool(self._seen)

    def shut_down(self) -> None:
        """End what the opening waits for."""
        for duplicate in self.find():
            with duplicate:
                shut_down(duplicate)

    def _duplicate(self, number: int) -> socket.socket | None:
        try:
            inode = _inode(number)
            if inode in self._before or (self._seen and inode not in self._seen):
                return None
            duplicate = _socket_of(os.dup(number))
        except OSError:
            return None  # closed by another thread meanwhile, and perhaps another file by now
        if (
            duplicate.type == socket.SOCK_STREAM
            and peer_of(duplicate) == self._peer
            and not is_own(duplicate)
        ):
            return duplicate
        duplicate.close()
        return None


class _Turn:
    """Who may open a connection to one peer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unseen: Opening | None = None

    def take(self, peer: Peer) -> Opening | None:
        """The caller's opening, or None while an earlier one's connection is not there yet."""
        with self._lock:
            if self._unseen and not self._unseen.see():
                return None
            self._unseen = Opening(peer)
            return self._unseen

    def end(self, one: Opening) -> None:
        """`one` is over, with a connection or without."""
        with self._lock:
            if self._unseen is one:
                self._unseen = None


_turns: WeakValueDictionary[Peer, _Turn] = WeakValueDictionary()
_turns_lock = threading.Lock()


@contextmanager
def opening(peer: Peer, interrupt: Interrupt) -> Iterator[Opening]:
    """The time of one `av.open`; an interrupt ends its waits."""
    with _turns_lock:
        turn = _turns.setdefault(peer, _Turn())
    while (one := turn.take(peer)) is None:
        interrupt.wait(_LOOK_S)
        interrupt.check()
    try:
        with interrupt.by(one.shut_down, is_slow=True):
            yield one
    finally:
        turn.end(one)


def _socket_of(number: int) -> socket.socket:
    """The socket that owns the descriptor from now on; OSError (and it is closed) for no socket."""
    try:
        return socket.socket(fileno=number)
    except OSError:
        os.close(number)
        raise


def _inode(number: int) -> int:
    return os.fstat(number).st_ino


def _inodes() -> set[int]:
    return {inode for _, inode in _sockets()}


def _sockets() -> list[tuple[int, int]]:
    """Descriptors of this process that are sockets, and their inodes; 1.5 µs for each there is."""
    found: list[tuple[int, int]] = []  # whole before anything is duplicated
    for entry in os.listdir(_FDS):  # noqa: PTH208 - names only, no Path per descriptor
        try:
            status = os.fstat(int(entry))
        except OSError:
            continue  # the descriptor of the listing itself, or one closed meanwhile
        if stat.S_ISSOCK(status.st_mode):
            found.append((int(entry), status.st_ino))
    return found
