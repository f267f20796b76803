"""CSRF tokens bound to the session: unsafe requests that a cookie authenticates must carry one.

A token is a random salt and an HMAC of it under the session's cookie value, so the server keeps
nothing, every page shows another one (compression leaks nothing), and it ends with the session.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Any, Final

from litestar import Request
from litestar.enums import RequestEncodingType

from falconeye.base.errors import NotAllowed
from falconeye.web.security.credentials import SESSION, Credential

CSRF_HEADER: Final = "X-CSRF-Token"
CSRF_FIELD: Final = "_csrf"
_SALT_BYTES: Final = 16
_FORMS: Final = frozenset({RequestEncodingType.URL_ENCODED, RequestEncodingType.MULTI_PART})


def make_csrf_token(session: str) -> str:
    """A new token for the session with that cookie value."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return base64.urlsafe_b64encode(salt + _seal(salt, session)).decode()


def csrf_token_is_valid(token: str, session: str) -> bool:
    """Whether `token` was made for that session."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError, ValueError):
        return False
    salt, seal = raw[:_SALT_BYTES], raw[_SALT_BYTES:]
    return len(salt) == _SALT_BYTES and hmac.compare_digest(seal, _seal(salt, session))


def _seal(salt: bytes, session: str) -> bytes:
    return hmac.digest(session.encode(), b"falconeye csrf" + salt, hashlib.sha256)


async def check_csrf(request: Request[Any, Any, Any]) -> None:
    """NotAllowed when a session's cookie authenticates `request` and its token is missing or wrong.

    Requests with a token in the Authorization header need none: no other site can make a browser
    send that.
    """
    given = request.headers.get(CSRF_HEADER)
    if given is None and needs_csrf(request) and request.content_type[0] in _FORMS:
        given = str((await request.form()).get(CSRF_FIELD, ""))
    require_csrf(request, given)


def needs_csrf(request: Request[Any, Any, Any]) -> bool:
    """Whether a session's cookie authenticates it."""
    credential = request.scope.get("auth")
    return isinstance(credential, Credential) and credential.kind is SESSION


def require_csrf(request: Request[Any, Any, Any], given: str | None) -> None:
    """NotAllowed as `check_csrf`, for a token that the handler has read itself."""
    credential = request.scope.get("auth")
    if not isinstance(credential, Credential) or credential.kind is not SESSION:
        return
    if not given or not csrf_token_is_valid(given, credential.value):
        raise NotAllowed("the page is too old, or was not made here: load it again")
