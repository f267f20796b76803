"""Which hardware is at an address, as the kernel knows it from talking to it (ARP, RFC 826).

A hardware address tells one device from all others where the device itself answers for its IP
address. It does not where somebody answers for many: a router (proxy ARP, RFC 1027; port
forwarding), or a Wi-Fi repeater that cannot carry the addresses of its stations, because a frame
to the access point has room for one transmitter only (IEEE 802.11, three-address format), so that
all behind it have the repeater's. So one that is a router's, or was seen at several IP addresses,
identifies none of them.
"""

import ipaddress
from collections.abc import Collection
from typing import Final

from falconeye.discovery.interfaces import look_at_interfaces, mac_at
from falconeye.discovery.neighbour_table import gateways, look_at_neighbours

# The kernel keeps entries of devices that have left for hours; what left counts no more.
PRESENT_S: Final = 300.0
AT_ONCE_S: Final = 3.0  # no device changes its address and answers at the new one as fast
MAX_SHARED: Final = 1000


class Neighbours:
    """What the kernel knows. For any thread; nothing is sent, nothing waits."""

    def __init__(self) -> None:
        # Of two behind a repeater one may be off now: what was seen of them stays true.
        self._shared: set[str] = set()

    def mac_of(self, address: str) -> str | None:
        """The hardware address of a neighbour on a network of ours, as "aa:bb:cc:dd:ee:ff".

        None for a name, for IPv6, beyond a router, and where nobody has talked to it lately. A
        device can tell any address of itself; this one is what it uses.
        """
        try:
            if ipaddress.ip_address(address).version != 4:
                return None
            return mac_at(address, look_at_interfaces())
        except (ValueError, OSError):
            return None

    def identifies(self, mac: str, addresses: Collection[str]) -> bool:
        """Whether `mac` tells the device at `addresses`, which may all be its own, from others."""
        if mac in self._shared:
            return False
        try:
            table, routers = look_at_neighbours(), gateways()
        except OSError:
            return False
        having = [each for each in table if each.mac == mac and each.silent_s < PRESENT_S]
        if any(each.address in routers for each in having):
            return False
        if {str(each.address) for each in having} <= set(addresses):
            return True
        if sum(each.silent_s < AT_ONCE_S for each in having) > 1 and len(self._shared) < MAX_SHARED:
            self._shared.add(mac)
        return False

    def own_mac_of(self, address: str) -> str | None:
        """`mac_of`, where that identifies the device at `address`."""
        mac = self.mac_of(address)
        return mac if mac is not None and self.identifies(mac, (address,)) else None


def stranger(stored: str | None, neighbours: Neighbours, address: str) -> str | None:
    """In words, where other hardware than the stored one is at `address` for certain; else None.

    Behind a repeater it is not certain. For any thread; waits for nothing.
    """
    there = None if stored is None else neighbours.mac_of(address)
    if there is None or there == stored or not neighbours.identifies(there, (address,)):
        return None
    return f"another device ({there}) is at the address {address} of this camera ({stored})"


NEIGHBOURS: Final = Neighbours()  # of this process
