"""What a 401 offers (RFC 9110 11.6.1), without the browser's own login box.

VLC, ffmpeg and curl send a login only after a `Basic` challenge; a browser that gets one for a
picture, a script or a fetch puts its own box over the page. `Sec-Fetch-*` come over HTTPS and
localhost only, hence the look at `User-Agent` and `Accept`.
"""

from typing import Any

from litestar.connection import ASGIConnection

_BEARER = 'Bearer realm="FalconEye"'
_BASIC = 'Basic realm="FalconEye", charset="UTF-8"'


def challenges(connection: ASGIConnection[Any, Any, Any, Any]) -> tuple[str, ...]:
    """The challenges of a 401 to this request."""
    return (_BEARER,) if is_page_fetch(connection) else (_BASIC, _BEARER)


def is_page_fetch(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    """Whether a page in a browser asks (htmx, fetch, <img>, <video>) rather than a program."""
    headers = connection.headers
    if "hx-request" in headers:
        return True
    mode = headers.get("sec-fetch-mode")
    if mode is not None:
        return mode != "navigate"
    browser = headers.get("user-agent", "").startswith("Mozilla/")
    return browser and "text/html" not in headers.get("accept", "")
