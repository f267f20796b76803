"""Re-dating beside what deletes, and the rows that go with footage: events, cameras, reasons."""

import asyncio
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import Unavailable
from falconeye.base.times import SECOND_US
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.segments.retention import Doomed, Keep, Named, beyond_keep, oldest_on
from falconeye.storage.stores.event_store import CameraEvent, EventStore
from falconeye.storage.tables.footage import open_files, runs
from falconeye.storage.tables.ledger import clocks, deletions, events
from falconeye.storage.tables.node import CAMERAS
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.boards import BOOT, Board, boot, problems, segments_of, times
from tests.unit.storage_footage.footage import CAMERA, Node, rows
from tests.unit.storage_footage.test_redating import add_camera

pytestmark = pytest.mark.timeout(60)
MONTHS_S = 92 * 86_400
MONTHS_US = MONTHS_S * SECOND_US


async def record_runs(board: Board, *begins_s: int, seconds: int = 4) -> list[int]:
    """A run at each of these seconds of the clock as it is now; their ids."""
    offset_us = board.node.clock.utc_us() - board.node.clock.monotonic_us()
    found = []
    for begin_s in begins_s:
        at_us = START_US + begin_s * SECOND_US
        run = board.node.store.begin_run(CAMERA, StreamKind.MAIN, at_us, offset_us)
        await board.node.record(run, at_us, seconds, run_end=RunEnd.CAMERA_OFFLINE, ends=True)
        found.append(run)
    return found


async def a_disk_that_is_away(board: Board, run_id: int) -> None:
    """One file of the run was open when its disk went: the run waits for it."""

    async def left(connection: AsyncConnection) -> None:
        await connection.execute(
            insert(open_files).values(volume_id=9, stream_id=1, named_start_us=1, run_id=run_id)
        )

    await board.node.database.write(left)


async def test_what_waits_for_its_right_times_is_not_too_old(
    tmp_path: Path, clock: FakeClock
) -> None:
    """For months, if its disk stays away: by its wrong times all of it would go at once."""
    board = await boot(tmp_path, clock)
    board.node.deleter._keep = lambda: Keep(days=1)
    [run] = await record_runs(board, 0)
    await a_disk_that_is_away(board, run)
    clock.advance(10)
    await board.set_clock(MONTHS_S)
    await board.redater.round()
    assert not board.node.deleter.moving_times
    for _ in range(15):
        clock.advance(60)
        await board.redater.round()
        await board.node.deleter.enforce_rules()
    assert len(await segments_of(board.node)) == 1
    await board.stop()


async def test_what_waits_for_its_right_times_is_not_the_oldest(
    tmp_path: Path, clock: FakeClock
) -> None:
    board = await boot(tmp_path, clock)
    wrong = await record_runs(board, 0, 10)
    await a_disk_that_is_away(board, wrong[0])
    await board.set_clock(MONTHS_S)
    await board.redater.round()
    right = await record_runs(board, MONTHS_S - 600, MONTHS_S - 590)

    async def read(operation: object) -> list[int]:
        found: list[Doomed] = await board.node.database.read(operation)  # type: ignore[arg-type]
        return [one.start_us for one in found]

    dated = [START_US + (MONTHS_S - 600 + add) * SECOND_US for add in (0, 10)]
    assert await read(partial(oldest_on, 1, 1 << 40)) == dated
    by_size = await read(partial(beyond_keep, Keep(size_bytes=1), None))
    assert by_size == dated
    assert len(right) == 2
    while found := await board.node.database.read(partial(oldest_on, 1, 1 << 40)):
        await board.node.deleter._doom(found)  # nothing else is left
    assert await segments_of(board.node) == []
    await board.stop()


async def test_a_deletion_of_what_waits_is_noted_at_its_right_time(
    tmp_path: Path, clock: FakeClock
) -> None:
    board = await boot(tmp_path, clock)
    [run, _] = await record_runs(board, 0, 10)
    await a_disk_that_is_away(board, run)
    clock.advance(20)
    await board.set_clock(MONTHS_S)
    await board.redater.round()
    wanted = Named([1], START_US, START_US + 5 * SECOND_US, "ann")
    assert await board.node.deleter.delete_named(wanted) == 1
    [row] = await rows(board.node, deletions)
    right_us = START_US + MONTHS_US
    assert (row.from_us, row.to_us) == (right_us, right_us + 4 * SECOND_US)
    await board.stop()


@pytest.mark.parametrize("hole_s", [0, 3])
async def test_a_deletion_that_tells_of_several_runs_moves(
    tmp_path: Path, clock: FakeClock, hole_s: int
) -> None:
    board = await boot(tmp_path, clock)
    await board.ledger.round()
    board.ledger.note(CAMERA, None)
    await record_runs(board, 0, 4 + hole_s)
    clock.advance(20)
    await board.ledger.round()
    wanted = Named([1], START_US, START_US + 60 * SECOND_US, "ann")
    assert await board.node.deleter.delete_named(wanted) == 2
    assert len(await rows(board.node, deletions)) == 1
    await board.set_clock(MONTHS_S)
    await board.redater.round()
    [row] = await rows(board.node, deletions)
    assert row.from_us == START_US + MONTHS_US
    assert row.to_us == START_US + MONTHS_US + (8 + hole_s) * SECOND_US
    found = await board.timeline(row.from_us, row.to_us)
    assert [
        (gap.to_us - gap.from_us) // SECOND_US
        for gap in found.gaps
        if gap.reason is GapReason.DELETED_BY_PERSON
    ] == ([8] if not hole_s else [4, 4])
    await board.stop()


async def test_a_deletion_is_cut_where_another_clock_begins(
    tmp_path: Path, clock: FakeClock
) -> None:
    """The board begins where it ended: footage of the time before has its right times already."""
    before = await boot(tmp_path, clock, ntp=True, name="boot-0")
    await before.redater.round()  # NTP keeps it
    await record_runs(before, -4)
    await before.stop()
    board = await boot(tmp_path, clock)
    await record_runs(board, 0)
    clock.advance(10)
    wanted = Named([1], 0, 1 << 62, "ann")
    assert await board.node.deleter.delete_named(wanted) == 2
    assert len(await rows(board.node, deletions)) == 1
    await board.set_clock(MONTHS_S)
    await board.redater.round()
    found = sorted((row.from_us, row.to_us) for row in await rows(board.node, deletions))
    second = SECOND_US
    assert found == [
        (START_US - 4 * second, START_US),
        (START_US + MONTHS_US, START_US + MONTHS_US + 4 * second),
    ]
    await board.stop()


async def test_a_camera_that_comes_to_another_stretch_of_the_clock_is_moved_once(
    tmp_path: Path, clock: FakeClock
) -> None:
    """The service was started again before NTP set the clock."""
    board = await boot(tmp_path, clock)
    await board.ledger.round()
    await add_camera(board.node, START_US + 10 * SECOND_US)
    clock.advance(60)
    await board.stop()
    clock.advance(5)
    again = await boot(tmp_path, clock)
    await again.ledger.round()
    clock.advance(120)
    await again.set_clock(70)
    await again.redater.round()
    (row,) = await rows(again.node, CAMERAS)
    assert row.created_at_us == START_US + 80 * SECOND_US
    await again.stop()


async def test_a_camera_of_before_stays_though_the_clock_claims_its_time(
    tmp_path: Path, clock: FakeClock
) -> None:
    """A power cut; the board's clock begins half an hour back, where cameras were added."""
    before = await boot(tmp_path, clock, ntp=True, name="boot-0")
    await before.redater.round()
    await add_camera(before.node, START_US + 10 * SECOND_US)
    await record_runs(before, 12)
    clock.advance(20)
    await before.stop()
    clock.step_utc(-20)
    board = await boot(tmp_path, clock)
    await board.ledger.round()
    clock.advance(2)
    await record_runs(board, 2)
    clock.advance(30)
    await board.set_clock(MONTHS_S)
    await board.redater.round()
    (row,) = await rows(board.node, CAMERAS)
    assert row.created_at_us == START_US + 10 * SECOND_US
    await board.stop()


async def add_event(node: Node, second: int, label: str) -> None:
    at_us = START_US + second * SECOND_US
    await EventStore(node.database).add(
        CameraEvent(CAMERA, at_us, at_us + SECOND_US, "motion", label)
    )


async def test_what_happened_under_the_wrong_clock_moves_with_its_footage(
    tmp_path: Path, clock: FakeClock
) -> None:
    before = await boot(tmp_path, clock, ntp=True, name="boot-0")
    await before.redater.round()
    await before.ledger.round()
    await add_event(before.node, 2, "right")
    clock.advance(10)
    await before.stop()
    clock.advance(5)
    board = await boot(tmp_path, clock)
    await board.ledger.round()
    await record_runs(board, 15)
    await add_event(board.node, 16, "wrong")
    clock.advance(20)
    await board.set_clock(MONTHS_S)
    await board.redater.round()
    found = {row.label: (row.at_us, row.until_us) for row in await rows(board.node, events)}
    second = SECOND_US
    assert found == {
        "right": (START_US + 2 * second, START_US + 3 * second),
        "wrong": (START_US + MONTHS_US + 16 * second, START_US + MONTHS_US + 17 * second),
    }
    await board.stop()


async def test_a_camera_that_flapped_for_days_is_moved(tmp_path: Path, clock: FakeClock) -> None:
    """More runs than SQLite takes values in one statement."""
    board = await boot(tmp_path, clock)
    [run] = await record_runs(board, 0)
    clock.advance(10)
    (known,) = await rows(board.node, clocks)

    async def flap(connection: AsyncConnection) -> None:
        # Rows that SQLite makes take a tenth of the time of rows that Python makes.
        made = text(
            "INSERT INTO runs (id, stream_id, started_us, clock_id)"
            " WITH RECURSIVE made(id) AS (SELECT :first UNION ALL SELECT id + 1 FROM made"
            " LIMIT 300000) SELECT id, 1, :started_us, :clock_id FROM made"
        )
        values = {"first": run + 1, "started_us": START_US, "clock_id": known.id}
        await connection.execute(made, values)
        await connection.execute(update(runs).values(ended_us=runs.c.started_us))

    await board.node.database.write(flap)
    await board.set_clock(MONTHS_S)
    await board.redater.round()
    assert {row.state for row in await rows(board.node, clocks)} == {"open", "settled"}
    [(named, start, _)] = times(await segments_of(board.node))
    assert start - named == MONTHS_US
    assert [one for one in await problems(board.node) if "run" not in str(one)] == []
    await board.stop()


async def test_the_number_of_a_clock_is_not_given_twice(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was full for a moment when the first one was made."""
    board = await boot(tmp_path, clock)
    refused: Future[None] = Future()
    refused.set_exception(Unavailable("the database is full"))
    with monkeypatch.context() as full:
        full.setattr(board.node.database, "write_threadsafe", lambda _: refused)
        board.node.clock.step_utc(50)
        offset_us = clock.utc_us() - clock.monotonic_us()
        assert board.node.clocks is not None
        lost = board.node.clocks.undated(offset_us)
    await record_runs(board, 50)
    await board.stop()
    clock.advance(10)
    clock.step_utc(20)
    again = await boot(tmp_path, clock, name="boot-2")
    await again.ledger.round()
    assert again.node.clocks is not None
    other = again.node.clocks.undated(clock.utc_us() - clock.monotonic_us())
    assert other != lost
    await again.set_clock(MONTHS_S)
    await again.redater.round()
    [(named, start, _)] = times(await segments_of(again.node))
    assert start == named  # nothing was proved of its clock
    await again.stop()


async def test_what_a_clock_that_lies_behind_records_is_not_the_oldest(
    tmp_path: Path, clock: FakeClock
) -> None:
    """An empty battery and no network: the full disk must not eat what was just recorded."""
    before = await boot(tmp_path, clock, ntp=True, name="boot-0")
    await before.redater.round()
    old = await record_runs(before, 0, 10)
    clock.advance(60)
    await before.stop()
    clock.step_utc(-MONTHS_S)
    board = await boot(tmp_path, clock)
    board.node.deleter._boot = lambda: BOOT
    new = await record_runs(board, 60 - MONTHS_S, 70 - MONTHS_S)
    await board.node.deleter.free(board.node.volumes.all[0], 1)
    assert {row.run_id for row in await segments_of(board.node)} == {old[1], *new}
    board.node.deleter._keep = lambda: Keep(size_bytes=50_000)
    await board.node.deleter.enforce_rules()
    kept = [row.run_id for row in await segments_of(board.node)]
    assert kept == new[-len(kept) :]
    await board.node.deleter.free(board.node.volumes.all[0], 1 << 40)  # nothing else is left
    assert await segments_of(board.node) == []
    await board.stop()


async def test_what_a_clock_without_ntp_records_in_its_order_goes_by_it(
    tmp_path: Path, clock: FakeClock
) -> None:
    board = await boot(tmp_path, clock)
    board.node.deleter._boot = lambda: BOOT
    ran = await record_runs(board, 0, 10)
    await board.node.deleter.free(board.node.volumes.all[0], 1)
    assert {row.run_id for row in await segments_of(board.node)} == {ran[1]}
    await board.stop()


async def test_housekeeping_does_not_wait_for_a_person_who_deletes_months(
    tmp_path: Path, clock: FakeClock
) -> None:
    board = await boot(tmp_path, clock)
    await record_runs(board, 0)
    clock.advance(10)
    await board.set_clock(MONTHS_S)
    async with board.node.deleter.times, asyncio.timeout(5):
        await board.redater.round()
    moving = [board.node.deleter.moving_times]
    await board.redater.round()
    moving.append(board.node.deleter.moving_times)
    assert moving == [True, False]
    assert {row.state for row in await rows(board.node, clocks)} == {"open", "settled"}
    await board.stop()
