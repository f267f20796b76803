"""Under which names browsers reach this node, as it stands now; and the authority made of them."""

import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from falconeye.config.settings import NodeSettings
from falconeye.discovery.interfaces import look_at_interfaces
from falconeye.tls.authority import Authority
from falconeye.tls.names import Address, Constraints, Names, own_names

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Called:
    """A node by its settings; `node_name` may be another one later."""

    settings: NodeSettings
    node_name: Callable[[], str]

    def names(self) -> Names:
        """Host name, node name, both in mDNS, the LAN's addresses, the setting; blocks."""
        try:
            addresses = _addresses(self.settings.host)
        except OSError as error:
            log.warning("the addresses of this machine are not known: %s", error)
            addresses = ()
        called = (socket.gethostname(), self.node_name())
        return own_names(called, addresses, self.settings.tls_names)

    def make_authority(self) -> Authority:
        """A new one, which may name this node and what no public site has; blocks."""
        return Authority.make(self.node_name(), Constraints.of(self.names()))


def _addresses(host: str) -> tuple[Address, ...]:
    """Where somebody listens at `host` only, that one; OSError where the kernel does not tell."""
    try:
        only = ip_address(host.partition("%")[0])
    except ValueError:
        return ()
    if not only.is_unspecified:
        return (only,)
    return tuple(interface.address for interface in look_at_interfaces())
