"""The headers of every answer: content security policy and its like, caching, compression."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Final

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send
from typing_extensions import override

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; worker-src 'self' blob:; font-src 'self'; "
    "manifest-src 'self'; frame-ancestors {framing}; base-uri 'none'; form-action 'self'"
)
_EVERYWHERE: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "permissions-policy": (
        "camera=(), microphone=(), geolocation=(), payment=(), usb=(), "
        "fullscreen=(self), autoplay=(self), picture-in-picture=(self)"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_PRIVATE: Final = "no-store"
IMMUTABLE: Final = "public, max-age=31536000, immutable"
REVALIDATE: Final = "no-cache"

_COMPRESSED_TYPES: Final = (
    "text/html", "application/json", "application/vnd.oai", "application/vnd.apple", "text/plain",
)  # fmt: skip
_MIN_BYTES: Final = 1024
_THREAD_BYTES: Final = 64 * 1024  # beyond it, compressing would hold up the loop
_LEVEL: Final = 5


@lru_cache(4)
def content_security_policy(framing: tuple[str, ...] = ()) -> str:
    """What a page of ours may load, and which other sites may show one in a frame (CSP level 3).

    There is no X-Frame-Options: it cannot name sites, and every browser that we know follows this.
    """
    return _POLICY.format(framing=" ".join(framing) or "'none'")


def adding_headers(
    framing: Callable[[], tuple[str, ...]],
) -> Callable[[Message, Scope], Awaitable[None]]:
    """A `before_send` hook: the fixed headers, and `no-store` where the handler said nothing.

    `framing` gives the origins that may show our pages in a frame now.
    """

    async def add_headers(message: Message, scope: Scope) -> None:
        if message["type"] != "http.response.start" or scope["type"] != ScopeType.HTTP:
            return
        headers = MutableScopeHeaders(message)
        headers.setdefault("content-security-policy", content_security_policy(framing()))
        for name, value in _EVERYWHERE.items():
            headers.setdefault(name, value)
        headers.setdefault("cache-control", _PRIVATE)

    return add_headers


class Compression(ASGIMiddleware):
    """gzip for whole HTML and JSON answers over 1 kB; never for streams, ranges or media."""

    scopes = (ScopeType.HTTP,)

    @override
    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        accepted = next((v for k, v in scope["headers"] if k == b"accept-encoding"), b"")
        if b"gzip" not in accepted:
            await next_app(scope, receive, send)
            return
        start: HTTPResponseStartEvent | None = None

        async def compressing(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _may_compress(message):
                start = message
                return
            if start is not None and message["type"] == "http.response.body":
                held, start = start, None
                if not message.get("more_body") and len(message["body"]) >= _MIN_BYTES:
                    message["body"] = await _compressed(message["body"])
                    _mark(held, len(message["body"]))
                await send(held)
            await send(message)

        await next_app(scope, receive, compressing)


def _may_compress(message: HTTPResponseStartEvent) -> bool:
    headers = {name.lower(): value for name, value in message["headers"]}
    return (
        headers.get(b"content-type", b"").decode("latin-1").startswith(_COMPRESSED_TYPES)
        and message["status"] != 206
        and b"content-encoding" not in headers
        and b"etag" not in headers  # a strong tag names these very bytes
    )


def _mark(message: HTTPResponseStartEvent, length: int) -> None:
    headers = MutableScopeHeaders(message)
    headers["content-encoding"] = "gzip"
    headers["content-length"] = str(length)
    headers.extend_header_value("vary", "Accept-Encoding")


async def _compressed(body: bytes) -> bytes:
    if len(body) < _THREAD_BYTES:
        return gzip.compress(body, _LEVEL, mtime=0)
    return await asyncio.to_thread(gzip.compress, body, _LEVEL, mtime=0)
