"""Which hardware is at an address, as the kernel knows it from talking to it (ARP, RFC 826)."""

import ipaddress

from falconeye.discovery.interfaces import look_at_interfaces, mac_at


def mac_of(address: str) -> str | None:
    """The hardware address of a neighbour on a network of ours, as "aa:bb:cc:dd:ee:ff".

    None for a name, for IPv6, beyond a router, and where nobody has talked to it lately. Nothing
    is sent, nothing waits. A device can tell any address of itself; this one is what it uses.
    """
    try:
        if ipaddress.ip_address(address).version != 4:
            return None
        return mac_at(address, look_at_interfaces())
    except (ValueError, OSError):
        return None
