"""The outermost layer of the web port of a node behind a reverse proxy.

What the proxy says of who asks is taken over (`security.trusted_proxies`), the base path is taken
off the address (a proxy may have done that before), and put before the addresses in the headers of
the answer. A node without either setting goes without this layer.
"""

import re
from collections.abc import Collection
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from falconeye.base.errors import StartError
from falconeye.config.settings import NodeSettings
from falconeye.web.authentication import refuse
from falconeye.web.base_path import answer_below
from falconeye.web.security.peer import PEER_KEY
from falconeye.web.security.trusted_proxies import MalformedForwarding, TrustedProxies

_ADDRESSES: Final = frozenset({b"location", b"hx-redirect"})
_COOKIE_PATH: Final = re.compile(rb";\s*path=/(?=;|$)", re.IGNORECASE)


def behind_proxy(app: ASGIApp, settings: NodeSettings, paths: Collection[str]) -> ASGIApp:
    """`app`, behind the proxy that `settings` tell of; `paths` are those of all its routes.

    StartError for a base path that begins like one of them: of an address that begins so nobody
    could tell whether the proxy has taken the base path off.
    """
    if not settings.base_path and not settings.trusted_proxy:
        return app
    first = settings.base_path[1:].partition("/")[0]
    if first and first in {path[1:].partition("/")[0] for path in paths}:
        msg = f"the base path {settings.base_path} is taken: FalconEye has addresses that begin so"
        raise StartError(msg)
    return BehindProxy(app, settings)


class BehindProxy:
    """An ASGI application around the node's own."""

    def __init__(self, app: ASGIApp, settings: NodeSettings) -> None:
        self._app = app
        self._base = settings.base_path
        self._raw_base = settings.base_path.encode()
        self._proxies = TrustedProxies(settings.trusted_proxy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if PEER_KEY in scope["state"]:  # no proxy stands between nodes
            await self._app(scope, receive, send)
            return
        try:
            self._proxies.apply(scope)
        except MalformedForwarding as error:
            await refuse(scope, send, 400, f"the reverse proxy sent an {error} that cannot be read")
            return
        if self._base:
            answer_below(self._base)
            self._take_off(scope)
            if scope["type"] == ScopeType.HTTP:
                send = self._outward(send)
        await self._app(scope, receive, send)

    def _take_off(self, scope: Scope) -> None:
        """An address that spells the base path by escapes is left: there is nothing at it."""
        path, raw = scope["path"], scope.get("raw_path")
        if path != self._base and not path.startswith(f"{self._base}/"):
            return
        if raw is not None:
            if not raw.startswith(self._raw_base):
                return
            scope["raw_path"] = raw[len(self._raw_base) :] or b"/"
        scope["path"] = path[len(self._base) :] or "/"

    def _outward(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    (name, self._with_base(name.lower(), value))
                    for name, value in message["headers"]
                ]
            await send(message)

        return sending

    def _with_base(self, name: bytes, value: bytes) -> bytes:
        if name in _ADDRESSES and value.startswith(b"/") and not value.startswith(b"//"):
            return self._raw_base + value
        if name == b"set-cookie":
            return _COOKIE_PATH.sub(b"; Path=" + self._raw_base, value, count=1)
        return value
