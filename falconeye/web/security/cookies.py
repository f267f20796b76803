"""Cookies of a request, one at a time.

Litestar's own reader keeps the last 1024 cookie headers with all their pairs in memory, up to a
megabyte each, whoever sent them.
"""

from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

_YEAR_S: Final = 365 * 24 * 3600


def cookie_of(connection: ASGIConnection[Any, Any, Any, Any], name: str) -> str:
    """The value of a cookie of ours (they hold nothing that is quoted); empty where it is missing.

    Of several with one name the first counts: browsers begin with the one of the longest path (RFC
    6265 5.4), which below a base path is ours, and not that of another FalconEye at "/".
    """
    for header in connection.headers.getall("cookie", []):
        for pair in header.split(";"):
            key, _, value = pair.partition("=")
            if key.strip() == name:
                return value.strip()
    return ""


def choice_cookie(name: str, value: str) -> Cookie:
    """A choice of this device for a year, such as its colours; an empty one ends it.

    It is no secret, and not `Secure`: a page without TLS could not change it any more then.
    """
    return Cookie(
        key=name, value=value, max_age=_YEAR_S if value else 0, httponly=True, samesite="lax"
    )
