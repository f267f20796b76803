"""Pages of other sites that an admin listed may use the API, with a token (Fetch standard, CORS).

Off while the list is empty. Never with cookies: `Access-Control-Allow-Credentials` is not sent, and
an unsafe request that a session's cookie authenticates stays refused by `origin.py`.
"""

from collections.abc import Callable, Collection
from typing import Final

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

_EXPOSED: Final = "Content-Disposition, Content-Range, ETag, Retry-After"
_PREFLIGHT: Final = {
    "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    "access-control-allow-headers": "Authorization, Content-Type, Range, If-Range, If-None-Match",
    "access-control-max-age": "600",
    "content-length": "0",
}


class CrossOrigin:
    """Answers preflight requests and marks answers, for the origins that `allowed()` lists now."""

    def __init__(self, app: ASGIApp, allowed: Callable[[], Collection[str]]) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = _header(scope, b"origin")
        if scope["type"] != ScopeType.HTTP or not origin or origin not in self._allowed():
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS" and _header(scope, b"access-control-request-method"):
            start: HTTPResponseStartEvent = {
                "type": "http.response.start",
                "status": 204,
                "headers": [],
            }
            _mark(start, origin, _PREFLIGHT)
            await send(start)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return

        async def marking(message: Message) -> None:
            if message["type"] == "http.response.start":
                _mark(message, origin, {"access-control-expose-headers": _EXPOSED})
            await send(message)

        await self._app(scope, receive, marking)


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _mark(message: HTTPResponseStartEvent, origin: str, more: dict[str, str]) -> None:
    headers = MutableScopeHeaders(message)
    headers["access-control-allow-origin"] = origin
    headers["cross-origin-resource-policy"] = "cross-origin"
    headers.extend_header_value("vary", "Origin")
    for name, value in more.items():
        headers[name] = value
