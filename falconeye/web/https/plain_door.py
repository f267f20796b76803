"""What is answered without TLS at a port that speaks it: the way to it, and nothing about cameras.

A page leads to the same address with https://. Whatever carries a secret is refused instead of
sent on: it has crossed the network already, and a program that is redirected would go on so.
"""

import re
from typing import Final
from urllib.parse import quote, urlencode

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from falconeye.web.authentication import refuse
from falconeye.web.base_path import answer_below, inward, outward
from falconeye.web.https.state import AUTHORITY_PATHS

# They name nothing, and a probe that asked before TLS was on goes on to work.
_PROBES: Final = frozenset({"/healthz", "/readyz"})
_STATIC: Final = "/static/"
_SAFE: Final = frozenset({"GET", "HEAD"})
_HOST: Final = re.compile(
    rb"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?"
)
_WORDS: Final = "this port speaks HTTPS: ask with https://, and change a secret that came without"


class PlainDoor:
    """Stands before the application for connections without TLS.

    `explains`: pages lead to the one that tells how this node's certificate comes to be trusted,
    because a browser that meets it unprepared only warns. `base_path`: where else all of it lies,
    "/falconeye" or empty; this door stands before what takes that off.
    """

    def __init__(self, app: ASGIApp, *, explains: bool, base_path: str = "") -> None:
        self._app = app
        self._explains = explains
        self._base_path = base_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer_below(self._base_path)
        location = None
        if scope["type"] == ScopeType.HTTP:
            if _is_open(scope):
                await self._app(scope, receive, send)
                return
            location = self._elsewhere(scope)
        if location is None:
            # A WebSocket's refusal has a status only where it has headers.
            await refuse(scope, send, 400, _WORDS, [(b"x-content-type-options", b"nosniff")])
            return
        headers = [(b"location", location), (b"cache-control", b"no-store")]
        await refuse(scope, send, 307, _WORDS, headers)

    def _elsewhere(self, scope: HTTPScope) -> bytes | None:
        """The address with https://; None where nobody should be led there."""
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"")
        if scope["method"] not in _SAFE or b"authorization" in headers or not _HOST.fullmatch(host):
            return None
        target = scope["raw_path"]
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        if self._explains and b"text/html" in headers.get(b"accept", b""):
            return outward(f"/ca?{urlencode({'to': target.decode('latin-1')})}").encode()
        # What a request line may hold and a header line may not
        return b"https://" + host + quote(target, safe="/?:@!$&'()*+,;=-._~%[]").encode()


def _is_open(scope: HTTPScope) -> bool:
    if scope["method"] not in _SAFE:
        return False
    path = inward(scope["path"])
    return path in AUTHORITY_PATHS or path in _PROBES or path.startswith(_STATIC)
