"""What a request carries to say who it is: a session's cookie or an API token."""

import base64
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from falconeye.web.security.cookies import cookie_of
from falconeye.web.security.display_cookies import DISPLAY_COOKIE, SECURE_DISPLAY_COOKIE
from falconeye.web.security.paths import is_display_path

SESSION_COOKIE: Final = (
    "falconeye_session"  # our own name: cookies are shared by all ports of a host
)
# Over TLS another one: a browser lets no page without TLS write over a cookie that is Secure (RFC
# 6265bis, 5.7), so after `--tls off` nobody could sign in for 90 days. The prefix (ibid., 4.1.3)
# keeps who can write to the network from planting one.
SECURE_SESSION_COOKIE: Final = "__Secure-falconeye_session"
SESSION_COOKIE_SECONDS: Final = 90 * 24 * 3600  # the absolute limit of a session
_MAX_LENGTH: Final = 1024
_SECURE_SCHEMES: Final = frozenset({"https", "wss"})


class CredentialKind(StrEnum):
    """How somebody authenticates."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a kind, not a token
    # Another node has seen the secret, and names what it belongs to (`web.peers`).
    ACTING_SESSION = "acting-session"
    ACTING_TOKEN = "acting-token"  # noqa: S105 - as above
    DISPLAY = "display"
    ACTING_DISPLAY = "acting-display"


SESSION: Final = CredentialKind.SESSION
TOKEN: Final = CredentialKind.TOKEN


@dataclass(frozen=True, slots=True)
class Credential:
    """A cookie value or an API token, as given, or the id of one; it is never printed."""

    kind: CredentialKind
    value: str = field(repr=False)


def credential_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Credential | None:
    """What the request carries; an Authorization header outweighs the cookie, also a bad one.

    A display's cookie is looked at below `/display` alone, and nothing else is there: who is signed
    in on a screen's browser stays what they are on all other pages.
    """
    if is_display_path(connection.scope["path"]):
        return _display_credential(connection)
    header = connection.headers.get("authorization")
    if header is not None:
        return _from_authorization(header)
    name = SECURE_SESSION_COOKIE if _is_secure(connection) else SESSION_COOKIE
    value = cookie_of(connection, name)
    return Credential(SESSION, value) if value and len(value) <= _MAX_LENGTH else None


def _display_credential(connection: ASGIConnection[Any, Any, Any, Any]) -> Credential | None:
    """Over TLS also by the cookie from before it: nobody stands at a screen to pair it again."""
    value = cookie_of(connection, SECURE_DISPLAY_COOKIE) if _is_secure(connection) else ""
    value = value or cookie_of(connection, DISPLAY_COOKIE)
    is_cookie = value and len(value) <= _MAX_LENGTH
    return Credential(CredentialKind.DISPLAY, value) if is_cookie else None


def _is_secure(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    return connection.scope.get("scheme") in _SECURE_SCHEMES


def _from_authorization(header: str) -> Credential | None:
    """A token from `Bearer TOKEN` (RFC 6750) or as the password of `Basic` (RFC 7617)."""
    scheme, _, rest = header.strip().partition(" ")
    value = rest.strip()
    if not value or len(value) > _MAX_LENGTH:
        return None
    match scheme.lower():
        case "bearer":
            return Credential(TOKEN, value)
        case "basic":
            return _from_basic(value)
        case _:
            return None


def _from_basic(encoded: str) -> Credential | None:
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except ValueError:  # not Base64, not UTF-8, or letters beyond ASCII
        return None
    _, colon, password = text.partition(":")
    return Credential(TOKEN, password) if colon and password else None


def session_cookie(value: str, *, secure: bool) -> Cookie:
    """The cookie of a new session; `secure` where the page came over TLS."""
    return Cookie(
        key=SECURE_SESSION_COOKIE if secure else SESSION_COOKIE,
        value=value,
        path="/",
        httponly=True,
        samesite="lax",
        secure=secure,
        max_age=SESSION_COOKIE_SECONDS,
    )


def ended_session_cookie(*, secure: bool) -> Cookie:
    """What makes the browser forget the session."""
    return Cookie(
        key=SECURE_SESSION_COOKIE if secure else SESSION_COOKIE,
        value="",
        path="/",
        httponly=True,
        samesite="lax",
        secure=secure,
        max_age=0,
    )
