"""uvicorn's HTTP protocol, with bounds on connections, which uvicorn 0.54 does not have.

Each holds one of the files that the process may open, and a download another. Without a bound,
whoever opens connections and sends nothing, next to nothing, or reads nothing of what they asked
for, would leave none to the cameras and their footage.
"""

import asyncio
import logging
import resource
from typing import Final

import h11
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from falconeye.base.clock import SystemClock
from falconeye.base.counters import RepeatingLog

FIRST_BYTE_S: Final = 30.0  # browsers connect ahead; they come again
# Within this time the head of a request is whole, and of its body that much has come: a trickle
# would hold its connection for days. What a route does not take up yet is nobody's fault.
OWED_S: Final = 30.0
LEAST_BYTES: Final = 16 * 1024
# So long may who is nobody read nothing of an answer; players of known people may stand paused.
UNREAD_S: Final = 30.0
_trouble = RepeatingLog(logging.getLogger(__name__), SystemClock())


def max_connections() -> int:
    """A third of the files that the process may open: a third for downloads, a third is left."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return allowed // 3 if allowed > 0 else 10_000  # -1: no limit


class HttpProtocol(H11Protocol):
    """Refuses a connection too many, and ends one on which nothing comes or goes."""

    _owed: asyncio.TimerHandle | None = None  # while a request has begun and is not whole
    _unread: asyncio.TimerHandle | None = None  # while an answer waits for its reader
    _come_bytes = 0

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > max_connections():
            _trouble.warning(f"more than {max_connections()} connections: the newest are refused")
            transport.close()
            return
        # The timer that uvicorn has between requests: the first byte stops it.
        self.timeout_keep_alive_task = self.loop.call_later(
            FIRST_BYTE_S, self.timeout_keep_alive_handler
        )

    @override
    def data_received(self, data: bytes) -> None:
        self._come_bytes += len(data)
        super().data_received(data)
        if not self._owes():
            self._owes_nothing()
        elif self._owed is None:
            self._begin_owing()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._owes_nothing()
        self._is_read()
        super().connection_lost(exc)

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_S, self._still_unread)

    @override
    def resume_writing(self) -> None:
        self._is_read()
        super().resume_writing()

    def _owes(self) -> bool:
        """Whether the client has begun what it has not ended: a head, or a body.

        Nothing once the connection is a WebSocket's: of its request no end is ever read.
        """
        if self.transport.get_protocol() is not self:
            return False
        state = self.conn.their_state
        return state is h11.SEND_BODY or (state is h11.IDLE and bool(self.conn.trailing_data[0]))

    def _begin_owing(self) -> None:
        self._come_bytes = 0
        self._owed = self.loop.call_later(OWED_S, self._still_owed)

    def _still_owed(self) -> None:
        self._owed = None
        if self.transport.is_closing() or not self._owes():
            return
        in_body = self.conn.their_state is h11.SEND_BODY
        if in_body and (self.flow.read_paused or self._come_bytes >= LEAST_BYTES):
            self._begin_owing()
            return
        _trouble.warning("a request came too slowly: its connection is ended")
        self.transport.abort()

    def _still_unread(self) -> None:
        self._unread = None
        if self.cycle is not None and self.cycle.scope.get("user") is None:
            _trouble.warning("an answer is not read by who is nobody: the connection is ended")
            self.transport.abort()

    def _owes_nothing(self) -> None:
        if self._owed is not None:
            self._owed.cancel()
            self._owed = None

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
