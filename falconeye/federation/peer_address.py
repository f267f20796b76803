"""What one member is known by to those that ask it or are asked by it."""

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from falconeye.base.errors import InvalidInput
from falconeye.federation.node_keys import public_key_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """A member: its id, the one certificate it shows, and where it listens for other nodes."""

    node_id: str
    certificate: str  # PEM
    addresses: tuple[str, ...]  # "host:port", "[IPv6]:port"; the likeliest first


class KnownPeers:
    """Whose requests count: the members of now, and who was one (`signatures.Senders`)."""

    def __init__(self) -> None:
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._removed: frozenset[str] = frozenset()

    def update(self, members: Iterable[PeerAddress], removed: Collection[str] = ()) -> None:
        """All members of now, this node left out, and the ids of those that were removed.

        One whose certificate cannot be read is left out: what others are must not wait for it.
        """
        self._removed = frozenset(removed)
        self._keys = {}
        for member in members:
            try:
                self._keys[member.node_id] = public_key_of(member.certificate)
            except InvalidInput as error:
                log.warning("the member %s is not known by its certificate: %s",
                            member.node_id, error)  # fmt: skip

    def public_key(self, node_id: str) -> "Ed25519PublicKey | None":
        """The key of a member; None for everybody else, also for who is both."""
        return None if node_id in self._removed else self._keys.get(node_id)

    def was_removed(self, node_id: str) -> bool:
        """Whether it was a member once."""
        return node_id in self._removed
