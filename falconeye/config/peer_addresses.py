"""Addresses of other nodes as a person writes them: a host, and a port where it is another one."""

import re
from ipaddress import IPv6Address, ip_address
from typing import Final

from falconeye.config.given_words import given_words
from falconeye.config.settings import DEFAULT_PEER_PORT

MAX_PEERS: Final = 64
_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_MAX_NAME: Final = 253  # RFC 1035, 2.3.4
_LIKE: Final = "it looks like 192.168.1.20, pi-2.lan:8901 or [fd00::2]:8901"


def peer_address(text: str) -> str:
    """`text` as "host:port" or "[IPv6]:port", with the port of nodes where none is said.

    ValueError, in words for people, for what is none.
    """
    host, port = _split(text.strip())
    if not _is_host(host) or not 1 <= port <= 65_535:
        msg = f"{text.strip()[:300]!r} is no address of a node: {_LIKE}"
        raise ValueError(msg)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def peer_addresses(given: object) -> tuple[str, ...]:
    """Those of a list, or of a text with commas or spaces between them; each once, in order.

    ValueError names the entry that is none.
    """
    found = tuple(dict.fromkeys(map(peer_address, given_words(given))))
    if len(found) > MAX_PEERS:
        msg = f"{len(found)} addresses are too many: {MAX_PEERS} are allowed"
        raise ValueError(msg)
    return found


def peer_service(text: object) -> str:
    """The name of a service whose addresses are nodes, as "name:port"; "" for none. ValueError."""
    if not isinstance(text, str):
        msg = "no text"
        raise ValueError(msg)  # noqa: TRY004 - pydantic takes only this for a refusal
    if not text.strip():
        return ""
    whole = peer_address(text)
    if _is_ip(_split(whole)[0]):
        msg = f"{text.strip()[:300]!r} is an address, not a name: it belongs to `peers`"
        raise ValueError(msg)
    return whole


def split_host_port(address: str) -> tuple[str, int]:
    """Host, without brackets, and port of what `peer_address` made."""
    return _split(address)


def _split(text: str) -> tuple[str, int]:
    """Port -1 for what is none."""
    if _is_ip(text) and ":" in text:
        return text, DEFAULT_PEER_PORT
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(DEFAULT_PEER_PORT)
    if host.startswith("[") and host.endswith("]") and ":" in host:
        host = host[1:-1]
    is_number = port.isascii() and port.isdecimal() and len(port) <= 5
    return host, int(port) if is_number else -1


def _is_host(host: str) -> bool:
    if _is_ip(host):
        return True
    is_number = all(part.isdecimal() for part in host.split("."))  # 192.168.1 names no machine
    return bool(_NAME.fullmatch(host)) and len(host) <= _MAX_NAME and not is_number


def _is_ip(text: str) -> bool:
    try:
        ip = ip_address(text)
    except ValueError:
        return False
    return not (isinstance(ip, IPv6Address) and ip.scope_id)  # a zone means nothing elsewhere
