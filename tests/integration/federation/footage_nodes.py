"""Whole nodes with real footage of one camera, that ask each other over real, signed TLS."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet

from falconeye.accounts.model import Role
from falconeye.base.clock import SystemClock
from falconeye.base.errors import NotFound
from falconeye.base.times import SECOND_US
from falconeye.federation.node_keys import NodeKeys, load_node_keys
from falconeye.federation.peer_address import KnownPeers, PeerAddress
from falconeye.federation.peer_clients import PeerClients
from falconeye.federation.peers import Peers
from falconeye.federation.ways import Ways
from falconeye.media.samples import StreamKind
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.storage.stores.credentials import CredentialCipher
from falconeye.web.listening_socket import open_socket
from falconeye.web.peers.exports import PeerFootage
from falconeye.web.peers.listener import PeerListener
from falconeye.web.peers.proxy_upstream import Elsewhere
from falconeye.web.peers.state import STATE_KEY
from tests.clocked_footage import SMALL, Piece, record
from tests.integration.api.conftest import Served, serve

SEGMENT_S = 6


@dataclass
class Places:
    """Who is there, as a test has it; cameras are nobody's, so that nothing goes to an owner."""

    own_id: str
    peers_known: Peers
    silent: set[str] = field(default_factory=set)
    recorders: dict[str, str] = field(default_factory=dict)

    def recorder_of(self, camera_id: str) -> str | None:
        return self.recorders.get(camera_id)

    def peers(self) -> Sequence[str]:
        return [peer.node_id for peer in self.peers_known]

    def name_of(self, node_id: str) -> str:
        peer = self.peers_known.get(node_id)
        if peer is None:
            raise NotFound("there is no such node")
        return peer.name

    def unreachable_since_us(self, node_id: str) -> int | None:
        return 5 * SECOND_US if node_id in self.silent else None


@dataclass
class Known:
    """What the web asks of the federation, over the product's own clients."""

    who: Places
    peers: Peers
    clients: PeerClients
    ways: Ways
    name: str = ""

    @property
    def own_id(self) -> str:
        return self.who.own_id


@dataclass
class FootageNode:
    """One of them."""

    name: str
    served: Served
    keys: NodeKeys
    known: Known
    listener: PeerListener

    async def record(
        self, camera_id: str, start_us: int, pieces: int = 2, kind: StreamKind = StreamKind.MAIN,
        size: tuple[int, int] = SMALL,
    ) -> None:  # fmt: skip
        """A run of so many segments of six seconds."""
        store = self.served.footage
        run = store.begin_run(camera_id, kind, start_us)
        for index in range(pieces):
            at_us = start_us + index * SEGMENT_S * SECOND_US
            piece = Piece(at_us, SEGMENT_S, index * SEGMENT_S, size)
            await record(store, camera_id, run, piece, kind=kind)


async def _node(stack: AsyncExitStack, folder: Path, name: str) -> FootageNode:
    await asyncio.to_thread((folder / "data").mkdir, parents=True)
    keys = await asyncio.to_thread(load_node_keys, folder / "data", str(uuid.uuid4()))
    clock = SystemClock()
    peers = Peers(keys.node_id, clock)
    clients = PeerClients(keys.node_id, lambda: keys.private_key, clock)
    await clients.load()
    stack.push_async_callback(clients.stop)
    known = Known(Places(keys.node_id, peers), peers, clients, Ways(clients, peers), name)
    served = await serve(stack, folder, Elsewhere(known.who, clients))
    served.app.state[STATE_KEY] = known
    served.services.exports.elsewhere = PeerFootage(known)  # type: ignore[arg-type]
    listener = PeerListener(served.app, open_socket("127.0.0.1", 0), keys, KnownPeers())
    return FootageNode(name, served, keys, known, listener)


@asynccontextmanager
async def footage_nodes(folder: Path, *names: str) -> AsyncIterator[list[FootageNode]]:
    """All of them members of each other; the first one's tokens hold on each."""
    async with AsyncExitStack() as stack:
        nodes = [await _node(stack, folder / name, name) for name in names]
        members = {node.keys.node_id: node.name for node in nodes}
        places = [
            PeerAddress(
                node.keys.node_id, node.keys.certificate, (f"127.0.0.1:{node.listener.port}",)
            )
            for node in nodes
        ]
        for node in nodes:
            others = [place for place in places if place.node_id != node.keys.node_id]
            node.known.peers.follow(members)
            node.known.clients.update(others)
            senders = node.listener._senders
            assert isinstance(senders, KnownPeers)
            senders.update(others)
            await node.listener.start()
            stack.push_async_callback(_stop_listening, node)
        await _share_tokens(nodes)
        yield nodes


async def _stop_listening(node: FootageNode) -> None:
    """With the listener that it has by then."""
    await node.listener.stop()


async def _share_tokens(nodes: Sequence[FootageNode]) -> None:
    """As replication does it."""
    first, *others = (node.served.services.accounts for node in nodes)
    for role in (Role.ADMIN, Role.OPERATOR, Role.VIEWER):
        found = [token for token in first.tokens.list() if token.name.startswith(role.value)]
        stored = first._directory.token_by_id(found[0].id)
        assert stored is not None
        for accounts in others:
            own = [token for token in accounts.tokens.list() if token.name == stored.name]
            await accounts.tokens.remove(own[0].id)
            await accounts._store.add_token(stored)
            await accounts.reload()
    for node in nodes[1:]:
        for name in ("admin", "operator", "viewer"):
            client, its = (getattr(one.served, name) for one in (node, nodes[0]))
            client.headers["authorization"] = its.headers["authorization"]


async def shared_camera(nodes: Sequence[FootageNode], name: str = "Door") -> str:
    """A camera that is off, known to all."""
    body = {"name": name, "protocol": "demo", "start": False}
    answer = await nodes[0].served.admin.post("/api/cameras/", json=body)
    camera_id: str = answer.json()["id"]
    config = nodes[0].served.services.cameras.get(camera_id).config
    for node in nodes[1:]:
        cipher = CredentialCipher([Fernet.generate_key()], "the test")
        await CameraStore(node.served.services.patient.database, cipher).insert(config)
        await node.served.services.cameras.reload()
    return camera_id
