"""What a signed request of another node says, and why one does not count.

Apart from `signatures`, whose library takes 9 MB: a node without peers does not load it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from falconeye.federation.refusals import Refused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TO: Final = "falconeye-to"
ACTING: Final = "falconeye-acting"
CLIENT: Final = "falconeye-client"
DIGEST: Final = "content-digest"
TIME_HEADER: Final = "falconeye-time"  # of a refusal: the receiver's UTC in microseconds
REFUSED_HEADER: Final = "falconeye-refused"


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a signature covers. `target`: path and query exactly as they are on the wire."""

    method: str
    target: str
    headers: Mapping[str, str]  # by small letters; at least the ones that are ours

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """As RFC 9421 2.2.7 has it: with its question mark, also where there is none."""
        return "?" + self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class Verified:
    """A request of a member, signed for this node, new and of now."""

    node_id: str  # the sender
    acting: str | None  # as sent: `session=ID` or `token=ID`
    client: str | None  # the address of the person's device, as the sender saw it
    digest: str | None  # Content-Digest (RFC 9530), which the body must have


class RequestRefused(Exception):
    """Why a request does not count, and who it said it was from."""

    def __init__(self, why: Refused, claimed_id: str = "") -> None:
        super().__init__(why.value)
        self.why = why
        self.claimed_id = claimed_id


class Senders(Protocol):
    """Whose requests count: the members."""

    def public_key(self, node_id: str) -> "Ed25519PublicKey | None":
        """The key of a member; None for everybody else."""

    def was_removed(self, node_id: str) -> bool:
        """Whether it was a member once."""
