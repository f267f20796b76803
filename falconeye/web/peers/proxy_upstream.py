"""What the proxy needs to know of the other nodes: who has what, and a way to ask them."""

import asyncio
from collections.abc import AsyncIterable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from falconeye.accounts.model import Principal
from falconeye.base.errors import FalconEyeError
from falconeye.web.security.peer import acting_of

if TYPE_CHECKING:
    import httpx
    from websockets.asyncio.client import ClientConnection

PEER_LOOK_S: Final = 2.0  # so often what is under way is held against what is heard of the peer

Headers = Iterable[tuple[str, str]]


class PeerConnection(Protocol):
    """The way to one peer (`federation.peer_client`).

    `path` as in the request line, with its query; `acting` and `client`: who asks this node, by
    the ids that the peer knows too, and from which address.
    """

    def stream(
        self,
        method: str,
        path: str,
        *,
        headers: Headers = (),
        content: bytes | AsyncIterable[bytes] | None = None,
        acting: str | None = None,
        client: str | None = None,
        limit_s: float | None = None,
    ) -> "AbstractAsyncContextManager[httpx.Response]":
        """The answer, once its headers are there within `limit_s`; leaving it hangs up.

        Unavailable when there is none; httpx.HTTPError while the body is read.
        """

    def websocket(
        self,
        path: str,
        *,
        headers: Headers = (),
        acting: str | None = None,
        client: str | None = None,
    ) -> "AbstractAsyncContextManager[ClientConnection]":
        """An open WebSocket; Unavailable, as PeerDenied where the peer's application denies it."""


class PeerConnections(Protocol):
    """The ways to all members (`federation.peer_clients`)."""

    def get(self, node_id: str) -> PeerConnection:
        """NotFound for what is no member."""


class Placement(Protocol):
    """Which nodes there are, and which does what."""

    @property
    def own_id(self) -> str: ...

    def recorder_of(self, camera_id: str) -> str | None:
        """The node that has the camera's streams now; None where none has, or nobody knows it."""

    def peers(self) -> Sequence[str]:
        """The ids of all members but this node, heard or not."""

    def name_of(self, node_id: str) -> str:
        """What people call the node."""

    def unreachable_since_us(self, node_id: str) -> int | None:
        """UTC, when it was last heard; None while it is heard."""


@dataclass(frozen=True, slots=True)
class Asking:
    """For whom a peer is asked."""

    acting: str | None  # "session=ID" or "token=ID"; None for nobody
    client: str | None  # the address they came from

    @classmethod
    def of(cls, who: Principal | None, client: str | None) -> "Asking":
        """By ids that the peer finds in its own directory; no secret is among them."""
        return cls(None if who is None else acting_of(who), client)


@dataclass(frozen=True, slots=True)
class Peer:
    """One of the others."""

    node_id: str
    name: str
    connection: PeerConnection
    placement: Placement

    @property
    def unreachable_since_us(self) -> int | None:
        return self.placement.unreachable_since_us(self.node_id)

    def words(self, error: Exception) -> str:
        """What went wrong, with the node's name for its id."""
        if not isinstance(error, FalconEyeError):
            return f"{self.name} does not answer"
        return str(error).replace(self.node_id, self.name)

    async def lost(self) -> None:
        """Returns when it is heard no more: a power cut ends no connection."""
        while self.unreachable_since_us is None:  # noqa: ASYNC110 - others count the seconds
            await asyncio.sleep(PEER_LOOK_S)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """All other nodes, as the web asks them."""

    placement: Placement
    connections: PeerConnections

    def peer(self, node_id: str) -> Peer:
        """NotFound for what is no member."""
        connection = self.connections.get(node_id)
        return Peer(node_id, self.placement.name_of(node_id), connection, self.placement)
