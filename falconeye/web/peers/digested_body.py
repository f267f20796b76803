"""A body that must have a digest: the application is given its end only when it has."""

import hmac
from collections.abc import Awaitable, Callable

from litestar.types import HTTPReceiveMessage, Message, Receive, Send

from falconeye.federation.body_digest import BodyDigest


class DigestedBody:
    """Stands between the server and the application; holds nothing of the body.

    When the digest is wrong the application sees a client that has left, which no handler takes for
    a whole body, and `refuse` answers in its place.
    """

    def __init__(
        self, receive: Receive, send: Send, digest: str, refuse: Callable[[], Awaitable[None]]
    ) -> None:
        self._receive = receive
        self._send = send
        self._expected = digest
        self._refuse = refuse
        self._found = BodyDigest()
        self._is_wrong = False
        self._has_begun = False

    async def receive(self) -> HTTPReceiveMessage:
        """The application's `receive`."""
        message = await self._receive()
        if message["type"] != "http.request" or self._is_wrong:
            return message  # type: ignore[return-value]  # of HTTP alone: a WebSocket has no body
        self._found.update(message["body"])
        if message["more_body"] or hmac.compare_digest(str(self._found), self._expected):
            return message
        self._is_wrong = True
        if not self._has_begun:
            await self._refuse()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """The application's `send`."""
        self._has_begun = True
        if not self._is_wrong:
            await self._send(message)
