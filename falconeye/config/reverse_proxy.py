"""What a person says of the reverse proxy in front of a node: which one it is, and below what path.

A network is written as `192.168.1.5`, `10.1.0.0/16` or `fd00::/64`; a path as `/falconeye`.
"""

import ipaddress
import re
from typing import Final

from falconeye.config.given_words import given_words

MAX_PROXIES: Final = 64
MAX_PATH: Final = 128
# Unreserved letters only (RFC 3986 2.3): such a path is spelled one way, needs no quoting in any
# header or attribute, and never begins with "//", which would be another host.
_PATH: Final = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+")


def is_base_path(text: str) -> bool:
    """Whether it is a base path as it is kept: empty, or slash and name, with none at its end."""
    return not text or (len(text) <= MAX_PATH and _PATH.fullmatch(text) is not None)


def base_path(given: object) -> str:
    """`given` without a slash at its end; empty for "/". ValueError for what is no such path."""
    path = given.strip().rstrip("/") if isinstance(given, str) else None
    if path is None or not is_base_path(path):
        msg = f"{str(given).strip()[:200]!r} is no path: letters, digits and -._~ after each slash"
        raise ValueError(msg)
    return path


def trusted_proxies(given: object) -> tuple[str, ...]:
    """The networks of a list, or of a text with commas or spaces between them, each once, in order.

    ValueError names the entry that is none, or that means everybody.
    """
    found = tuple(dict.fromkeys(map(_network, given_words(given))))
    if len(found) > MAX_PROXIES:
        msg = f"{len(found)} networks are too many: {MAX_PROXIES} are allowed"
        raise ValueError(msg)
    return found


def _network(text: str) -> str:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        msg = f"{text[:100]!r} is no address or network: {error}"
        raise ValueError(msg) from error
    if network.prefixlen == 0:
        msg = f"{text!r} is everybody: whoever asks could then say to be somebody else"
        raise ValueError(msg)
    return str(network)
