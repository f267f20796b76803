"""uvicorn behind TLS in the node's loop, with a bound on those who have not shaken hands yet.

uvicorn counts a connection when TLS stands. Whoever only opens sockets would hold the files that
cameras and their footage need, for a minute each: here they count from the first packet on, and
have `HANDSHAKE_S`.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Final

import uvicorn
from typing_extensions import override

from falconeye.base.clock import SystemClock
from falconeye.base.counters import RepeatingLog
from falconeye.base.errors import StartError
from falconeye.base.tasks import TaskSet
from falconeye.web.http_protocol import HttpProtocol, max_connections
from falconeye.web.server import NOT_STARTED, InLoopServer

HANDSHAKE_S: Final = 5.0
SHUTDOWN_S: Final = 1.0
PAUSE_S: Final = 0.5  # after an accept that failed: the process has no files left
_trouble = RepeatingLog(logging.getLogger(__name__), SystemClock())


def max_peer_connections() -> int:
    """Half of what the web port has: of the files, a third goes to downloads as before."""
    return max_connections() // 2


class TlsServer(InLoopServer):
    """Serves on sockets that speak TLS from the first byte; `context` is asked for each anew."""

    whose = "of nodes"  # the connections, in the log

    def __init__(self, config: uvicorn.Config, context: Callable[[], ssl.SSLContext]) -> None:
        super().__init__(config)
        self._context = context
        self._tasks = TaskSet("tls")
        self.shaking = 0  # connections whose TLS does not stand yet

    def limit(self) -> int:
        """How many connections there may be, those that shake hands among them."""
        return max_peer_connections()

    def make_room(self) -> bool:
        """Whether another connection was ended for the one that came too many."""
        return False

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            self.serving.set_exception(StartError(NOT_STARTED))
            self.should_exit = True
            return
        self.servers = []  # nothing of asyncio's own accepts: it bounds nothing
        for listening in sockets or []:
            _ = self._tasks.start(self._accept(listening), "accept")
        self.started = True
        self.serving.set_result(None)

    @override
    async def stop_accepting(self) -> None:
        """No more connections; those whose TLS does not stand yet are cut."""
        await self._tasks.stop()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(listening)
            except OSError as error:
                _trouble.warning(f"connections {self.whose} cannot be accepted: {error.strerror}")
                await asyncio.sleep(PAUSE_S)
                continue
            limit = self.limit()
            is_full = self.shaking + len(self.server_state.connections) >= limit
            if is_full and not self.make_room():
                _trouble.warning(
                    f"more than {limit} connections {self.whose}: the newest are refused"
                )
                accepted.close()
                continue
            self.shaking += 1
            _ = self._tasks.start(self._arrive(accepted), "handshake")
            # An accept that need not wait gives no other task its turn: a flood had the loop.
            await asyncio.sleep(0)

    async def _arrive(self, accepted: socket.socket) -> None:
        try:
            await self._shake(accepted)
        except OSError:  # no TLS, another certificate meant, too slow: SSLError is one
            return
        finally:
            self.shaking -= 1

    async def _shake(self, accepted: socket.socket) -> None:
        """Serve it behind TLS; OSError where that does not come to stand."""
        _ = await self._behind_tls(accepted, self._protocol)

    async def _behind_tls(
        self, accepted: socket.socket, make: Callable[[], HttpProtocol]
    ) -> asyncio.BaseTransport:
        """What of `make` is served on once TLS stands; OSError where it does not."""
        transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
            make,
            accepted,
            ssl=self._context(),
            ssl_handshake_timeout=HANDSHAKE_S,
            ssl_shutdown_timeout=SHUTDOWN_S,
        )
        return transport

    def _protocol(self) -> HttpProtocol:
        return HttpProtocol(self.config, self.server_state, app_state=self.lifespan.state)
