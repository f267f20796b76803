"""What a person deletes while a disk with some of it is away is gone when the disk is back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import Table, delete
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.checks.check import check
from falconeye.storage.checks.rebuild import IndexBuild, prepare
from falconeye.storage.ledger.coverage import Gap
from falconeye.storage.reading.timeline import Timelines
from falconeye.storage.segments.mover import Mover
from falconeye.storage.tables.footage import garbage, segments
from falconeye.storage.tables.ledger import deletions
from falconeye.storage.volumes.volume import Volume
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.footage import (
    CAMERA,
    GOP_US,
    AlwaysUp,
    Node,
    open_node,
    rows,
)
from tests.unit.storage_footage.test_index_build import forget_index
from tests.unit.storage_footage.test_moving import add_archive, fill, places

END_US = START_US + 8 * GOP_US
DELETED = [(START_US, END_US, "deleted_by_person", "ann")]


async def half_on_archive(node: Node, path: Path) -> Volume:
    """Eight seconds of one recording: the first four on an archive."""
    await node.record(1, START_US, gops=4)
    archive = await add_archive(node, path)
    media = node.volumes.all[0]
    fill(media, free_bytes=0)
    await Mover(node.database, node.volumes, node.deleter, node.clock).enforce()
    await node.deleter.empty_garbage()
    await node.record(1, START_US + 4 * GOP_US, gops=4, offset_90k=4 * 90_000, ends=True)
    node.clock.advance(3600)
    assert await places(node) == {media.number: 1, archive.number: 1}
    return archive


@asynccontextmanager
async def away(volume: Volume) -> AsyncIterator[None]:
    """Within it the disk is unplugged."""
    unplugged = volume.path.with_name("unplugged")
    await asyncio.to_thread(volume.path.rename, unplugged)
    await volume.look()
    assert volume.missing is not None
    yield
    await asyncio.to_thread(unplugged.rename, volume.path)


async def gaps(node: Node) -> list[tuple[int, int, str, str]]:
    ledger = AlwaysUp(node.database, node.clock)
    found: list[Gap] = list(
        (
            await Timelines(node.database, node.store, ledger, node.clock).read(
                CAMERA, START_US, END_US
            )
        ).gaps
    )
    return [(gap.from_us, gap.to_us, gap.reason.value, gap.detail) for gap in found]


def files(*volumes: Volume) -> int:
    return sum(1 for volume in volumes for _ in volume.path.rglob("*.mp4"))


async def test_it_goes_when_the_disk_is_back(tmp_path: Path, clock: FakeClock) -> None:
    node = await open_node(tmp_path, clock)
    archive = await half_on_archive(node, tmp_path / "archive")
    async with away(archive):
        assert await node.recordings.delete_time(CAMERA, START_US, END_US, who="ann") == (2, 0)
        assert await rows(node, segments) == []
        assert await gaps(node) == DELETED  # at once, of both disks
        await node.deleter.empty_garbage()
        assert [row.volume_id for row in await rows(node, garbage)] == [archive.number]
        await node.stop()
        node = await open_node(tmp_path, clock)  # it starts without that disk, too
        media, archive = node.volumes.all
        await node.deleter.empty_garbage()
        assert files(media) == 0
    assert files(archive) == 1
    await archive.open()
    await node.deleter.empty_garbage()
    assert files(media, archive) == 0
    assert await gaps(node) == DELETED
    assert (await check(node.database, node.volumes)).problems == []
    await node.stop()


async def test_a_backup_that_knows_of_it_keeps_it_deleted(tmp_path: Path, clock: FakeClock) -> None:
    """The index is made anew while the disk with the file is there again."""
    node = await open_node(tmp_path, clock)
    archive = await half_on_archive(node, tmp_path / "archive")
    async with away(archive):
        await node.recordings.delete_time(CAMERA, START_US, END_US, who="ann")
        await forget_index(node, with_runs=False)
        await node.stop()
    node = await built_anew(tmp_path, clock)
    await node.deleter.empty_garbage()
    assert await rows(node, segments) == []
    assert files(*node.volumes.all) == 0
    assert await gaps(node) == DELETED
    await node.stop()


async def test_a_backup_from_before_it_brings_back_what_the_disk_still_has(
    tmp_path: Path, clock: FakeClock
) -> None:
    """Nobody can know: what tells of the deletion was in the database that was lost."""
    node = await open_node(tmp_path, clock)
    archive = await half_on_archive(node, tmp_path / "archive")
    async with away(archive):
        await node.recordings.delete_time(CAMERA, START_US, END_US, who="ann")
        await forget_index(node, with_runs=False)
        for table in (garbage, deletions):
            await node.database.write(partial(_empty, table))
        await node.stop()
    node = await built_anew(tmp_path, clock)
    media, archive = node.volumes.all
    assert await places(node) == {archive.number: 1}
    assert files(media) == 0
    # It can be deleted again.
    assert await node.recordings.delete_time(CAMERA, START_US, END_US, who="ann") == (1, 0)
    assert files(media, archive) == 0
    await node.stop()


async def _empty(table: Table, connection: AsyncConnection) -> None:
    await connection.execute(delete(table))


async def built_anew(tmp_path: Path, clock: FakeClock) -> Node:
    """After a restore, with all disks there."""
    node = await open_node(tmp_path, clock)
    assert await prepare(node.database, node.volumes)
    build = IndexBuild(node.database, node.volumes, node_name="pi-1", numbers=node.store)
    assert await build.run()
    return node
