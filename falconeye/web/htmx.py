"""htmx 4's headers, as far as the pages use them (requests and answers)."""

from typing import Any, Final
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection

REDIRECT: Final = "HX-Redirect"  # answer: load this page

Connection = ASGIConnection[Any, Any, Any, Any]


def is_htmx(connection: Connection) -> bool:
    """Whether htmx sent the request, so that the answer is swapped into a page."""
    return connection.headers.get("hx-request") == "true"


def wants_part(connection: Connection) -> bool:
    """Whether only a part of a page is asked for (htmx 4: HX-Request-Type: partial)."""
    return is_htmx(connection) and connection.headers.get("hx-request-type") != "full"


def current_path(connection: Connection) -> str | None:
    """Path and query of the page that is open in the browser; None when it does not say."""
    url = connection.headers.get("hx-current-url")
    if url is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
