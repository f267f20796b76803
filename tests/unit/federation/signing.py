"""Two nodes that know each other, and what one sends to the other."""

import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from falconeye.base.times import SECOND_US
from falconeye.federation.nonces import REMEMBER_S
from falconeye.federation.signatures import Signer, Verifier
from tests.clock import FakeClock

SENDER = "6f0c1ed2-7d5e-4c2a-9a55-4a2b4a1d9f10"
RECEIVER = "11111111-7d5e-4c2a-9a55-4a2b4a1d9f10"


@dataclass
class Members:
    """`Senders` by hand."""

    keys: dict[str, Ed25519PublicKey] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)

    def public_key(self, node_id: str) -> Ed25519PublicKey | None:
        return None if node_id in self.removed else self.keys.get(node_id)

    def was_removed(self, node_id: str) -> bool:
        return node_id in self.removed


@dataclass
class Sent:
    """A request as it is on the wire, to be bent."""

    method: str
    target: str
    headers: list[tuple[str, str]]

    def with_header(self, name: str, value: str) -> "Sent":
        headers = [(key, old) for key, old in self.headers if key != name]
        return Sent(self.method, self.target, [*headers, (name, value)])

    def without(self, name: str) -> "Sent":
        return Sent(self.method, self.target, [pair for pair in self.headers if pair[0] != name])

    def value(self, name: str) -> str:
        return dict(self.headers)[name]


class Pair:
    """A sender and a receiver whose process began long ago."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.key = Ed25519PrivateKey.from_private_bytes(secrets.token_bytes(32))
        self.members = Members({SENDER: self.key.public_key()})
        self.signer = Signer(SENDER, self.key)
        self.verifier = Verifier(RECEIVER, self.members, clock)
        clock.advance(REMEMBER_S + 1)

    @property
    def now_s(self) -> int:
        return self.clock.utc_us() // SECOND_US

    def sent(self, method: str = "GET", target: str = "/api/cameras/?live=1", **more: str) -> Sent:
        body = more.pop("body", None)
        headers = self.signer.headers(
            method,
            target,
            to=more.pop("to", RECEIVER),
            created_s=int(more.pop("created_s", str(self.now_s))),
            body=body.encode() if body is not None else None,
            **more,
        )
        return Sent(method, target, [*headers.items(), ("accept", "*/*")])
