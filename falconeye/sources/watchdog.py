"""One thread that looks after all sources: ends streams that stalled and stops that were missed."""

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

PERIOD_S = 0.5


class Watchdog:
    """Calls each registered check twice a second; its thread lives while there are any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._checks: list[Callable[[], None]] = []
        self._wake = threading.Event()

    def add(self, check: Callable[[], None]) -> None:
        """Call `check` (quick, any thread) from now on."""
        with self._lock:
            if not self._checks:
                wake = threading.Event()
                run = threading.Thread(
                    target=self._run, args=(wake,), name="source-watchdog", daemon=True
                )
                run.start()  # may fail: the next `add` has to try again
                self._wake = wake
            self._checks.append(check)

    def remove(self, check: Callable[[], None]) -> None:
        """Call it no more; the thread ends with the last one."""
        with self._lock:
            self._checks.remove(check)
            if not self._checks:
                self._wake.set()

    def look(self) -> None:
        """Call all checks now, in its thread; returns at once."""
        self._wake.set()

    def _run(self, wake: threading.Event) -> None:
        while True:
            _ = wake.wait(PERIOD_S)
            wake.clear()
            with self._lock:
                if self._wake is not wake or not self._checks:
                    return
                checks = list(self._checks)
            for check in checks:
                try:
                    check()
                except Exception:
                    log.exception("a source could not be checked")


WATCHDOG = Watchdog()
