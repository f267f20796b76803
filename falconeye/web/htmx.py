"""htmx 4's headers, as far as the pages use them (requests and answers)."""

from typing import Any, Final
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection

REDIRECT: Final = "HX-Redirect"  # answer: load this page
REFRESH: Final = "HX-Refresh"  # answer: "true" loads this page again
LOCATION: Final = "HX-Location"  # answer: fetch and swap this page
PUSH_URL: Final = "HX-Push-Url"
RETARGET: Final = "HX-Retarget"
RESWAP: Final = "HX-Reswap"
TRIGGER: Final = "HX-Trigger"

Connection = ASGIConnection[Any, Any, Any, Any]


def is_htmx(connection: Connection) -> bool:
    """Whether htmx sent the request, so that the answer is swapped into a page."""
    return connection.headers.get("hx-request") == "true"


def wants_part(connection: Connection) -> bool:
    """Whether only a part of a page is asked for (htmx 4: HX-Request-Type: partial)."""
    return is_htmx(connection) and connection.headers.get("hx-request-type") != "full"


def source(connection: Connection) -> str | None:
    """The element that asked, as `tag#id`; replaces htmx 2's HX-Trigger."""
    return connection.headers.get("hx-source")


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
