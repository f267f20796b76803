"""Index and files: what does not agree is found, repaired, or rebuilt from the files alone."""

import asyncio
import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typing_extensions import override

from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.checks import rebuild as rebuild_module
from falconeye.storage.checks.check import CheckReport, Fault, check
from falconeye.storage.checks.rebuild import IndexBuild, rebuild
from falconeye.storage.segments import fragment_table
from falconeye.storage.tables.footage import fragments, inits, recordings, runs, segments, usage
from falconeye.storage.volumes.disk_calls import DiskCalls
from falconeye.storage.volumes.volume import Volume
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.footage import (
    CAMERA,
    GOP_90K,
    GOP_US,
    Node,
    open_node,
    read,
    rows,
)


async def fill(node: Node) -> None:
    """Main and sub footage of one camera, two recordings, a hole."""
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    at = await node.record(run, gops=2, end_us=START_US + 2 * GOP_US + 3000)  # clocks drift
    await node.record(run, at, gops=2, offset_90k=2 * GOP_90K, run_end=RunEnd.CAMERA_OFFLINE)
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US + 900 * GOP_US)
    await node.record(
        run, START_US + 900 * GOP_US, recording_id="rec-2", run_end=RunEnd.STOPPED_BY_USER
    )
    run = node.store.begin_run(CAMERA, StreamKind.SUB, START_US)
    await node.record(run, stream=StreamKind.SUB, recording_id=None)


async def checked(node: Node, *, repair: bool = False) -> CheckReport:
    return await check(node.database, node.volumes, repair=repair, node_name="pi-1")


async def sql(node: Node, statement: str) -> None:
    await node.database.write(lambda connection: connection.exec_driver_sql(statement))


def files(node: Node) -> list[Path]:
    return sorted(node.media_dir.rglob("*.mp4"))


async def test_nothing_to_complain_about(node: Node) -> None:
    await fill(node)
    report = await checked(node)
    assert report.problems == []
    assert (report.segments, report.files) == (4, 4)
    assert json.loads(json.dumps(report.as_json()))["ok"] is True


def cut(node: Node) -> None:
    with files(node)[0].open("r+b") as file:
        file.truncate(files(node)[0].stat().st_size - 100)


def grow(node: Node) -> None:
    with files(node)[0].open("ab") as file:
        file.write(b"x" * 100)


def remove(node: Node) -> None:
    files(node)[0].unlink()


@pytest.mark.parametrize(
    ("damage", "fault", "left"),
    [(cut, Fault.FILE_SIZE, 4), (grow, Fault.FILE_SIZE, 4), (remove, Fault.FILE_MISSING, 3)],
)
async def test_damaged_files(
    node: Node, damage: Callable[[Node], None], fault: Fault, left: int
) -> None:
    await fill(node)
    await asyncio.to_thread(damage, node)
    (problem,) = (await checked(node)).problems
    assert (problem.fault, problem.repaired) == (fault, False)
    report = await checked(node, repair=True)
    assert [found.repaired for found in report.problems] == [True]
    assert (await checked(node)).problems == []
    assert len(await rows(node, segments)) == left
    plan = await node.recordings.download("rec-1")
    assert len(await read(plan)) == plan.length


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM segments WHERE stream_id = 2", Fault.NOT_INDEXED),
        ("DELETE FROM fragments WHERE stream_id = 1", Fault.NO_FRAGMENTS),
        ("UPDATE fragments SET places = x'0101'", Fault.NO_FRAGMENTS),
        ("UPDATE usage SET size_bytes = size_bytes + 1", Fault.TOTALS),
    ],
)
async def test_damaged_index(node: Node, statement: str, fault: Fault) -> None:
    await fill(node)
    if fault is Fault.NOT_INDEXED:
        await sql(node, "DELETE FROM fragments WHERE stream_id = 2")
    await sql(node, statement)
    report = await checked(node)
    assert fault in {problem.fault for problem in report.problems}
    assert not report.ok
    assert (await checked(node, repair=True)).ok
    assert (await checked(node)).problems == []
    assert len(await rows(node, segments)) == 4


async def test_an_overlap_within_a_run_is_reported(node: Node) -> None:
    await fill(node)
    await sql(node, "UPDATE segments SET media_offset_90k = 10 WHERE media_offset_90k > 0")
    assert [problem.fault for problem in (await checked(node)).problems] == [Fault.OVERLAP]


async def test_a_segment_that_does_not_start_at_a_keyframe_is_reported(node: Node) -> None:
    await fill(node)
    row = (await rows(node, fragments))[0]
    table = fragment_table.decode(row.places)
    places = (replace(table.fragments[0], access=None), *table.fragments[1:])
    blob = fragment_table.encode(replace(table, fragments=places))
    mine = (fragments.c.stream_id == row.stream_id) & (fragments.c.start_us == row.start_us)
    change = update(fragments).where(mine).values(places=blob)
    await node.database.write(lambda connection: connection.execute(change))
    (problem,) = (await checked(node)).problems
    assert (problem.fault, problem.repaired) == (Fault.NO_KEYFRAME, False)
    plan = await node.recordings.download("rec-1")  # it plays all the same
    assert len(await read(plan)) == plan.length


@pytest.mark.parametrize("damage", [cut, grow])
async def test_a_repair_keeps_what_a_person_set(node: Node, damage: Callable[[Node], None]) -> None:
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    await node.record(run, run_end=RunEnd.STOPPED_BY_USER)  # the recording's only segment
    changes = {"protected": True, "camera_name": "Gate", "status": "failed"}
    await node.recordings.update("rec-1", changes)
    await node.recordings.mark_camera_deleted(CAMERA)
    await node.recordings.hide("rec-1")
    await asyncio.to_thread(damage, node)
    assert (await checked(node, repair=True)).ok
    (found,) = await rows(node, recordings)
    assert (found.segments, found.hidden, found.protected) == (1, True, True)
    assert (found.camera_name, found.status, found.camera_deleted) == ("Gate", "failed", True)
    assert (await checked(node)).problems == []


async def test_a_file_that_cannot_be_read_keeps_its_row(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(node)
    await asyncio.to_thread(grow, node)

    def refuse(*_: object) -> int:
        raise OSError(errno.EIO, "the disk is ill")

    with monkeypatch.context() as patch:
        patch.setattr(Volume, "open_file", refuse)
        report = await checked(node, repair=True)
    assert [(problem.fault, problem.repaired) for problem in report.problems] == [
        (Fault.FILE_SIZE, False)
    ]
    assert not report.ok
    assert len(await rows(node, segments)) == 4


async def test_a_file_of_which_the_disk_tells_nothing_keeps_no_other(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(node)
    await asyncio.to_thread(grow, node)
    for table in ("segments", "fragments", "usage"):
        await sql(node, f"DELETE FROM {table} WHERE stream_id = 2")  # noqa: S608

    def refuse(*_: object) -> int:
        raise OSError(errno.EIO, "the disk is ill")

    with monkeypatch.context() as patch:
        patch.setattr(Volume, "size_of", refuse)
        report = await checked(node, repair=True)
    assert [(problem.fault, problem.detail, problem.repaired) for problem in report.problems] == [
        (Fault.UNREADABLE, "the disk is ill", False)
    ] * 2
    assert report.segments == len(await rows(node, segments)) == 3


async def test_files_that_are_not_ours_are_left_alone(node: Node) -> None:
    other = node.media_dir / "holiday.mp4"
    await asyncio.to_thread(other.write_bytes, b"mine")
    (problem,) = (await checked(node, repair=True)).problems
    assert problem.fault is Fault.FOREIGN
    assert other.exists()


@pytest.mark.parametrize("batch", [1, 100])
async def test_the_index_is_rebuilt_from_files_alone(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr("falconeye.storage.checks.rebuild._BATCH", batch)
    node = await open_node(tmp_path, clock)
    await fill(node)
    wanted = [
        [tuple(row) for row in await rows(node, table)] for table in (segments, fragments, inits)
    ]
    totals = [tuple(row) for row in await rows(node, usage)]
    listed, _ = await node.recordings.list()
    etag = (await node.recordings.download("rec-1")).etag
    await node.stop()
    node = await open_node(tmp_path, clock, data="another")
    assert await rows(node, segments) == []
    report = await rebuild(node.database, node.volumes, node_name="pi-1")
    assert (report.indexed, report.unreadable, report.foreign) == (4, 0, 0)
    got = [
        [tuple(row) for row in await rows(node, table)] for table in (segments, fragments, inits)
    ]
    assert got == wanted
    assert [tuple(row) for row in await rows(node, usage)] == totals
    again, _ = await node.recordings.list()
    assert list(again) == list(listed)
    assert (await node.recordings.download("rec-1")).etag == etag
    assert (await checked(node)).problems == []
    await node.stop()


class RefusingDisk(DiskCalls):
    """Unlinks nothing."""

    @override
    def unlink(self, path: str, directory_fd: int) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))


async def test_a_rebuild_brings_back_nothing_that_was_deleted(
    tmp_path: Path, clock: FakeClock
) -> None:
    node = await open_node(tmp_path, clock, calls=RefusingDisk())
    await fill(node)
    await node.recordings.delete("rec-1", who="ann")  # and the substream of that time
    assert len(await asyncio.to_thread(files, node)) == 4
    report = await rebuild(node.database, node.volumes, node_name="pi-1")
    assert (report.indexed, report.foreign) == (1, 0)
    assert [recording.id for recording in (await node.recordings.list())[0]] == ["rec-2"]
    assert (await checked(node)).problems == []
    await node.stop()


async def test_a_rebuild_keeps_what_only_the_database_knows(node: Node) -> None:
    await fill(node)
    await node.recordings.update("rec-1", {"protected": True})
    await node.recordings.hide("rec-2")
    await rebuild(node.database, node.volumes, node_name="pi-1")
    found = {row.id: row for row in await rows(node, recordings)}
    assert found["rec-1"].protected
    assert found["rec-2"].hidden
    assert (await checked(node)).problems == []


async def test_a_rebuild_that_ends_half_way_is_made_good_by_the_next_start(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill between its transactions leaves an index that says so of itself."""
    monkeypatch.setattr("falconeye.storage.checks.rebuild._BATCH", 1)
    await fill(node)
    await node.recordings.update("rec-2", {"protected": True})
    real, left = IndexBuild._read_best, [2]

    class Crash(BaseException):
        pass

    async def read_best(*words: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Crash
        return await real(*words)

    with monkeypatch.context() as patch:
        patch.setattr(IndexBuild, "_read_best", read_best)
        with pytest.raises(Crash):
            await rebuild(node.database, node.volumes, node_name="pi-1")
    assert len(await rows(node, segments)) == 2
    assert await rebuild_module.is_needed(node.database)
    await rebuild(node.database, node.volumes, node_name="pi-1")
    assert not await rebuild_module.is_needed(node.database)
    assert (await checked(node)).problems == []
    assert {row.id: row.protected for row in await rows(node, recordings)}["rec-2"]


async def test_a_repair_amid_a_run_leaves_its_end(node: Node) -> None:
    """A timeline asks the run how far its footage reached."""
    await fill(node)
    before = await rows(node, runs)
    await asyncio.to_thread(cut, node)
    assert (await checked(node, repair=True)).ok
    assert await rows(node, runs) == before


@pytest.mark.parametrize(("name", "is_ours"), [("sub", True), ("lost+found", False)])
async def test_a_directory_that_cannot_be_opened_is_not_taken_for_empty(
    node: Node, monkeypatch: pytest.MonkeyPatch, name: str, is_ours: bool
) -> None:
    """Its footage would be lost to the index; what is closed to us of others is nothing to us."""
    await fill(node)
    await asyncio.to_thread((node.media_dir / "lost+found").mkdir)
    open_it = os.open

    def refuse(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == name:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return open_it(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    report = await checked(node, repair=True)
    found = [(problem.fault, problem.path) for problem in report.problems]
    assert found == ([(Fault.UNREADABLE, str(node.media_dir))] if is_ours else [])
    assert len(await rows(node, segments)) == 4
