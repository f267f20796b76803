"""What a reverse proxy says of a request: whose it is, by which scheme, for which host.

Believed of the networks that whoever runs the node named, and of nobody else. `X-Forwarded-For` is
read from its right end: what stands there was written by the proxy that we see, what stands left of
an address that is none of ours by whoever asked. RFC 7239's `Forwarded` is not read: a proxy that
sets the one passes the other on as a client sent it, and nothing in a request tells which it is.
"""

import ipaddress
import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final

from litestar.enums import ScopeType
from litestar.types import Scope

_MAX_HOPS: Final = 32
_KNOWN: Final = 256  # clients whose trust is remembered
_SECURE: Final = {"http": False, "ws": False, "https": True, "wss": True}
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class MalformedForwarding(Exception):
    """A trusted proxy said what means nothing: it is set up wrong, and its words count nowhere."""


class TrustedProxies:
    """Puts what they say into the scopes of their requests."""

    def __init__(self, networks: Iterable[str]) -> None:
        """`networks` as `config.reverse_proxy.trusted_proxies` gives them."""
        self._networks = tuple(ipaddress.ip_network(each) for each in networks)
        self._trusts = lru_cache(_KNOWN)(self._is_trusted)

    def apply(self, scope: Scope) -> None:
        """Set client, scheme and host of a request that came from one of them.

        MalformedForwarding where one of the headers cannot be read. An absent or empty one changes
        nothing.
        """
        if scope["client"] is None or not self._trusts(scope["client"][0]):
            return
        told = _told(scope)
        if client := self._client(told.get(b"x-forwarded-for", [])):
            scope["client"] = (client, 0)
        if proto := _last(told.get(b"x-forwarded-proto", [])).lower():
            if proto not in _SECURE:
                raise MalformedForwarding("X-Forwarded-Proto")
            scope["scheme"] = _scheme(scope, is_secure=_SECURE[proto])
        if host := _last(told.get(b"x-forwarded-host", [])):
            if not _HOST.fullmatch(host):
                raise MalformedForwarding("X-Forwarded-Host")
            others = [pair for pair in scope["headers"] if pair[0] != b"host"]
            scope["headers"] = [(b"host", host.encode()), *others]

    def _client(self, values: Collection[str]) -> str:
        """The right-most address that is no trusted proxy, else the left-most; empty for none."""
        found = ""
        hops = ",".join(values).rsplit(",", _MAX_HOPS)
        for place, text in enumerate(reversed(hops)):
            if not text.strip() and not found:
                continue
            if place == _MAX_HOPS:
                raise MalformedForwarding("X-Forwarded-For")
            found = _address_of(text.strip())
            if not self._trusts(found):
                break
        return found

    def _is_trusted(self, host: str) -> bool:
        try:
            address = _plain(ipaddress.ip_address(host.partition("%")[0]))
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _told(scope: Scope) -> dict[bytes, list[str]]:
    found: dict[bytes, list[str]] = {}
    for name, value in scope["headers"]:
        if name.startswith(b"x-forwarded-"):
            found.setdefault(name, []).append(value.decode("latin-1"))
    return found


def _last(values: Collection[str]) -> str:
    """What the proxy said that we see; others before it may be a client's."""
    return ",".join(values).rpartition(",")[2].strip()


def _scheme(scope: Scope, *, is_secure: bool) -> str:
    plain = "ws" if scope["type"] == ScopeType.WEBSOCKET else "http"
    return f"{plain}s" if is_secure else plain


def _address_of(text: str) -> str:
    """An address, with or without a port, in one spelling; MalformedForwarding."""
    host = text
    if text.startswith("[") and "]" in text:
        host = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        host = text.partition(":")[0]
    try:
        address = _plain(ipaddress.ip_address(host))
    except ValueError:
        raise MalformedForwarding("X-Forwarded-For") from None
    if "%" in host:  # an interface of another machine
        raise MalformedForwarding("X-Forwarded-For")
    return str(address)


def _plain(address: Address) -> Address:
    """An IPv4 address as such, also where a socket for both families gave it."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
