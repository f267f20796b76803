"""`falconeye check` leaves exports alone."""

from falconeye.storage.check import check
from tests.unit.storage_footage.exporting import JOB, footage, ignore, open_exports, order
from tests.unit.storage_footage.footage import Node


async def test_check_takes_exports_for_ours(node: Node) -> None:
    await footage(node)
    exports = open_exports(node)
    _ = await exports.make(JOB, order(0, 7), ignore)
    exports.stop()
    report = await check(node.database, node.volumes)
    assert report.problems == []
