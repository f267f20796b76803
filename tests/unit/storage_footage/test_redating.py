"""A boot with a wrong clock: what it recorded gets its right times once NTP sets the clock."""

import asyncio
import json
import shutil
import sys
from asyncio import create_subprocess_exec
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, insert

from falconeye.base.times import DAY_US, SECOND_US
from falconeye.jobs.node_works import RedateWork
from falconeye.jobs.system_work import Amount
from falconeye.media.samples import StreamKind
from falconeye.storage.checks.rebuild import rebuild
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.ledger.ledger import Ledger
from falconeye.storage.segments import redating
from falconeye.storage.segments.layout import recording_file_name
from falconeye.storage.segments.redating import RedateState
from falconeye.storage.segments.retention import Keep
from falconeye.storage.tables.footage import recordings, runs, usage
from falconeye.storage.tables.ledger import clocks, coverage_steps, undated_steps, uptimes
from falconeye.storage.tables.node import CAMERAS
from falconeye.storage.volumes.volume import JOURNAL_FILE
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.boards import (
    BOOT,
    Board,
    boot,
    overlaps,
    problems,
    segments_of,
    times,
)
from tests.unit.storage_footage.footage import CAMERA, Node, read, rows

pytestmark = pytest.mark.timeout(60)
MONTHS_S = 92 * 86_400
STEPS_S = [MONTHS_S, -MONTHS_S, 3600, 25, 3, -3, -25]


async def wrong_then_right(board: Board, step_s: float) -> None:
    """11 s by a wrong clock, NTP sets it, 6 s more of the same connection."""
    await board.record(11)
    await board.set_clock(step_s)
    await board.record(6)
    await board.end()


@pytest.mark.parametrize("step_s", STEPS_S)
async def test_footage_of_a_wrong_clock_gets_its_right_times(
    tmp_path: Path, clock: FakeClock, step_s: int
) -> None:
    board = await boot(tmp_path, clock)
    await wrong_then_right(board, step_s)
    before = await segments_of(board.node)
    first_run = before[0].run_id
    await board.redater.round()
    now_us = clock.utc_us()
    files = sum(row.run_id == first_run for row in before)
    assert board.redater.state == RedateState(
        step_s * SECOND_US, now_us, ended_us=now_us, files=files, done=files
    )
    after = await segments_of(board.node)
    shift_us = step_s * SECOND_US
    for old, new in zip(before, after, strict=True):
        assert new.start_us - old.start_us == (shift_us if old.run_id == first_run else 0)
        assert new.start_us + new.named_offset_us == old.start_us + old.named_offset_us
        assert new.size_bytes == old.size_bytes
    assert overlaps(after) == []
    right_us = START_US + shift_us
    found = await board.timeline(right_us, right_us + 17 * SECOND_US)
    assert [(s.span.from_us, s.span.to_us) for s in found.spans] == [(right_us, found.to_us)]
    assert found.to_us == right_us + 17 * SECOND_US
    assert found.gaps == []
    (corrected,) = found.corrections
    assert corrected.shift_us == shift_us
    assert corrected.from_us == right_us
    assert corrected.to_us == pytest.approx(right_us + 11 * SECOND_US, abs=2 * SECOND_US)
    assert await problems(board.node) == []
    await board.stop()


@pytest.mark.parametrize("step_s", STEPS_S)
async def test_recordings_follow(tmp_path: Path, clock: FakeClock, step_s: int) -> None:
    board = await boot(tmp_path, clock)
    await wrong_then_right(board, step_s)
    before = {row.id: row for row in await rows(board.node, recordings)}
    await board.redater.round()
    after = {row.id: row for row in await rows(board.node, recordings)}
    assert set(after) == set(before)
    total = 0
    for recording_id, row in after.items():
        assert (row.segments, row.size_bytes, row.duration_us) == (
            before[recording_id].segments,
            before[recording_id].size_bytes,
            before[recording_id].duration_us,
        )
        plan = await board.node.recordings.download(recording_id)
        total += len(await read(plan))
        assert plan.file_name == recording_file_name(row.camera_name, row.start_us)
        assert await board.node.gaps(recording_id) == []
    assert total > 0
    first = min(after.values(), key=lambda row: row.start_us)
    assert first.start_us == START_US + step_s * SECOND_US
    end_us = max(row.end_us for row in after.values())
    assert end_us == pytest.approx(first.start_us + 17 * SECOND_US, abs=SECOND_US)
    sums = {(row.segments, row.duration_us) for row in await rows(board.node, usage)}
    found = await segments_of(board.node)
    assert sums == {(len(found), sum(row.wall_duration_us for row in found))}
    await board.stop()


@pytest.mark.parametrize("step_s", [MONTHS_S, -MONTHS_S, 25, -3])
async def test_an_index_made_anew_from_the_files_has_the_right_times(
    tmp_path: Path, clock: FakeClock, step_s: int
) -> None:
    board = await boot(tmp_path, clock)
    await wrong_then_right(board, step_s)
    await board.redater.round()
    after = await segments_of(board.node)
    listed = {row.id: (row.start_us, row.segments) for row in await rows(board.node, recordings)}
    await board.stop()
    for data in ("data", "lost"):  # with the database as it is, and with none
        node = await boot(tmp_path, clock, name="boot-2") if data == "data" else None
        if node is None:
            shutil.rmtree(tmp_path / "data")
            node = await boot(tmp_path, clock, name="boot-2", recovers=False)
        await rebuild(node.node.database, node.node.volumes, node_name="pi-1")
        again = await segments_of(node.node)
        assert are_near(times(again), times(after)), data
        assert {
            row.id: (row.start_us, row.segments) for row in await rows(node.node, recordings)
        }.keys() == listed.keys()
        for row in await rows(node.node, recordings):
            assert (pytest.approx(row.start_us, abs=2), row.segments) == listed[row.id]
        assert overlaps(again) == []
        assert await problems(node.node) == []
        await node.stop()


async def test_a_crash_and_a_second_process_of_the_same_boot(
    tmp_path: Path, clock: FakeClock
) -> None:
    before = await boot(tmp_path, clock, name="boot-0")  # the clock began at the same wrong time
    await before.record(5)
    await before.end()
    await before.stop()
    old = await segments_of_stopped(tmp_path, clock)
    clock.step_utc(-5)
    first = await boot(tmp_path, clock)
    await first.record(5)
    await first.end()
    await first.crash()
    clock.advance(20)
    second = await boot(tmp_path, clock)
    await second.record(5)
    await second.set_clock(MONTHS_S)
    await second.record(4)
    await second.end()
    await second.redater.round()
    found = await segments_of(second.node)
    right_us = clock.utc_us() - 34 * SECOND_US
    mine = [row for row in found if row.run_id not in {row.run_id for row in old}]
    assert min(row.start_us for row in mine) - right_us in {0, 1}  # another one had its µs
    assert times([row for row in found if row not in mine]) == times(old)
    gaps = (await second.timeline(right_us, clock.utc_us())).gaps
    assert [
        ((gap.from_us - right_us) // SECOND_US, (gap.to_us - right_us) // SECOND_US, gap.reason)
        for gap in gaps
    ] == [(5, 25, GapReason.NODE_CRASHED)]
    assert await problems(second.node) == []
    await second.stop()


async def segments_of_stopped(folder: Path, clock: FakeClock) -> list[Row[Any]]:
    board = await boot(folder, clock, name="look")
    found = await segments_of(board.node)
    await board.node.stop()
    return found


async def test_what_no_step_proves_keeps_its_date(tmp_path: Path, clock: FakeClock) -> None:
    board = await boot(tmp_path, clock)
    await board.record(5)
    await board.set_clock(MONTHS_S, ntp=False)  # by hand: nobody knows which one is right
    await board.record(5)
    await board.end()
    before = times(await segments_of(board.node))
    await board.redater.round()
    assert times(await segments_of(board.node)) == before
    board.ntp[0] = True  # the second one was
    await board.redater.round()
    after = times(await segments_of(board.node))
    shifts = {run: start - named for named, start, run in after}
    assert list(shifts.values()) == [MONTHS_S * SECOND_US, 0]
    # It was right once: by how much it was not later, nobody knows.
    await board.set_clock(-500)
    await board.redater.round()
    assert times(await segments_of(board.node)) == after
    await board.stop()


async def test_a_reboot_ends_what_can_be_known(tmp_path: Path, clock: FakeClock) -> None:
    board = await boot(tmp_path, clock)
    await board.record(5)
    await board.end()
    before = times(await segments_of(board.node))
    await board.stop()
    clock.step_utc(MONTHS_S)
    later = await boot(tmp_path, clock, ntp=True, name="boot-2")
    await later.redater.round()
    assert times(await segments_of(later.node)) == before
    assert await rows(later.node, undated_steps) == []
    await later.stop()


@pytest.mark.parametrize("step_s", [MONTHS_S, -50])
async def test_the_ledger_follows(tmp_path: Path, clock: FakeClock, step_s: int) -> None:
    board = await boot(tmp_path, clock)
    await board.record(4)
    await board.end()
    board.ledger.note(CAMERA, GapReason.CAMERA_OFFLINE, "no answer")
    await board.ledger.round()
    clock.advance(60)
    await board.set_clock(step_s)
    clock.advance(5)
    board.ledger.note(CAMERA, None)
    await board.record(4)
    await board.end()
    await board.redater.round()
    right_us = START_US + step_s * SECOND_US
    found = await board.timeline(right_us, clock.utc_us())
    assert [(g.from_us - right_us, g.to_us - right_us, g.reason, g.detail) for g in found.gaps] == [
        (4 * SECOND_US, 69 * SECOND_US, GapReason.CAMERA_OFFLINE, "no answer")
    ]
    assert all(row.since_us >= right_us for row in await rows(board.node, coverage_steps))
    assert all(row.from_us >= right_us for row in await rows(board.node, uptimes))
    assert await rows(board.node, undated_steps) == []
    await board.stop()


async def test_both_streams_and_protection_move_together(tmp_path: Path, clock: FakeClock) -> None:
    """As long as the proof takes: 40 recordings of one run, protected ones among them."""
    board = await boot(tmp_path, clock)
    offset_us = clock.utc_us() - clock.monotonic_us()
    main = board.node.store.begin_run(CAMERA, StreamKind.MAIN, START_US, offset_us)
    sub = board.node.store.begin_run(CAMERA, StreamKind.SUB, START_US, offset_us)
    for index in range(40):
        at_us = START_US + index * 2 * SECOND_US
        for run, kind in ((main, StreamKind.MAIN), (sub, StreamKind.SUB)):
            listed = f"rec-{index // 2}" if kind is StreamKind.MAIN else None
            await board.node.record(
                run, at_us, 2, offset_90k=index * 180_000, stream=kind, recording_id=listed
            )
    clock.advance(80)
    await board.set_clock(6)  # less than the recordings' time: they go over each other's places
    before = {row.id: (row.start_us, row.end_us) for row in await rows(board.node, recordings)}
    await board.redater.round()
    after = {row.id: (row.start_us, row.end_us) for row in await rows(board.node, recordings)}
    assert after == {
        name: (start + 6 * SECOND_US, end + 6 * SECOND_US) for name, (start, end) in before.items()
    }
    assert {
        named + 6 * SECOND_US == start for named, start, _ in times(await segments_of(board.node))
    } == {True}
    assert overlaps([r for r in await segments_of(board.node) if r.run_id == sub]) == []
    for row in await rows(board.node, runs):
        assert (row.started_us, row.clock_id) == (START_US + 6 * SECOND_US, None)
    assert await problems(board.node) == []
    await board.stop()


async def test_a_file_that_is_open_is_moved_when_it_is_closed(
    tmp_path: Path, clock: FakeClock
) -> None:
    board = await boot(tmp_path, clock)
    await board.record(5)  # the last file is open
    board.node.clock.step_utc(MONTHS_S)
    board.ntp[0] = True
    await board.redater.round()
    assert board.node.clocks is not None
    assert [known.shift_us for known in board.node.clocks.unsettled] == [MONTHS_S * SECOND_US]
    since_us = clock.utc_us()
    waiting = RedateState(MONTHS_S * SECOND_US, since_us, is_waiting=True)
    assert board.redater.state is not None
    assert replace(board.redater.state, files=0) == waiting  # those that were in the index by then
    closed = len(await segments_of(board.node))
    await board.record(4)
    await board.end()
    await board.redater.round()
    assert not board.node.clocks.unsettled
    found = await segments_of(board.node)
    moved = sum(row.run_id == found[0].run_id for row in found)
    assert moved > closed  # that which was open came on top
    assert board.redater.state == RedateState(
        waiting.shift_us, since_us, clock.utc_us(), files=moved, done=moved
    )
    assert min(row.start_us for row in found) == START_US + MONTHS_S * SECOND_US
    assert overlaps(found) == []
    assert await problems(board.node) == []
    await board.stop()


async def test_it_tells_how_far_it_is(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recording by recording; once it is over that is told, too."""
    monkeypatch.setattr(redating, "STEPS_A_ROUND", 1)
    board = await boot(tmp_path, clock)
    await board.record(6)
    await board.end()
    clock.advance(3600)  # another hour, another recording
    await board.record(6)
    await board.end()
    over: list[RedateState] = []
    board.redater.on_over = over.append
    work = RedateWork(board.redater)
    await board.set_clock(MONTHS_S)
    files = len(await segments_of(board.node))
    shares = []
    while not over:
        await board.redater.round()
        [told] = await work.works()
        assert (told.files or Amount(-1)).total == files
        shares.append(told.share)
    assert shares[0] == pytest.approx(0.5)
    assert shares[-1] == 1.0
    assert over == [board.redater.state]
    assert (over[0].done, over[0].files) == (files, files)
    await board.stop()


async def test_nothing_is_too_old_while_times_change(tmp_path: Path, clock: FakeClock) -> None:
    board = await boot(tmp_path, clock)
    board.node.deleter._keep = lambda: Keep(days=1)
    await board.record(4)  # the last file stays open: its run waits
    await board.set_clock(MONTHS_S)
    await board.redater.round()
    board.node.deleter.moving_times = True
    for _ in range(12):
        await board.node.deleter.enforce_rules()
        clock.advance(60)
    assert len(await segments_of(board.node)) > 0
    await board.end()
    await board.redater.round()
    assert not board.node.deleter.moving_times
    clock.advance(2 * DAY_US / SECOND_US)
    await board.node.deleter.enforce_rules()
    assert await segments_of(board.node) == []
    await board.stop()


async def ledger_is_moved(node: Node) -> bool:
    return any(row.state == "ledger_moved" for row in await rows(node, clocks))


async def test_a_deletion_and_a_correction_wait_for_one_another(
    tmp_path: Path, clock: FakeClock
) -> None:
    """Recordings of one run move to each other's places: only that one goes which was meant."""
    board = await boot(tmp_path, clock)
    offset_us = clock.utc_us() - clock.monotonic_us()
    run = board.node.store.begin_run(CAMERA, StreamKind.MAIN, START_US, offset_us)
    for index in range(4):
        at_us = START_US + index * 4 * SECOND_US
        await board.node.record(
            run, at_us, 4, offset_90k=index * 360_000, recording_id=f"rec-{index}", ends=True
        )
    clock.advance(16)
    await board.set_clock(4)
    async with board.node.deleter.alone:  # both have begun
        moving = asyncio.create_task(board.redater.round())
        while not await ledger_is_moved(board.node):
            pass
        deleting = asyncio.create_task(board.node.recordings.delete("rec-3", who="ann"))
        for _ in range(20):  # it has read which times it is about
            await rows(board.node, recordings)
    await asyncio.gather(deleting, moving)
    kept = {row.id: (row.start_us, row.segments) for row in await rows(board.node, recordings)}
    assert kept == {
        f"rec-{index}": (START_US + (4 + 4 * index) * SECOND_US, 1) for index in (0, 1, 2)
    }
    assert len(await segments_of(board.node)) == 3
    assert await problems(board.node) == []
    await board.stop()


async def test_a_journal_that_is_damaged_is_written_anew(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    board = await boot(tmp_path, clock)
    await wrong_then_right(board, MONTHS_S)
    await board.redater.round()
    path = board.node.media_dir / JOURNAL_FILE
    said = json.loads(path.read_text())
    assert [one["shift_us"] for one in said["corrections"]] == [MONTHS_S * SECOND_US]
    assert said["corrections"][0]["boot"] == BOOT
    await board.stop()
    for damage in ("", "{", '{"corrections": [{"boot": 1}]}', "[" * 100_000):
        path.write_text(damage)
        again = await boot(tmp_path, clock, name="boot-2")
        await again.redater.round()
        assert json.loads(path.read_text()) == said
        await again.stop()
    assert "is written anew" in caplog.text


async def test_an_older_database_learns_of_it_from_the_journal(
    tmp_path: Path, clock: FakeClock
) -> None:
    board = await boot(tmp_path, clock)
    await board.record(5)
    await board.end()
    await board.ledger.round()
    backup = tmp_path / "backup.sqlite3"
    await board.node.database.backup(backup)
    await board.set_clock(MONTHS_S)
    await board.redater.round()
    after = times(await segments_of(board.node))
    await board.stop()
    for left in (tmp_path / "data").glob("falconeye.sqlite3*"):
        left.unlink()
    shutil.copy(backup, tmp_path / "data" / "falconeye.sqlite3")
    again = await boot(tmp_path, clock, ntp=True, name="boot-2")
    await again.redater.round()
    assert times(await segments_of(again.node)) == after
    assert await problems(again.node) == []
    await again.stop()


_CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
from falconeye.storage.index.database import Database
from falconeye.storage.segments import clock_journal
from falconeye.storage.volumes.disk_calls import DiskCalls
from tests.clock import FakeClock
from tests.unit.storage_footage.boards import boot

left, step_s = int(sys.argv[2]), int(sys.argv[3])

def step():
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    clock = FakeClock(int(sys.argv[4]))
    clock._monotonic_us = int(sys.argv[5])
    board = await boot(Path(sys.argv[1]), clock, ntp=True)
    write = Database.write
    async def counted(database, operation):
        step()  # before the commit
        return await write(database, operation)
    Database.write = counted
    real = DiskCalls.fsync, DiskCalls.fdatasync, os.rename
    DiskCalls.fsync = lambda self, fd: (step(), real[0](self, fd))
    DiskCalls.fdatasync = lambda self, fd: (step(), real[1](self, fd))
    os.rename = lambda *names, **more: (step(), real[2](*names, **more))
    await board.redater.round()
    print("done", flush=True)
    os._exit(0)

asyncio.run(main())
"""


@pytest.mark.fault
@pytest.mark.timeout(300)
@pytest.mark.parametrize("step_s", [MONTHS_S, -3])
async def test_kill_9_at_each_step(tmp_path: Path, clock: FakeClock, step_s: int) -> None:
    """The next process ends what was begun; so does `check --rebuild`."""
    made = tmp_path / "made"
    made.mkdir()
    board = await boot(made, clock)
    await wrong_then_right(board, step_s)
    await board.crash()
    reached, expected = 0, None
    while True:
        folder = tmp_path / str(reached)
        shutil.copytree(made, folder)
        child = await create_subprocess_exec(
            sys.executable, "-c", _CHILD, str(folder), str(reached), str(step_s),
            str(clock.utc_us()), str(clock.monotonic_us()), stdout=-1,
        )  # fmt: skip
        out, _ = await child.communicate()
        if b"done" in out:
            assert child.returncode == 0
            break
        assert child.returncode == -9
        other = tmp_path / f"{reached}-other"
        shutil.copytree(folder, other)
        board = await boot(folder, clock, ntp=True)
        await board.redater.round()
        found = await segments_of(board.node)
        if expected is None:
            expected = times(found)
            assert overlaps(found) == []
        assert times(found) == expected, reached
        assert await problems(board.node) == []
        assert (await rows(board.node, clocks))[0].state == "settled"
        await board.stop()
        await check_rebuilt(other, clock, expected, was_proved=reached > 2)
        reached += 1
        assert reached < 60
    assert reached > 6


def are_near(found: list[tuple[int, int, int]], others: list[tuple[int, int, int]]) -> bool:
    """The same but for µs: which of two segments with one start begins a µs later may differ."""
    return len(found) == len(others) and all(
        (one[0], one[2]) == (other[0], other[2]) and abs(one[1] - other[1]) <= 2
        for one, other in zip(found, others, strict=True)
    )


async def check_rebuilt(
    folder: Path, clock: FakeClock, expected: list[tuple[int, int, int]], *, was_proved: bool
) -> None:
    """After a reboot, by an index made anew: the proof was stored, or the old dates stay."""
    board = await boot(folder, clock, ntp=True, name="boot-2")
    proved = any(row.shift_us is not None for row in await rows(board.node, clocks))
    assert proved or not was_proved
    await rebuild(board.node.database, board.node.volumes, node_name="pi-1")
    found = times(await segments_of(board.node))
    assert are_near(found, expected) is proved
    assert await problems(board.node) == []
    await board.stop()


async def test_a_camera_that_was_added_under_a_wrong_clock(
    tmp_path: Path, clock: FakeClock
) -> None:
    board = await boot(tmp_path, clock)
    await board.ledger.round()
    await add_camera(board.node, START_US + 2 * SECOND_US)
    await board.record(6)
    told: list[int] = []

    async def changed() -> None:
        told.append(1)

    board.redater.subscribe(changed)
    await board.set_clock(-MONTHS_S)
    await board.record(4)
    await board.end()
    await board.redater.round()
    (row,) = await rows(board.node, CAMERAS)
    assert row.created_at_us == START_US + (2 - MONTHS_S) * SECOND_US
    assert told == [1]
    assert await problems(board.node) == []
    await board.stop()


async def add_camera(node: Node, created_us: int) -> None:
    columns = {
        column.name: 0 if column.type.python_type in {int, bool} else ""
        for column in CAMERAS.columns
        if not column.nullable
    }

    async def add(connection: object) -> None:
        await connection.execute(  # type: ignore[attr-defined]
            insert(CAMERAS).values(columns | {"id": CAMERA, "created_at_us": created_us})
        )

    await node.database.write(add)


async def test_a_ledger_that_cannot_be_stored_waits(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = await boot(tmp_path, clock)
    await wrong_then_right(board, MONTHS_S)

    async def refused(_: Ledger) -> bool:
        return False

    with monkeypatch.context() as full:
        full.setattr(Ledger, "settle", refused)
        await board.redater.round()
        assert (await rows(board.node, clocks))[0].state == "proved"
    await board.redater.round()
    assert {row.state for row in await rows(board.node, clocks)} == {"open", "settled"}
    await board.stop()
