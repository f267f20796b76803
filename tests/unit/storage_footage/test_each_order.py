"""Moving, deleting, re-dating, retention and a disk that is forgotten, in each order."""

from collections.abc import Awaitable, Callable
from itertools import pairwise, permutations
from pathlib import Path

import pytest

from falconeye.base.times import SECOND_US
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.segments.retention import Keep
from falconeye.storage.tables.footage import segments
from falconeye.storage.volumes.id_file import ID_FILE
from tests.clock import START_US, FakeClock
from tests.examples import examples
from tests.unit.storage_footage.boards import Board, boot, problems
from tests.unit.storage_footage.footage import CAMERA, rows
from tests.unit.storage_footage.test_moving import add_archive, fill, make_mover
from tests.unit.storage_footage.test_redating import add_camera
from tests.unit.storage_footage.test_volume_changes import changes_of

pytestmark = pytest.mark.timeout(60)
SHIFT_S = 3600
DELETED = {GapReason.DELETED_BY_PERSON, GapReason.DELETED_BY_SIZE, GapReason.DISK_REMOVED}
# All 120 take a minute; these have each step before and after each other one (not in `make check`).
ORDERS = list(permutations(("move", "delete", "redate", "rule", "forget")))[:: 120 // examples(10)]


async def record(board: Board) -> None:
    """Four recordings of two segments each, with a substream, and a hole in the middle."""
    offset_us = board.node.clock.utc_us() - board.node.clock.monotonic_us()
    board.ledger.note(CAMERA, None)
    for index, begin_s in enumerate((0, 4, 20, 24)):
        at_us = START_US + begin_s * SECOND_US
        main = board.node.store.begin_run(CAMERA, StreamKind.MAIN, at_us, offset_us)
        sub = board.node.store.begin_run(CAMERA, StreamKind.SUB, at_us, offset_us)
        for half in (0, 1):
            start_us, offset = at_us + half * 2 * SECOND_US, half * 180_000
            end = RunEnd.CAMERA_OFFLINE if half else None
            await board.node.record(
                main, start_us, offset_90k=offset, recording_id=f"rec-{index}", run_end=end
            )
            await board.node.record(
                sub, start_us, offset_90k=offset, recording_id=None, stream=StreamKind.SUB,
                run_end=end,
            )  # fmt: skip
    board.node.clock.advance(40)
    await board.ledger.round()


async def assert_covered_once(board: Board, begin: int) -> None:
    """Footage and gaps tile the time; what was footage was deleted, what never was, was not."""
    found = await board.timeline(begin, begin + 28 * SECOND_US)
    main = [one.span for one in found.spans if one.span.stream is StreamKind.MAIN]
    pieces = [(span.from_us - begin, span.to_us - begin) for span in main]
    pieces += [(gap.from_us - begin, gap.to_us - begin) for gap in found.gaps]
    pieces.sort()
    assert (pieces[0][0], pieces[-1][1]) == (0, 28 * SECOND_US)
    assert all(one[1] == after[0] for one, after in pairwise(pieces)), pieces
    for gap in found.gaps:
        is_hole = (gap.from_us - begin, gap.to_us - begin) == (8 * SECOND_US, 20 * SECOND_US)
        assert is_hole is (gap.reason not in DELETED), gap


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_each_order_leaves_index_ledger_and_files_sound(
    tmp_path: Path, clock: FakeClock, order: tuple[str, ...]
) -> None:
    board = await boot(tmp_path, clock)
    node = board.node
    await add_camera(node, START_US)
    archive = await add_archive(node, tmp_path / "archive")
    await record(board)
    ntp_is_there = False

    async def move() -> None:
        fill(node.volumes.all[0], free_bytes=0)
        await make_mover(node).enforce()

    async def delete() -> None:
        shift_us = SHIFT_S * SECOND_US if ntp_is_there else 0
        from_us = START_US + shift_us + 3 * SECOND_US
        await node.recordings.delete_time(CAMERA, from_us, from_us + 2 * SECOND_US, who="ann")

    async def redate() -> None:
        nonlocal ntp_is_there
        ntp_is_there = True
        await board.set_clock(SHIFT_S)
        await board.redater.round()

    async def rule() -> None:
        held = sum(row.size_bytes for row in await rows(node, segments))
        node.deleter._keep = lambda: Keep(size_bytes=max(1, held - 30_000))
        node.deleter._rules_due_us = 0
        await node.deleter.enforce_rules()

    async def forget() -> None:
        (archive.path / ID_FILE).rename(archive.path / "away")
        await archive.open()
        await changes_of(node, tmp_path).forget(str(archive.path), "ann")
        await node.volumes.reload()

    steps: dict[str, Callable[[], Awaitable[None]]] = {
        "move": move, "delete": delete, "redate": redate, "rule": rule, "forget": forget
    }  # fmt: skip
    for name in order:
        await steps[name]()
        await board.ledger.round()
        await node.deleter.empty_garbage()
        assert await problems(node) == [], name
        shift_us = SHIFT_S * SECOND_US if ntp_is_there else 0
        await assert_covered_once(board, START_US + shift_us)
    await board.stop()
