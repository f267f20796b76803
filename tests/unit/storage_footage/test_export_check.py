"""`falconeye check` knows exports."""

from falconeye.storage.checks.check import check
from falconeye.storage.stores.job_store import Job, JobState, JobStore
from tests.clock import START_US
from tests.unit.storage_footage.exporting import JOB, footage, ignore, open_exports, order
from tests.unit.storage_footage.footage import CAMERA, Node


async def test_an_export_is_ours_while_its_job_is_there(node: Node) -> None:
    """One that no job knows: `test_export_found`."""
    await footage(node)
    exports, store = open_exports(node), JobStore(node.database)
    job = Job(JOB, "export", JobState.COMPLETE, CAMERA, "user", "u", "ann", START_US, {})
    await store.add(job)
    _ = await exports.make(JOB, order(0, 7), ignore)
    exports.stop()
    assert (await check(node.database, node.volumes)).problems == []
    await node.stop()
