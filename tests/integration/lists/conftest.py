"""Two whole nodes of one cluster in one process, who speak to each other as members do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from falconeye.federation.cluster_actions import ClusterActions
from falconeye.federation.federation import Federation
from falconeye.web.cluster import cluster_of
from falconeye.web.peers import gathering
from falconeye.web.peers.state import federation_of
from tests.integration.api.conftest import Served, serve
from tests.nodes import NO_TLS

LOOK_S = 0.02
# Two nodes and who asks them share one loop here, and a busy machine with other tests.
PATIENCE_S = 10.0


@dataclass
class Two:
    """`one` is asked mostly; `two` has joined it, and knows its users and tokens."""

    one: Served
    two: Served

    def federation(self, of: Served) -> Federation:
        return federation_of(of.app)

    def name(self, of: Served) -> str:
        return self.federation(of).name

    def node_id(self, of: Served) -> str:
        return of.services.node_id

    def at(self, node: Served, like: httpx.AsyncClient) -> httpx.AsyncClient:
        """The same person or program at another node; the test closes it."""
        return httpx.AsyncClient(
            base_url=node.url,
            headers={"authorization": like.headers["authorization"]},
            timeout=8,
            trust_env=False,
            verify=NO_TLS,
        )

    def silence(self, node: Served) -> None:
        """As if it had said good-bye: `one` hears it no more."""
        other = self.one if node is self.two else self.two
        peers = self.federation(other).peers
        peer = peers.get(node.services.node_id)
        assert peer is not None
        assert peer.beat is not None
        peer.beat = peer.beat.model_copy(update={"stopping": True})
        peers.hear = lambda *_, **_more: None  # type: ignore[method-assign]


async def until(is_so: Callable[[], bool | Awaitable[bool]]) -> None:
    """Returns when it is so; tests have 30 s."""
    while True:
        found = is_so()
        if found if isinstance(found, bool) else await found:
            return
        await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def two_members(folder: Path, *base_paths: str) -> AsyncIterator[Two]:
    """Both started and joined; `base_paths`: below which each is reached."""
    async with AsyncExitStack() as stack:
        for name in ("one", "two"):
            await asyncio.to_thread((folder / name).mkdir)
        below, two_below = base_paths or ("", "")
        one = await serve(stack, folder / "one", member="pi-1", base_path=below)
        two = await serve(stack, folder / "two", member="pi-2", base_path=two_below)
        code = await _actions(one).make_join_code()
        await _actions(two).join(code.code)
        both = Two(one, two)
        await until(lambda: _hear_each_other(both))
        yield both


@pytest.fixture
async def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Two]:
    monkeypatch.setattr(gathering, "LIMIT_S", PATIENCE_S)
    async with two_members(tmp_path) as both:
        yield both


def _actions(node: Served) -> ClusterActions:
    actions = cluster_of(node.app).actions
    assert actions is not None
    return actions


def _hear_each_other(both: Two) -> bool:
    return all(len(list(both.federation(each).peers.heard())) == 1 for each in (both.one, both.two))
