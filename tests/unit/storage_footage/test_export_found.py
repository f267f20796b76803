"""An export that was finished before a kill, or that a restored database does not know, is kept."""

import asyncio
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from falconeye.accounts.audit import AuditLog
from falconeye.jobs.exporting import ExportWorker, export_of
from falconeye.jobs.runner import JobKind, Jobs
from falconeye.storage.checks.check import Fault, check
from falconeye.storage.checks.rebuild import IndexBuild, rebuild
from falconeye.storage.export.byte_source import ByteSource
from falconeye.storage.export.export import Exports
from falconeye.storage.export.export_elsewhere import Told
from falconeye.storage.export.export_layout import ExportOrder
from falconeye.storage.export.export_part import SourceSegment
from falconeye.storage.export.export_result import Export
from falconeye.storage.segments.retention import Named
from falconeye.storage.stores.audit_store import AuditStore
from falconeye.storage.stores.job_store import Job, JobState, JobStore
from falconeye.storage.volumes.volume_facts import Role
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.exporting import (
    JOB,
    footage,
    ignore,
    open_exports,
    order,
    path_of,
)
from tests.unit.storage_footage.footage import CAMERA, GOP_US, Node, open_node
from tests.unit.storage_footage.test_index_build import forget_index
from tests.unit.storage_footage.test_moving import add_archive

ASKED = {"camera_name": "Front door", "from_us": START_US, "to_us": START_US + 7 * GOP_US}
QUEUED = Job(JOB, "export", JobState.PENDING, CAMERA, "user", "u", "anna", START_US, ASKED)


class Worker(ExportWorker):
    """Tells when a job is over."""

    def __init__(self, node: Node, exports: Exports) -> None:
        audit = AuditLog(AuditStore(node.database), node.clock)
        super().__init__(exports, audit, JobStore(node.database))
        self.over: asyncio.Queue[Job] = asyncio.Queue()

    @override
    async def ended(self, job: Job) -> None:
        await super().ended(job)
        self.over.put_nowait(job)


async def taken_up(node: Node) -> Job:
    """The job, as a start takes it up."""
    exports = open_exports(node)
    worker = Worker(node, exports)
    jobs = Jobs(JobStore(node.database), {JobKind.EXPORT: worker}, node.clock)
    await jobs.open()
    async with asyncio.timeout(10):
        job = await worker.over.get()
    await jobs.stop()
    exports.stop()
    return job


async def made_alone(node: Node) -> Export:
    """An export whose job is not in the database."""
    exports = open_exports(node)
    made = await exports.make(JOB, order(0, 7), ignore)
    exports.stop()
    return made


def files_of(node: Node) -> list[Path]:
    found = (volume.path.glob(f"exports/{JOB}/*") for volume in node.volumes.all)
    return sorted(path for paths in found for path in paths)


@pytest.mark.fault
async def test_a_kill_after_the_last_file_and_before_the_row_costs_nothing(
    tmp_path: Path, clock: FakeClock
) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", _CHILD, str(tmp_path))
    assert await child.wait() == -signal.SIGKILL
    node = await open_node(tmp_path, clock)
    before = {path: path.stat().st_ino for path in files_of(node)}
    assert len(before) == 3
    # All that was exported may be gone by now, as after a restore.
    await node.deleter.delete_named(Named([1], 0, 1 << 62, "ann"))
    job = await taken_up(node)
    made = export_of(job)
    assert (job.state, job.attempts) == (JobState.COMPLETE, 2)
    assert made is not None
    assert {path: path.stat().st_ino for path in files_of(node)} == before
    assert path_of(node, made).stat().st_size == made.size_bytes
    assert (await check(node.database, node.volumes)).problems == []
    await node.stop()


async def test_what_is_taken_over_is_what_was_made(node: Node) -> None:
    await footage(node, hole_s=5)
    made = await made_alone(node)
    await JobStore(node.database).add(QUEUED)
    found = export_of(await taken_up(node))
    assert found is not None
    assert _rounded(found) == _rounded(made)
    assert found.gaps == made.gaps == 1
    await node.stop()


class Silent:
    """Another node that does not answer."""

    own_id = "1"

    async def expected_bytes(
        self, _order: ExportOrder, _acting: str | None
    ) -> tuple[int, list[str]]:
        return 0, ["pi-2"]

    async def sources(self, _order: ExportOrder) -> Told:
        return Told((), ["pi-2"])

    def open(self, source: SourceSegment) -> ByteSource:
        raise AssertionError(source)  # nothing of it is known


async def test_whose_part_may_be_missing_is_known_after_a_restart(node: Node) -> None:
    await footage(node, hole_s=5)
    exports = open_exports(node)
    exports.elsewhere = Silent()
    made = await exports.make(JOB, order(0, 7), ignore)
    exports.stop()
    await JobStore(node.database).add(QUEUED)
    found = export_of(await taken_up(node))
    assert found is not None
    assert list(found.silent) == list(made.silent) == ["pi-2"]
    path = path_of(node, made).with_name(made.sidecar_name)
    told = json.loads(path.read_text())
    assert [(one["id"], one["name"]) for one in told["nodes"]] == [("1", "pi-1")]
    await node.stop()


def _rounded(made: Export) -> Export:
    """The sidecar's times are exact to a millisecond."""

    def fields(one: Any) -> dict[str, Any]:
        return {
            name: round(value / 1000)
            for name in ("from_us", "to_us", "duration_us", "made_us")
            if (value := getattr(one, name, None)) is not None
        }

    files = tuple(replace(file, **fields(file)) for file in made.files)
    return replace(made, files=files, **fields(made))


@pytest.mark.parametrize("damage", ["the film", "no sheet", "the sidecar"])
async def test_what_is_not_whole_is_made_again(node: Node, damage: str) -> None:
    await footage(node)
    made = await made_alone(node)
    film = path_of(node, made)
    before = film.read_bytes()
    match damage:
        case "the film":
            film.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        case "no sheet":
            film.with_suffix(".txt").unlink()
        case _:
            film.with_suffix(".json").write_text('{"cameras": [1], "file": "../x"}')
    await JobStore(node.database).add(QUEUED)
    job = await taken_up(node)
    assert job.state is JobState.COMPLETE
    assert len(files_of(node)) == 3
    assert film.read_bytes() == before
    await node.stop()


async def test_what_was_begun_on_another_disk_is_not_left_there(node: Node, tmp_path: Path) -> None:
    second = await add_archive(node, tmp_path / "second", Role.RECORD)
    await footage(node)
    begun = second.path / "exports" / JOB
    begun.mkdir(parents=True)
    (begun / "Front-door.mp4.part").write_bytes(b"x" * 1000)
    await JobStore(node.database).add(QUEUED)
    job = await taken_up(node)
    assert job.state is JobState.COMPLETE
    assert not begun.exists()
    assert len(files_of(node)) == 3
    await node.stop()


async def test_check_lists_an_export_again_that_a_restored_database_does_not_know(
    node: Node,
) -> None:
    await footage(node)
    made = await made_alone(node)
    [problem] = (await check(node.database, node.volumes)).problems
    assert (problem.fault, problem.path, problem.repaired) == (
        Fault.EXPORT, f"exports/{JOB}", False,
    )  # fmt: skip
    assert (await check(node.database, node.volumes, repair=True)).ok
    await node.deleter.empty_garbage()
    job = await JobStore(node.database).get(JOB)
    assert job is not None
    assert (job.state, job.camera_id, job.owner_name) == (JobState.COMPLETE, CAMERA, "anna")
    assert job.request == ASKED | {"cameras": [{"id": CAMERA, "name": "Front door"}]}
    found = export_of(job)
    assert found is not None
    assert found.sha256 == made.sha256
    assert path_of(node, made).stat().st_size == made.size_bytes
    assert (await check(node.database, node.volumes)).problems == []
    await node.stop()


@pytest.mark.parametrize("is_beside", [False, True])
async def test_a_restored_recorder_lists_its_exports_by_itself(
    node: Node, *, is_beside: bool
) -> None:
    await footage(node)
    made = await made_alone(node)
    await forget_index(node, with_runs=False)
    if is_beside:
        build = IndexBuild(node.database, node.volumes, node_name="pi-1", numbers=node.store)
        assert await build.run()
    else:
        await rebuild(node.database, node.volumes, node_name="pi-1")
    job = await JobStore(node.database).get(JOB)
    assert job is not None
    found = export_of(job)
    assert found is not None
    assert found.sha256 == made.sha256
    assert (await check(node.database, node.volumes)).problems == []
    await node.stop()


async def test_check_keeps_an_export_whose_papers_are_lost(node: Node) -> None:
    await footage(node)
    made = await made_alone(node)
    path_of(node, made).with_suffix(".json").unlink()
    report = await check(node.database, node.volumes, repair=True)
    [problem] = report.problems
    assert not problem.repaired
    assert "is kept" in problem.detail
    await node.deleter.empty_garbage()
    assert path_of(node, made).stat().st_size == made.size_bytes
    await node.stop()


async def test_check_deletes_what_was_never_finished(node: Node) -> None:
    begun = node.media_dir / "exports" / JOB
    begun.mkdir(parents=True)
    (begun / "Front-door.mp4.part").write_bytes(b"x" * 1000)
    report = await check(node.database, node.volumes, repair=True)
    assert [problem.repaired for problem in report.problems] == [True]
    await node.deleter.empty_garbage()
    assert not begun.exists()
    await node.stop()


# Killed by itself when the job's row is to say that it is complete.
_CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
from falconeye.storage.stores.job_store import JobStore
from tests.clock import FakeClock
from tests.unit.storage_footage.exporting import footage
from tests.unit.storage_footage.footage import open_node
from tests.unit.storage_footage.test_export_found import QUEUED, taken_up

change = JobStore.change

async def dying(store, job_id, values):
    if values.get("state") == "complete":
        os.kill(os.getpid(), signal.SIGKILL)
    await change(store, job_id, values)

async def main():
    node = await open_node(Path(sys.argv[1]), FakeClock())
    await footage(node)
    await JobStore(node.database).add(QUEUED)
    JobStore.change = dying
    await taken_up(node)

asyncio.run(main())
"""
