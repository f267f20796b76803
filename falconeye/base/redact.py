"""URLs and texts without credentials: for logs, pages, errors and answers."""

import re
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

_USERINFO = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/?#]*@")
_SECRET_QUERY = re.compile(
    r"(?i)\b(?P<name>(?:[a-z_]*pass(?:word|wd)?|pwd|token|secret|api_?key|auth|user(?:name)?|usr))="
    r"[^&\s\"']+"
)


def redact_text(text: str) -> str:
    """`text` with the user info of every URL and secret-looking query values removed."""
    return _SECRET_QUERY.sub(r"\g<name>=***", _USERINFO.sub(r"\g<scheme>", text))


def split_credentials(url: str) -> tuple[str, str | None, str | None]:
    """A URL as (URL without user info, user name or None, password or None), unquoted."""
    parts = urlsplit(url)
    user = unquote(parts.username) if parts.username is not None else None
    password = unquote(parts.password) if parts.password is not None else None
    return urlunsplit(_without_userinfo(parts)), user, password


def _without_userinfo(parts: SplitResult) -> SplitResult:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2])
