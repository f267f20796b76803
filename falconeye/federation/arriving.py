"""What a node that knows no user waits for, before it makes the first admin of the cluster key.

The cluster may be years old, and the password of the Secret long changed: a machine that comes new
would be opened by it until it has met the others. So it looks for them first.
"""

from typing import Final

from falconeye.base.times import SECOND_US
from falconeye.federation.federation import Federation
from falconeye.federation.peer_finding import PeerFinding
from falconeye.federation.unknown_addresses import Standing, UnknownAddresses

# A node that begins anew at the same moment, or whose image is being fetched, is waited for. Who
# could not be reached for so long may be gone for good, and somebody has to be the first.
ALONE_S: Final = 60.0


class Arrival:
    """Lives on the loop; counts from `begin`."""

    def __init__(
        self, federation: Federation, finding: PeerFinding, addresses: UnknownAddresses
    ) -> None:
        self._federation = federation
        self._finding = finding
        self._addresses = addresses
        self._began_us = federation.clock.monotonic_us()

    def begin(self) -> None:
        """This node is a member by its key: it can ask others from now on."""
        self._began_us = self._federation.clock.monotonic_us()
        self._addresses.look_again()

    def waits_for(self) -> str:
        """Why some node may know accounts that this one does not, in words; "" where none may."""
        if name := self._finding.unresolved:
            return f"the name {name} leads nowhere yet, not even to this node"
        return self._strangers() or self._peers() or self._silent()

    def _strangers(self) -> str:
        for address, told in self._addresses.told():
            if told.standing is Standing.UNASKED:
                return f"the node at {address} is being asked"
            if told.standing is Standing.STRANGE:
                return f"the node at {address} does not take this one in: {told.why}"
        return ""

    def _peers(self) -> str:
        for peer in self._federation.peers:
            if self._federation.is_heard(peer) and self._federation.exchange.is_behind(peer):
                return f"what node {peer.name} knows is being read"
        return ""

    def _silent(self) -> str:
        """A member that was met just now, and was not heard yet, is among them."""
        quiet_us = [
            told.first_us for _, told in self._addresses.told() if told.standing is Standing.SILENT
        ]
        quiet_us += [
            peer.since_us for peer in self._federation.peers if not self._federation.is_heard(peer)
        ]
        if not quiet_us:
            return ""
        until_us = max(self._began_us, *quiet_us) + round(ALONE_S * SECOND_US)
        if self._federation.clock.monotonic_us() >= until_us:
            return ""
        return f"nodes that are said to be there do not answer, for {ALONE_S:.0f} s at most"
