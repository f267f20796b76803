"""Keeps the interfaces to look on, and tells when they change: a cable, an address, a route."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final

from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.base.tasks import TaskSet
from falconeye.discovery import netlink
from falconeye.discovery.interfaces import Interface, look_at_interfaces

SETTLE_S: Final = 1.0  # a cable brings several changes one after the other
LOOK_S: Final = 30.0  # where the kernel's word got lost, or may not be heard

log = logging.getLogger(__name__)


class InterfaceWatch:
    """`current`, and `on_change(interfaces)` on the loop whenever it is another."""

    def __init__(
        self,
        clock: Clock,
        on_change: Callable[[tuple[Interface, ...]], None],
        *,
        loopback: bool = False,
        settle_s: float = SETTLE_S,
        quiet: bool = False,
    ) -> None:
        """`loopback`: lo is one, too. `quiet`: the log is not told of changes."""
        self.current: tuple[Interface, ...] = ()
        self._on_change = on_change
        self._loopback = loopback
        self._settle_s = settle_s
        self._quiet = quiet
        self._tasks = TaskSet("interfaces")
        self._changed = asyncio.Event()
        self._socket: socket.socket | None = None
        self._log = RepeatingLog(log, clock)

    def start(self) -> None:
        """Look once, at once, and from now on."""
        try:
            self._socket = netlink.changes_socket()
            asyncio.get_running_loop().add_reader(self._socket, self._hear)
        except OSError as error:
            log.warning("changes of the network are noticed late: %s", error)
        self.look()
        _ = self._tasks.start(self._run(), "watch")

    async def stop(self) -> None:
        """Look no more."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        await self._tasks.stop()

    def look(self) -> None:
        """Take the present state; tells of it where it is another."""
        try:
            now = look_at_interfaces(loopback=self._loopback)
        except OSError as error:
            # What was known stays: better to look on an interface too many than on none.
            self._log.warning(f"the kernel does not tell of network interfaces: {error}")
            return
        if now != self.current:
            self.current = now
            if not self._quiet:
                log.info("cameras are looked for on %s", _told(now))
            self._on_change(now)

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._changed.wait()
                await asyncio.sleep(self._settle_s)
            except TimeoutError:
                pass  # the regular look
            self._changed.clear()
            self.look()

    def _hear(self) -> None:
        """Empty the socket: that something changed is all that counts."""
        if self._socket is None:
            return
        try:
            while self._socket.recv(65_536):
                pass
        except BlockingIOError:
            pass
        except OSError:  # ENOBUFS: more changed than it holds
            log.debug("some changes of the network were lost")
        self._changed.set()


def _told(interfaces: tuple[Interface, ...]) -> str:
    return ", ".join(f"{one.name} ({one.address})" for one in interfaces) or "no interface"
