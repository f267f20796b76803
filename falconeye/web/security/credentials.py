"""What a request carries to say who it is: a session's cookie or an API token."""

import base64
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from falconeye.web.security.cookies import cookie_of

SESSION_COOKIE: Final = (
    "falconeye_session"  # our own name: cookies are shared by all ports of a host
)
SESSION_COOKIE_SECONDS: Final = 90 * 24 * 3600  # the absolute limit of a session
_MAX_LENGTH: Final = 1024


class CredentialKind(StrEnum):
    """How somebody authenticates."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a kind, not a token


SESSION: Final = CredentialKind.SESSION
TOKEN: Final = CredentialKind.TOKEN


@dataclass(frozen=True, slots=True)
class Credential:
    """A cookie value or an API token, as given; it is never printed."""

    kind: CredentialKind
    value: str = field(repr=False)


def credential_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Credential | None:
    """What the request carries; an Authorization header outweighs the cookie, also a bad one."""
    header = connection.headers.get("authorization")
    if header is not None:
        return _from_authorization(header)
    value = cookie_of(connection, SESSION_COOKIE)
    return Credential(SESSION, value) if value and len(value) <= _MAX_LENGTH else None


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
        key=SESSION_COOKIE,
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
        key=SESSION_COOKIE,
        value="",
        path="/",
        httponly=True,
        samesite="lax",
        secure=secure,
        max_age=0,
    )
