"""The second port of a node: TLS with its own certificate, for the members of its cluster."""

import asyncio
import importlib
import socket
from typing import Final

from litestar import Litestar

from falconeye.base.tasks import TaskSet
from falconeye.federation.node_keys import NodeKeys
from falconeye.federation.refusals import Refusals
from falconeye.federation.signed_requests import (
    Senders,
)
from falconeye.web.peers.acting import Acting, LookAgain
from falconeye.web.peers.authentication import PeerDoor
from falconeye.web.peers.server import PeerServer
from falconeye.web.server import GOODBYE_S, uvicorn_config
from falconeye.web.shell import STATE_KEY, Shell

KEEP_ALIVE_S: Final = 30  # longer than a peer keeps what it does not use (peer_client)


class PeerListener:
    """Serves the application to other nodes from `start()` to `stop()`.

    The web server of the same application must run: it begins and ends the application and watches
    for what is revoked.
    """

    def __init__(
        self,
        app: Litestar,
        listening: socket.socket,
        keys: NodeKeys,
        senders: Senders,
        *,
        look_again: LookAgain | None = None,
        is_alone: bool = False,
    ) -> None:
        """For whom `senders` knows. `look_again(node_id)` brings here what that node changed.

        `is_alone`: nobody may ask until `load`, which takes 9 MB.
        """
        self._shell: Shell = app.state[STATE_KEY]
        self._socket = listening
        self._keys = keys
        self._senders = senders
        self._is_alone = is_alone
        self._tasks = TaskSet("peers")
        self._server: PeerServer | None = None
        self._serving: asyncio.Task[None] | None = None
        services = self._shell.services
        self.refusals = Refusals(services.clock)
        self._door = PeerDoor(
            app,
            None,
            self.refusals,
            Acting(services.accounts, services.clock, look_again),
            services.clock,
        )

    @property
    def port(self) -> int:
        """Where it listens; known before it serves."""
        port: int = self._socket.getsockname()[1]
        return port

    async def load(self) -> None:
        """There are members, whose requests count from here on."""
        if self._door.verifier is None:
            signatures = await asyncio.to_thread(
                importlib.import_module, "falconeye.federation.signatures"
            )
            clock = self._shell.services.clock
            self._door.verifier = signatures.Verifier(self._keys.node_id, self._senders, clock)

    async def start(self) -> None:
        """Serve; returns when requests are answered."""
        if not self._is_alone:
            await self.load()
        config = uvicorn_config(self._door, lifespan="off")
        config.timeout_keep_alive = KEEP_ALIVE_S
        self._server = PeerServer(config, lambda: self._keys.server_context)
        self._serving = self._tasks.start(self._server.serve([self._socket]), "serve")
        await self._server.serving

    def hang_up(self, node_id: str) -> None:
        """End what that node has open here: it was removed."""
        self._door.hang_up(node_id)

    async def stop(self) -> None:
        """Tell every stream that the node stops, let answers finish for a moment, then close."""
        if self._server is not None and self._serving is not None:
            await self._shell.streams.stop(GOODBYE_S)
            await self._server.stop_accepting()
            self._server.should_exit = True
            await asyncio.wait((self._serving,))
        await self._tasks.stop()
        self._socket.close()
