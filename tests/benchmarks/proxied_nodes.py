"""`python -m tests.benchmarks.proxied_nodes owner|entry`: two nodes, one asks the other.

Each tells in a line of JSON how it is reached; the entry node reads the owner's line, the owner the
entry node's. Both know one token. They end with their input.
"""

import asyncio
import json
import sys
import tempfile
import uuid
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import uvloop

from falconeye.accounts.model import Role
from falconeye.base.clock import SystemClock
from falconeye.federation.node_keys import NodeKeys, load_node_keys
from falconeye.federation.peer_address import KnownPeers, PeerAddress
from falconeye.federation.peer_clients import PeerClients
from falconeye.storage.stores.account_store import StoredToken
from falconeye.web.listening_socket import open_socket
from falconeye.web.peers.listener import PeerListener
from falconeye.web.peers.proxy_upstream import Elsewhere
from tests.integration.api.conftest import Served, serve


class _AllElsewhere:
    """Every camera is the owner's."""

    def __init__(self, own_id: str, owner_id: str) -> None:
        self.own_id = own_id
        self._owner_id = owner_id

    def recorder_of(self, _camera_id: str) -> str | None:
        return self._owner_id

    def peers(self) -> Sequence[str]:
        return [self._owner_id]

    def name_of(self, _node_id: str) -> str:
        return "owner"

    def unreachable_since_us(self, _node_id: str) -> int | None:
        return None


async def _owner(stack: AsyncExitStack, folder: Path, keys: NodeKeys) -> None:
    served = await serve(stack, folder)
    known = KnownPeers()
    listener = PeerListener(served.app, open_socket("127.0.0.1", 0), keys, known)
    await listener.start()
    stack.push_async_callback(listener.stop)
    accounts = served.services.accounts
    plain, _ = await accounts.tokens.add("wall", Role.ADMIN)
    row = next(one for one in (await accounts._store.load()).tokens if one.name == "wall")
    _tell(
        keys,
        served,
        token=plain,
        address=f"127.0.0.1:{listener.port}",
        row={"id": row.id, "hash": row.secret_hash.hex(), "created_at_us": row.created_at_us},
    )
    entry = await _line()
    known.update([PeerAddress(entry["node_id"], entry["certificate"], ())])


async def _entry(stack: AsyncExitStack, folder: Path, keys: NodeKeys) -> None:
    owner = await _line()
    clients = PeerClients(keys.node_id, lambda: keys.private_key, SystemClock())
    place = PeerAddress(owner["node_id"], owner["certificate"], (owner["address"],))
    clients.update([place])
    stack.push_async_callback(clients.stop)
    placed = _AllElsewhere(keys.node_id, owner["node_id"])
    served = await serve(stack, folder, Elsewhere(placed, clients))
    accounts, row = served.services.accounts, owner["row"]
    await accounts._store.add_token(
        StoredToken(
            id=row["id"],
            name="wall",
            secret_hash=bytes.fromhex(row["hash"]),
            role=Role.ADMIN,
            cameras=None,
            live_only=False,
            expires_at_us=None,
            created_at_us=row["created_at_us"],
            created_by="",
            last_used_us=None,
        )
    )
    await accounts.reload()
    _tell(keys, served)


def _tell(keys: NodeKeys, served: Served, **more: Any) -> None:
    told = {"node_id": keys.node_id, "certificate": keys.certificate, "url": served.url, **more}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


async def _line() -> Any:
    return json.loads(await asyncio.to_thread(sys.stdin.readline))


async def main(role: str) -> None:
    """Serve until the input ends."""
    with tempfile.TemporaryDirectory(prefix="falconeye-bench-") as name:
        folder = Path(name)
        keys = await asyncio.to_thread(load_node_keys, folder, str(uuid.uuid4()))
        async with AsyncExitStack() as stack:
            await {"owner": _owner, "entry": _entry}[role](stack, folder, keys)
            while await asyncio.to_thread(sys.stdin.readline):
                pass


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
