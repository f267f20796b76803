"""A WebSocket through this node: both directions, one message in flight in each.

What waits for a slow viewer waits in the queue of the node that has the camera, which then goes on
at the next keyframe; hence the small buffers here. Close codes and reasons pass both ways. A
refusal before the WebSocket is accepted keeps its status.
"""

import asyncio
import contextlib
import json
import logging
import socket
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from litestar.types import Receive, Send, WebSocketScope
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from falconeye.base.errors import Unavailable
from falconeye.federation.peer_errors import PeerDenied
from falconeye.web.peers.proxy_http import LIVE_BUFFER_BYTES, target_of
from falconeye.web.peers.proxy_upstream import Asking, Headers, Peer

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

log = logging.getLogger(__name__)

SEND_LIMIT_S: Final = 60.0
HANG_UP_S: Final = 0.3
CLOSE_TOO_SLOW: Final = 4408  # as live_socket.py has it
CLOSE_UNAVAILABLE: Final = 4503
_MAX_REASON_BYTES: Final = 123  # RFC 6455 5.5
_UNSENDABLE: Final = frozenset({1004, 1005, 1006, 1015})  # RFC 6455 7.4.1


class _Ended(Exception):
    """The WebSocket is over; close the side that is left so."""

    def __init__(self, code: int, reason: str, *, client_left: bool = False) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.client_left = client_left


async def forward(
    scope: WebSocketScope,
    receive: Receive,
    send: Send,
    peer: Peer,
    headers: Headers,
    asking: Asking,
) -> None:
    """Have `peer` serve it, to the end."""
    _ = await receive()  # websocket.connect
    try:
        async with peer.connection.websocket(
            target_of(scope).replace(";", "%3B"),  # the client library takes `;` out
            headers=headers,
            acting=asking.acting,
            client=asking.client,
        ) as upstream:
            _hold_little(upstream)
            if not await _accept(send, upstream.subprotocol):
                await _hang_up(upstream, CloseCode.GOING_AWAY, "")
                return
            ended = await _pump(receive, send, upstream, peer)
            if not ended.client_left:
                await _close(send, ended.code, ended.reason)
    except PeerDenied as denied:
        with contextlib.suppress(OSError):  # as below
            await _deny(scope, send, denied.http_status)
    except Unavailable as error:
        await close_unavailable(send, peer.words(error))


async def _accept(send: Send, subprotocol: str | None) -> bool:
    """Whether the client is still there: it may have left while the peer was asked."""
    try:
        await send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": []})
    except OSError:  # uvicorn's word for a client that did not wait for it
        return False
    return True


async def close_unavailable(send: Send, words: str) -> None:
    """Accept and close with the words: a browser tells a page nothing of a refused WebSocket."""
    with contextlib.suppress(OSError):  # uvicorn's word for a client that did not wait for it
        await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        await _close(send, CLOSE_UNAVAILABLE, words)


async def _pump(receive: Receive, send: Send, upstream: "ClientConnection", peer: Peer) -> _Ended:
    """Both directions until one ends; the other side then hears why."""
    try:
        ended = await _until_over(receive, send, upstream, peer)
    except asyncio.CancelledError:
        upstream.transport.abort()  # nobody waits for a handshake when a right has ended
        raise
    if ended.client_left:
        await _hang_up(upstream, ended.code, ended.reason)
    elif ended.code == CLOSE_TOO_SLOW:
        await _hang_up(upstream, CloseCode.GOING_AWAY, "")
    return ended


async def _hang_up(upstream: "ClientConnection", code: int, reason: str) -> None:
    """Say goodbye. The peer's own may stand behind much that nobody reads any more."""
    try:
        async with asyncio.timeout(HANG_UP_S):
            await upstream.close(code, reason)
    except TimeoutError:
        upstream.transport.abort()


async def _until_over(
    receive: Receive, send: Send, upstream: "ClientConnection", peer: Peer
) -> _Ended:
    ends: list[_Ended] = []
    try:
        async with asyncio.TaskGroup() as tasks:  # each ends by an exception, and ends the others
            tasks.create_task(_up(receive, upstream), name="proxy:up")
            tasks.create_task(_down(send, upstream), name="proxy:down")
            tasks.create_task(_until_lost(peer), name="proxy:peer")
    except* _Ended as group:
        ends += [error for error in group.exceptions if isinstance(error, _Ended)]
    except* OSError:  # uvicorn's word for a client that is gone
        ends.append(_Ended(CloseCode.GOING_AWAY, "", client_left=True))
    return ends[0]


async def _down(send: Send, upstream: "ClientConnection") -> None:
    """The peer's messages to the client."""
    while True:
        try:
            message = await upstream.recv()
        except ConnectionClosed:
            raise _as_closed(upstream) from None
        text, data = (message, None) if isinstance(message, str) else (None, message)
        try:
            async with asyncio.timeout(SEND_LIMIT_S):
                await send({"type": "websocket.send", "text": text, "bytes": data})
        except TimeoutError:
            raise _Ended(CLOSE_TOO_SLOW, "nothing was read for too long") from None


async def _up(receive: Receive, upstream: "ClientConnection") -> None:
    """The client's messages to the peer."""
    while True:
        message: Any = await receive()
        if message["type"] == "websocket.disconnect":
            code = message.get("code") or CloseCode.NO_STATUS_RCVD
            known = code not in _UNSENDABLE
            reason = message.get("reason") or ""
            raise _Ended(code if known else CloseCode.GOING_AWAY, reason, client_left=True)
        text, data = message.get("text"), message.get("bytes")
        try:
            await upstream.send(data if text is None else text)
        except ConnectionClosed:
            raise _as_closed(upstream) from None


async def _until_lost(peer: Peer) -> None:
    await peer.lost()
    raise _Ended(CLOSE_UNAVAILABLE, f"{peer.name} is unreachable")


def _as_closed(upstream: "ClientConnection") -> _Ended:
    """What the peer closed with; a connection that broke is said to be a bad gateway's."""
    code, reason = upstream.close_code, upstream.close_reason or ""
    if code is None or code == CloseCode.ABNORMAL_CLOSURE:
        return _Ended(CloseCode.BAD_GATEWAY, "the connection between the nodes broke")
    return _Ended(CloseCode.NORMAL_CLOSURE if code in _UNSENDABLE else code, reason)


async def _close(send: Send, code: int, reason: str) -> None:
    words = reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
    try:
        async with asyncio.timeout(SEND_LIMIT_S):
            await send({"type": "websocket.close", "code": int(code), "reason": words})
    except (OSError, TimeoutError) as error:
        log.debug("a viewer left while its WebSocket was being closed: %r", error)


async def _deny(scope: WebSocketScope, send: Send, status: int) -> None:
    """Refuse as the peer did: by its status where the server can, else by the nearest close."""
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": 4000 + status, "reason": ""})
        return
    body = json.dumps({"detail": HTTPStatus(status).phrase.lower()}).encode()
    start: Any = {
        "type": "websocket.http.response.start",
        "status": status,
        "headers": [(b"content-type", b"application/json")],
    }
    end: Any = {"type": "websocket.http.response.body", "body": body, "more_body": False}
    await send(start)
    await send(end)


def _hold_little(upstream: "ClientConnection") -> None:
    """A viewer that does not keep up is noticed by the node that has its queue."""
    found = upstream.transport.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LIVE_BUFFER_BYTES)
