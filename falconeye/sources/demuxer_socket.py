"""Finds the connection that libavformat opened, to check where it leads and to end its waits.

libavformat does not tell its descriptors. What appeared in /proc/self/fd while `av.open` ran and
leads to the peer we asked for is it; opens of the same peer (channels of one recorder box) take
turns, others do not wait for each other.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from falconeye.sources.addresses import Peer, is_own, peer_of
from falconeye.sources.interrupt import Interrupt, shut_down

_FDS = Path("/proc/self/fd")
_turns: dict[Peer, tuple[threading.Lock, int]] = {}
_turns_lock = threading.Lock()


class Opening:
    """One `av.open` to `peer`; made by `opening` only."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._before = _inodes()

    def find(self) -> list[socket.socket]:
        """Duplicates of the new sockets that lead to the peer; the caller closes them."""
        return [
            duplicate
            for number in _socket_fds()
            if (duplicate := self._duplicate(number)) is not None
        ]

    def shut_down(self) -> None:
        """End what the opening waits for."""
        for duplicate in self.find():
            with duplicate:
                shut_down(duplicate)

    def _duplicate(self, number: int) -> socket.socket | None:
        try:
            if _inode(number) in self._before:
                return None
            duplicate = socket.socket(fileno=os.dup(number))
        except OSError:
            return None  # closed by another thread meanwhile
        if (
            duplicate.type == socket.SOCK_STREAM
            and peer_of(duplicate) == self._peer
            and not is_own(duplicate)
        ):
            return duplicate
        duplicate.close()
        return None


@contextmanager
def opening(peer: Peer, interrupt: Interrupt) -> Iterator[Opening]:
    """The time in which sockets that appear to `peer` are ours; an interrupt ends their waits."""
    with _turn(peer, interrupt):
        one = Opening(peer)
        with interrupt.by(one.shut_down):
            yield one


@contextmanager
def _turn(peer: Peer, interrupt: Interrupt) -> Iterator[None]:
    with _turns_lock:
        lock, users = _turns.get(peer, (threading.Lock(), 0))
        _turns[peer] = lock, users + 1
    try:
        while not lock.acquire(timeout=0.1):
            interrupt.check()
        try:
            yield
        finally:
            lock.release()
    finally:
        with _turns_lock:
            lock, users = _turns[peer]
            if users == 1:
                del _turns[peer]
            else:
                _turns[peer] = lock, users - 1


def _inode(number: int) -> int:
    return os.fstat(number).st_ino


def _inodes() -> set[int]:
    inodes: set[int] = set()
    for number in _socket_fds():
        try:
            inodes.add(_inode(number))
        except OSError:
            continue  # closed by another thread meanwhile
    return inodes


def _socket_fds() -> list[int]:
    """Descriptors of this process that are sockets."""
    numbers: list[int] = []
    for entry in os.listdir(_FDS):  # noqa: PTH208 - names only, no Path per descriptor
        try:
            if os.readlink(_FDS / entry).startswith("socket:"):  # noqa: PTH115 - as above
                numbers.append(int(entry))
        except OSError:
            continue  # the descriptor of the listing itself, or one closed meanwhile
    return numbers
