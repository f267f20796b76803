"""The way to peers without signatures: httpx and websockets straight to an address on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus

from falconeye.base.errors import NotFound, Unavailable
from falconeye.federation.peer_errors import PeerDenied
from falconeye.web.peers.proxy_upstream import Headers
from tests.nodes import NO_TLS

CONNECT_S = 2.0


@dataclass(frozen=True)
class Asked:
    """One request to a peer."""

    method: str
    path: str
    acting: str | None
    client: str | None
    headers: dict[str, str]


@dataclass
class PlainPeer:
    """One peer. `token`: sent along, where the peer is a whole node that asks for one."""

    port: int
    name: str = "pi-2"
    token: str = ""
    unreachable_since_us: int | None = None
    asked: list[Asked] = field(default_factory=list)

    def _headers(self, headers: Headers) -> list[tuple[str, str]]:
        own = [("authorization", f"Bearer {self.token}")] if self.token else []
        return [*headers, *own]

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        headers: Headers = (),
        content: bytes | AsyncIterable[bytes] | None = None,
        acting: str | None = None,
        client: str | None = None,
        limit_s: float | None = None,
    ) -> AsyncIterator[httpx.Response]:
        self.asked.append(Asked(method, path, acting, client, dict(headers)))
        timeout = httpx.Timeout(limit_s, connect=CONNECT_S, read=None)
        async with httpx.AsyncClient(timeout=timeout, trust_env=False, verify=NO_TLS) as asking:
            request = asking.build_request(
                method,
                f"http://127.0.0.1:{self.port}{path}",
                headers=self._headers(headers),
                content=content,
            )
            try:
                async with asyncio.timeout(limit_s):
                    answer = await asking.send(request, stream=True)
            except (httpx.HTTPError, TimeoutError) as error:
                msg = f"{self.name} is unreachable"
                raise Unavailable(msg) from error
            try:
                yield answer
            finally:
                await answer.aclose()

    @asynccontextmanager
    async def websocket(
        self,
        path: str,
        *,
        headers: Headers = (),
        acting: str | None = None,
        client: str | None = None,
    ) -> AsyncIterator[ClientConnection]:
        self.asked.append(Asked("WS", path, acting, client, dict(headers)))
        try:
            connection = await connect(
                f"ws://127.0.0.1:{self.port}{path}",
                additional_headers=self._headers(headers),
                user_agent_header=None,
                compression=None,
                proxy=None,
                max_size=16 << 20,
                max_queue=1,
                write_limit=16 * 1024,
                open_timeout=CONNECT_S,
            )
        except InvalidStatus as error:
            raise PeerDenied("peer", error.response.status_code) from error
        except (OSError, TimeoutError, InvalidHandshake) as error:
            msg = f"{self.name} is unreachable"
            raise Unavailable(msg) from error
        async with connection:
            yield connection


@dataclass
class PlainCluster:
    """Placement and connections of one: who records what is said here."""

    own_id: str = "0" * 32
    recorders: dict[str, str] = field(default_factory=dict)
    members: dict[str, PlainPeer] = field(default_factory=dict)

    def recorder_of(self, camera_id: str) -> str | None:
        return self.recorders.get(camera_id)

    def peers(self) -> Sequence[str]:
        return list(self.members)

    def name_of(self, node_id: str) -> str:
        return self.members[node_id].name

    def unreachable_since_us(self, node_id: str) -> int | None:
        return self.members[node_id].unreachable_since_us

    def get(self, node_id: str) -> PlainPeer:
        if node_id not in self.members:
            raise NotFound("there is no such node in this cluster")
        return self.members[node_id]


Script = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RawServer:
    """Answers each connection with bytes that a test writes itself; knows when clients leave."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list)  # what requests began with
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def head(self) -> dict[str, str]:
        """The newest request's headers, their names in small letters."""
        lines = self.heads[-1].decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(":") for line in lines if line)
        return {name.lower(): value.strip() for name, _, value in pairs}


@asynccontextmanager
async def raw_server(script: Script) -> AsyncIterator[RawServer]:
    """`script` gets the request's head and the connection; it is closed after it."""
    served, tasks = RawServer(), set[asyncio.Task[None]]()

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                head = await reader.readuntil(b"\r\n\r\n")
                served.heads.append(head)
                await script(head, reader, writer)
                await writer.drain()
        finally:
            served.left.set()
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            tasks.discard(task)

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(on_connection, sock=listening)
    served.port = listening.getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
