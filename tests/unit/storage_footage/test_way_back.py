"""The way back to an older release and forward again: footage stays readable (DESIGN 4)."""

import asyncio
import shutil
from pathlib import Path

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.check import Fault, check
from falconeye.storage.rebuild import rebuild
from falconeye.storage.segment_tables import fragments, recordings, segments, usage
from tests.clock import START_US, FakeClock
from tests.databases import closed_database
from tests.unit.storage_footage.footage import (
    CAMERA,
    GOP_90K,
    GOP_US,
    Node,
    open_node,
    read,
    rows,
)

OLDER = "0001"


async def fill(node: Node) -> None:
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    at = await node.record(run)
    await node.record(run, at, offset_90k=2 * GOP_90K, run_end=RunEnd.STOPPED_BY_USER)
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, at + 100 * GOP_US)
    await node.record(run, at + 100 * GOP_US, recording_id="rec-2", run_end=RunEnd.STOPPED_BY_USER)


async def seen(node: Node) -> list[object]:
    """All that a person gets: the list and each download's bytes."""
    listed, _ = await node.recordings.list()
    return [
        (one, plan.etag, await read(plan))
        for one in listed
        for plan in [await node.recordings.download(one.id)]
    ] + [tuple(row) for table in (segments, fragments) for row in await rows(node, table)]


async def filled(tmp_path: Path, clock: FakeClock) -> list[object]:
    node = await open_node(tmp_path, clock)
    await fill(node)
    before = await seen(node)
    await node.stop()
    await closed_database(tmp_path / "data", clock).downgrade(OLDER)
    return before


async def test_down_and_up_again_then_rebuilt_from_the_files(
    tmp_path: Path, clock: FakeClock
) -> None:
    before = await filled(tmp_path, clock)
    node = await open_node(tmp_path, clock)  # migrates
    assert await rows(node, segments) == []
    assert {p.fault for p in (await check(node.database, node.volumes)).problems} == {
        Fault.NOT_INDEXED
    }
    await rebuild(node.database, node.volumes, node_name="pi-1")
    assert await seen(node) == before
    assert (await check(node.database, node.volumes)).problems == []
    await node.stop()


async def test_the_backup_put_back_knows_also_what_no_file_knows(
    tmp_path: Path, clock: FakeClock
) -> None:
    node = await open_node(tmp_path, clock)
    await fill(node)
    await node.recordings.update("rec-1", {"protected": True})
    before = await seen(node)
    await node.stop()
    database = closed_database(tmp_path / "data", clock)
    await database.downgrade(OLDER)

    def put_back() -> None:
        (copy,) = (tmp_path / "data" / "backups").glob("*.sqlite3")
        for name in (f"{database.path.name}-wal", f"{database.path.name}-shm"):
            (database.path.parent / name).unlink(missing_ok=True)
        shutil.copyfile(copy, database.path)

    await asyncio.to_thread(put_back)
    node = await open_node(tmp_path, clock)
    assert (await check(node.database, node.volumes, repair=True)).problems == []
    assert await seen(node) == before
    assert (await node.recordings.get("rec-1")).protected
    await node.stop()


async def test_footage_newer_than_the_backup_is_found_again(node: Node) -> None:
    await fill(node)
    before = await seen(node)

    async def forget(connection: AsyncConnection) -> None:
        for table in (segments, fragments, usage, recordings):
            await connection.execute(delete(table))

    await node.database.write(forget)
    assert (await check(node.database, node.volumes, repair=True, node_name="pi-1")).ok
    assert await seen(node) == before
