"""One request to a peer and its answer back, chunk by chunk.

A chunk is asked for when the one before was taken, in both directions, so that a slow client holds
the peer and nothing collects here. What ends early ends visibly: the connection is cut, never
closed as if that had been all. Nothing is unpacked, nothing is kept.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from litestar.types import HTTPScope, Receive, Send

from falconeye.base.errors import FalconEyeError, Unavailable
from falconeye.base.tasks import TaskSet
from falconeye.web.peers.proxy_headers import RawHeaders, content_length, downward, has_body
from falconeye.web.peers.proxy_upstream import Asking, Headers, Peer
from falconeye.web.range_response import DOWNLOAD_SEND_LIMIT_S, VIEWER_SEND_LIMIT_S

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

ANSWER_LIMIT_S: Final = 30.0  # to the answer's headers; a camera's first picture takes up to 15 s
LIVE_BUFFER_BYTES: Final = 128 * 1024  # what the kernel may hold of a stream; it doubles this


class TooLarge(FalconEyeError):
    """The body is longer than the route takes (413)."""

    status = 413


class ClientLeft(Exception):
    """Nobody is there any more who could read an answer."""


class Incoming:
    """A request's body, and whether its sender is still there.

    Who looks at the body before it is passed on (a CSRF token in a form) reads by `receive`; what
    that took is passed on with the rest.
    """

    def __init__(self, receive: Receive, headers: RawHeaders, limit_bytes: int | None) -> None:
        self._receive = receive
        self._limit_bytes = limit_bytes
        self._expects = has_body(headers)
        self._announced = content_length(headers)
        self._looked_at: list[Any] = []
        self._read = asyncio.Event()

    async def receive(self) -> Any:
        """As the server's own; what comes is kept."""
        message: Any = await self._receive()
        self._looked_at.append(message)
        return message

    def again(self) -> Receive:
        """The messages that were looked at, then the rest: for who answers here after all."""
        kept = iter(self._looked_at)

        async def replay() -> Any:
            message = next(kept, None)
            return await self._receive() if message is None else message

        return replay

    def content(self) -> AsyncGenerator[bytes, None] | None:
        """The body in chunks; None for a request without one. TooLarge where that is known."""
        if self._limit_bytes is not None and (self._announced or 0) > self._limit_bytes:
            raise _too_large(self._limit_bytes)
        if not self._expects:
            self._read.set()
            return None
        return self._chunks()

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        size_bytes, more, messages = 0, True, self.again()
        while more:
            message: Any = await messages()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            size_bytes += len(message["body"])
            if self._limit_bytes is not None and size_bytes > self._limit_bytes:
                raise _too_large(self._limit_bytes)
            more = message.get("more_body", False)
            if message["body"]:
                yield message["body"]
        self._read.set()

    async def left(self, present: asyncio.Timeout) -> None:
        """End `present` when the client has gone. The body is another's until it is read."""
        await self._read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        present.reschedule(asyncio.get_running_loop().time())


def _too_large(limit_bytes: int) -> TooLarge:
    msg = f"the request is larger than {limit_bytes} bytes"
    return TooLarge(msg)


async def forward(
    scope: HTTPScope,
    incoming: Incoming,
    send: Send,
    peer: Peer,
    headers: Headers,
    asking: Asking,
    limit_s: float = ANSWER_LIMIT_S,
) -> int | None:
    """Have `peer` answer, within `limit_s`; the status, or None where the client left before.

    Raises Unavailable while nothing of an answer was sent yet, TooLarge for a long body.
    """
    import httpx  # noqa: PLC0415 - loaded with the first peer

    tasks = TaskSet("proxy")
    present = asyncio.timeout(None)
    passing = _Passing(send)
    try:
        async with present:
            content = incoming.content()
            _ = tasks.start(incoming.left(present), "client")
            _ = tasks.start(_until_lost(peer, present), "peer")
            async with peer.connection.stream(
                scope["method"],
                target_of(scope),
                headers=headers,
                content=content,
                acting=asking.acting,
                client=asking.client,
                limit_s=limit_s,
            ) as answer:
                await passing.pass_on(answer)
    except ClientLeft:
        return None
    except TimeoutError:
        if not present.expired():
            raise
        if not passing.status and peer.unreachable_since_us is not None:
            msg = f"{peer.name} does not answer"
            raise Unavailable(msg) from None
    except (httpx.HTTPError, Unavailable) as error:
        if not passing.status:
            raise Unavailable(peer.words(error)) from error
        log.info("an answer of %s ended early: %s", peer.name, error)
    finally:
        await tasks.stop()
    return passing.status


def target_of(scope: Any) -> str:
    """Path and query as they stood in the request line, nothing decoded and encoded again."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return (raw + (b"?" + query if query else b"")).decode("latin-1")


class _Passing:
    """An answer on its way to the client; `status` once the client was told it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None

    async def pass_on(self, answer: "httpx.Response") -> None:
        headers = downward(answer.headers.raw)
        is_whole = content_length(headers) is not None
        limit_s = DOWNLOAD_SEND_LIMIT_S if is_whole else VIEWER_SEND_LIMIT_S
        if not is_whole:
            _hold_little(answer)
        self.status = answer.status_code
        start: Any = {
            "type": "http.response.start",
            "status": answer.status_code,
            "headers": headers,
        }
        async with asyncio.timeout(limit_s):
            await self._send(start)
        async with aclosing(_raw(answer)) as chunks:
            async for chunk in chunks:
                try:
                    async with asyncio.timeout(limit_s):
                        await self._body(chunk, more=True)
                except TimeoutError:
                    log.info("a client that read nothing for %.0f s was dropped", limit_s)
                    return  # without the last event: the server closes the connection
        await self._body(b"", more=False)

    async def _body(self, chunk: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": more})


async def _raw(answer: "httpx.Response") -> AsyncGenerator[bytes, None]:
    async for chunk in answer.aiter_raw():
        yield chunk


def _hold_little(answer: "httpx.Response") -> None:
    """Let a viewer that does not keep up be noticed by the node that has the queue."""
    stream = answer.extensions.get("network_stream")
    found = None if stream is None else stream.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LIVE_BUFFER_BYTES)


async def _until_lost(peer: Peer, present: asyncio.Timeout) -> None:
    await peer.lost()
    present.reschedule(asyncio.get_running_loop().time())
