"""Of cameras that were never recorded many are told at once, exactly as their time lines say."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from falconeye.base.times import SECOND_US
from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.ledger.ledger import Ledger
from falconeye.storage.reading import unrecorded as reading
from falconeye.storage.reading.timeline import Timelines
from falconeye.storage.reading.unrecorded import Unrecorded, Window
from falconeye.storage.tables.ledger import uptimes
from tests.clock import START_US, FakeClock
from tests.examples import examples
from tests.unit.storage_footage.footage import CAMERA, Node, open_node

CAMERAS = ("never-a", "never-b", "never-c")
REASONS = (None, GapReason.ELSEWHERE, GapReason.CAMERA_OFFLINE, GapReason.PAUSED)


@pytest.fixture
async def node(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Node]:
    node = await open_node(tmp_path, clock)
    yield node
    await node.stop()


async def ran(node: Node, from_us: int, to_us: int, ended: str | None) -> None:
    """A time for which the node ran before, as the ledger leaves it."""
    row = {"from_us": from_us, "to_us": to_us, "ended": ended}
    await node.database.write(lambda connection: connection.execute(uptimes.insert(), row))


@pytest.mark.parametrize("seed", range(examples(6)))
async def test_as_their_time_lines_say(seed: int, node: Node, clock: FakeClock) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same each time
    at_us = START_US - 5000 * SECOND_US
    for _ in range(chance.randrange(4)):
        to_us = at_us + chance.randrange(1, 900) * SECOND_US
        await ran(node, at_us, to_us, chance.choice((None, GapReason.NODE_STOPPED.value)))
        at_us = to_us + chance.randrange(1, 300) * SECOND_US
    ledger = Ledger(node.database, clock)
    lines = Timelines(node.database, node.store, ledger, clock)
    unrecorded = Unrecorded(node.database, ledger)
    for turn in range(20):
        ledger.note(chance.choice(CAMERAS), chance.choice(REASONS), f"{turn % 3}")
        if chance.random() < 0.7:  # what is not stored yet counts, too
            await ledger.round()
        clock.advance(chance.choice((0.5, 7, 300)))
    now_us = clock.utc_us()
    begins = [START_US + chance.randrange(-6000, 2000) * SECOND_US for _ in range(12)]
    windows = []
    for begin_us in begins:
        end_us = min(begin_us + chance.randrange(1, 9000) * SECOND_US, now_us)
        if end_us > begin_us:
            windows.append(Window(chance.choice(CAMERAS), begin_us, end_us))
    found = await unrecorded.gaps(windows)
    assert found
    assert set(found) == set(windows)
    for window, gaps in found.items():
        assert list(gaps) == list((await lines.read(*window)).gaps)


async def test_one_with_footage_is_left_to_its_time_line(node: Node, clock: FakeClock) -> None:
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    await node.record(run, START_US, 2, recording_id="rec-1")
    clock.advance(60)
    span = START_US, clock.utc_us()
    unrecorded = Unrecorded(node.database, Ledger(node.database, clock))
    found = await unrecorded.gaps([Window(CAMERA, *span), Window("never-a", *span)])
    assert set(found) == {Window("never-a", *span)}
    assert await unrecorded.gaps([Window("never-a", span[1], span[0])]) == {}


async def test_what_is_behind_too_many_steps_is_left_to_its_time_line(
    node: Node, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(node.database, clock)
    for turn in range(4):
        for camera in CAMERAS:
            ledger.note(camera, GapReason.CAMERA_OFFLINE, str(turn))
        await ledger.round()
        clock.advance(20)
    windows = [Window(camera, START_US, clock.utc_us()) for camera in CAMERAS]
    unrecorded = Unrecorded(node.database, ledger)
    whole = await unrecorded.gaps(windows)
    assert [len(whole[window]) for window in windows] == [4, 4, 4]
    monkeypatch.setattr(reading, "MAX_STEPS", 6)  # two of the second camera's four
    assert await unrecorded.gaps(windows) == {windows[0]: whole[windows[0]]}
