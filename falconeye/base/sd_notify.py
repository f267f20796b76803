"""Tells systemd how the service is doing (sd_notify(3)); silent where systemd did not start it."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from falconeye.base.tasks import TaskSet

EXTEND_S = 20.0
STOP_EXTEND_S = 2.5
STOP_EXTENSIONS = 5  # with the 5 s of the last one a stop has 15 s


class ServiceNotifier:
    """Datagrams to `$NOTIFY_SOCKET`; a leading "@" is an abstract address (unix(7)).

    Never blocks and never raises: the node works without its manager, too.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog_us = _watchdog_us(environment)
        # A shell in a pod has the variable as well; the pod's own process is the first.
        self._is_in_pod = "KUBERNETES_SERVICE_HOST" in environment and os.getpid() == 1

    @property
    def watchdog_s(self) -> float | None:
        """`alive()` must come more often, else systemd kills us; None: it does not watch."""
        return self._watchdog_us / 1_000_000 if self._watchdog_us else None

    @property
    def is_managed(self) -> bool:
        """Whether a manager started the process, which starts it again when it has ended.

        systemd as our unit says (`Restart=always`), or Kubernetes, whose pods do so by default.
        """
        return bool(self._address) or self._is_in_pod

    def ready(self, status: str = "") -> bool:
        """The node serves; `status` is shown by `systemctl status`."""
        return self._send("READY=1", *([f"STATUS={status}"] if status else []))

    @asynccontextmanager
    async def long_start(self, status: str) -> AsyncIterator[None]:
        """What of the start may take minutes: systemd is told to wait (EXTEND_TIMEOUT_USEC)."""
        tasks = TaskSet("start")
        _ = tasks.start(self._extend(status), "tell")
        try:
            yield
        finally:
            await tasks.stop()

    @asynccontextmanager
    async def stopping(self) -> AsyncIterator[None]:
        """The node ends in order. It asks for time as long as it has something to do, up to 15 s.

        What comes behind is the kernel's: systemd waits `TimeoutStopSec` four times over for a
        process of which a device that hangs holds a thread, so that it has to be short.
        """
        tasks = TaskSet("stop")
        self._send("STOPPING=1")
        _ = tasks.start(self._keep_stopping(), "tell")
        try:
            yield
        finally:
            await tasks.stop()
            self._extend_stop()  # the interpreter has an end of its own

    def alive(self) -> bool:
        """The loop still turns (WATCHDOG=1)."""
        return self._send("WATCHDOG=1")

    async def keep_alive(self) -> None:
        """`alive()` twice as often as it must, for ever; ends at once where nobody watches."""
        while self.watchdog_s is not None:
            self.alive()
            await asyncio.sleep(self.watchdog_s / 2)

    def status(self, status: str) -> bool:
        """One line for `systemctl status`."""
        return self._send(f"STATUS={status}")

    async def _extend(self, status: str) -> None:
        while True:
            self._send(f"EXTEND_TIMEOUT_USEC={EXTEND_S * 2_000_000:.0f}", f"STATUS={status}")
            await asyncio.sleep(EXTEND_S)

    async def _keep_stopping(self) -> None:
        for _ in range(STOP_EXTENSIONS):
            self._extend_stop()
            await asyncio.sleep(STOP_EXTEND_S)

    def _extend_stop(self) -> None:
        self._send(f"EXTEND_TIMEOUT_USEC={STOP_EXTEND_S * 2_000_000:.0f}")

    def _send(self, *fields: str) -> bool:
        """Whether a manager took the message."""
        if not self._address:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
                notify.setblocking(False)  # noqa: FBT003 - the standard library's signature
                notify.sendto("\n".join(fields).encode(), self._address)
        except OSError:  # its socket is gone or full, or we have no descriptor left
            return False
        return True


def _watchdog_us(environment: Mapping[str, str]) -> int | None:
    """sd_watchdog_enabled(3): microseconds, if meant for this process."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    pid = environment.get("WATCHDOG_PID", str(os.getpid()))
    return int(microseconds) if microseconds.isdigit() and pid == str(os.getpid()) else None
