"""Two whole nodes that have a part of each camera's footage each; a browser page of the first.

The second one dies and comes back as others see it: its listener goes, then its beats are missed.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet
from playwright.async_api import Page
from sqlalchemy import update

from falconeye.base.times import HOUR_US, SECOND_US, rfc3339
from falconeye.federation.beat import Beat
from falconeye.federation.coverage_exchange import CoverageExchange
from falconeye.storage.replication.replica import Replica
from falconeye.storage.stores.credentials import CredentialCipher
from falconeye.storage.tables.node import CAMERAS
from falconeye.web.listening_socket import open_socket
from falconeye.web.peers.listener import PeerListener
from tests.browser.browsers import chromium
from tests.browser.clocked_site import READ, noon
from tests.integration.federation.footage_nodes import (
    SEGMENT_S,
    FootageNode,
    footage_nodes,
    shared_camera,
)

# Every picture that the player shows, by its code, in order.
SEEN: Final = """
  window.seen = [];
  const look = () => {
    const video = document.querySelector('[data-footage] video:not([hidden])');
    const code = video && readCode(video);
    if (code && code !== seen.at(-1)) seen.push(code);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);"""


@dataclass(slots=True)
class FootageCluster:
    """`page` asks `one`; `two` may die."""

    one: FootageNode
    two: FootageNode
    page: Page
    start_us: int
    ids: dict[str, str] = field(default_factory=dict)
    port: int = 0  # of the second one, once it is dead

    async def add(self, name: str) -> str:
        """A camera of both nodes, that was there before its footage begins, and is off."""
        nodes = (self.one, self.two)
        camera_id = self.ids[name] = await shared_camera(nodes, name)
        change = update(CAMERAS).where(CAMERAS.c.id == camera_id)
        change = change.values(created_at_us=self.start_us - HOUR_US)
        for node in nodes:
            services = node.served.services
            await services.patient.database.write(lambda connection: connection.execute(change))
            await services.cameras.reload()
        return camera_id

    async def record(self, node: FootageNode, name: str, begin_s: int, seconds: int) -> None:
        """So much footage on that node, in pieces of six seconds."""
        begin_us = self.start_us + begin_s * SECOND_US
        await node.record(self.ids[name], begin_us, seconds // SEGMENT_S)

    async def tell(self) -> None:
        """The first one learns what the second one has, as it does every ten seconds."""
        known, services = self.one.known, self.one.served.services
        told = services.coverage.told
        exchange = CoverageExchange(
            told, known.peers, known.ways.of, self.ids.values, services.clock
        )
        (peer,) = known.peers
        await exchange.pull(peer)

    async def kill(self) -> None:
        """The second one is gone; nobody has missed its beats yet."""
        self.port = self.two.listener.port
        await self.two.listener.stop()

    def miss(self) -> None:
        """Its beats stay away: it counts as silent."""
        self.one.known.who.silent.add(self.two.keys.node_id)

    async def revive(self) -> None:
        """It is back where it was, and is heard."""
        listening = open_socket("127.0.0.1", self.port)
        senders = self.two.listener._senders
        self.two.listener = PeerListener(self.two.served.app, listening, self.two.keys, senders)
        await self.two.listener.start()
        self.one.known.who.silent.discard(self.two.keys.node_id)
        assert self.one.known.peers.hear(Beat(node_id=self.two.keys.node_id)) is not None

    def at(self, seconds: float) -> str:
        """That moment, as addresses name it."""
        return rfc3339(self.us(seconds))

    def us(self, seconds: float) -> int:
        return self.start_us + int(seconds * SECOND_US)

    def code(self, seconds: float) -> int:
        """What a picture of that moment shows."""
        return self.us(seconds) // 1000 % 2**32

    def second(self, code: int) -> float:
        """The moment of a picture."""
        return (code - self.code(0)) / 1000


@asynccontextmanager
async def footage_cluster(
    folder: Path, *, ago_s: int | None = None
) -> AsyncIterator[FootageCluster]:
    """Without a camera yet; footage begins at yesterday's noon, or `ago_s` ago."""
    async with AsyncExitStack() as stack:
        one, two = await stack.enter_async_context(footage_nodes(folder, "pi-1", "pi-2"))
        browser = await stack.enter_async_context(chromium())
        headers = {"authorization": one.served.operator.headers["authorization"]}
        context = await browser.new_context(base_url=one.served.url, extra_http_headers=headers)
        page = await context.new_page()
        page.set_default_timeout(25_000)
        for script in (READ, SEEN):
            await page.add_init_script(script)
        now_us = one.served.services.clock.utc_us() // SECOND_US * SECOND_US
        start_us = noon(one.served) if ago_s is None else now_us - ago_s * SECOND_US
        # What tells of coverage says of which database it is.
        cipher = CredentialCipher([Fernet.generate_key()], "the test")
        await Replica(two.served.services.patient.database, cipher).open()
        yield FootageCluster(one, two, page, start_us)
