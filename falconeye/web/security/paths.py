"""Which addresses are pages, and where one may be sent after signing in."""

from typing import Final
from urllib.parse import quote, urlsplit

from falconeye.web.base_path import inward

_API_PREFIXES: Final = ("/api/", "/static/", "/schema/", "/peer/", "/display/api/")
_API_PATHS: Final = frozenset({"/api", "/metrics", "/healthz", "/readyz", "/events", "/static"})
_MAX_LENGTH: Final = 2000
_START: Final = "/"


def is_page_path(path: str) -> bool:
    """Whether a person's browser opens this address; all others answer programs in JSON."""
    return path.rstrip("/") not in _API_PATHS and not path.startswith(_API_PREFIXES)


def is_display_path(path: str) -> bool:
    """Whether it is one of a screen on a wall: what lies there knows displays, and nobody else."""
    return path == "/display" or path.startswith("/display/")


def is_peer_path(path: str) -> bool:
    """Whether only other nodes ask at this address, which does not exist at the web port."""
    return path.lstrip("/").startswith("peer/")


def safe_next(wanted: str | None) -> str:
    """`wanted` if it is a page of this site (path and query), else the start page.

    With or without the base path; what is answered has none, as all addresses inside.

    Refuses other hosts in every spelling that browsers accept: `//host`, a backslash for a slash,
    control characters (they drop tabs and newlines), a scheme.
    """
    wanted = inward(wanted or "")
    if not wanted or len(wanted) > _MAX_LENGTH or "\\" in wanted:
        return _START
    if any(ord(letter) <= 0x20 or ord(letter) >= 0x7F for letter in wanted):
        return _START
    if not wanted.startswith("/") or wanted.startswith("//"):
        return _START
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return _START
    inside = not parts.scheme and not parts.netloc and is_page_path(parts.path)
    entrance = parts.path.startswith(("/login", "/logout", "/setup", "/invitation"))
    return wanted if inside and not entrance else _START


def login_url(asked: str) -> str:
    """The address of the login page that leads back to `asked`."""
    back = safe_next(asked)
    return "/login" if back == _START else f"/login?next={quote(back, safe='')}"
