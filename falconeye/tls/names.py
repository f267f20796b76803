"""Under which names and addresses browsers reach a node, and which of them an authority may name.

An authority of ours speaks for names and addresses that no public site can have: whoever steals its
key can pass for a machine of the house, and for nothing else (RFC 5280, 4.2.1.10).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from falconeye.config.tls_settings import MAX_NAMES, is_dns_name

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# RFC 6762, RFC 6761, RFC 8375, and what ICANN keeps for private use or routers use without asking;
# none of them is delegated to anybody.
HOUSE_DOMAINS: Final = (
    "local", "localhost", "home.arpa", "internal", "lan", "home", "localdomain", "intranet",
)  # fmt: skip
# RFC 1122, 1918, 3927, 6598 (what Tailscale uses); RFC 4193, 4291.
HOUSE_NETWORKS: Final[tuple[Network, ...]] = tuple(
    map(
        ip_network,
        (
            "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8",
            "100.64.0.0/10", "fc00::/7", "fe80::/10", "::1/128",
        ),
    )
)  # fmt: skip
_ALWAYS: Final = ("localhost",)
_LOOPBACK: Final[tuple[Address, ...]] = (ip_address("127.0.0.1"), ip_address("::1"))


@dataclass(frozen=True, slots=True)
class Names:
    """DNS names in small letters and IP addresses, each once, in an order that stays."""

    dns: tuple[str, ...]
    addresses: tuple[Address, ...]

    def lacks(self, other: "Names") -> "Names":
        """What `other` has and this has not."""
        return Names(
            tuple(name for name in other.dns if name not in self.dns),
            tuple(each for each in other.addresses if each not in self.addresses),
        )

    def __bool__(self) -> bool:
        return bool(self.dns or self.addresses)

    def words(self) -> str:
        """All of them, apart by commas."""
        return ", ".join([*self.dns, *map(str, self.addresses)])


@dataclass(frozen=True, slots=True)
class Constraints:
    """What an authority may name: these domains with all below them, these networks."""

    domains: tuple[str, ...]
    networks: tuple[Network, ...]

    @classmethod
    def of(cls, names: Names) -> "Constraints":
        """Those of a new authority: what no public site has, and this node's own names."""
        own = [name for name in names.dns if not _is_below(name, HOUSE_DOMAINS)]
        public = [each for each in names.addresses if not _is_within(each, HOUSE_NETWORKS)]
        return cls((*HOUSE_DOMAINS, *own), (*HOUSE_NETWORKS, *map(ip_network, public)))

    def permitted(self, names: Names) -> Names:
        """The part of `names` that it may name."""
        return Names(
            tuple(name for name in names.dns if _is_below(name, self.domains)),
            tuple(each for each in names.addresses if _is_within(each, self.networks)),
        )


def own_names(called: Iterable[str], addresses: Iterable[Address], more: Iterable[str]) -> Names:
    """How browsers may address a node that is called so; `more`: names and addresses of a setting.

    A name without a dot is that of mDNS as well (`NAME.local`). What no certificate can name is
    left out: a space, an underscore.
    """
    dns: list[str] = []
    found: list[Address] = [*addresses, *_LOOPBACK]
    for each in more:
        try:
            found.append(ip_address(each))
        except ValueError:
            dns.append(each.lower())
    for name in called:
        plain = name.lower().rstrip(".")
        dns += [plain, f"{plain.partition('.')[0]}.local"]
    usable = dict.fromkeys(name for name in [*dns, *_ALWAYS] if is_dns_name(name))
    return Names(tuple(usable)[:MAX_NAMES], tuple(dict.fromkeys(found))[:MAX_NAMES])


def _is_below(name: str, domains: Iterable[str]) -> bool:
    return any(name == each or name.endswith(f".{each}") for each in domains)


def _is_within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == each.version and address in each for each in networks)
