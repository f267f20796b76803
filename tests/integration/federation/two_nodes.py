"""One whole site with its listener for nodes, and another node that asks it over real TLS."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from falconeye.accounts.model import Role
from falconeye.base.clock import SystemClock
from falconeye.federation.node_keys import NodeKeys, load_node_keys
from falconeye.federation.peer_address import KnownPeers, PeerAddress
from falconeye.federation.peer_client import PeerClient
from falconeye.federation.signatures import Signer
from falconeye.web.listening_socket import open_socket
from falconeye.web.peers.listener import PeerListener
from tests.integration.federation.routes import ROUTES, Sending
from tests.integration.web_security.site import PASSWORD, Site, running_site


@dataclass
class TwoNodes:
    """`asker` asks `site` through `listener`."""

    site: Site
    listener: PeerListener
    keys: NodeKeys  # of the site
    asking: NodeKeys
    known: KnownPeers  # to the site
    asker: PeerClient
    sending: Sending
    looked: list[str]

    @property
    def member(self) -> PeerAddress:
        """The asking node, as the site knows it."""
        return PeerAddress(self.asking.node_id, self.asking.certificate, ())

    @property
    def place(self) -> PeerAddress:
        """The site, as others know it."""
        address = f"127.0.0.1:{self.listener.port}"
        return PeerAddress(self.keys.node_id, self.keys.certificate, (address,))

    @property
    def signer(self) -> Signer:
        return Signer(self.asking.node_id, self.asking.private_key)

    async def session(self, name: str, role: Role, **rights: object) -> str:
        """A new user who signs in at the other node; how that names the session."""
        await self.site.add_user(name, role, **rights)
        _, who = await self.site.accounts.login(name, PASSWORD, "10.0.0.9")
        return f"session={who.session_id}"


async def new_keys(folder: Path) -> NodeKeys:
    """Of a node that has just been set up."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    return await asyncio.to_thread(load_node_keys, folder, str(uuid.uuid4()))


@asynccontextmanager
async def two_nodes(folder: Path) -> AsyncIterator[TwoNodes]:
    """Both started; all is stopped at the end."""
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(running_site(folder / "site", list(ROUTES)))
        site.app.state["sending"] = sending = Sending()
        keys = await asyncio.to_thread(load_node_keys, folder / "site", site.services.node_id)
        asking = await new_keys(folder / "asking")
        known = KnownPeers()
        known.update([PeerAddress(asking.node_id, asking.certificate, ())])
        looked: list[str] = []

        async def look_again(node_id: str) -> None:
            looked.append(node_id)
            await site.accounts.reload()

        listener = PeerListener(
            site.app, open_socket("127.0.0.1", 0), keys, known, look_again=look_again
        )
        await listener.start()
        stack.push_async_callback(listener.stop)
        address = f"127.0.0.1:{listener.port}"
        asker = PeerClient(
            PeerAddress(keys.node_id, keys.certificate, (address,)),
            Signer(asking.node_id, asking.private_key),
            SystemClock(),
        )
        stack.push_async_callback(asker.close)
        yield TwoNodes(site, listener, keys, asking, known, asker, sending, looked)
