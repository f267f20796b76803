"""The HTTP server inside the node's own loop: uvicorn's settings, start and stop."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal

import uvicorn
from litestar import Litestar
from litestar.types import ASGIApp
from typing_extensions import override

from falconeye.base.errors import StartError
from falconeye.base.tasks import TaskSet
from falconeye.web.http_protocol import HttpProtocol
from falconeye.web.listening_socket import BACKLOG
from falconeye.web.security.limits import MAX_HEADER_BYTES
from falconeye.web.shell import STATE_KEY, Shell
from falconeye.web.websocket_protocol import WebSocketProtocol

log = logging.getLogger(__name__)

MAX_WEBSOCKET_BYTES: Final = 64 * 1024  # clients send short JSON only
GOODBYE_S: Final = 0.7  # streams end by themselves within it, or are cut
NOT_STARTED: Final = "the web application did not start; see the log"


class InLoopServer(uvicorn.Server):
    """uvicorn without signal handlers (the node has its own), and with a word when it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:  # uvicorn's way to say that the application did not start
            self.serving.set_exception(StartError(NOT_STARTED))
            self.should_exit = True
        else:
            self.serving.set_result(None)

    async def stop_accepting(self) -> None:
        """For those who accept by themselves; uvicorn's own does as it shuts down."""


class WebServer:
    """Serves an application on a socket from `start()` to `stop()`."""

    def __init__(
        self,
        app: Litestar,
        listening: socket.socket,
        make_server: Callable[[uvicorn.Config], InLoopServer] = InLoopServer,
    ) -> None:
        """`make_server`: of another kind, such as one that speaks TLS."""
        shell: Shell = app.state[STATE_KEY]
        self._shell = shell
        self._app = app
        self._socket = listening
        self._tasks = TaskSet("web")
        self._make_server = make_server
        self._server: InLoopServer | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """Where it listens; known before it serves."""
        port: int = self._socket.getsockname()[1]
        return port

    async def start(self) -> None:
        """Serve; returns when requests are answered. StartError when the application fails."""
        self._server = self._make_server(uvicorn_config(self._app))
        self._serving = self._tasks.start(self._server.serve([self._socket]), "serve")
        revocations = self._shell.services.accounts.revocations
        _ = self._tasks.start(self._shell.streams.watch(revocations), "watch-streams")
        await self._server.serving

    async def stop(self) -> None:
        """Tell every stream that the node stops, let answers finish for a moment, then close."""
        if self._server is not None and self._serving is not None:
            await self._shell.streams.stop(GOODBYE_S)
            await self._server.stop_accepting()
            self._server.should_exit = True
            await asyncio.wait((self._serving,))
        await self._tasks.stop()
        self._socket.close()


def uvicorn_config(app: ASGIApp, *, lifespan: Literal["on", "off"] = "on") -> uvicorn.Config:
    """The settings of uvicorn, and why; the loop is the caller's.

    `lifespan` off: another server starts and ends the application.
    """
    served: Any = app  # Litestar and uvicorn have an ASGI type each
    return uvicorn.Config(
        served,
        loop="none",  # it runs in the node's loop
        http=HttpProtocol,
        ws=WebSocketProtocol,
        lifespan=lifespan,
        log_config=None,
        access_log=False,  # addresses hold secrets (set-up link), and an NVR is asked all day
        server_header=False,
        proxy_headers=False,  # X-Forwarded-* from anybody would be believed
        ws_per_message_deflate=False,  # compressing video again costs six times the CPU
        ws_max_size=MAX_WEBSOCKET_BYTES,
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        backlog=BACKLOG,
    )
