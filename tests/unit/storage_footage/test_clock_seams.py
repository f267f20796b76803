"""A clock that NTP keeps, and steps all the same: seams, and times that were recorded twice."""

import json
import re
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from falconeye.base.errors import NotFound
from falconeye.base.times import SECOND_US, rfc3339
from falconeye.media.runs import RunEnd
from falconeye.media.samples import VIDEO_TIMESCALE, StreamKind
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.ledger.seams import ClockSeam
from falconeye.storage.reading.playback import Playback
from falconeye.storage.tables.ledger import uptimes
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.boards import Board, boot, problems, segments_of
from tests.unit.storage_footage.exporting import JOB, ignore, open_exports, order, sidecar_of
from tests.unit.storage_footage.footage import CAMERA, Node, rows

pytestmark = pytest.mark.timeout(60)
FIRST_S, LAST_S = 20, 30  # recorded before the clock is set, and after it
BACK_S = -8


@pytest.fixture
async def board(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Board]:
    """Of a node whose clock NTP keeps, and always has."""
    board = await boot(tmp_path, clock, ntp=True)
    await board.redater.round()
    yield board
    await board.stop()


async def step(board: Board, step_s: float) -> None:
    """Record, have the clock set, go on recording; what that proves is done."""
    await board.record(FIRST_S)
    await board.set_clock(step_s)
    await board.record(LAST_S)
    await board.redater.round()
    await board.end()


def at(seconds: float) -> int:
    return START_US + round(seconds * SECOND_US)


async def recorded_s(board: Board) -> float:
    """How much is in the index."""
    kept = await segments_of(board.node)
    return float(sum(row.media_duration_90k for row in kept)) / VIDEO_TIMESCALE


def near(seconds: float) -> object:
    return pytest.approx(at(seconds), abs=SECOND_US // 2)


@pytest.mark.parametrize("step_s", [BACK_S, -0.7, 0.7, 25, 7200])
async def test_a_seam_is_where_the_clock_was_set(board: Board, step_s: float) -> None:
    await step(board, step_s)
    end_us = board.node.clock.utc_us()
    found = await board.timeline(START_US, end_us)
    assert list(found.seams) == [ClockSeam(near(FIRST_S), near(FIRST_S + step_s))]  # type: ignore[arg-type]
    assert found.seams[0].step_us == pytest.approx(step_s * SECOND_US, abs=1)
    assert list(found.corrections) == []
    if step_s > 0:
        assert found.overlaps == ()
        (gap,) = found.gaps
        assert gap.reason is GapReason.CLOCK_CHANGED
        assert (gap.from_us, gap.to_us) == (near(FIRST_S), near(FIRST_S + step_s))
    else:
        (twice,) = found.overlaps
        assert (twice.from_us, twice.to_us) == (near(FIRST_S + step_s), near(FIRST_S))
        assert twice.stream is StreamKind.MAIN
        assert found.gaps == []
    assert await problems(board.node) == []


@pytest.mark.parametrize("step_s", [BACK_S, 25])
async def test_a_seam_is_told_of_times_that_it_touches(board: Board, step_s: float) -> None:
    await step(board, step_s)
    first, last = sorted((FIRST_S, FIRST_S + step_s))
    for window, told in (
        ((0, first - 2), False),
        ((last + 2, last + 4), False),
        ((first - 2, first + 1), True),
        ((last - 1, last + 4), True),
        ((first + 2, last - 2), True),
    ):
        found = await board.timeline(at(window[0]), at(window[1]))
        assert bool(found.seams) is told, window
        assert bool(found.overlaps) is (told and step_s < 0), window


async def test_a_clock_that_is_not_set_has_no_seam(board: Board) -> None:
    await board.record(FIRST_S)
    await board.set_clock(0.3)  # less than makes another run
    await board.record(LAST_S)
    await board.end()
    found = await board.timeline(START_US, board.node.clock.utc_us())
    assert (found.seams, found.overlaps, found.gaps) == ((), (), [])


@pytest.mark.parametrize("step_s", [3600, -3600, 25, -25])
async def test_times_that_were_put_right_have_no_seam(
    tmp_path: Path, clock: FakeClock, step_s: float
) -> None:
    """The footage lies where it belongs: nothing is missing there, and nothing twice."""
    board = await boot(tmp_path, clock)
    await board.record(FIRST_S)
    await board.set_clock(step_s / 5 + 1.3, ntp=False)  # by hand, and wrong too
    await board.record(FIRST_S)
    await board.set_clock(step_s * 4 / 5 - 1.3)
    await board.record(LAST_S)
    await board.end()
    await board.redater.round()
    found = await board.timeline(at(step_s), at(step_s + 2 * FIRST_S + LAST_S))
    assert (found.seams, found.overlaps, found.gaps) == ((), (), [])
    assert len(found.corrections) == 2
    assert [row.step_us for row in await rows(board.node, uptimes)] == [None] * 3
    await board.stop()


async def test_a_seam_beside_times_that_were_put_right_stays(
    tmp_path: Path, clock: FakeClock
) -> None:
    """A boot an hour behind; NTP comes, and steps by itself later."""
    board = await boot(tmp_path, clock)
    await board.record(FIRST_S)
    await board.set_clock(3600)
    await board.redater.round()
    await board.record(FIRST_S)
    await board.set_clock(BACK_S)
    await board.record(LAST_S)
    await board.redater.round()
    await board.end()
    found = await board.timeline(at(3600), at(3600 + 2 * FIRST_S + LAST_S))
    seam_s = 3600 + 2 * FIRST_S
    assert list(found.seams) == [ClockSeam(near(seam_s), near(seam_s + BACK_S))]  # type: ignore[arg-type]
    assert len(found.corrections) == 1
    assert await problems(board.node) == []
    await board.stop()


async def test_all_of_a_time_that_was_recorded_twice_is_played_in_order(board: Board) -> None:
    await step(board, BACK_S)
    node = board.node
    node.clock.advance(60)
    playback = Playback(node.database, node.volumes, node.store, node.clock)
    text = await playback.playlist(CAMERA, StreamKind.MAIN, START_US, node.clock.utc_us())
    lengths = [float(found) for found in re.findall(r"#EXTINF:([\d.]+),", text)]
    assert sum(lengths) == pytest.approx(FIRST_S + LAST_S, abs=0.2)
    names = re.findall(r"^footage/(\S+)$", text, re.MULTILINE)
    kept = [f"main-{row.run_id}-{row.start_us}.m4s" for row in await segments_of(node)]
    assert list(dict.fromkeys(names)) == kept  # `segments_of`: in the order of recording
    ranges = re.findall(r"#EXT-X-BYTERANGE:(\S+)\nfootage/(\S+)", text)
    assert len(set(ranges)) == len(ranges)
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1
    dates = re.findall(r"#EXT-X-PROGRAM-DATE-TIME:(\S+)", text)
    back = [after for before, after in pairwise(dates) if after < before]
    assert len(back) == 1  # goes back once, and from there on


@pytest.mark.parametrize("second", [FIRST_S + BACK_S + 0.5, FIRST_S - 1.5, FIRST_S - 0.6])
async def test_a_moment_that_was_recorded_twice_is_that_of_the_first_time(
    board: Board, second: float
) -> None:
    """Also where the later footage of that time has begun since."""
    await step(board, BACK_S)
    node = board.node
    playback = Playback(node.database, node.volumes, node.store, node.clock)
    found = await playback.keyframe(CAMERA, StreamKind.MAIN, at(second))
    assert found.file.run_id == min(row.run_id for row in await segments_of(node))
    assert 0 <= at(second) - found.at_us <= SECOND_US


async def test_a_short_file_hides_nothing_of_a_long_one(node: Node) -> None:
    """After the clock was set back the camera delivered for 2 s of the 20 s before."""
    first = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    await node.record(first, START_US, FIRST_S, run_end=RunEnd.CLOCK_CHANGED)
    again = node.store.begin_run(CAMERA, StreamKind.MAIN, at(FIRST_S + BACK_S))
    await node.record(again, at(FIRST_S + BACK_S), 2, run_end=RunEnd.CAMERA_OFFLINE)
    last = node.store.begin_run(CAMERA, StreamKind.MAIN, at(FIRST_S - 1))
    await node.record(last, at(FIRST_S - 1), 6)
    playback = Playback(node.database, node.volumes, node.store, node.clock)
    for half_seconds in range(2 * (FIRST_S + 5)):
        moment = at(half_seconds / 2)
        found = await playback.keyframe(CAMERA, StreamKind.MAIN, moment)
        assert 0 <= moment - found.at_us < SECOND_US
        assert found.file.run_id == (first if half_seconds < 2 * FIRST_S else last)
    after = await playback.keyframe(CAMERA, StreamKind.MAIN, at(FIRST_S + 6))
    assert after.at_us == at(FIRST_S + 4)  # the last one stands for a while
    with pytest.raises(NotFound):
        await playback.keyframe(CAMERA, StreamKind.MAIN, at(FIRST_S + 7.1))


async def test_what_grows_after_the_clock_was_set_back_is_shown(board: Board) -> None:
    await board.record(FIRST_S)
    await board.set_clock(BACK_S)
    await board.record(LAST_S)
    node = board.node
    while await recorded_s(board) < FIRST_S + LAST_S - 2 or not node.store.growing_streams(CAMERA):
        await node.volumes.all[0].readers.run(lambda: None)
    playback = Playback(node.database, node.volumes, node.store, node.clock)
    found = await playback.keyframe(CAMERA, StreamKind.MAIN, at(FIRST_S - 3))
    first_run, last_run = sorted({row.run_id for row in await segments_of(node)})
    assert found.file.run_id == first_run
    end_us = node.clock.utc_us()
    assert (await playback.keyframe(CAMERA, StreamKind.MAIN, end_us)).file.run_id == last_run
    await board.end()


@pytest.mark.parametrize("window_s", [(0, 42), (4, 15), (17, 40)])
async def test_an_export_has_both_and_says_so(board: Board, window_s: tuple[int, int]) -> None:
    await step(board, BACK_S)
    exports = open_exports(board.node)
    board.node.clock.advance(60)
    made = await exports.make(JOB, order(*window_s), ignore)
    exports.stop()
    from_s, to_s = window_s
    twice_s = max(from_s, FIRST_S + BACK_S), min(to_s, FIRST_S)
    length_s = to_s - from_s + twice_s[1] - twice_s[0]
    (file,) = made.files
    # Of the later footage whole GOPs, a second each, are taken.
    assert length_s - 0.2 <= file.duration_us / SECOND_US <= length_s + 1.2
    assert (file.from_us, file.to_us) == (near(from_s), near(to_s))
    told = sidecar_of(board.node, made)
    (seam,) = told["clock_set"]
    assert seam["step_seconds"] == pytest.approx(BACK_S, abs=0.001)
    found = (await board.timeline(at(0), at(60))).seams[0]
    assert (seam["at"], seam["to"]) == (rfc3339(found.before_us), rfc3339(found.after_us))
    (twice,) = told["recorded_twice"]
    assert twice["from"][:19] in {rfc3339(at(twice_s[0] + late))[:19] for late in (-1, 0)}
    assert twice["to"][:19] in {rfc3339(at(twice_s[1] + late))[:19] for late in (-1, 0)}
    assert told["gaps"] == []
    text = (board.node.media_dir / "exports" / JOB / made.sheet_name).read_text()
    assert "it was set back by 8.000 s" in text
    assert f"{twice['from']} to {twice['to']}" in text
    json.dumps(told)


async def test_an_export_beside_a_seam_says_nothing_of_it(board: Board) -> None:
    await step(board, BACK_S)
    exports = open_exports(board.node)
    made = await exports.make(JOB, order(1, 5), ignore)
    exports.stop()
    told = sidecar_of(board.node, made)
    assert (told["clock_set"], told["recorded_twice"]) == ([], [])
    text = (board.node.media_dir / "exports" / JOB / made.sheet_name).read_text()
    assert "set back" not in text
