"""A time that a person protects: no rule, no full disk and nobody deletes what it has any of."""

import asyncio
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import Conflict, InvalidInput, NotFound
from falconeye.base.times import DAY_US, SECOND_US
from falconeye.media.samples import StreamKind
from falconeye.storage.checks.rebuild import rebuild
from falconeye.storage.segments import protections as module
from falconeye.storage.segments import redating
from falconeye.storage.segments.protected import PROTECTED, protected_bytes
from falconeye.storage.segments.protections import Protection, Protections
from falconeye.storage.segments.retention import Keep, oldest_on
from falconeye.storage.tables.footage import protections, segments, streams
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.boards import boot, problems
from tests.unit.storage_footage.footage import CAMERA, GOP_US, Node, open_node, rows

pytestmark = pytest.mark.timeout(60)
FILES, LENGTH_S = 6, 4  # files of so many seconds, each a recording, of both streams


def at(seconds: float) -> int:
    return START_US + round(seconds * SECOND_US)


async def recorded(node: Node) -> Protections:
    for number in range(FILES):
        start_us = at(number * LENGTH_S)
        for stream in StreamKind:
            run = node.store.begin_run(CAMERA, stream, start_us)
            listed = f"rec-{number}" if stream is StreamKind.MAIN else None
            await node.record(
                run, start_us, LENGTH_S, stream=stream, recording_id=listed, ends=True
            )
    node.clock.advance(FILES * LENGTH_S + 60)
    return Protections(node.database, node.deleter, node.clock)


async def protect(known: Protections, from_s: float, to_s: float) -> Protection:
    return await known.add(CAMERA, at(from_s), at(to_s), by="anna", reason="the fence")


async def left(node: Node) -> list[int]:
    """The files of which something is there, of the main stream, by number; sub is the same."""
    kept = await rows(node, segments)
    by_stream: dict[int, list[int]] = {}
    for row in kept:
        number = (row.start_us - START_US) // GOP_US // LENGTH_S
        by_stream.setdefault(row.stream_id, []).append(number)
    main, *others = (sorted(numbers) for numbers in by_stream.values())
    assert all(other == main for other in others)
    return main


async def test_rules_by_age_and_bytes_leave_it(tmp_path: Path, clock: FakeClock) -> None:
    keeps = [Keep()]
    node = await open_node(tmp_path, clock, keep=lambda: keeps[0])
    known = await recorded(node)
    size = await node.recordings.footage_bytes() // FILES
    await protect(known, LENGTH_S - 0.5, LENGTH_S + 0.5)  # a bit of the first and of the second
    keeps[0] = Keep(size_bytes=2 * size + size // 4)
    await node.deleter.enforce_rules()
    assert await left(node) == [0, 1, 4, 5]  # and what is protected takes no room of the new
    keeps[0] = Keep(days=1)
    for _ in range(13):
        await node.deleter.enforce_rules()
        clock.advance(60)
    clock.advance(2 * DAY_US / SECOND_US)
    await node.deleter.enforce_rules()
    assert await left(node) == [0, 1]
    assert await problems(node) == []


async def test_a_disk_that_needs_room_leaves_it(node: Node) -> None:
    known = await recorded(node)
    await protect(known, 0, 2 * LENGTH_S)
    volume = node.volumes.all[0].number
    found = await node.database.read(partial(oldest_on, volume, 1 << 40))
    starts = {(doomed.start_us - START_US) // GOP_US // LENGTH_S for doomed in found}
    assert starts == {2, 3, 4, 5}


async def test_nobody_deletes_it_until_it_is_let_go(node: Node) -> None:
    known = await recorded(node)
    made = await protect(known, LENGTH_S + 1, LENGTH_S + 2)
    total = await node.recordings.total_of(CAMERA, at(0), at(3 * LENGTH_S))
    assert (total.files, total.protected) == (6, 2)
    assert await node.recordings.delete_time(CAMERA, at(0), at(3 * LENGTH_S), who="eve") == (4, 2)
    assert await left(node) == [1, 3, 4, 5]
    with pytest.raises(Conflict, match="it is protected"):
        await node.recordings.delete("rec-1", who="eve")
    await node.recordings.delete("rec-3", who="eve")
    _ = await node.recordings.delete_camera_footage(CAMERA, who="eve")
    assert await left(node) == [1]
    assert await known.remove(CAMERA, made.id) == made
    await node.recordings.delete("rec-1", who="eve")
    assert await rows(node, segments) == []
    with pytest.raises(NotFound):
        await known.remove(CAMERA, made.id)


async def test_an_index_made_anew_keeps_it(node: Node) -> None:
    known = await recorded(node)
    made = await protect(known, LENGTH_S, LENGTH_S + 1)
    await rebuild(node.database, node.volumes, node_name="pi-1")
    assert await known.of_camera(CAMERA) == [made]
    assert await node.recordings.delete_camera_footage(CAMERA, who="eve") == 2 * FILES - 2
    assert await left(node) == [1]


async def test_it_is_told_of_its_time_and_its_camera_alone(node: Node) -> None:
    known = await recorded(node)
    later, made = await protect(known, 10, 12), await protect(known, 1, 2)
    assert (made.by, made.reason, made.from_us) == ("anna", "the fence", at(1))
    assert await known.of_camera(CAMERA) == [made, later]
    assert await known.of_camera(CAMERA, at(2), at(11)) == [later]
    assert await known.of_camera(CAMERA, at(0), at(10)) == [made]
    assert await known.of_camera("another") == []
    with pytest.raises(NotFound):
        await known.remove("another", made.id)


async def test_who_protects_waits_for_what_deletes_or_moves_footage(node: Node) -> None:
    """Else they would be told that a time is protected whose rows are just being taken."""
    known = await recorded(node)
    for lock in (node.deleter.times, node.deleter.alone):
        before = await known.of_camera(CAMERA)
        async with lock:
            task = asyncio.create_task(protect(known, 1, 2))
            # The writer takes one after the other: what came before this is stored by then.
            await node.database.write(lambda connection: connection.exec_driver_sql("SELECT 1"))
            assert await known.of_camera(CAMERA) == before
        assert await task in await known.of_camera(CAMERA)


async def test_what_cannot_be_protected(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    known = await recorded(node)
    now_s = (node.clock.utc_us() - START_US) / SECOND_US
    for from_s, to_s in ((2, 2), (2, 1), (1, now_s + 1), (-400 * 86_400, 1)):
        with pytest.raises(InvalidInput):
            await protect(known, from_s, to_s)
    monkeypatch.setattr(module, "MAX_OF_CAMERA", 1)
    await protect(known, 1, 2)
    with pytest.raises(Conflict):
        await protect(known, 1, 2)


async def test_it_follows_footage_to_its_right_times(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And at no moment of the way is that without protection."""
    monkeypatch.setattr(redating, "STEPS_A_ROUND", 1)
    board = await boot(tmp_path, clock)
    await board.record(12)
    known = Protections(board.node.database, board.node.deleter, clock)
    await known.add(CAMERA, at(3), at(5), by="anna", reason="")
    await board.set_clock(3600)
    await board.record(6)
    await board.end()
    wrong, right = (at(3), at(5)), (at(3603), at(3605))
    seen = [[wrong]]
    while seen[-1] != [right]:
        assert await _stays(board.node) == 2  # files of 2 s with something of it
        await board.redater.round()
        spans = [(one.from_us, one.to_us) for one in await known.of_camera(CAMERA)]
        seen += [spans] if spans != seen[-1] else []
    assert seen == [[wrong], [wrong, right], [right]]
    assert await _stays(board.node) == 2
    assert [row.clock_id for row in await rows(board.node, protections)] == [None]
    assert await problems(board.node) == []
    await board.stop()


async def test_a_time_that_reaches_beyond_the_wrong_clock_stays_as_well(
    tmp_path: Path, clock: FakeClock
) -> None:
    """What it has of another boot did not move."""
    board = await boot(tmp_path, clock)
    await board.record(12)
    known = Protections(board.node.database, board.node.deleter, clock)
    made = await known.add(CAMERA, at(-60), at(5), by="anna", reason="")
    await board.set_clock(3600)
    await board.record(6)
    await board.end()
    for _ in range(12):
        await board.redater.round()
    told = await known.of_camera(CAMERA)
    assert told[0] == made
    assert [one.to_us for one in told] == [at(5), at(3605)]
    assert await _stays(board.node) == 3
    await board.stop()


async def test_what_is_protected_twice_is_counted_once(node: Node) -> None:
    """A recording and a time; and the substream of a recording, which may have begun before it."""
    known = await recorded(node)
    run = node.store.begin_run(CAMERA, StreamKind.SUB, at(-2))
    await node.record(run, at(-2), 3, stream=StreamKind.SUB, recording_id=None, ends=True)
    await node.recordings.update("rec-0", {"protected": True})
    counted = [row.size_bytes for row in await rows(node, segments) if row.start_us < at(LENGTH_S)]
    assert len(counted) == 3
    for _ in range(2):
        held = await node.database.read(partial(protected_bytes, CAMERA))
        assert held == sum(counted)
        await protect(known, 0, LENGTH_S)


async def test_what_an_earlier_boot_recorded_stays_protected(
    tmp_path: Path, clock: FakeClock
) -> None:
    """A board without a battery begins in a time that is protected already."""
    board = await boot(tmp_path, clock, ntp=True, name="boot-0")
    await board.redater.round()
    await board.record(12)
    await board.end()
    known = Protections(board.node.database, board.node.deleter, clock)
    made = await known.add(CAMERA, at(3), at(5), by="anna", reason="")
    kept = await _stays(board.node)
    await board.stop()
    clock.step_utc(-11)
    board = await boot(tmp_path, clock)
    await board.record(12)
    await board.set_clock(3600)
    await board.record(6)
    await board.end()
    await board.redater.round()
    known = Protections(board.node.database, board.node.deleter, clock)
    assert made in await known.of_camera(CAMERA)
    assert await _stays(board.node) >= kept == 2
    await board.stop()


async def _stays(node: Node) -> int:
    """How many files no rule takes."""

    async def count(connection: AsyncConnection) -> int:
        of_segments = select(func.count()).select_from(segments)
        joined = of_segments.join(streams, streams.c.id == segments.c.stream_id)
        return (await connection.execute(joined.where(PROTECTED))).scalar_one()

    return await node.database.read(count)
