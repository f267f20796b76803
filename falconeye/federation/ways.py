"""What this node itself asks of its peers: small questions, by node id, answered in JSON."""

from typing import TYPE_CHECKING, Any, Final

from falconeye.base.errors import FalconEyeError, NotFound
from falconeye.federation.peer_clients import PeerClients
from falconeye.federation.peer_errors import PeerUnreachable
from falconeye.federation.peers import Peer, Peers

if TYPE_CHECKING:
    from falconeye.federation.peer_client import PeerClient

_BAD_REQUEST: Final = 400


class PeerAnswered(FalconEyeError):
    """A peer answered a question of this node with a refusal."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.answered = status


class Way:
    """To one peer."""

    def __init__(self, client: "PeerClient", peer: Peer) -> None:
        self._client = client
        self._peer = peer

    @property
    def name(self) -> str:
        """What people call the node."""
        return self._peer.name

    async def request_json(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        limit_s: float,
        acting: str | None = None,
    ) -> Any:
        """The JSON of the answer; PeerUnreachable, PeerRefused, PeerAnswered (its status)."""
        answer = await self._client.request(method, path, json=body, acting=acting, limit_s=limit_s)
        if answer.status_code >= _BAD_REQUEST:
            msg = f"the node {self.name} answers {answer.status_code}: {answer.text[:200]}"
            raise PeerAnswered(msg, answer.status_code)
        try:
            return answer.json()
        except (ValueError, RecursionError) as error:
            msg = f"the node {self.name} answers what is no JSON"
            raise PeerUnreachable(msg) from error


class Ways:
    """One `Way` a peer; `of` is cheap and may be kept for one request only."""

    def __init__(self, clients: PeerClients, peers: Peers) -> None:
        self._clients = clients
        self._peers = peers

    def of(self, node_id: str) -> Way:
        """PeerUnreachable for what is no member."""
        peer = self._peers.get(node_id)
        try:
            client = self._clients.get(node_id)
        except NotFound as error:
            raise PeerUnreachable(str(error)) from error
        if peer is None:
            raise PeerUnreachable("there is no such node in this cluster")
        return Way(client, peer)
