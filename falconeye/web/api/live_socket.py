"""The pump between a live session and its WebSocket: tasks that receive, choose and send.

Server: `offer` (or `offline`, and an offer later), after a choice `hello`, then binary init, GOP
and fragments; `dropped`, `keepalive`, `closing`. Client: `choose`, as often as it likes. The
session holds the viewer's bounded queue; here a message is asked for only after the one before was
taken by the connection, so that a viewer which stops reading holds no memory.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any, Literal, Protocol

from litestar.exceptions import WebSocketDisconnect

from falconeye.base.errors import FalconEyeError, InvalidInput
from falconeye.web.open_streams import CloseReason, OpenConnection
from falconeye.web.said import said

log = logging.getLogger(__name__)

StreamChoice = Literal["main", "sub", "auto"]

MAX_REQUEST_CHARS = 4096
SEND_LIMIT_S = 60.0
CLOSE_LIMIT_S = 5.0
CHOICE_PERIOD_S = 0.1  # each choice costs a GOP to be built and sent
CLOSING = '{"type":"closing"}'  # the node stops; come back

# RFC 6455 7.4.1; 4000-4999 are ours: 4000 + the HTTP status that says the same
CLOSE_NORMAL = 1000
CLOSE_GOING_AWAY = 1001
CLOSE_TOO_BIG = 1009
CLOSE_TOO_SLOW = 4408
CLOSE_INVALID = 4422


class LiveSession(Protocol):
    """One viewer of one camera, as `cameras` offers it."""

    def messages(self) -> AsyncIterator[str | bytes]:
        """JSON control messages as text, media as bytes; ends with the session."""

    def choose(self, request: dict[str, Any]) -> None:
        """Another stream, audio, focus; InvalidInput for what is not on offer."""

    def close(self) -> None:
        """Free the viewer's place and queue; may be called twice."""


class Socket(Protocol):
    """What the pump uses of Litestar's WebSocket."""

    async def receive_text(self) -> str: ...

    async def send_text(self, data: str) -> None: ...

    async def send_bytes(self, data: bytes) -> None: ...

    async def close(self, code: int = ..., reason: str | None = ...) -> None: ...


class Closed(Exception):
    """The connection is to be closed with this code and these words."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


async def pump(
    socket: Socket,
    session: LiveSession,
    *,
    connection: OpenConnection,
    preferred: StreamChoice = "auto",
    send_limit_s: float = SEND_LIMIT_S,
) -> None:
    """Serve an accepted connection until either side ends it or `connection` is to close."""
    connection.says_goodbye = True
    choices = _Choices(session, preferred)
    errors: Sequence[Exception] = ()
    try:
        async with asyncio.TaskGroup() as tasks:  # each ends by an exception, and ends the others
            tasks.create_task(_send_all(socket, session, choices, send_limit_s), name="live:send")
            tasks.create_task(_receive_all(socket, choices), name="live:receive")
            tasks.create_task(choices.take(), name="live:choose")
            tasks.create_task(_until_closing(connection), name="live:closing")
    except ExceptionGroup as group:
        errors = group.exceptions
    finally:
        session.close()
    await _end(socket, errors)


async def close_with(socket: Socket, error: FalconEyeError) -> None:
    """Refuse an accepted connection with the HTTP status that says the same, and the words."""
    await _close(socket, Closed(4000 + error.status, str(error)))


class _Choices:
    """The client's choices; the stream named in the address comes first, once it is offered."""

    def __init__(self, session: LiveSession, preferred: StreamChoice) -> None:
        self._session = session
        self._preferred = None if preferred == "auto" else preferred
        self._newest = ""
        self._came = asyncio.Event()

    def offered(self, text: str) -> None:
        """A control message passes by: an offer that holds the preferred stream is taken up."""
        if self._preferred is None:
            return
        message = json.loads(text)
        offered = {entry["stream"] for entry in message.get("streams", ())}
        if message.get("type") == "offer" and self._preferred in offered:
            choice, self._preferred = self._preferred, None
            self._session.choose(
                {"type": "choose", "stream": choice, "audio": False, "focused": True}
            )

    def made(self, text: str) -> None:
        """A message of the client; one that nobody has looked at yet is forgotten."""
        if len(text) > MAX_REQUEST_CHARS:
            raise Closed(CLOSE_TOO_BIG, "message too long")
        self._preferred = None
        self._newest = text
        self._came.set()

    async def take(self) -> None:
        """Do what the newest message says, ten times a second at most, for ever."""
        while True:
            await self._came.wait()
            self._came.clear()
            self._take(self._newest)
            await asyncio.sleep(CHOICE_PERIOD_S)

    def _take(self, text: str) -> None:
        """`Closed` when it is no message that we know."""
        try:
            request = json.loads(text)
        except (ValueError, RecursionError):
            raise Closed(CLOSE_INVALID, "not JSON") from None
        if not isinstance(request, dict):
            raise Closed(CLOSE_INVALID, "not a JSON object")
        try:
            self._session.choose(request)
        except InvalidInput as error:
            raise Closed(CLOSE_INVALID, str(error)) from None


async def _send_all(
    socket: Socket, session: LiveSession, choices: _Choices, send_limit_s: float
) -> None:
    messages = session.messages()
    try:
        async for message in messages:
            await _send(socket, _in_words(message), send_limit_s)
            if isinstance(message, str):
                choices.offered(message)
    finally:
        if isinstance(messages, AsyncGenerator):
            await messages.aclose()
    raise Closed(CLOSE_GOING_AWAY)


def _in_words(message: str | bytes) -> str | bytes:
    """The same in the language of who opened the connection: why a camera gives no picture."""
    if isinstance(message, bytes):
        return message
    told = json.loads(message)
    reason = told.get("reason")
    return json.dumps(told | {"reason": said(reason)}) if reason else message


async def _send(socket: Socket, message: str | bytes, send_limit_s: float) -> None:
    try:
        async with asyncio.timeout(send_limit_s):
            if isinstance(message, str):
                await socket.send_text(message)
            else:
                await socket.send_bytes(message)
    except TimeoutError:
        raise Closed(CLOSE_TOO_SLOW, "nothing was read for too long") from None


async def _receive_all(socket: Socket, choices: _Choices) -> None:
    while True:
        choices.made(await socket.receive_text())


async def _until_closing(connection: OpenConnection) -> None:
    await connection.closing.wait()
    reason = connection.reason or CloseReason.STOPPING
    raise Closed(reason.websocket_code, reason.value)


async def _end(socket: Socket, errors: Sequence[Exception]) -> None:
    """Close as the first of the tasks to end asked for; nobody is there after a disconnect."""
    if any(isinstance(error, WebSocketDisconnect | OSError) for error in errors):
        return
    closed = next((error for error in errors if isinstance(error, Closed)), None)
    if closed is None and errors:
        log.error("a live viewer's connection failed", exc_info=errors[0])
        closed = Closed(1011, "internal error")
    await _close(socket, closed or Closed(CLOSE_NORMAL))


async def _close(socket: Socket, closed: Closed) -> None:
    reason = closed.reason.encode()[:123].decode(errors="ignore")  # RFC 6455 5.5
    try:
        async with asyncio.timeout(CLOSE_LIMIT_S):
            if closed.code == CloseReason.STOPPING.websocket_code:
                await socket.send_text(CLOSING)
            await socket.close(closed.code, reason)
    except (TimeoutError, OSError, WebSocketDisconnect) as error:
        log.debug("a viewer left while its connection was being closed: %r", error)
