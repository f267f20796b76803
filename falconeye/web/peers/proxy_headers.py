"""Headers on their way through this node, in both directions; pure functions.

Hop-by-hop fields end here (RFC 9110 7.6.1), with all that `Connection` names. Credentials, and what
tells of another site's page, end here too: this node has checked them, and the peer decides by the
ids of who asks. All else, Range and the conditions among them, passes untouched.
"""

from collections.abc import Iterable
from typing import Final

from falconeye.web.base_path import BASE_PATH_HEADER
from falconeye.web.frame import THEME_COOKIE
from falconeye.web.languages import LANGUAGE_COOKIE
from falconeye.web.security.forwarded import FORM_TOKEN

Pairs = Iterable[tuple[bytes, bytes]]
RawHeaders = list[tuple[bytes, bytes]]

_HOP: Final = frozenset({
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authentication-info",
    b"proxy-authorization", b"proxy-connection", b"te", b"trailer", b"transfer-encoding",
    b"upgrade",
})  # fmt: skip
_ENDS_HERE: Final = frozenset({
    b"host", b"expect", b"cookie", b"authorization", b"origin", b"referer", b"x-csrf-token",
    b"forwarded", b"signature", b"signature-input", b"content-digest", b"alt-used",
    FORM_TOKEN.encode(), BASE_PATH_HEADER.encode(),
})  # fmt: skip
_FAMILIES_UP: Final = (b"falconeye-", b"sec-", b"x-forwarded-")
# What every answer gets from the node that the client reached (headers.py, security/cors.py), and
# what binds a browser to a host.
_NOT_ITS_OWN: Final = frozenset({
    b"set-cookie", b"server", b"date", b"strict-transport-security", b"alt-svc", b"clear-site-data",
    b"content-security-policy", b"content-security-policy-report-only", b"x-content-type-options",
    b"referrer-policy", b"permissions-policy", b"cross-origin-opener-policy",
    b"cross-origin-resource-policy", b"cross-origin-embedder-policy", b"x-frame-options",
    b"signature", b"signature-input", b"public-key-pins", b"report-to", b"reporting-endpoints",
    b"nel", b"via",
})  # fmt: skip
_FAMILIES_DOWN: Final = (b"falconeye-", b"access-control-")
_MAX_LENGTH_DIGITS: Final = 18
_KEPT_COOKIES: Final = frozenset({THEME_COOKIE.encode(), LANGUAGE_COOKIE.encode()})
_MAX_COOKIE: Final = 64
_ASCII: Final = bytes(range(128)) + b"?" * 128


def upward(headers: Pairs, form_token: str = "", base_path: str = "") -> list[tuple[str, str]]:
    """Of a request, what the peer gets; `form_token` for the forms of its answer.

    `base_path`: below it lie the addresses that the answer names.

    `accept-encoding` and `user-agent` are always there: an HTTP client would put its own. Letters
    beyond ASCII, which RFC 9110 5.5 has only for old times' sake, become question marks: a value
    that is left out could be a condition.
    """
    pairs = [(name.lower(), value) for name, value in headers]
    passed = [
        (name.decode(), value.translate(_ASCII).decode())
        for name, value in _without_hops(pairs)
        if name not in _ENDS_HERE and not name.startswith(_FAMILIES_UP)
    ]
    names = {name for name, _ in passed}
    if "accept-encoding" not in names:
        passed.append(("accept-encoding", "identity"))
    if "user-agent" not in names:
        passed.append(("user-agent", ""))
    if choices := _choices(pairs):
        passed.append(("cookie", choices))
    if base_path:
        passed.append((BASE_PATH_HEADER, base_path))
    if form_token:
        passed.append((FORM_TOKEN, form_token))
    return passed


def downward(headers: Pairs) -> RawHeaders:
    """Of the peer's answer, what the client gets; other headers are this node's own."""
    pairs = [(name.lower(), value) for name, value in headers]
    return [
        (name, value)
        for name, value in _without_hops(pairs)
        if name not in _NOT_ITS_OWN and not name.startswith(_FAMILIES_DOWN)
    ]


def content_length(headers: Pairs) -> int | None:
    """The length that the headers announce, in bytes; None where it is not told."""
    values = [value for name, value in headers if name.lower() == b"content-length"]
    if not values or not values[0].isdigit() or len(values[0]) > _MAX_LENGTH_DIGITS:
        return None
    return int(values[0])


def has_body(headers: Pairs) -> bool:
    """Whether a request's headers announce a body (RFC 9112 6.3)."""
    return any(
        name.lower() == b"transfer-encoding"
        or (name.lower() == b"content-length" and value != b"0")
        for name, value in headers
    )


def _without_hops(pairs: RawHeaders) -> RawHeaders:
    named = {
        option.strip().lower()
        for name, value in pairs
        if name == b"connection"
        for option in value.split(b",")
    }
    # Nobody may have the framing of a body taken away.
    ended = _HOP | (named - {b"content-length", b"content-type", b"content-encoding"})
    return [(name, value) for name, value in pairs if name not in ended]


def _choices(pairs: RawHeaders) -> str:
    """The cookies that pages of peers look at: the device's colours and language."""
    found: dict[bytes, str] = {}
    for name, value in pairs:
        for pair in value.split(b";") if name == b"cookie" else ():
            key = pair.strip().partition(b"=")[0]
            if key in _KEPT_COOKIES and len(pair) < _MAX_COOKIE and pair.isascii():
                found.setdefault(key, pair.strip().decode())
    return "; ".join(found.values())
