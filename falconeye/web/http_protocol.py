"""uvicorn's HTTP protocol, with bounds on connections, which uvicorn 0.54 does not have.

Each holds one of the files that the process may open, and a download another. Without a bound,
whoever opens connections and sends nothing would leave none to the cameras and their footage.
"""

import asyncio
import logging
import resource
from typing import Final

from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from falconeye.base.clock import SystemClock
from falconeye.base.counters import RepeatingLog

FIRST_BYTE_S: Final = 30.0  # browsers connect ahead; they come again
_trouble = RepeatingLog(logging.getLogger(__name__), SystemClock())


def max_connections() -> int:
    """A third of the files that the process may open: a third for downloads, a third is left."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return allowed // 3 if allowed > 0 else 10_000  # -1: no limit


class HttpProtocol(H11Protocol):
    """Refuses a connection too many, and ends one on which nothing comes."""

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
