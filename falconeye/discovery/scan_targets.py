"""Which addresses a scan asks: those of our own networks, or of others where an admin insists."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from falconeye.base.errors import InvalidInput
from falconeye.base.peers import is_allowed
from falconeye.discovery.interfaces import Interface, is_lan

LARGEST: Final = 22  # prefix length: 1024 addresses
MAX_ADDRESSES: Final = 4_096


@dataclass(frozen=True, slots=True)
class Targets:
    """What is asked."""

    networks: tuple[IPv4Network, ...]
    addresses: tuple[IPv4Address, ...]
    # Local networks too large to be asked whole: of these only the part around our address.
    narrowed: tuple[IPv4Network, ...] = ()


def targets(
    interfaces: Sequence[Interface], given: Iterable[str] | None, *, insist: bool = False
) -> Targets:
    """The addresses of the `given` networks ("192.168.1.0/24"), or of all local ones.

    Without `insist` a network must be on one of our interfaces and of a LAN's kind. Never our own
    addresses, network or broadcast addresses. InvalidInput says what is wrong.
    """
    if given is None:
        networks, narrowed = _local(interfaces)
    else:
        networks, narrowed = _given(interfaces, given, insist=insist), ()
    if not networks:
        raise InvalidInput("there is no local network to look in", field="networks")
    allow_local = any(one.address.is_loopback for one in interfaces)
    own = {one.address for one in interfaces}
    ends = {end for one in interfaces for end in (one.network[0], one.network[-1])}
    addresses = [
        address
        for network in networks
        for address in _hosts(network, interfaces)
        if address not in own
        and address not in ends
        and is_allowed(str(address), allow_local=allow_local)
    ]
    if not addresses:
        msg = "these networks hold no address that a scan may ask"
        raise InvalidInput(msg, field="networks")
    if len(addresses) > MAX_ADDRESSES:
        msg = f"these are {len(addresses)} addresses; at most {MAX_ADDRESSES} are asked at a time"
        raise InvalidInput(msg, field="networks")
    return Targets(networks, tuple(addresses), narrowed)


def _hosts(network: IPv4Network, interfaces: Sequence[Interface]) -> Iterable[IPv4Address]:
    """All addresses of a part of our own networks; of others not the first and the last."""
    if network.prefixlen >= 31 or any(network.subnet_of(one.network) for one in interfaces):
        return network
    return network.hosts()


def _local(
    interfaces: Sequence[Interface],
) -> tuple[tuple[IPv4Network, ...], tuple[IPv4Network, ...]]:
    networks, narrowed = set(), set()
    for one in interfaces:
        if not (is_lan(one.network) or one.address.is_loopback):
            continue  # the default route of a machine on the open internet
        if one.network.prefixlen < LARGEST:
            narrowed.add(one.network)
            networks.add(IPv4Network((int(one.address), LARGEST), strict=False))
        else:
            networks.add(one.network)
    return _disjoint(networks), tuple(sorted(narrowed))


def _given(
    interfaces: Sequence[Interface], given: Iterable[str], *, insist: bool
) -> tuple[IPv4Network, ...]:
    networks = set()
    for text in given:
        try:
            network = ipaddress.IPv4Network(text.strip(), strict=False)
        except ValueError as error:
            msg = "a network looks like 192.168.1.0/24"
            raise InvalidInput(msg, field="networks") from error
        if network.prefixlen < LARGEST:
            msg = f"{network} is too large; at most /{LARGEST}, 1024 addresses"
            raise InvalidInput(msg, field="networks")
        near = any(network.subnet_of(one.network) for one in interfaces)
        private = is_lan(network) or network.is_loopback
        if not insist and not (near and private):
            why = "is not one of this node's networks" if private else "is not a private network"
            raise InvalidInput(f"{network} {why}", field="networks")
        networks.add(network)
    return _disjoint(networks)


def _disjoint(networks: Iterable[IPv4Network]) -> tuple[IPv4Network, ...]:
    return tuple(sorted(ipaddress.collapse_addresses(networks)))
