"""URLs and texts without credentials: for logs, pages, errors and answers."""

import re
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

_SCHEME = r"[a-zA-Z][a-zA-Z0-9+.-]{0,30}://"
# To the end of the line or to the next word that is a URL: a password may hold anything.
_URL = re.compile(rf"(?P<scheme>{_SCHEME})(?P<rest>(?:(?!\s[\"'(<\[]*{_SCHEME})[^\r\n])*)")
# "name:" before anything but a port is the beginning of a login.
_LOGIN = re.compile(r"[^\s:/?#\[]*:(?!\d{1,5}(?:[/?#\s\"'),;.\]]|$))")
_WORD = re.compile(r"\S*")
_SECRET_QUERY = re.compile(
    r"(?i)\b(?P<name>(?:[a-z_]*pass(?:word|wd)?|pwd|token|secret|api_?key|auth|user(?:name)?|usr))="
    r"[^&\s\"']+"
)


def redact_text(text: str) -> str:
    """`text` with the user info of every URL and secret-looking query values removed.

    People type passwords into URLs as they are, "/", "?", "#", "@" and spaces included, so all up
    to the last "@" that may belong to the URL goes, rather than what RFC 3986 calls user info.
    """
    return _SECRET_QUERY.sub(r"\g<name>=***", _URL.sub(_without_login, text))


def split_credentials(url: str) -> tuple[str, str | None, str | None]:
    """A URL as (URL without user info, user name or None, password or None), unquoted."""
    parts = urlsplit(url)
    user = unquote(parts.username) if parts.username is not None else None
    password = unquote(parts.password) if parts.password is not None else None
    return urlunsplit(_without_userinfo(parts)), user, password


def _without_login(url: re.Match[str]) -> str:
    rest = url["rest"]
    word = _WORD.match(rest)
    limit = len(rest) if _LOGIN.match(rest) or word is None else word.end()
    return url["scheme"] + rest[rest.rfind("@", 0, limit) + 1 :]


def _without_userinfo(parts: SplitResult) -> SplitResult:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2])
