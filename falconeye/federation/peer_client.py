"""Asks one other node: TLS to exactly its certificate, every request signed, several addresses.

The certificate is checked in the handshake, before a byte of a request is sent. Answers come as
they are on the wire: nothing is decoded, nothing is followed, and what is not read is not fetched.
"""

import asyncio
import json as json_module
import logging
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
from websockets.asyncio.client import ClientConnection

from falconeye.base.clock import Clock
from falconeye.federation.node_keys import client_context
from falconeye.federation.peer_address import PeerAddress
from falconeye.federation.peer_clock import PeerClock
from falconeye.federation.peer_connecting import (
    CONNECT_S,
    SOCKET_OPTIONS,
    Addresses,
    open_websocket,
)
from falconeye.federation.peer_errors import PeerRefused, PeerUnreachable
from falconeye.federation.refusals import Refused
from falconeye.federation.signatures import Signer

log = logging.getLogger(__name__)

HELLO: Final = "/peer/hello"
HELLO_S: Final = 2.0
REQUEST_S: Final = 5.0
KEEP_ALIVE_S: Final = 20.0  # the listener keeps them longer, so that none is used while it closes
MAX_CONNECTIONS: Final = 256
MAX_ANSWER_BYTES: Final = 64 << 20
_REPEATABLE: Final = frozenset({"GET", "HEAD"})
# What is signed and what belongs to the connection is ours to say, not a proxied client's.
_NOT_PASSED: Final = (
    "falconeye-", "signature", "content-digest", "host", "connection", "upgrade", "sec-websocket-",
)  # fmt: skip

Headers = Iterable[tuple[str, str]]
Content = bytes | AsyncIterable[bytes] | None


class PeerClient:
    """One member. `acting` (`session=ID`, `token=ID`) and `client` (an address): who asks us."""

    def __init__(self, peer: PeerAddress, signer: Signer, clock: Clock) -> None:
        """InvalidInput when its certificate is none."""
        self.node_id = peer.node_id
        self.certificate = peer.certificate
        self._addresses = Addresses(peer.node_id, peer.addresses)
        self._signer = signer
        self._clock = PeerClock(clock)
        self._context = client_context(peer.certificate)
        self._websockets: set[ClientConnection] = set()
        self._http = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(
                verify=self._context,
                limits=httpx.Limits(
                    max_connections=MAX_CONNECTIONS,
                    max_keepalive_connections=8,
                    keepalive_expiry=KEEP_ALIVE_S,
                ),
                socket_options=SOCKET_OPTIONS,
            ),
            timeout=httpx.Timeout(None, connect=CONNECT_S, pool=CONNECT_S),
            trust_env=False,
        )

    def move(self, addresses: tuple[str, ...]) -> None:
        """It listens at these from now on."""
        self._addresses.all = addresses

    async def close(self) -> None:
        """End all connections, also those in use."""
        for opened in list(self._websockets):
            opened.transport.abort()
        await self._http.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        acting: str | None = None,
        client: str | None = None,
        limit_s: float = REQUEST_S,
    ) -> httpx.Response:
        """The whole answer, of any status, within `limit_s`. `path` with its query, as sent.

        PeerUnreachable; PeerRefused when the request itself was not accepted.
        """
        headers: list[tuple[str, str]] = []
        if json is not None:
            content = json_module.dumps(json, separators=(",", ":")).encode()
            headers.append(("content-type", "application/json"))
        try:
            async with asyncio.timeout(limit_s):
                for left in reversed(range(2 if method in _REPEATABLE else 1)):
                    try:
                        return await self._whole(method, path, headers, content, acting, client)
                    except httpx.TransportError as error:
                        if not left:  # what was kept open may have been closed there meanwhile
                            raise self._broken(error) from error
        except TimeoutError as error:
            raise self._silent(limit_s) from error
        raise AssertionError  # the loop returns or raises

    async def _whole(
        self,
        method: str,
        path: str,
        headers: Headers,
        content: bytes | None,
        acting: str | None,
        client: str | None,
    ) -> httpx.Response:
        answer = await self._accepted(method, path, headers, content, acting, client)
        try:
            if "content-encoding" in answer.headers:  # httpx would unpack it, however far it goes
                msg = f"the node {self.node_id} packed its answer, which it was not asked to"
                raise PeerUnreachable(msg)
            chunks, size = [], 0
            async for chunk in answer.aiter_raw():
                size += len(chunk)
                if size > MAX_ANSWER_BYTES:
                    msg = f"the node {self.node_id} answers with more than can be held"
                    raise PeerUnreachable(msg)
                chunks.append(chunk)
        finally:
            await answer.aclose()
        return httpx.Response(answer.status_code, headers=answer.headers, content=b"".join(chunks))

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        headers: Headers = (),
        content: Content = None,
        acting: str | None = None,
        client: str | None = None,
        limit_s: float | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """The answer while it comes: read `aiter_raw()`; leaving the context hangs up.

        A body that is an iterator is sent as it comes (with the `content-length` of `headers` where
        there is one) and once only. `limit_s` bounds the wait for the head of the answer; nothing
        bounds its body. Errors as of `request`; httpx.TransportError while the body is read.
        """
        try:
            async with asyncio.timeout(limit_s):
                if not (content is None or isinstance(content, bytes) or self._clock.is_proved):
                    await self.request("GET", HELLO, limit_s=HELLO_S)  # learns its time
                answer = await self._accepted(method, path, headers, content, acting, client)
        except httpx.TransportError as error:
            raise self._broken(error) from error
        except TimeoutError as error:
            raise self._silent(limit_s) from error
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
        """An open WebSocket, uncompressed; closed when the context is left.

        PeerUnreachable, PeerRefused; PeerDenied with the status when the answer is another one.
        """
        passed = _passed(headers)

        async def connect(address: str) -> ClientConnection:
            signed = self._signed("GET", path, None, acting, client)
            return await open_websocket(
                address, path, [*passed, *signed.items()], self._context, self.node_id
            )

        try:
            opened = await self._addresses.first(connect)
        except PeerRefused as refused:
            if refused.reason is not Refused.TIME or not self._learnt(refused.told_us):
                raise
            opened = await self._addresses.first(connect)
        self._clock.is_proved = True
        self._websockets.add(opened)
        try:
            yield opened
        finally:
            self._websockets.discard(opened)
            await opened.close()

    async def _accepted(
        self,
        method: str,
        path: str,
        headers: Headers,
        content: Content,
        acting: str | None,
        client: str | None,
    ) -> httpx.Response:
        """The head of the answer, its time learnt where that was the trouble."""
        passed = _passed(headers)
        body = content if isinstance(content, bytes) else None

        async def send(address: str) -> httpx.Response:
            signed = self._signed(method, path, body, acting, client)
            request = httpx.Request(
                method,
                f"https://{address}/",
                headers=[*passed, *signed.items()],
                content=content,
                extensions={"target": path.encode("ascii")},
            )
            return await self._http.send(request, stream=True)

        answer = await self._addresses.first(send)
        refused = await self._refusal(answer)
        if refused is None:
            return answer
        may_repeat = content is None or body is not None
        if refused.reason is Refused.TIME and self._learnt(refused.told_us) and may_repeat:
            answer = await self._addresses.first(send)
            refused = await self._refusal(answer)
        if refused is not None:
            raise refused
        return answer

    async def _refusal(self, answer: httpx.Response) -> PeerRefused | None:
        """Why it did not accept the request, and the connection given back; None: it did."""
        refused = PeerRefused.of(self.node_id, answer.headers)
        if refused is None:
            self._clock.is_proved = True
        else:
            await answer.aclose()
        return refused

    def _learnt(self, told_us: str) -> bool:
        learnt = self._clock.learn(told_us)
        log.info("the clock of the node %s differs from this one's", self.node_id)
        return learnt

    def _signed(
        self, method: str, path: str, body: bytes | None, acting: str | None, client: str | None
    ) -> dict[str, str]:
        return self._signer.headers(
            method,
            path,
            to=self.node_id,
            created_s=self._clock.now_s(),
            acting=acting,
            client=client,
            body=body,
        )

    def _broken(self, error: httpx.TransportError) -> PeerUnreachable:
        return PeerUnreachable(f"the node {self.node_id} broke off: {type(error).__name__}")

    def _silent(self, limit_s: float | None) -> PeerUnreachable:
        return PeerUnreachable(f"the node {self.node_id} did not answer within {limit_s} s")


def _passed(headers: Headers) -> list[tuple[str, str]]:
    return [pair for pair in headers if not pair[0].lower().startswith(_NOT_PASSED)]
