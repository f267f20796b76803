"""Every connection that somebody holds open: ended when they may no longer have it, and at stop.

Short answers finish; what streams (a WebSocket, an answer still being sent) is ended. A handler
that wants to say goodbye takes its `OpenConnection` (`open_connection(request)`), watches `closing`
or works inside `run()`, and gets `GRACE_S` for it; anything else is cancelled at once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, Final, TypeVar

from litestar.connection import ASGIConnection

from falconeye.accounts.model import Principal
from falconeye.accounts.revocations import Revocations
from falconeye.base.words import counted
from falconeye.web.security.credentials import Credential

log = logging.getLogger(__name__)
T = TypeVar("T")

GRACE_S: Final = 0.5
RECHECK_S: Final = 60.0
STATE_KEY: Final = "open_connection"


class CloseReason(StrEnum):
    """Why the server ends a connection."""

    REVOKED = "revoked"  # signed out, removed, or the token's end date has come
    STOPPING = "stopping"  # the node stops or restarts; come back

    @property
    def websocket_code(self) -> int:
        """The close code: 4401 (sign in again) or 1012 (service restart, IANA registry)."""
        return 4401 if self is CloseReason.REVOKED else 1012


class OpenConnection:
    """One connection, from its first byte to its last."""

    def __init__(self, who: Principal | None, credential: Credential | None) -> None:
        self.who = who
        self.credential = credential
        self.closing = asyncio.Event()
        self.reason: CloseReason | None = None
        self.streaming = False  # the answer has begun, or the WebSocket is accepted
        self.says_goodbye = False  # its handler watches `closing` itself
        self.cancelled = False  # by us, not by the server
        self._working: list[asyncio.Timeout] = []
        self._task = asyncio.current_task()

    def close(self, reason: CloseReason) -> None:
        """Begin to end it; harmless when it has begun already."""
        if self.reason is not None:
            return
        self.reason = reason
        self.closing.set()
        for working in self._working:
            working.reschedule(asyncio.get_running_loop().time())
        if not self.streaming:
            return  # a short answer: it ends by itself
        if self.says_goodbye:
            asyncio.get_running_loop().call_later(GRACE_S, self.cancel)
        else:
            self.cancel()

    def cancel(self) -> None:
        """End it without another word; harmless when it has ended."""
        if self._task is not None and not self._task.done() and not self.cancelled:
            self.cancelled = True
            self._task.cancel()

    def began(self) -> None:
        """The answer streams from now on; one that was to close meanwhile ends here."""
        self.streaming = True
        if self.reason is not None and not self.says_goodbye:
            self.cancel()

    def ended(self) -> None:
        """Nothing is cancelled any more: the task goes on to other things."""
        self._task = None

    async def wait_closing(self) -> CloseReason:
        """Returns when the connection is to close; who waits here ends it within `GRACE_S`."""
        self.says_goodbye = True
        await self.closing.wait()
        return self.reason or CloseReason.STOPPING

    async def run(self, work: Coroutine[Any, Any, T]) -> T | None:
        """`work` to its end, or None when the connection is to close; then `work` is cancelled."""
        self.says_goodbye = True
        until_closing = asyncio.timeout(0 if self.closing.is_set() else None)
        self._working.append(until_closing)
        try:
            async with until_closing:
                return await work
        except TimeoutError:
            if not until_closing.expired():
                raise
            return None
        finally:
            self._working.remove(until_closing)


class OpenStreams:
    """All open connections of this node. `authenticate` says who a credential is now."""

    def __init__(self, authenticate: Callable[[Credential], Awaitable[Principal | None]]) -> None:
        self._authenticate = authenticate
        self._open: set[OpenConnection] = set()
        self._none_left = asyncio.Event()
        self._reason: CloseReason | None = None

    @property
    def streaming(self) -> int:
        """How many streams are open now."""
        return sum(connection.streaming for connection in self._open)

    async def none_left(self) -> None:
        """Returns when nothing is open, not even a short answer."""
        while self._open:
            self._none_left.clear()
            await self._none_left.wait()

    @contextmanager
    def opened(
        self, who: Principal | None, credential: Credential | None
    ) -> Iterator[OpenConnection]:
        """Keep a connection for as long as the context lasts."""
        connection = OpenConnection(who, credential)
        if self._reason is not None:
            connection.close(self._reason)
        self._open.add(connection)
        try:
            yield connection
        finally:
            connection.ended()
            self._open.discard(connection)
            if not self._open:
                self._none_left.set()

    def end(self, concerns: Callable[[Principal], bool]) -> None:
        """End every connection of those whom `concerns` names."""
        for connection in list(self._open):
            if connection.who is not None and concerns(connection.who):
                connection.close(CloseReason.REVOKED)

    async def stop(self, within_s: float) -> None:
        """Tell every stream that the node stops, and wait until they ended or the time is over."""
        self._reason = CloseReason.STOPPING
        for connection in list(self._open):
            connection.close(CloseReason.STOPPING)
        try:
            async with asyncio.timeout(within_s):
                await self.none_left()
        except TimeoutError:
            log.info("still open: %s", counted(self.streaming, "stream"))

    async def recheck(self) -> None:
        """Ask again who everybody is; this also keeps the session of a watched page alive.

        A changed role or scope ends a stream too: it was opened under the old one.
        """
        for connection in list(self._open):
            if connection.credential is None or connection.who is None:
                continue
            now = await self._authenticate(connection.credential)
            if now != connection.who:
                connection.close(CloseReason.REVOKED)

    async def watch(self, revocations: Revocations) -> None:
        """End what is revoked at once, and `recheck()` once a minute: end dates come silently.

        Revocations do not put the look off: people sign out more often than that.
        """
        loop = asyncio.get_running_loop()
        due = loop.time() + RECHECK_S
        with revocations.subscribe() as subscription:
            while True:
                try:
                    async with asyncio.timeout_at(due):
                        revocation = await subscription.get()
                    self.end(revocation.concerns)
                except TimeoutError:
                    await self._try_recheck()
                    due = loop.time() + RECHECK_S

    async def _try_recheck(self) -> None:
        try:
            await self.recheck()
        except Exception:  # one failed look must not end the watch
            log.exception("open streams could not be checked")


def open_connection(connection: ASGIConnection[Any, Any, Any, Any]) -> OpenConnection:
    """The open connection behind a request or WebSocket."""
    found: OpenConnection = connection.scope["state"][STATE_KEY]
    return found
