"""URLs and texts without credentials: for logs, pages, errors and answers."""

import re
from collections import defaultdict, deque
from collections.abc import Callable
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

HIDDEN = "***"  # what stands where a secret was

_SCHEME = r"[a-zA-Z][a-zA-Z0-9+.-]{0,30}://"
# To the end of the line or to the next word that is a URL: a password may hold anything.
_URL = re.compile(rf"(?P<scheme>{_SCHEME})(?P<rest>(?:(?!\s[\"'(<\[]*{_SCHEME})[^\r\n])*)")
# "name:" before anything but a port is the beginning of a login.
_LOGIN = re.compile(r"[^\s:/?#\[]*:(?!\d{1,5}(?:[/?#\s\"'),;.\]]|$))")
_WORD = re.compile(r"\S*")
# The parameters by which cameras take a login. A value may hold anything but "&": quotes, too.
# Recorders of Xiongmai write "user=…_password=…_channel=1" as their path.
_LOGIN_NAMES = (
    r"\w*(?:pass(?:word|wd)?|pwd|token|secret)|loginuse|loginpas|api_?key|auth(?:basic)?"
    r"|user(?:name)?|usr"
)
_SECRET = re.compile(rf"(?i)\b(?P<name>{_LOGIN_NAMES})=(?P<value>(?:(?!_channel=\d)[^&\s])+)")
_IS_LOGIN_NAME = re.compile(_LOGIN_NAMES, re.IGNORECASE)


def redact_text(text: str) -> str:
    """`text` with the user info of every URL and secret-looking query values removed.

    People type passwords into URLs as they are, "/", "?", "#", "@" and spaces included, so all up
    to the last "@" that may belong to the URL goes, rather than what RFC 3986 calls user info.
    """
    return hide_parameters(_URL.sub(_without_login, text))


def is_secret_name(name: str) -> bool:
    """Whether a parameter of this name holds a login, or a part of one."""
    return _IS_LOGIN_NAME.fullmatch(name) is not None


def hide_parameters(text: str) -> str:
    """`text` with `***` for the values of parameters that hold a login."""
    return map_secrets(text, lambda _name, _value: HIDDEN)


def map_secrets(url: str, change: Callable[[str, str], str]) -> str:
    """`url` with the value of each such parameter as `change(name, value)` gives it."""
    return _SECRET.sub(
        lambda found: f"{found['name']}={change(found['name'], found['value'])}", url
    )


def fill_hidden(url: str, known: str) -> str:
    """`url` with the values that are hidden in it taken from `known`, parameter by parameter.

    Those that `known` does not have stay hidden.
    """
    values: defaultdict[str, deque[str]] = defaultdict(deque)
    for parameter in _SECRET.finditer(known):
        values[parameter["name"]].append(parameter["value"])

    def fill(name: str, value: str) -> str:
        left = values[name]
        found = left.popleft() if left else value
        return found if value == HIDDEN else value

    return map_secrets(url, fill)


def holds_hidden(url: str) -> bool:
    """Whether a value in `url` is hidden: it cannot be used as it is."""
    return any(parameter["value"] == HIDDEN for parameter in _SECRET.finditer(url))


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
    end = rest.rfind("@", 0, limit) + 1
    for parameter in _SECRET.finditer(rest):
        if parameter.start("value") < end < parameter.end("value"):  # the "@" is one of the value's
            return url["scheme"] + HIDDEN + rest[parameter.end("value") :]
    return url["scheme"] + rest[end:]


def _without_userinfo(parts: SplitResult) -> SplitResult:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2])
