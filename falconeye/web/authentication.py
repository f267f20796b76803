"""Finds out who asks, for every connection, and sees that it ends when their right to it ends.

Two doors lead into one application. At the web port a cookie or a token tells who asks. The door
for other nodes (`web.peers`) has looked at a member's signature before and leaves its `Arrival`.
"""

import asyncio
import json
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from falconeye.accounts.model import Principal
from falconeye.accounts.service import Accounts
from falconeye.web.open_streams import STATE_KEY, OpenConnection, OpenStreams
from falconeye.web.security.credentials import Credential, CredentialKind, credential_of
from falconeye.web.security.limits import excess
from falconeye.web.security.paths import is_peer_path

ARRIVAL_KEY: Final = "arrival"  # in the scope's state, which no client can fill
_LAST_BYTES_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who asks, and by what that is known: what another door than the web port found out."""

    who: Principal | None
    credential: Credential | None


async def authenticate(accounts: Accounts, credential: Credential) -> Principal | None:
    """Who a credential is now; None when it is nobody's, ended or past its date."""
    match credential.kind:
        case CredentialKind.SESSION:
            return await accounts.authenticate_session(credential.value)
        case CredentialKind.TOKEN:
            return await accounts.authenticate_token(credential.value)
        case CredentialKind.ACTING_SESSION:
            return await accounts.principal_by_session_id(credential.value)
        case CredentialKind.ACTING_TOKEN:
            return await accounts.principal_by_token_id(credential.value)
        case CredentialKind.DISPLAY:
            return await accounts.authenticate_display(credential.value)
        case CredentialKind.ACTING_DISPLAY:
            return await accounts.principal_by_display_id(credential.value)


class Authentication:
    """Puts the `Principal` (or None) and the `Credential` into the scope as `user` and `auth`.

    Stands around the router, so that an address without a route knows who asks as well.
    """

    def __init__(self, app: ASGIApp, accounts: Accounts, streams: OpenStreams) -> None:
        self._app = app
        self._accounts = accounts
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (found := excess(scope)) is not None:
            await refuse(scope, send, *found)
            return
        arrival: Arrival | None = scope["state"].get(ARRIVAL_KEY)
        if arrival is None:
            if is_peer_path(scope["path"]):
                await refuse(scope, send, 404, "there is nothing at this address")
                return
            arrival = await self._at_web_port(scope)
        who, credential = arrival.who, arrival.credential
        scope["user"], scope["auth"] = who, credential if who else None
        with self._streams.opened(who, credential) as connection:
            scope["state"][STATE_KEY] = connection
            await _Watched(connection, send).run(self._app, scope, receive)

    async def _at_web_port(self, scope: Scope) -> Arrival:
        credential = credential_of(ASGIConnection(scope))
        who = await authenticate(self._accounts, credential) if credential else None
        return Arrival(who, credential)


async def refuse(
    scope: Scope, send: Send, status: int, detail: str, more: Collection[tuple[bytes, bytes]] = ()
) -> None:
    """Answer without routing, and hang up; a WebSocket is refused before it is accepted.

    `more`: headers, their names in small letters. A WebSocket is refused with status and headers
    only where there are some (ASGI's extension `websocket.http.response`, which uvicorn has).
    """
    websocket = scope["type"] == ScopeType.WEBSOCKET
    if websocket and not more:
        await send({"type": "websocket.close", "code": 1009, "reason": detail})
        return
    body = json.dumps({"detail": detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close"), *more]
    headers.append((b"content-length", str(len(body)).encode()))
    if websocket:
        begin: Any = {"type": "websocket.http.response.start", "status": status, "headers": headers}
        await send(begin)
        end: Any = {"type": "websocket.http.response.body", "body": body}
        await send(end)
        return
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


class _Watched:
    """Follows one answer, so that a stream that is cancelled ends cleanly where it can."""

    def __init__(self, connection: OpenConnection, send: Send) -> None:
        self._connection = connection
        self._send = send
        self._has_length = False
        self._websocket = False
        self._answered = False  # a WebSocket was accepted, or refused

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive) -> None:
        self._websocket = scope["type"] == ScopeType.WEBSOCKET
        try:
            if self._websocket:  # its handshake, too, may wait long, for another node
                self._connection.began()
            await app(scope, receive, self._follow)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._connection.cancelled or task is None or task.uncancel() > 0:
                raise  # the server's own cancellation
            await self._last_bytes()

    async def _follow(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._has_length = any(name == b"content-length" for name, _ in message["headers"])
        elif message["type"] == "http.response.body":
            if not message.get("more_body"):
                self._connection.streaming = False
            elif not self._connection.streaming:
                self._connection.began()
        elif self._websocket:
            self._answered = True
        await self._send(message)

    async def _last_bytes(self) -> None:
        """End a WebSocket or an endless answer; one of known length is cut off by the server."""
        reason = self._connection.reason
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_BYTES_S):  # the client may have stopped reading
                if self._websocket and reason is not None:
                    if not self._answered:  # a browser tells a page nothing of a refused one
                        accept: Any = {"type": "websocket.accept", "headers": []}
                        await self._send(accept)
                    code = reason.websocket_code
                    await self._send({"type": "websocket.close", "code": code, "reason": reason})
                elif not self._websocket and not self._has_length:
                    await self._send(
                        {"type": "http.response.body", "body": b"", "more_body": False}
                    )
