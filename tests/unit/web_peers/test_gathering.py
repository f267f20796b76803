"""One question to all nodes: who is asked, who is waited for, and how often."""

from types import SimpleNamespace
from typing import Any

import pytest

from falconeye.federation.beat import Beat
from falconeye.federation.peer_errors import PeerUnreachable
from falconeye.federation.peers import SILENCE_US, Peers
from falconeye.web.peers.gathering import LIMIT_S, ask_all
from tests.clock import FakeClock

PATH = "/peer/something"


class Cluster:
    """`federation` of a node whose peers answer, or are silent, as the test says."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.peers = Peers("here", self.clock)
        self.peers.follow({"b": "pi-b", "c": "pi-c"})
        self.silent: set[str] = set()
        self.asked: list[str] = []
        self.ways = SimpleNamespace(of=lambda node_id: _Way(self, node_id))
        self.who = SimpleNamespace(unreachable_since_us=lambda _: None)

    async def ask(self, limit_s: float | None = None) -> tuple[list[str], tuple[str, ...]]:
        """Who was asked, and who is told to be silent."""
        self.asked.clear()
        answers = await ask_all(self, PATH, {}, None, limit_s)  # type: ignore[arg-type]
        assert set(answers.by_node) == {"b", "c"} - {peer.node_id for peer in answers.silent}
        return list(self.asked), answers.silent_names


class _Way:
    def __init__(self, cluster: Cluster, node_id: str) -> None:
        self._cluster, self._node_id = cluster, node_id

    async def request_json(self, *_: Any, **__: Any) -> dict[str, str]:
        self._cluster.asked.append(self._node_id)
        if self._node_id in self._cluster.silent:
            raise PeerUnreachable("it did not answer")
        return {"of": self._node_id}


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


async def test_a_silent_node_costs_one_wait_and_is_named_all_the_same(cluster: Cluster) -> None:
    cluster.silent.add("c")
    assert await cluster.ask() == (["b", "c"], ("pi-c",))
    assert await cluster.ask() == (["b"], ("pi-c",))
    cluster.clock.advance(SILENCE_US / 1_000_000 + 0.1)
    assert await cluster.ask() == (["b", "c"], ("pi-c",))


async def test_once_it_is_heard_it_is_asked_again(cluster: Cluster) -> None:
    cluster.silent.add("c")
    _ = await cluster.ask()
    cluster.silent.clear()
    assert cluster.peers.hear(Beat(node_id="c")) is not None
    assert await cluster.ask() == (["b", "c"], ())


async def test_who_waits_longer_than_a_page_asks_in_any_case(cluster: Cluster) -> None:
    cluster.silent.add("c")
    _ = await cluster.ask()
    cluster.silent.clear()
    assert await cluster.ask(LIMIT_S * 4) == (["b", "c"], ())
