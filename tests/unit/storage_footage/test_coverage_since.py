"""What a node tells its peers of its coverage, and what they know of it then: the same."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from falconeye.base.errors import InvalidInput, Unavailable
from falconeye.base.times import HOUR_US, SECOND_US
from falconeye.media.samples import StreamKind
from falconeye.storage.index.database import Database
from falconeye.storage.ledger import ledger_prune
from falconeye.storage.ledger.coverage import Gap, GapReason, Span
from falconeye.storage.ledger.ledger import Ledger
from falconeye.storage.ledger.peer_coverage import PeerCoverage
from falconeye.storage.ledger.told_coverage import NodeTold, Told
from falconeye.storage.reading import coverage_since
from falconeye.storage.reading.coverage_since import CoveragePage, CoverageSince, Position
from falconeye.storage.reading.timeline import Timelines
from falconeye.storage.reading.unrecorded import Unrecorded
from falconeye.storage.segments.segments import SegmentEnd
from falconeye.storage.tables.peer_coverage import coverage_changes, peer_coverage
from tests.clock import START_US, FakeClock
from tests.databases import closed_database, lay_new_database
from tests.examples import examples
from tests.unit.storage_footage.footage import (
    CAMERA,
    Node,
    open_node,
    rows,
    segment_fragments,
)

OFFLINE = GapReason.CAMERA_OFFLINE


class Pair:
    """A node that records, and a peer that is told of it."""

    def __init__(self, node: Node, ledger: Ledger, peer: Database) -> None:
        self.node, self.ledger, self.peer = node, ledger, peer
        self.timelines = Timelines(node.database, node.store, ledger, node.clock)
        self.since = CoverageSince(
            node.database,
            self.timelines.read,
            Unrecorded(node.database, ledger),
            node.store.growing_streams,
            ledger.present,
            node.clock,
        )
        self.hears()

    def hears(self) -> None:
        """The peer (re)starts: what it had in memory is gone."""
        self.told = PeerCoverage(self.peer, self.node.clock)

    async def exchange(self) -> list[CoveragePage]:
        """As every ten seconds: until there is no more, over JSON."""
        pages: list[CoveragePage] = []
        while not pages or pages[-1].has_more:
            page = await self.since.since(await self.told.position("pi-1"))
            pages.append(page)
            assert len(pages) < 100
            await self.told.put(
                "pi-1",
                [Told.of_json(one.as_json()) for one in page.increments],
                tails=None
                if page.has_more
                else [Told.of_json(one.as_json()) for one in page.tails],
                position=page.position,
                is_anew=page.is_anew,
            )
        return pages

    async def known(self, from_s: float = 0, to_s: float = 3600) -> Told:
        found = await self.told.read(CAMERA, at(from_s), at(to_s))
        return found[0].told if found else NodeTold.nothing("", at(from_s), at(to_s)).told

    async def agree(self, from_s: float = 0, to_s: float = 7200) -> None:
        """The peer knows what the node knows."""
        line = await self.timelines.read(CAMERA, at(from_s), at(to_s))
        known = await self.known(from_s, to_s)
        for kind in StreamKind:
            mine = [one.span for one in line.spans if one.span.stream is kind]
            assert [one for one in known.footage if one.stream is kind] == mine
        assert list(known.gaps) == list(line.gaps)


@pytest.fixture
async def both(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Pair]:
    node = await open_node(tmp_path, clock)
    await incarnate(node.database, "first")
    ledger = Ledger(node.database, clock)
    ledger.note(CAMERA, None)
    await ledger.round()
    await lay_new_database(tmp_path / "peer")
    peer = closed_database(tmp_path / "peer", clock)
    await peer.open()
    yield Pair(node, ledger, peer)
    await peer.close()
    await node.stop()


async def incarnate(database: Database, name: str) -> None:
    """As the replica does when it is opened."""
    await database.write(
        lambda connection: connection.exec_driver_sql(
            "UPDATE replica_state SET incarnation = ?", (name,)
        )
    )


def at(seconds: float) -> int:
    return START_US + int(seconds * SECOND_US)


async def record(
    node: Node, start_s: float, gops: int = 2, stream: StreamKind = StreamKind.MAIN
) -> None:
    run = node.store.begin_run(CAMERA, stream, at(start_s))
    listed = "rec-1" if stream is StreamKind.MAIN else None
    await node.record(run, at(start_s), gops, stream=stream, recording_id=listed)


async def test_the_peer_knows_what_the_node_knows(both: Pair, clock: FakeClock) -> None:
    await record(both.node, 0, 8)
    await record(both.node, 2, 3, StreamKind.SUB)
    clock.advance(12)
    both.ledger.note(CAMERA, OFFLINE, "no answer")
    await both.ledger.round()
    clock.advance(8)
    pages = await both.exchange()
    assert pages[0].is_anew
    await both.agree()
    both.ledger.note(CAMERA, None)
    await both.ledger.round()
    await record(both.node, 21, 3)
    clock.advance(4)
    (page,) = await both.exchange()
    assert not page.is_anew
    assert {one.camera_id for one in page.increments} == {CAMERA}
    await both.agree()
    (page,) = await both.exchange()
    assert page.increments == []  # nothing happened since


async def test_what_is_deleted_is_gone_at_the_peer(both: Pair, clock: FakeClock) -> None:
    for start_s in (0, 10, 20):
        await record(both.node, start_s, 3)
    clock.advance(2 * 3600)
    await both.exchange()
    await both.agree()
    await both.node.recordings.delete_camera_footage(CAMERA, who="anna")
    await both.exchange()
    known = await both.known()
    assert known.footage == []
    assert {gap.reason for gap in known.gaps} >= {GapReason.DELETED_BY_PERSON}
    await both.agree()


async def test_what_is_being_recorded_is_told_from_memory(both: Pair, clock: FakeClock) -> None:
    run = both.node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    writer = both.node.store.create(both.node.start(run))
    for fragment in segment_fragments(4):
        writer.append(fragment)
    while not (growing := both.node.store.growing_streams(CAMERA)) or (
        growing[0][1].duration_us < 4 * SECOND_US
    ):
        await both.node.volumes.all[0].readers.run(lambda: None)
    clock.advance(4)
    await both.exchange()
    before = len(await rows(both.node, coverage_changes))
    (page,) = await both.exchange()
    assert page.increments == []
    assert [one.footage for one in page.tails] == [[Span(START_US, at(4), StreamKind.MAIN)]]
    assert list((await both.known()).footage) == [Span(START_US, at(4), StreamKind.MAIN)]
    assert (await both.told.told_until(CAMERA)) == {"pi-1": at(4)}
    assert len(await rows(both.node, coverage_changes)) == before
    writer.close(SegmentEnd(at(4)))
    assert await both.node.store.flush(5)
    await both.exchange()
    await both.agree()


async def test_why_nothing_is_recorded_is_known_up_to_the_last_word(
    both: Pair, clock: FakeClock
) -> None:
    """The peer's process is killed, then the node: what was stored within the minute is there."""
    both.ledger.note(CAMERA, OFFLINE)
    await both.ledger.round()
    for _ in range(20):
        clock.advance(10)
        await both.exchange()
    assert list((await both.known()).gaps) == [Gap(START_US, at(200), OFFLINE)]
    both.hears()
    (gap,) = (await both.known()).gaps
    assert (gap.from_us, gap.reason) == (START_US, OFFLINE)
    assert at(200) - gap.to_us <= 60 * SECOND_US
    both.ledger.note(CAMERA, None)


async def test_a_node_that_did_not_run_says_so_of_that_time(both: Pair, clock: FakeClock) -> None:
    await record(both.node, 0, 5)
    clock.advance(5)
    await both.ledger.stop()
    await both.exchange()
    clock.advance(3 * 86_400)
    both.ledger = Ledger(both.node.database, clock)
    both.timelines = Timelines(both.node.database, both.node.store, both.ledger, clock)
    both.since._read, both.since._present = both.timelines.read, both.ledger.present
    both.ledger.note(CAMERA, None)
    await both.ledger.round()
    clock.advance(10)
    (page,) = await both.exchange()
    assert not page.is_anew
    await both.agree(0, 4 * 86_400)
    assert GapReason.NODE_STOPPED in {gap.reason for gap in (await both.known(0, 4 * 86_400)).gaps}


@pytest.mark.parametrize("lost", ["", "other 3", "first 999", "nonsense", "first -1", "first 1 x"])
async def test_a_position_that_means_nothing_begins_anew(
    lost: str, both: Pair, clock: FakeClock
) -> None:
    await record(both.node, 0, 3)
    clock.advance(3)
    await both.exchange()
    stale = Told(CAMERA, at(-900), at(-800), [Span(at(-900), at(-800), StreamKind.MAIN)], [])
    await both.told.put("pi-1", [stale], position=lost or "x")
    pages = await both.exchange()
    assert pages[0].is_anew
    assert not (await both.known(-1000, -500)).footage
    await both.agree()
    assert not (await both.exchange())[0].is_anew


async def test_everything_is_told_in_pages(
    both: Pair, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for start_s in range(0, 40, 10):
        await record(both.node, start_s, 2)
    clock.advance(50)
    monkeypatch.setattr(coverage_since, "MAX_PIECES", 2)
    monkeypatch.setattr(coverage_since, "WINDOW_US", 10 * SECOND_US)
    pages = await both.exchange()
    assert [page.is_anew for page in pages] == [True, *[False] * (len(pages) - 1)]
    assert len(pages) > 3
    await both.agree()


async def test_a_page_that_takes_long_ends_and_goes_on(
    both: Pair, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coverage_since, "PAGE_US", 0)
    for hour in range(3):
        await record(both.node, hour * 3600, 2)
    clock.advance(3 * 3600)
    monkeypatch.setattr(coverage_since, "WINDOW_US", HOUR_US)
    assert len(await both.exchange()) >= 4  # three hours, and the rest
    for hour in range(3, 6):
        await record(both.node, hour * 3600, 2)
    clock.advance(3 * 3600)
    assert len(await both.exchange()) >= 3
    await both.agree(0, 6 * 3600)


async def test_the_present_stays_as_it_was_told_while_pages_come(both: Pair) -> None:
    gap = Gap(at(5), at(9), OFFLINE)
    await both.told.put("pi-1", [], tails=[Told(CAMERA, at(5), at(9), [], [gap])], position="a")
    span = Span(at(0), at(5), StreamKind.MAIN)
    await both.told.put("pi-1", [Told(CAMERA, at(0), at(5), [span])], tails=None, position="b")
    known = await both.known()
    assert (list(known.footage), list(known.gaps)) == ([span], [gap])
    await both.told.put("pi-1", [], tails=(), position="c")
    assert (await both.known()).footage


async def test_changes_that_were_forgotten_are_told_anew(
    both: Pair, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await both.exchange()
    monkeypatch.setattr(ledger_prune, "CHANGES_KEPT", 2)
    for hour in range(1, 5):
        await record(both.node, hour * 3600, 2)
    clock.advance(5 * 3600)
    await both.node.database.write(ledger_prune.prune_changes)
    assert (await both.exchange())[0].is_anew
    await both.agree(0, 6 * 3600)
    await both.node.database.write(ledger_prune.prune_changes)  # not once more for nothing
    assert not (await both.exchange())[0].is_anew


async def test_too_much_for_one_answer_is_told_in_parts(both: Pair, clock: FakeClock) -> None:
    asked: list[int] = []

    async def read(camera_id: str, from_us: int, to_us: int) -> object:
        asked.append(to_us - from_us)
        if to_us - from_us > 2 * HOUR_US:
            raise InvalidInput("too much", field="from")
        return await both.timelines.read(camera_id, from_us, to_us)

    both.since._read = read  # type: ignore[assignment]
    await record(both.node, 0, 3)
    clock.advance(9 * 3600)
    await both.exchange()
    assert max(asked) > 2 * HOUR_US
    await both.agree(0, 9 * 3600)


async def test_without_a_replica_nothing_is_told(both: Pair) -> None:
    for name in ("", "copy"):
        await incarnate(both.node.database, name)
        with pytest.raises(Unavailable, match="incarnation"):
            await both.since.since("")


async def test_who_is_forgotten_leaves_nothing(both: Pair, clock: FakeClock) -> None:
    await record(both.node, 0, 3)
    clock.advance(3)
    await both.exchange()
    await both.told.forget_camera(CAMERA)
    assert await both.told.read(CAMERA, at(0), at(10)) == []
    await both.told.put("pi-1", [], position="")
    await both.exchange()
    await both.told.forget_node("pi-1")
    assert await both.told.position("pi-1") == ""
    assert await both.told.read(CAMERA, at(0), at(10)) == []
    await both.exchange()
    await both.agree()
    before_us = at(3) + 1
    await both.peer.write(lambda connection: ledger_prune.prune(before_us, connection))
    both.hears()
    assert not (await both.known()).footage


async def test_before_the_window_it_had_the_camera_or_not(both: Pair) -> None:
    span, gap = Span(at(0), at(5), StreamKind.MAIN), Gap(at(5), at(9), GapReason.ELSEWHERE)
    for told, had_it in ((Told(CAMERA, at(0), at(5), [span]), True),
                         (Told(CAMERA, at(5), at(9), [], [gap]), False)):  # fmt: skip
        await both.told.put("pi-1", [told])
        found = (await both.told.read(CAMERA, at(20), at(30)))[0]
        assert found.had_it_before is had_it
        await both.told.put("pi-2", [], tails=[told])
        found = (await both.told.read(CAMERA, at(20), at(30)))[1]
        assert found.had_it_before is had_it


@pytest.mark.timeout(60)
@pytest.mark.parametrize("seed", range(examples(6)))
async def test_whatever_happens_they_agree(seed: int, both: Pair, clock: FakeClock) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same each time
    now_s = 0.0
    for _ in range(40):
        act = chance.randrange(7)
        step_s = chance.choice((1, 4, 30, 700))
        if act <= 2:
            gops = chance.randrange(1, 4)
            await record(both.node, now_s, gops)
            if act == 1:
                await record(both.node, now_s, gops, StreamKind.SUB)
            step_s = max(step_s, gops)
        elif act == 3:
            both.ledger.note(CAMERA, chance.choice((None, OFFLINE, GapReason.PAUSED)))
            await both.ledger.round()
        elif act == 4:
            both.hears()
        elif act == 5 and chance.random() < 0.3:
            await both.node.recordings.delete_camera_footage(CAMERA, who="anna")
        elif act == 6:
            await both.exchange()
        clock.advance(step_s)
        now_s += step_s
    await both.exchange()
    await both.agree(0, now_s)
    assert len(await peers_rows(both)) <= 200


async def peers_rows(both: Pair) -> list[object]:
    async def read(connection: object) -> list[object]:
        found = await connection.execute(peer_coverage.select())  # type: ignore[attr-defined]
        return list(found.all())

    return await both.peer.read(read)


def test_a_position_is_read_as_it_was_written() -> None:
    for position in (Position("a", 3), Position("a", 3, "", 0), Position("a", 3, "camera", 17)):
        assert Position.parse(str(position)) == position


@pytest.mark.parametrize(
    "told",
    [
        None, [], ["c", 1, 2, []], ["c", 2, 1, [], []], ["c", 0, 1 << 62, [], []],
        ["c", 0, 10, [["main", 0, 11]], []], ["c", 0, 10, [["main", 3, 3]], []],
        ["c", 0, 10, [], [[0, True, "paused", ""]]], ["c", 0, 10, [], [[0, 5, 7, ""]]],
        ["c", 0, 10, [["main", 0, 5]] * 20_001, []], ["c" * 65, 0, 10, [], []],
        ["c", 0, 10, [], [[0, 5, "paused", "x" * 501]]],
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(told: object) -> None:
    with pytest.raises(InvalidInput):
        Told.of_json(told)


def test_what_a_newer_release_tells_is_taken_as_far_as_it_is_known() -> None:
    told = Told.of_json(["c", 0, 10, [["third", 0, 5], ["sub", 0, 5]], [[5, 9, "eclipse", ""]]])
    assert told.footage == (Span(0, 5, StreamKind.SUB),)
    assert told.gaps == (Gap(5, 9, GapReason.UNKNOWN),)
