"""`falconeye check` counts every camera's time."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from cryptography.fernet import Fernet

from falconeye.base.times import DAY_US, SECOND_US, rfc3339
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.checks import check_coverage
from falconeye.storage.checks.check import Fault, check
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.ledger.ledger import Ledger
from falconeye.storage.reading.timeline import Timeline, read_timeline
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.storage.stores.credentials import CredentialCipher
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.footage import CAMERA, Node


@pytest.fixture
async def camera(node: Node) -> CameraConfig:
    cipher = CredentialCipher([Fernet.generate_key()], "the test")
    config = CameraConfig(CAMERA, "Front door", Protocol.DEMO, "demo:", START_US, START_US)
    await CameraStore(node.database, cipher).insert(config)
    return config


async def recorded(node: Node, clock: FakeClock) -> Ledger:
    """4 s of footage, 6 s offline, 5 s of footage."""
    ledger = Ledger(node.database, clock)
    ledger.note(CAMERA, None)
    await ledger.round()
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    await node.record(run, START_US, 4, run_end=RunEnd.CAMERA_OFFLINE)
    clock.advance(4)
    ledger.note(CAMERA, GapReason.CAMERA_OFFLINE, "no answer")
    await ledger.round()
    clock.advance(6)
    ledger.note(CAMERA, None)
    await ledger.round()
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US + 10 * SECOND_US)
    await node.record(run, START_US + 10 * SECOND_US, 5)
    clock.advance(5)
    return ledger


@pytest.mark.usefixtures("camera")
async def test_the_sums_are_told(node: Node, clock: FakeClock) -> None:
    ledger = await recorded(node, clock)
    await ledger.stop()
    report = await check(node.database, node.volumes)
    assert report.ok
    coverage = report.coverage
    assert coverage.cameras == 1
    assert coverage.footage_s == pytest.approx(9, abs=0.01)
    assert coverage.gaps_s == pytest.approx(6, abs=0.01)
    assert coverage.unexplained_s == 0


def _lose_first(node: Node) -> None:
    min(node.media_dir.rglob("*.mp4")).unlink()


@pytest.mark.usefixtures("camera")
async def test_a_lost_file_is_a_gap_that_says_so(node: Node, clock: FakeClock) -> None:
    ledger = await recorded(node, clock)
    await ledger.stop()
    await node.volumes.all[0].readers.run(partial(_lose_first, node))
    report = await check(node.database, node.volumes, repair=True)
    assert [problem.fault for problem in report.problems] == [Fault.FILE_MISSING]
    assert report.coverage.gaps_s == pytest.approx(10, abs=0.01)
    assert report.coverage.unexplained_s == 0


@pytest.mark.usefixtures("camera")
async def test_what_does_not_add_up_is_a_problem(
    node: Node, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = await recorded(node, clock)
    await ledger.stop()

    async def without_gaps(*given: Any) -> Timeline:
        return replace(await read_timeline(*given), gaps=())

    monkeypatch.setattr(check_coverage, "read_timeline", without_gaps)
    (problem,) = (await check(node.database, node.volumes)).problems
    assert (problem.fault, problem.path) == (Fault.COVERAGE, CAMERA)
    assert problem.detail == "neither footage nor a gap for 6.0 s"


async def test_a_camera_older_than_the_ledger_is_counted(node: Node, clock: FakeClock) -> None:
    """Of a database that an earlier release made."""
    cipher = CredentialCipher([Fernet.generate_key()], "the test")
    added_us = START_US - 20 * DAY_US
    config = CameraConfig(CAMERA, "Front door", Protocol.DEMO, "demo:", added_us, added_us)
    await CameraStore(node.database, cipher).insert(config)
    await (await recorded(node, clock)).stop()
    report = await check(node.database, node.volumes)
    assert report.ok
    assert report.coverage.unexplained_s == pytest.approx(20 * 86400, abs=1)


@pytest.mark.usefixtures("camera")
@pytest.mark.parametrize("step_s", [-3, 30])
async def test_a_clock_that_was_set_adds_up(node: Node, clock: FakeClock, step_s: int) -> None:
    """Two runs claim the time that came again; that is no fault."""
    ledger = Ledger(node.database, clock)
    ledger.note(CAMERA, None)
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    await node.record(run, START_US, 5, run_end=RunEnd.CLOCK_CHANGED)
    clock.advance(5)
    clock.step_utc(step_s)
    await ledger.round()
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, clock.utc_us())
    await node.record(run, clock.utc_us(), 5)
    clock.advance(5)
    await ledger.stop()
    report = await check(node.database, node.volumes)
    assert report.problems == []
    coverage = report.coverage
    assert coverage.footage_s == pytest.approx(10 + min(0, step_s), abs=0.01)
    assert coverage.gaps_s == pytest.approx(max(0, step_s), abs=0.01)
    assert coverage.unexplained_s == 0


async def unexplained(node: Node, clock: FakeClock, *, hole_s: int) -> None:
    """4 s of footage, then nothing for so long, and nobody noticed why; the node ran."""
    ledger = Ledger(node.database, clock)
    ledger.note(CAMERA, None)
    await ledger.round()
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    await node.record(run, START_US, 4)
    clock.advance(4 + hole_s)
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, clock.utc_us())
    await node.record(run, clock.utc_us(), 2)
    clock.advance(2)
    await ledger.stop()


@pytest.mark.usefixtures("camera")
async def test_time_that_nothing_explains_is_a_problem(node: Node, clock: FakeClock) -> None:
    await unexplained(node, clock, hole_s=30)
    report = await check(node.database, node.volumes)
    (problem,) = report.problems
    assert (problem.fault, problem.path, problem.repaired) == (Fault.UNEXPLAINED, CAMERA, False)
    begin, end = (rfc3339(START_US + seconds * SECOND_US) for seconds in (4, 34))
    assert (
        problem.detail == f"{begin} to {end}: the node ran, and nobody knows why there is nothing"
    )
    assert report.coverage.unexplained_s == pytest.approx(30, abs=0.01)
    assert not report.ok


@pytest.mark.usefixtures("camera")
async def test_repair_notes_it_once_and_the_time_line_says_so(node: Node, clock: FakeClock) -> None:
    await unexplained(node, clock, hole_s=30)
    repaired = await check(node.database, node.volumes, repair=True)
    (problem,) = repaired.problems
    assert (problem.fault, problem.repaired) == (Fault.UNEXPLAINED, True)
    again = await check(node.database, node.volumes)
    assert again.problems == []
    assert again.coverage.unexplained_s == pytest.approx(30, abs=0.01)
    window = (CAMERA, START_US, clock.utc_us(), None)
    found = await node.database.read(partial(read_timeline, *window))
    (gap,) = found.gaps
    assert (gap.reason, gap.detail) == (GapReason.UNKNOWN, "noted by falconeye check")


@pytest.mark.usefixtures("camera")
async def test_what_a_start_or_a_keyframe_takes_is_no_problem(node: Node, clock: FakeClock) -> None:
    await unexplained(node, clock, hole_s=9)
    report = await check(node.database, node.volumes)
    assert report.problems == []
    assert report.coverage.unexplained_s == pytest.approx(9, abs=0.01)


@pytest.mark.usefixtures("camera")
async def test_a_long_time_is_one_problem(node: Node, clock: FakeClock) -> None:
    """It is looked at a week at a time."""
    await unexplained(node, clock, hole_s=16 * 86_400)
    report = await check(node.database, node.volumes)
    assert [problem.fault for problem in report.problems] == [Fault.UNEXPLAINED]


@pytest.mark.usefixtures("camera")
async def test_of_a_camera_without_footage_it_is_noted_too(node: Node, clock: FakeClock) -> None:
    ledger = Ledger(node.database, clock)
    clock.advance(60)
    await ledger.stop()
    report = await check(node.database, node.volumes, repair=True)
    (problem,) = report.problems
    assert (problem.fault, problem.repaired) == (Fault.UNEXPLAINED, True)
    assert (await check(node.database, node.volumes)).problems == []
