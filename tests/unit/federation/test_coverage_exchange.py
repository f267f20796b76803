"""What peers have of cameras' time comes here: pages, faults, nodes and cameras that go."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from falconeye.base.errors import InvalidInput, Unavailable
from falconeye.base.times import DAY_US, HOUR_US, SECOND_US
from falconeye.federation import coverage_exchange
from falconeye.federation.beat import Beat
from falconeye.federation.coverage_exchange import (
    LIMIT_S,
    PATH,
    PERIOD_US,
    CoverageExchange,
    page_json,
    page_of,
)
from falconeye.federation.peer_errors import PeerUnreachable
from falconeye.federation.peers import Peer, Peers
from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.coverage import Gap, GapReason, Span
from falconeye.storage.ledger.told_coverage import Told
from falconeye.storage.reading import coverage_since
from falconeye.storage.reading.coverage_since import CoveragePage
from tests.clock import FakeClock
from tests.unit.storage_footage.footage import CAMERA
from tests.unit.storage_footage.test_coverage_since import Pair, at, both, incarnate, record

__all__ = ["both"]
NODE = "pi-1"


class Asked:
    """The way to the node of `both`: over JSON, and counted."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self.positions: list[str] = []
        self.answer: Any = None  # instead of the node's
        self.is_away = False
        self.came = asyncio.Event()

    async def request_json(
        self, method: str, path: str, body: Any = None, *, limit_s: float
    ) -> Any:
        assert (method, path, limit_s) == ("POST", PATH, LIMIT_S)
        self.positions.append(body["position"])
        self.came.set()
        if self.is_away:
            raise PeerUnreachable("it does not answer")
        if self.answer is not None:
            return self.answer
        return json.loads(json.dumps(page_json(await self._pair.since.since(body["position"]))))


class Here:
    """The node that is told."""

    def __init__(self, pair: Pair, clock: FakeClock) -> None:
        self.pair, self.clock = pair, clock
        self.asked = Asked(pair)
        self.cameras = {CAMERA}
        self.peers = Peers("here", clock)
        self.peers.follow({NODE: NODE, "here": "here"})
        self.hear()
        self.restart()

    def hear(self) -> None:
        assert self.peers.hear(Beat(node_id=NODE)) is not None

    def restart(self) -> None:
        self.pair.hears()
        self.exchange = CoverageExchange(
            self.pair.told, self.peers, lambda _: self.asked, lambda: self.cameras, self.clock
        )

    @property
    def peer(self) -> Peer:
        found = self.peers.get(NODE)
        assert found is not None
        return found

    async def asked_again(self) -> None:
        self.asked.came.clear()
        self.exchange.poke()
        await self.asked.came.wait()

    async def pull_all(self) -> None:
        before = "none"
        while before != await self.position():
            before = await self.position()
            await self.exchange.pull(self.peer)

    async def has_told(self) -> bool:
        return await self.position() != ""

    async def has_footage(self) -> bool:
        return len((await self.pair.known()).footage) > 0

    async def has_no_footage(self) -> bool:
        return not await self.has_footage()

    async def has_looked(self) -> bool:
        return not self.exchange._wake.is_set()

    async def position(self) -> str:
        return await self.pair.told.position(NODE)


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Rows tell of themselves to nobody: they are looked at, for the test's ten seconds at most."""
    while not await is_so():  # noqa: ASYNC110
        await asyncio.sleep(0)


@pytest.fixture
async def here(both: Pair, clock: FakeClock) -> AsyncIterator[Here]:
    made = Here(both, clock)
    yield made
    await made.exchange.stop()


async def test_a_long_history_comes_in_pages_and_goes_on_after_a_restart(
    here: Here, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = here.pair
    for hour in range(0, 40, 2):
        await record(pair.node, hour * 3600, 2)
    clock.advance(40 * 3600)
    monkeypatch.setattr(coverage_exchange, "MAX_PAGES", 3)
    monkeypatch.setattr(coverage_since, "WINDOW_US", HOUR_US)
    monkeypatch.setattr(coverage_since, "MAX_PIECES", 4)
    await here.exchange.pull(here.peer)
    assert len(here.asked.positions) == 3  # of one turn
    known = await pair.known(0, 40 * 3600)
    first, last = known.footage[0].from_us, known.footage[-1].from_us
    assert first == at(0)
    assert last < at(30 * 3600)
    stopped = await here.position()
    here.restart()
    while len(here.asked.positions) < 60:
        await here.exchange.pull(here.peer)
    assert here.asked.positions[3] == stopped
    assert here.asked.positions.count("") == 1  # never from the beginning again
    await pair.agree(0, 40 * 3600)


async def test_what_a_rebuilt_index_tells_takes_the_place_of_all_before(
    here: Here, clock: FakeClock
) -> None:
    pair = here.pair
    await record(pair.node, 0, 3)
    clock.advance(10)
    await here.exchange.pull(here.peer)
    lost = Told("lost", at(0), at(5), [Span(at(0), at(5), StreamKind.MAIN)])
    await pair.told.put(NODE, [lost], position="of before 7")
    await incarnate(pair.node.database, "second")
    await pair.node.recordings.delete_camera_footage(CAMERA, who="anna")
    await here.exchange.pull(here.peer)
    assert (await here.position()).startswith("second ")
    assert await pair.told.read("lost", at(0), at(5)) == []
    assert not (await pair.known()).footage
    await pair.agree()


async def test_a_full_disk_here_leaves_the_position_and_it_is_told_again(
    here: Here, clock: FakeClock
) -> None:
    pair = here.pair
    await record(pair.node, 0, 3)
    clock.advance(10)
    await here.exchange.pull(here.peer)
    before = await here.position()
    pages = await pair.peer.write(_pragma("page_count"))
    await pair.peer.write(_pragma(f"max_page_count = {pages}"))
    for hour in range(1, 50):  # more than the last pages have room for
        await record(pair.node, hour * 3600, 1)
    clock.advance(50 * 3600)
    with pytest.raises(Unavailable):
        await here.pull_all()
    stopped = await here.position()
    with pytest.raises(Unavailable):
        await here.exchange.pull(here.peer)
    assert await here.position() == stopped
    assert before.split(" ")[0] == stopped.split(" ")[0]
    await pair.peer.write(_pragma("max_page_count = 100000"))
    await here.pull_all()
    await pair.agree(0, 50 * 3600)


def _pragma(words: str) -> Any:
    async def run(connection: Any) -> Any:
        return (await connection.exec_driver_sql(f"PRAGMA {words}")).scalar()

    return run


async def test_who_is_heard_is_asked_every_ten_seconds(here: Here, clock: FakeClock) -> None:
    here.exchange.start()
    here.exchange.start()
    await here.asked.came.wait()
    await until(here.has_told)
    asked = len(here.asked.positions)
    here.exchange._wake.set()  # it looks, and it is nobody's turn
    await asyncio.sleep(0)
    await until(here.has_looked)
    assert len(here.asked.positions) == asked
    clock.advance(PERIOD_US / SECOND_US)
    here.hear()
    here.asked.came.clear()
    here.exchange._wake.set()
    await here.asked.came.wait()
    assert here.asked.positions[-1] == await here.position()


async def test_who_does_not_answer_or_tells_nonsense_is_asked_again(
    here: Here, caplog: pytest.LogCaptureFixture
) -> None:
    here.asked.is_away = True
    here.exchange.start()
    with caplog.at_level(logging.WARNING):
        await here.asked.came.wait()
        here.asked.is_away, here.asked.answer = False, {"position": 7}
        await here.asked_again()
        here.asked.answer = None
        await here.asked_again()
        await until(here.has_told)
    assert "pi-1 is not known: it does not answer" in caplog.text
    assert "without the position" in caplog.text


async def test_who_is_no_member_any_more_leaves_nothing(here: Here, clock: FakeClock) -> None:
    pair = here.pair
    await record(pair.node, 0, 3)
    clock.advance(10)
    await pair.told.put("gone-while-off", [], position="x 1")
    here.exchange.start()
    await here.asked.came.wait()
    await until(here.has_footage)
    assert await pair.told.position("gone-while-off") == ""
    here.peers.follow({"here": "here"})
    here.exchange.poke()
    await until(here.has_no_footage)
    assert await here.position() == ""


async def test_a_deleted_camera_leaves_nothing(here: Here, clock: FakeClock) -> None:
    pair = here.pair
    await record(pair.node, 0, 3)
    clock.advance(10)
    here.exchange.start()
    await here.asked.came.wait()
    await until(here.has_footage)
    here.cameras.clear()
    here.exchange.poke()
    await until(here.has_no_footage)
    await record(pair.node, 10, 3)  # and its node may tell of it for a while
    await here.exchange.pull(here.peer)
    assert not (await pair.known()).footage


async def test_a_page_that_leads_nowhere_ends_the_turn(here: Here) -> None:
    here.asked.answer = {"told": [], "tails": [], "position": "", "has_more": True}
    with pytest.raises(InvalidInput):
        await here.exchange.pull(here.peer)
    here.asked.answer = {"position": "x 1", "has_more": True}
    await here.exchange.pull(here.peer)
    await here.exchange.pull(here.peer)
    assert len(here.asked.positions) == 4


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        {},
        {"position": ""},
        {"position": "x" * 201},
        {"position": "x 1", "told": {}},
        {"position": "x 1", "told": [[]]},
        {"position": "x 1", "tails": [["c", 5, 1, [], []]]},
        {"position": "x 1", "told": [["c", 0, DAY_US, [], []]] * 20_001},
    ],
)
def test_what_is_no_page_is_refused(told: object) -> None:
    with pytest.raises(InvalidInput):
        page_of(told)


def test_words_that_a_camera_made_long_keep_no_page_from_being_read() -> None:
    """The name of a host that cannot be found stands in a gap; it may have 2000 letters."""
    gap = Gap(at(0), at(60), GapReason.CAMERA_OFFLINE, "there is no host named " + "x" * 2_000)
    page = CoveragePage([Told(CAMERA, at(0), at(60), (), (gap,))], (), "a 1")
    (told,) = page_of(json.loads(json.dumps(page_json(page)))).increments
    assert told.gaps[0].detail == gap.detail[:500]
    assert (told.gaps[0].from_us, told.gaps[0].to_us) == (at(0), at(60))
