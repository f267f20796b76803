"""The ways to all other members, one client each; follows who is a member and where."""

import asyncio
import importlib
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from falconeye.base.clock import Clock
from falconeye.base.errors import InvalidInput, NotFound
from falconeye.base.tasks import TaskSet
from falconeye.federation.peer_address import PeerAddress

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from falconeye.federation.peer_client import PeerClient

log = logging.getLogger(__name__)


class PeerClients:
    """Lives on the loop, from the first `update()` to `stop()`.

    What asks and signs takes 30 MB: `load` it before `update` has members; nobody else need.
    """

    def __init__(
        self, node_id: str, private_key: "Callable[[], Ed25519PrivateKey]", clock: Clock
    ) -> None:
        self._node_id = node_id
        self._private_key = private_key
        self._clock = clock
        self._clients: dict[str, PeerClient] = {}
        self._leaving: set[PeerClient] = set()
        self._closing = TaskSet("peer-clients")

    @staticmethod
    async def load() -> None:
        """Load the libraries, in a thread."""
        await asyncio.to_thread(importlib.import_module, "falconeye.federation.peer_client")

    def update(self, members: Iterable[PeerAddress]) -> None:
        """All members of now, this node left out.

        Who is no member any more, or shows another certificate, is hung up on at once. One whose
        certificate cannot be read is left out.
        """
        before, self._clients = self._clients, {}
        for member in members:
            client = before.get(member.node_id)
            if client is not None and client.certificate == member.certificate:
                client.move(member.addresses)
                self._clients[member.node_id] = before.pop(member.node_id)
                continue
            try:
                self._clients[member.node_id] = self._client(member)
            except InvalidInput as error:
                log.warning("the member %s cannot be asked: %s", member.node_id, error)
        for client in before.values():
            self._leaving.add(client)
            _ = self._closing.start(self._hang_up(client), client.node_id)

    def _client(self, member: PeerAddress) -> "PeerClient":
        from falconeye.federation.peer_client import PeerClient  # noqa: PLC0415 - see `load`
        from falconeye.federation.signatures import Signer  # noqa: PLC0415 - see `load`

        return PeerClient(member, Signer(self._node_id, self._private_key()), self._clock)

    async def _hang_up(self, client: "PeerClient") -> None:
        await client.close()
        self._leaving.discard(client)

    @property
    def all(self) -> list["PeerClient"]:
        return list(self._clients.values())

    def get(self, node_id: str) -> "PeerClient":
        """The way to that member; NotFound."""
        found = self._clients.get(node_id)
        if found is None:
            raise NotFound("there is no such node in this cluster")
        return found

    async def stop(self) -> None:
        """Hang up on all."""
        clients, self._clients = [*self.all, *self._leaving], {}
        await self._closing.stop()
        for client in clients:
            await client.close()
