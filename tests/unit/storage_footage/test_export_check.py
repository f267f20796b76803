"""`falconeye check` knows exports, and those that nobody knows any more."""

from falconeye.storage.checks.check import Fault, check
from falconeye.storage.stores.job_store import Job, JobState, JobStore
from tests.clock import START_US
from tests.unit.storage_footage.exporting import JOB, footage, ignore, open_exports, order
from tests.unit.storage_footage.footage import CAMERA, Node


async def test_an_export_is_ours_while_its_job_is_there(node: Node) -> None:
    await footage(node)
    exports, store = open_exports(node), JobStore(node.database)
    job = Job(JOB, "export", JobState.COMPLETE, CAMERA, "user", "u", "ann", START_US, {})
    await store.add(job)
    _ = await exports.make(JOB, order(0, 7), ignore)
    exports.stop()
    assert (await check(node.database, node.volumes)).problems == []
    await store.remove([JOB])
    found = (await check(node.database, node.volumes)).problems
    assert {problem.fault for problem in found} == {Fault.EXPORT}
    assert len(found) == 3  # the film, and what is in it for programs and for people
    assert (await check(node.database, node.volumes, repair=True)).ok
    await node.deleter.empty_garbage()
    assert not [path for path in (node.media_dir / "exports").rglob("*") if path.is_file()]
