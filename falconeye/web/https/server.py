"""The web port with TLS: who speaks plain HTTP there gets an answer instead of a broken connection.

What a connection speaks is seen by its first byte (RFC 8446 5.1: a handshake begins with 22), which
stays in the kernel for whoever reads the connection then. That costs each connection a call, and
what is sent and received nothing.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Final

import uvicorn
from typing_extensions import override

from falconeye.web.http_protocol import FIRST_BYTE_S, HttpProtocol, max_connections
from falconeye.web.tls_server import TlsServer

_HANDSHAKE: Final = b"\x16"


class HttpsServer(TlsServer):
    """Serves browsers; `plain` of what came without TLS."""

    whose = "of browsers"

    def __init__(
        self, config: uvicorn.Config, plain: uvicorn.Config, context: Callable[[], ssl.SSLContext]
    ) -> None:
        super().__init__(config, context)
        plain.load()
        self._plain = plain

    @override
    def limit(self) -> int:
        return max_connections()

    @override
    async def _shake(self, accepted: socket.socket) -> None:
        try:
            first = await _first_byte(accepted)
        except BaseException:
            accepted.close()
            raise
        if first == _HANDSHAKE:
            await super()._shake(accepted)
        elif first:
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(self._plain_protocol, accepted)
        else:
            accepted.close()

    def _plain_protocol(self) -> HttpProtocol:
        return HttpProtocol(self._plain, self.server_state, app_state=self.lifespan.state)


async def _first_byte(accepted: socket.socket) -> bytes:
    """Looked at, not taken; b"" where the other side closed. TimeoutError after half a minute.

    Browsers connect ahead and say nothing until they need it.
    """
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(accepted, readable.set)
    try:
        async with asyncio.timeout(FIRST_BYTE_S):
            await readable.wait()
    finally:
        loop.remove_reader(accepted)
    return accepted.recv(1, socket.MSG_PEEK)
