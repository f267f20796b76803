"""How another node is reached: one of its addresses after the other, each for a moment only."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus

from falconeye.base.errors import InvalidInput
from falconeye.federation.peer_errors import PeerDenied, PeerRefused, PeerUnreachable

T = TypeVar("T")

CONNECT_S: Final = 0.5  # for each address: TCP, then TLS
HANDSHAKE_S: Final = 5.0  # of a WebSocket, once it is connected
PING_S: Final = 10.0
MAX_MESSAGE_BYTES: Final = 16 << 20  # the first live message is a whole GOP, 8 MB at most
MAX_MESSAGES: Final = 4  # unread ones; then nothing more is read from the socket
# A node that loses its power says nothing more: without these a question to it waits 15 minutes
# (tcp(7)). We send little and read much, so a receiver that takes its time is not cut off by it.
SOCKET_OPTIONS: Final = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000),
)


class NotConnected(Exception):
    """Nothing was sent: nobody answered at that address, or somebody else."""


class Addresses:
    """Where one node listens; the last good address is asked first."""

    def __init__(self, node_id: str, addresses: tuple[str, ...]) -> None:
        self._node_id = node_id
        self.all = addresses
        self._last_good = ""

    async def first(self, attempt: Callable[[str], Awaitable[T]]) -> T:
        """What `attempt` makes of the first address where that node answers; PeerUnreachable."""
        tried, is_another = [], False
        for address in sorted(self.all, key=lambda one: one != self._last_good):
            try:
                result = await attempt(address)
            except (NotConnected, httpx.ConnectError, httpx.ConnectTimeout) as error:
                is_another |= _shown_another(error)
                tried.append(f"{address} is another node" if _shown_another(error) else address)
                continue
            except httpx.InvalidURL:
                tried.append(f"{address} is no address")
                continue
            self._last_good = address
            return result
        msg = f"the node {self._node_id} was not reached ({', '.join(tried) or 'no address'})"
        raise PeerUnreachable(msg, is_another=is_another)


async def open_websocket(
    address: str,
    target: str,
    headers: list[tuple[str, str]],
    context: ssl.SSLContext,
    node_id: str,
) -> ClientConnection:
    """An open WebSocket at that address; `headers` are signed for exactly that target.

    NotConnected, PeerRefused, PeerDenied, PeerUnreachable; InvalidInput for a target with `;` or
    `#`, which the library would take out.
    """
    if set(target) & {";", "#"}:
        raise InvalidInput("this address cannot be asked for by a WebSocket")
    connected, host = await _connected(address)
    try:
        return await connect(
            f"wss://{address}{target}",
            sock=connected,
            ssl=context,
            server_hostname=host,
            additional_headers=headers,
            compression=None,  # video is compressed, and again costs six times the CPU
            user_agent_header=None,
            proxy=None,
            open_timeout=HANDSHAKE_S,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            close_timeout=1,
            max_size=MAX_MESSAGE_BYTES,
            max_queue=MAX_MESSAGES,
        )
    except InvalidStatus as error:
        status, said = error.response.status_code, error.response.headers
        refused = PeerRefused.of(node_id, {k.lower(): v for k, v in said.raw_items()})
        raise (refused or PeerDenied(node_id, status)) from error
    except ssl.SSLError as error:
        raise NotConnected from error
    # A TimeoutError is an OSError; ValueError: a redirect, which is not followed.
    except (OSError, InvalidHandshake, ValueError) as error:
        msg = f"the node {node_id} broke off: {type(error).__name__}"
        raise PeerUnreachable(msg) from error


async def _connected(address: str) -> tuple[socket.socket, str]:
    """A socket to the first place that a name stands for, and the name; NotConnected."""
    loop = asyncio.get_running_loop()
    try:
        parts = urlsplit(f"//{address}")
        host, port = parts.hostname or "", parts.port
        async with asyncio.timeout(CONNECT_S):
            [(family, kind, protocol, _, place), *_] = await loop.getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
            made = socket.socket(family, kind, protocol)
            try:
                made.setblocking(False)  # noqa: FBT003 - its name says it
                for option in SOCKET_OPTIONS:
                    made.setsockopt(*option)
                await loop.sock_connect(made, place)
            except BaseException:
                made.close()
                raise
    except (OSError, ValueError) as error:
        raise NotConnected from error
    return made, host


def _shown_another(error: BaseException | None) -> bool:
    """Whether it failed because of the certificate that was shown."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
