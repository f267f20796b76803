"""Whether this site's own page sent the request (RFC 6454, Fetch Metadata).

Every browser of the last years sends `Origin` with unsafe requests and WebSocket upgrades; programs
send neither header and carry a token instead of a cookie.
"""

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from litestar.datastructures import Headers

from falconeye.base.errors import NotAllowed

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_SECURE: Final = frozenset({"https", "wss"})
_OWN_SITES: Final = frozenset({"same-origin", "none"})  # none: typed or opened by the person


def check_origin(headers: Headers, trusted: Collection[str] = (), scheme: str = "") -> None:
    """NotAllowed when the headers say that another site's page is behind the request.

    `trusted`: origins that are let in as well. `scheme`: that of the request (ASGI's).
    """
    origins = headers.getall("origin", [])
    if origins and all(origin in trusted for origin in origins):
        return
    site = headers.get("sec-fetch-site")
    if site is not None and site.lower() not in _OWN_SITES:
        raise NotAllowed("this request came from another site's page")
    host = headers.get("host", "")
    for origin in origins:
        if not is_own_origin(origin, host, is_secure=scheme in _SECURE):
            raise NotAllowed("this request came from another site's page")


def is_own_origin(origin: str, host: str, *, is_secure: bool = False) -> bool:
    """Whether an Origin names the host and port of a Host header.

    Where the request is known to have come by TLS (`is_secure`), its page must have, too: anybody
    on the way can write a page of plain HTTP. What looks like plain HTTP may have come by a proxy
    that nobody told of.
    """
    scheme = origin.partition("://")[0]
    if is_secure and scheme != "https":
        return False
    try:
        place = _place(origin)
        return place is not None and place == _place(f"{scheme}://{host}")
    except ValueError:  # a malformed port or address
        return False


def _place(url: str) -> tuple[str, int] | None:
    """Host and port; None for "null" and schemes that no page of ours has."""
    parts = urlsplit(url)
    default = _DEFAULT_PORTS.get(parts.scheme)
    if default is None or not parts.hostname:
        return None
    return parts.hostname, parts.port or default
