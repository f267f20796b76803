"""The ledger's rows, and the timeline that is read from them and from footage."""

import asyncio
import random
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import InvalidInput, Unavailable
from falconeye.base.times import DAY_US, SECOND_US
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.index.database import Database
from falconeye.storage.ledger import ledger as ledger_module
from falconeye.storage.ledger.coverage import GapReason, Span, merge_spans
from falconeye.storage.ledger.ledger import ALIVE_US, Ledger
from falconeye.storage.ledger.ledger_prune import KEPT_US, prune
from falconeye.storage.reading import timeline
from falconeye.storage.reading.recordings import Recordings
from falconeye.storage.reading.timeline import Timeline, Timelines
from falconeye.storage.reading.timeline_rows import read_rows
from falconeye.storage.segments import segment_store
from falconeye.storage.segments.retention import Keep
from falconeye.storage.segments.segments import SegmentEnd
from falconeye.storage.tables.footage import runs, segments
from falconeye.storage.tables.ledger import coverage_steps, deletions, uptimes
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.footage import (
    CAMERA,
    GOP_US,
    Node,
    open_node,
    rows,
    segment_fragments,
)

OFFLINE = GapReason.CAMERA_OFFLINE


async def read(node: Node, ledger: Ledger, seconds: float = 600, from_s: float = 0) -> Timeline:
    timelines = Timelines(node.database, node.store, ledger, node.clock)
    return await timelines.read(
        CAMERA, START_US + int(from_s * SECOND_US), START_US + int(seconds * SECOND_US)
    )


def spans(found: Timeline) -> list[tuple[float, float, str]]:
    return [
        (
            (one.span.from_us - START_US) / SECOND_US,
            (one.span.to_us - START_US) / SECOND_US,
            one.span.stream.value,
        )
        for one in found.spans
    ]


def gaps(found: Timeline) -> list[tuple[float, float, str, str]]:
    return [
        (
            (gap.from_us - START_US) / SECOND_US,
            (gap.to_us - START_US) / SECOND_US,
            gap.reason.value,
            gap.detail,
        )
        for gap in found.gaps
    ]


def at(seconds: float) -> int:
    return START_US + int(seconds * SECOND_US)


async def records(node: Node) -> Ledger:
    """The ledger of a node whose camera is kept from recording by nothing, from now on."""
    ledger = Ledger(node.database, node.clock)
    ledger.note(CAMERA, None)
    await ledger.round()
    return ledger


async def record(
    node: Node, start_s: float, gops: int = 2, *, stream: StreamKind = StreamKind.MAIN
) -> None:
    start_us = START_US + int(start_s * SECOND_US)
    run = node.store.begin_run(CAMERA, stream, start_us)
    listed = "rec-1" if stream is StreamKind.MAIN else None
    await node.record(run, start_us, gops, stream=stream, recording_id=listed)


async def test_footage_and_what_kept_from_it(node: Node, clock: FakeClock) -> None:
    ledger = await records(node)
    await record(node, 0, 4)
    await record(node, 4, 4)
    clock.advance(12)
    ledger.note(CAMERA, OFFLINE, "no answer")
    ledger.note(CAMERA, OFFLINE, "no answer")
    await ledger.round()
    clock.advance(8)
    ledger.note(CAMERA, None)
    await ledger.round()
    await record(node, 21, 3)
    await record(node, 2, 2, stream=StreamKind.SUB)
    clock.advance(4)
    found = await read(node, ledger)
    assert spans(found) == [(0, 8, "main"), (2, 4, "sub"), (21, 24, "main")]
    assert gaps(found) == [(8, 21, "camera_offline", "no answer")]
    assert (found.to_us - START_US) / SECOND_US == 24
    assert {one.kind for one in found.spans} == {"continuous", None}
    assert len(await rows(node, coverage_steps)) == 3
    cut = await read(node, ledger, 22, from_s=10)
    assert spans(cut) == [(21, 22, "main")]
    assert gaps(cut) == [(10, 21, "camera_offline", "no answer")]


async def test_footage_alone_is_that_of_either_stream(node: Node, clock: FakeClock) -> None:
    ledger = await records(node)
    await record(node, 0, 4)
    await record(node, 2, 4, stream=StreamKind.SUB)
    await record(node, 20, 4)
    await record(node, 19, 3, stream=StreamKind.SUB)
    await record(node, 40, 2, stream=StreamKind.SUB)
    clock.advance(60)
    timelines = Timelines(node.database, node.store, ledger, node.clock)
    for window, expected in (
        ((0, 60), [(0, 6), (19, 24), (40, 42)]),
        ((5, 20), [(5, 6), (19, 20)]),
        ((6, 19), []),
        ((30, 20), []),
    ):
        found = await timelines.footage(CAMERA, *map(at, window))
        assert [(span.from_us, span.to_us) for span in found] == [
            (at(begin), at(end)) for begin, end in expected
        ], window


async def test_a_stream_that_grows_is_footage_up_to_its_last_fragment(
    node: Node, clock: FakeClock
) -> None:
    ledger = await records(node)
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    writer = node.store.create(node.start(run))
    for fragment in segment_fragments(2):
        writer.append(fragment)
    await node.database.write(lambda connection: connection.exec_driver_sql("SELECT 1"))
    while not (growing := node.store.growing_streams(CAMERA)) or growing[0][1].duration_us < (
        2 * GOP_US
    ):
        await node.volumes.all[0].readers.run(lambda: None)
    clock.advance(5)
    found = await read(node, ledger)
    assert (spans(found), gaps(found)) == ([(0, 2, "main")], [])
    assert found.to_us == START_US + 2 * GOP_US
    clock.advance(30)
    ledger.note(CAMERA, OFFLINE, "no pictures")
    await ledger.round()
    clock.advance(1)
    found = await read(node, ledger)
    assert gaps(found) == [(2, 36, "camera_offline", "no pictures")]
    writer.close(SegmentEnd(START_US + 2 * GOP_US))
    assert await node.store.flush(5)


async def test_a_node_that_was_stopped_and_one_that_crashed(
    tmp_path: Path, clock: FakeClock
) -> None:
    node = await open_node(tmp_path, clock)
    first = await records(node)
    await record(node, 0, 5)
    clock.advance(5)
    await first.stop()
    clock.advance(15)
    _ = await records(node)
    await record(node, 21, 4)
    clock.advance(10)  # a crash; it was last stored at 20 s
    clock.advance(70)
    third = await records(node)
    await record(node, 101, 4)
    clock.advance(5)
    found = await read(node, third)
    assert gaps(found) == [(5, 21, "node_stopped", ""), (25, 101, "node_crashed", "")]
    ended = [row.ended for row in await rows(node, uptimes)]
    assert ended == ["node_stopped", None, None]


async def test_signs_of_life_are_stored_once_a_minute(node: Node, clock: FakeClock) -> None:
    ledger = Ledger(node.database, clock)
    await ledger.round()
    for _ in range(59):
        clock.advance(1)
        await ledger.round()
    (row,) = await rows(node, uptimes)
    assert row.to_us == START_US
    clock.advance(1)
    await ledger.round()
    (row,) = await rows(node, uptimes)
    assert row.to_us == START_US + ALIVE_US


async def test_a_clock_that_is_set_ahead_leaves_a_gap_that_says_so(
    node: Node, clock: FakeClock
) -> None:
    ledger = await records(node)
    await record(node, 0, 10)
    clock.advance(10)
    clock.step_utc(100)
    await ledger.round()
    await record(node, 110, 10)
    clock.advance(10)
    found = await read(node, ledger)
    assert gaps(found) == [(10, 110, "clock_changed", "")]


async def test_a_clock_that_is_set_back_forgets_what_has_not_come(
    node: Node, clock: FakeClock
) -> None:
    ledger = await records(node)
    clock.advance(100)
    ledger.note(CAMERA, OFFLINE, "no answer")
    await ledger.round()
    clock.step_utc(-90)
    await ledger.round()
    clock.advance(5)
    ledger.note(CAMERA, None)
    await ledger.round()
    clock.advance(10)
    await record(node, 16, 9)
    steps = [(row.since_us - START_US) // SECOND_US for row in await rows(node, coverage_steps)]
    assert steps == [0, 10, 15]
    found = await read(node, ledger, 25)
    assert gaps(found) == [(0, 16, "camera_offline", "no answer")]


async def test_a_boot_in_the_past_keeps_what_is_known(node: Node, clock: FakeClock) -> None:
    """A board without a battery begins in the past, until NTP sets its clock."""
    first = await records(node)
    clock.advance(100)
    first.note(CAMERA, OFFLINE, "no answer")
    await first.stop()
    clock.step_utc(-3600)
    _ = await records(node)
    reasons = [row.reason for row in await rows(node, coverage_steps)]
    assert reasons == [None, None, "camera_offline"]


async def test_a_disk_that_hangs_is_known_while_memory_holds_all(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume, go = node.volumes.all[0], threading.Event()
    assert node.store.disk_trouble() is None
    monkeypatch.setattr(segment_store, "STUCK_S", 0.0)

    def hang() -> None:
        go.wait(5)

    try:
        volume.writer.submit(hang)
        while volume.writer.busy_s == 0:
            await volume.readers.run(lambda: None)
        assert node.store.disk_trouble() is RunEnd.DISK_TOO_SLOW
    finally:
        go.set()
    await volume.writer.run(lambda: None)
    volume.does_not_answer()
    assert node.store.disk_trouble() is RunEnd.DISK_ERROR


async def test_a_full_disk_is_known_before_anything_is_written_to_it(node: Node) -> None:
    """Else the first sign of it would be an event that cannot be recorded."""
    node.volumes.all[0].is_full = True
    assert node.store.disk_trouble() is RunEnd.DISK_FULL
    node.volumes.all[0].is_full = False
    assert node.store.disk_trouble() is None


async def test_what_the_database_refuses_is_stored_later(
    node: Node, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(node.database, clock)
    ledger.note(CAMERA, None)
    with monkeypatch.context() as full:

        async def refuse(*_: object) -> None:
            raise Unavailable("the disk is full")

        full.setattr(Database, "write", refuse)
        await ledger.round()
        clock.advance(3)
        ledger.note(CAMERA, GapReason.DISK_FULL)
        await ledger.round()
    clock.advance(3)
    await ledger.round()
    steps = await rows(node, coverage_steps)
    assert [(row.since_us - START_US) // SECOND_US for row in steps] == [0, 3]
    assert [row.reason for row in steps] == [None, "disk_full"]


async def test_the_timeline_knows_what_the_database_has_not_taken_yet(
    node: Node, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a second each time, and for hours where the data directory's disk is full."""
    ledger = await records(node)
    await record(node, 0, 8)
    clock.advance(8)
    ledger.note(CAMERA, GapReason.PAUSED, "ann")
    clock.advance(8)
    ledger.note(CAMERA, OFFLINE, "no answer")
    clock.advance(8)
    known = [(8, 16, "paused", "ann"), (16, 24, "camera_offline", "no answer")]
    assert gaps(await read(node, ledger)) == known
    begun, go_on = asyncio.Event(), asyncio.Event()
    write = Database.write

    async def slow(self: Database, *given: Any) -> Any:
        begun.set()
        await go_on.wait()
        return await write(self, *given)

    monkeypatch.setattr(Database, "write", slow)
    storing = asyncio.create_task(ledger.settle())
    await begun.wait()
    assert gaps(await read(node, ledger)) == known
    go_on.set()
    assert await storing
    assert gaps(await read(node, ledger)) == known


async def test_deleted_footage_says_by_which_rule(tmp_path: Path, clock: FakeClock) -> None:
    node = await open_node(tmp_path, clock, keep=lambda: Keep(days=1))
    ledger = await records(node)
    for start_s in (0, 4, 8, 20):
        await record(node, start_s, 4)
    await record(node, 4, 4, stream=StreamKind.SUB)
    clock.advance(30)
    await delete_by_age(node)
    await ledger.round()
    found = await read(node, ledger, 24)
    assert spans(found) == []
    assert gaps(found) == [  # the hole within is nobody's, as it was before
        (0, 12, "deleted_by_age", ""),
        (12, 20, "unknown", ""),
        (20, 24, "deleted_by_age", ""),
    ]


async def delete_by_age(node: Node) -> None:
    """Once the clock is believed: all that is older than a day."""
    for _ in range(12):
        await node.deleter.enforce_rules()
        node.clock.advance(60)
    node.clock.advance(DAY_US / SECOND_US)
    await node.deleter.enforce_rules()


async def test_a_camera_that_flaps_leaves_one_deletion_and_its_gaps_their_reasons(
    tmp_path: Path, clock: FakeClock
) -> None:
    node = await open_node(tmp_path, clock, keep=lambda: Keep(days=1))
    ledger = await records(node)
    for start_s in (0, 12, 24):  # silence is noticed 2 s late, and its end 1 s early
        run = node.store.begin_run(CAMERA, StreamKind.MAIN, clock.utc_us())
        await node.record(run, clock.utc_us(), 4, run_end=RunEnd.CAMERA_OFFLINE)
        await record(node, start_s, 4, stream=StreamKind.SUB)
        clock.advance(6)
        ledger.note(CAMERA, OFFLINE, "no answer")
        clock.advance(5)
        ledger.note(CAMERA, None)
        clock.advance(1)
    await record(node, 36, 1)  # the run before it ended without a reason
    await record(node, 200, 4)  # the hole before it is no short one
    await ledger.round()
    before = gaps(await read(node, ledger, 36))
    assert before == [
        (begin + 4, begin + 12, "camera_offline", "no answer") for begin in (0, 12, 24)
    ]
    clock.advance(200)
    await delete_by_age(node)
    assert await rows(node, segments) == []
    told = [(row.from_us, row.to_us) for row in await rows(node, deletions)]
    assert told == [(at(0), at(37)), (at(200), at(204))]
    after = gaps(await read(node, ledger, 36))
    assert [gap for gap in after if gap[2] != "deleted_by_age"] == before
    cut = gaps(await read(node, ledger, 26, from_s=6))  # the runs beside the window count
    assert cut == [
        (6, 12, "camera_offline", "no answer"),
        (12, 16, "deleted_by_age", ""),
        (16, 24, "camera_offline", "no answer"),
        (24, 26, "deleted_by_age", ""),
    ]


async def test_a_deletion_does_not_reach_over_what_is_left_or_not_told(
    node: Node, clock: FakeClock
) -> None:
    for start_s in (0, 10, 20):
        await record(node, start_s, 4)
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US + 26 * SECOND_US)
    await node.record(run, START_US + 30 * SECOND_US, 4)  # it was asked for within the run
    clock.advance(40)

    async def told_after(begin: int, end: int) -> list[tuple[int, int]]:
        await node.recordings.delete_time(CAMERA, at(begin), at(end), who="ann")
        return [(row.from_us, row.to_us) for row in await rows(node, deletions)]

    assert await told_after(0, 4) == [(at(0), at(4))]
    assert await told_after(20, 24) == [(at(0), at(4)), (at(20), at(24))]
    others = [(at(20), at(24)), (at(30), at(34))]
    assert await told_after(30, 34) == [(at(0), at(4)), *others]
    assert await told_after(10, 14) == [(at(0), at(14)), *others]


async def test_reasons_of_a_newer_release_are_not_known_here(node: Node, clock: FakeClock) -> None:
    ledger = await records(node)
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    await node.record(run, START_US, 4, run_end=RunEnd.CAMERA_OFFLINE)
    clock.advance(10)
    ledger.note(CAMERA, OFFLINE, "x")
    await ledger.round()

    async def newer(connection: AsyncConnection) -> None:
        await connection.execute(update(coverage_steps).values(reason="eclipse"))
        await connection.execute(update(runs).values(end_reason="eclipse"))
        await connection.execute(update(uptimes).values(ended="eclipse"))
        await connection.execute(
            insert(deletions).values(
                stream_id=1, from_us=at(6), to_us=at(8), reason="eclipse", detail="y"
            )
        )

    await node.database.write(newer)
    told = gaps(await read(node, ledger, 10))
    assert {reason for _, _, reason, _ in told} == {"unknown"}


async def test_what_is_being_stored_when_the_node_ends_is_not_lost(
    node: Node, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = await records(node)
    clock.advance(1)
    waits, write = asyncio.Event(), Database.write

    async def never(*_: object) -> None:
        waits.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Database, "write", never)
    ledger.note(CAMERA, OFFLINE, "no answer")
    ledger.start()
    await waits.wait()
    monkeypatch.setattr(Database, "write", write)
    await ledger.stop()
    assert [row.reason for row in await rows(node, coverage_steps)] == [None, "camera_offline"]


async def test_a_mistake_of_ours_does_not_end_the_ledger(
    node: Node, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "ROUND_S", 0.0)
    ledger = await records(node)
    clock.advance(1)
    failed, write = asyncio.Event(), Database.write

    async def fail(*_: object) -> None:
        failed.set()
        raise ValueError("ours")

    monkeypatch.setattr(Database, "write", fail)
    ledger.note(CAMERA, OFFLINE, "no answer")
    ledger.start()
    await failed.wait()
    stored = asyncio.Event()

    async def store(*given: Any) -> None:
        await write(*given)
        stored.set()

    monkeypatch.setattr(Database, "write", store)
    async with asyncio.timeout(5):
        await stored.wait()
    await ledger.stop()
    assert [row.reason for row in await rows(node, coverage_steps)] == [None, "camera_offline"]


async def test_deleted_by_a_person(node: Node, clock: FakeClock) -> None:
    ledger = await records(node)
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    await node.record(run, START_US, 4, ends=True, run_end=RunEnd.STOPPED_BY_USER)
    clock.advance(4)
    recordings: Recordings = node.recordings
    await recordings.delete("rec-1", who="ann")
    found = await read(node, ledger)
    assert gaps(found) == [(0, 4, "deleted_by_person", "ann")]


async def test_what_is_long_gone_is_forgotten(node: Node, clock: FakeClock) -> None:
    ledger = Ledger(node.database, clock)
    for reason in (None, OFFLINE, None, OFFLINE):
        ledger.note(CAMERA, reason, "x" if reason else "")
        await ledger.round()
        clock.advance(10)
    await record(node, 0)
    await node.recordings.delete_camera_footage(CAMERA, who="ann")
    await ledger.stop()
    clock.advance(KEPT_US / SECOND_US)
    for _ in range(12):  # until the clock is believed
        await node.deleter.enforce_rules()
        clock.advance(60)
    steps = await rows(node, coverage_steps)
    assert [(row.since_us - START_US) // SECOND_US for row in steps] == [30]
    assert await rows(node, uptimes) == []
    assert await rows(node, deletions) == []
    clock.advance(DAY_US / SECOND_US)
    await node.deleter.enforce_rules()
    assert await rows(node, runs) == []


async def test_runs_of_which_something_still_asks_are_kept(node: Node) -> None:
    """Two years and a day later: the one with footage, and those of the two years before."""
    ledger = await records(node)
    for start_s in (0, 10 * 3600, 2 * 24 * 3600):
        await record(node, start_s)
    [_, second, third] = await rows(node, runs)
    await node.database.write(
        lambda connection: connection.execute(
            delete(segments).where(segments.c.run_id != second.id)
        )
    )
    spanning = {"stream_id": second.stream_id, "reason": "deleted_by_age", "detail": ""}
    await node.database.write(
        lambda connection: connection.execute(
            insert(deletions).values(from_us=at(0), to_us=at(3 * 24 * 3600), **spanning)
        )
    )
    await ledger.stop()
    await node.database.write(partial(prune, at(24 * 3600)))
    assert [row.id for row in await rows(node, runs)] == [second.id, third.id]
    [told] = await rows(node, deletions)
    assert (told.from_us, told.to_us) == (at(24 * 3600), at(3 * 24 * 3600))
    await node.database.write(partial(prune, at(24 * 3600)))
    assert len(await rows(node, runs)) == 2


async def test_more_than_can_be_listed_is_refused(
    node: Node, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "MAX_PIECES", 2)
    ledger = await records(node)
    await record(node, 0)
    clock.advance(4)
    assert len((await read(node, ledger)).gaps) == 1
    await record(node, 4)
    clock.advance(2)
    with pytest.raises(InvalidInput, match="ask for a shorter one"):
        await read(node, ledger)


async def test_segments_that_overlap_leave_no_hole(node: Node, clock: FakeClock) -> None:
    """Two runs claim one time after a clock was set back."""
    ledger = await records(node)
    for start_s, gops in ((0, 8), (2, 2), (8, 2), (12, 2)):
        await record(node, start_s, gops)
    clock.advance(14)
    found = await read(node, ledger)
    assert spans(found) == [(0, 10, "main"), (12, 14, "main")]
    assert [gap[:2] for gap in gaps(found)] == [(10, 12)]


async def test_what_overlaps_is_joined_by_the_database(node: Node) -> None:
    """A camera's year has half a million rows a stream: as objects they would fill a small node."""
    await record(node, 0)
    (row,) = await rows(node, segments)
    chance, one = random.Random(7), dict(row._mapping)  # noqa: S311 - the same each time
    values, last_us = [one], START_US
    for _ in range(500):
        last_us += chance.choice([1, 400_000, 2_000_000, 9_000_000])
        length_us = chance.choice([1, 400_000, 2_000_000, 20_000_000])
        values.append(one | {"start_us": last_us, "wall_duration_us": length_us})

    async def fill(connection: AsyncConnection) -> None:
        await connection.execute(insert(segments), values[1:])

    await node.database.write(fill)
    window = (START_US, last_us + 1)
    found = (await node.database.read(partial(read_rows, CAMERA, *window, None))).spans
    every = [
        Span(each["start_us"], each["start_us"] + each["wall_duration_us"], StreamKind.MAIN)
        for each in values
    ]
    assert found[StreamKind.MAIN] == merge_spans(every)
    assert 10 < len(found[StreamKind.MAIN]) < 250


async def test_a_hole_that_nobody_noticed_is_told_by_its_run(node: Node, clock: FakeClock) -> None:
    ledger = await records(node)
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    await node.record(run, START_US, 4, run_end=RunEnd.CAMERA_HOLE)
    await record(node, 6, 2)
    clock.advance(8)
    assert gaps(await read(node, ledger)) == [(4, 6, "camera_offline", "")]
