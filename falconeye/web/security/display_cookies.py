"""The cookies of a screen on a wall: while it waits to be paired, and once it is a display.

Both are sent below `/display` alone, so that no other page or program of ours ever gets them.
"""

from typing import Final

from litestar.datastructures import Cookie

DISPLAY_COOKIE: Final = "falconeye_display"
# Over TLS another one, as of a session (`credentials`): a page without TLS writes over none that is
# Secure, so that after `--tls off` no such screen could be paired for 400 days.
SECURE_DISPLAY_COOKIE: Final = "__Secure-falconeye_display"
PAIRING_COOKIE: Final = "falconeye_pairing"
DISPLAY_COOKIE_SECONDS: Final = 400 * 24 * 3600  # what browsers keep at most (RFC 6265bis 4.1.2.2)
PAIRING_COOKIE_SECONDS: Final = 600  # accounts/pairings.py


def display_cookie(value: str, root: str, *, secure: bool) -> Cookie:
    """The cookie of a display; set again with each page, it lasts as long as it is used.

    `root`: the base path; `secure` where the page came over TLS.
    """
    name = SECURE_DISPLAY_COOKIE if secure else DISPLAY_COOKIE
    return _cookie(name, value, root, DISPLAY_COOKIE_SECONDS, secure=secure)


def pairing_cookie(value: str, root: str, *, secure: bool) -> Cookie:
    """By which a screen that waits is known; an empty value ends it."""
    seconds = PAIRING_COOKIE_SECONDS if value else 0
    return _cookie(PAIRING_COOKIE, value, root, seconds, secure=secure)


def _cookie(key: str, value: str, root: str, seconds: int, *, secure: bool) -> Cookie:
    return Cookie(
        key=key,
        value=value,
        path=f"{root}/display",
        httponly=True,
        samesite="lax",
        secure=secure,
        max_age=seconds,
    )
