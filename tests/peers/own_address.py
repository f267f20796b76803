"""An address of this machine that is no loopback one.

Cameras at 127.0.0.1 stay with their node: where a test has several nodes on one machine, those that
are to go from node to node are here. What is sent there does not leave the machine either.
"""

from ipaddress import IPv4Address

import ifaddr
import pytest


def own_address() -> str:
    """The first IPv4 address of an interface; without a network the test is skipped."""
    for adapter in ifaddr.get_adapters():
        for each in adapter.ips:
            if not isinstance(each.ip, str):  # IPv6: with a zone, which not everything takes
                continue
            address = IPv4Address(each.ip)
            if not address.is_loopback and not address.is_link_local:
                return str(address)
    pytest.skip("cameras that may move need an IPv4 address that is not this machine's loopback")
