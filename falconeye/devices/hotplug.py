"""What is at the node's ports, followed: a thread that hears udev and looks again.

A netlink socket that tells of nothing (another network namespace, no udev daemon) is not told from
one that has nothing to tell. Every few seconds the names in /sys are compared as well: one listing.
"""

import errno
import logging
import os
import select
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from falconeye.devices.udev import SUBSYSTEM, Plugged, Udev

if TYPE_CHECKING:
    import pyudev

log = logging.getLogger(__name__)

SETTLE_S = 0.15  # a camera's nodes come one after the other, and links after them
LOOK_S = 2.0
_CLASS = Path("/sys/class") / SUBSYSTEM


class Hotplug:
    """Calls `on_change` from its thread with what is plugged in: at the start, at each change."""

    def __init__(self, on_change: Callable[[Plugged], None], allowed: Sequence[str] = ()) -> None:
        self._on_change = on_change
        self._allowed = tuple(allowed)
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="hotplug", daemon=True)

    def start(self) -> None:
        """Begin; once only."""
        self._thread.start()

    def look(self) -> None:
        """Look again now; any thread."""
        os.eventfd_write(self._wake, 1)

    def stop(self, limit_s: float = 2.0) -> None:
        """End its thread; blocks. One that the kernel holds is left behind."""
        self._stopping = True
        self.look()
        if self._thread.ident is not None:
            self._thread.join(limit_s)
        if not self._thread.is_alive():
            os.close(self._wake)

    def _run(self) -> None:
        try:
            udev = Udev(self._allowed)
        except (ImportError, OSError) as error:
            log.warning("USB cameras are not looked for: there is no libudev (%s)", error)
            return
        waiting = select.poll()
        waiting.register(self._wake, select.POLLIN)
        monitor = _monitor(udev)
        if monitor is not None:
            waiting.register(monitor.fileno(), select.POLLIN)
        names: frozenset[str] | None = None
        told: Plugged | None = None
        while not self._stopping:
            now = _names()
            if names is None or now != names or told is None:
                names = now
                told = self._tell(udev, told)
            heard = [descriptor for descriptor, _ in waiting.poll(LOOK_S * 1000)]
            if heard and not self._stopping:
                if self._wake in heard:
                    _ = os.eventfd_read(self._wake)
                if monitor and monitor.fileno() in heard and not _drained(monitor):
                    waiting.unregister(monitor.fileno())
                    monitor = None
                told = self._tell(udev, told)
                names = _names()

    def _tell(self, udev: Udev, told: Plugged | None) -> Plugged | None:
        try:
            plugged = udev.plugged()
            if plugged != told:
                self._on_change(plugged)
        except OSError as error:  # a device that goes while it is looked at
            log.debug("the ports cannot be looked at: %s", error)
            return told
        except Exception:  # one odd device must not end the following of all the others
            log.exception("the ports cannot be looked at")
            return told
        return plugged


def _drained(monitor: "pyudev.Monitor") -> bool:
    """Take what came, and what comes right behind it; False: it cannot be heard any more."""
    end_s = time.monotonic() + SETTLE_S
    try:
        while (left_s := end_s - time.monotonic()) > 0:
            monitor.poll(timeout=left_s)
    except OSError as error:
        if error.errno == errno.ENOBUFS:  # more came than the kernel keeps: all is looked at anyway
            return True
        log.warning("udev cannot be heard any more (%s): it is looked every 2 s", error)
        return False
    return True


def _monitor(udev: Udev) -> "pyudev.Monitor | None":
    import pyudev  # noqa: PLC0415 - see `Udev`

    try:
        monitor = pyudev.Monitor.from_netlink(udev.context)
        monitor.filter_by(SUBSYSTEM)
        monitor.start()
    except OSError as error:
        log.warning("udev cannot be heard (%s): USB cameras are looked for every 2 s", error)
        return None
    return monitor


def _names() -> frozenset[str]:
    try:
        return frozenset(os.listdir(_CLASS))  # noqa: PTH208 - names are all that is wanted
    except OSError:  # no such class of devices yet, or nothing of it for us to see
        return frozenset()
