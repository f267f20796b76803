"""The server of the port for nodes: TLS, and no place held by who does not show to be a member."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import cast

import uvicorn
from typing_extensions import override

from falconeye.web.http_protocol import HttpProtocol
from falconeye.web.peers.visitors import VISITOR_KEY, Visitor, Visitors
from falconeye.web.tls_server import TlsServer


class PeerServer(TlsServer):
    """Serves members; strangers take places of each other only."""

    def __init__(self, config: uvicorn.Config, context: Callable[[], ssl.SSLContext]) -> None:
        super().__init__(config, context)
        self._visitors = Visitors()

    @override
    def make_room(self) -> bool:
        return self._visitors.cut_one()

    @override
    async def _shake(self, accepted: socket.socket) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        visitor = self._visitors.come(_address(accepted), task.cancel)

        def protocol() -> HttpProtocol:
            told = {**self.lifespan.state, VISITOR_KEY: visitor}
            return HttpProtocol(self.config, self.server_state, app_state=told)

        try:
            transport = await self._behind_tls(accepted, protocol)
        except BaseException:
            self._visitors.leave(visitor)
            raise
        _open(visitor, cast("asyncio.Transport", transport))


def _open(visitor: Visitor, transport: asyncio.Transport) -> None:
    visitor.cut, visitor.is_over = transport.abort, transport.is_closing


def _address(accepted: socket.socket) -> str:
    """Of the other side; "" where it has gone already."""
    try:
        host: str = accepted.getpeername()[0]
    except OSError:
        return ""
    return host
