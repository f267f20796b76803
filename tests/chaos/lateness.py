"""How late this machine is: what a timer of 50 ms is late by, the whole time."""

import threading
import time
from typing import Final, Self

from typing_extensions import override

from tests.peers.stopping import Stopping

STEP_S: Final = 0.05


class Lateness(Stopping):
    """A thread that measures while the context lasts."""

    def __init__(self) -> None:
        self.worst_s = 0.0
        self._all: list[float] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._measure, name="lateness", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    @override
    def stop(self) -> None:
        self._ending.set()
        self._thread.join()

    @property
    def p99_s(self) -> float:
        ordered = sorted(self._all)
        return ordered[len(ordered) * 99 // 100] if ordered else 0.0

    def _measure(self) -> None:
        due = time.monotonic() + STEP_S
        while not self._ending.wait(max(0.0, due - time.monotonic())):
            late = max(0.0, time.monotonic() - due)
            self._all.append(late)
            self.worst_s = max(self.worst_s, late)
            due = time.monotonic() + STEP_S
