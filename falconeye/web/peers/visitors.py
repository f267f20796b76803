"""Connections of nodes by which no member has signed yet: a bounded number, the oldest cut first.

Anybody who reaches the port can open connections and say nothing, or a byte a second. Each of them
ends by itself (`tls_server`, `http_protocol`), but within that time somebody could hold all that
there may be, and members would find no place. So whoever comes takes the place of one who did not
show yet who they are: the oldest from where most of those come. A member, who signs its first
request as soon as TLS stands, is none of them for longer than a moment.
"""

import ipaddress
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from falconeye.base.clock import SystemClock
from falconeye.base.counters import RepeatingLog

MAX_VISITORS: Final = 256
VISITOR_KEY: Final = "visitor"  # in the scope's state, which no client can fill
_IPV6_NETWORK_BITS: Final = 64  # one machine has all addresses of such a network (RFC 4291 2.5.4)
_trouble = RepeatingLog(logging.getLogger(__name__), SystemClock())


@dataclass(eq=False, slots=True)
class Visitor:
    """One connection; `cut` ends it, while it shakes hands and later."""

    network: str
    cut: Callable[[], object]
    is_over: Callable[[], bool] = lambda: False
    is_known: bool = False  # a member signed a request that came by it


class Visitors:
    """Those of one port, in the order in which they came."""

    def __init__(self) -> None:
        self._all: dict[Visitor, None] = {}

    def come(self, address: str, cut: Callable[[], object]) -> Visitor:
        """One more, from an IP address; where there are too many, another one is cut for it."""
        self._forget()
        if len(self._all) >= MAX_VISITORS:
            _ = self.cut_one()
        visitor = Visitor(network_of(address), cut)
        self._all[visitor] = None
        return visitor

    def leave(self, visitor: Visitor) -> None:
        """It has ended."""
        self._all.pop(visitor, None)

    def cut_one(self) -> bool:
        """End the oldest from where most come; False where all that is open is of members."""
        self._forget()
        if not self._all:
            return False
        [(network, count)] = Counter(each.network for each in self._all).most_common(1)
        oldest = next(each for each in self._all if each.network == network)
        self.leave(oldest)
        oldest.cut()
        _trouble.warning(
            f"too many connections of nodes without a member's signature, {count} of them from "
            f"{network}: the oldest are ended"
        )
        return True

    def _forget(self) -> None:
        for each in [each for each in self._all if each.is_known or each.is_over()]:
            self.leave(each)


def network_of(address: str) -> str:
    """What counts as one place: an IPv4 address, a /64 of IPv6; "" for what is no IP address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, _IPV6_NETWORK_BITS), strict=False))
