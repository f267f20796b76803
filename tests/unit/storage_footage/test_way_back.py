"""The way back to an older release and forward again: footage stays readable (DESIGN 4)."""

import asyncio
import shutil
from pathlib import Path

import pytest
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import StartError
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.checks.check import Fault, check
from falconeye.storage.checks.rebuild import rebuild
from falconeye.storage.index.data_directory import DATABASE_NAME
from falconeye.storage.tables.footage import fragments, recordings, segments, usage
from tests.clock import START_US, FakeClock
from tests.databases import HEAD, closed_database, later_release
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


async def record_more(node: Node) -> None:
    at = START_US + 200 * GOP_US
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, at)
    await node.record(run, at, recording_id="rec-3", run_end=RunEnd.STOPPED_BY_USER)


async def fill_and_protect(tmp_path: Path, clock: FakeClock) -> list[object]:
    """Footage of this release, and something that no file knows; what is seen of it."""
    node = await open_node(tmp_path, clock)
    await fill(node)
    await node.recordings.update("rec-1", {"protected": True})
    before = await seen(node)
    await node.stop()
    return before


async def test_a_later_release_is_left_with_all_footage_listed(
    tmp_path: Path, clock: FakeClock
) -> None:
    """Its `db downgrade` is all that is needed: nothing has to be rebuilt."""
    before = await fill_and_protect(tmp_path, clock)
    with later_release(tmp_path):
        node = await open_node(tmp_path, clock)  # migrates
        assert await seen(node) == before
        await record_more(node)
        after = await seen(node)
        await node.stop()
        clock.advance(60)
        await closed_database(tmp_path / "data", clock).downgrade(HEAD)
    node = await open_node(tmp_path, clock)
    assert await seen(node) == after
    assert len(after) > len(before)
    assert (await node.recordings.get("rec-1")).protected
    assert (await check(node.database, node.volumes)).problems == []
    await node.stop()


async def test_the_backup_put_back_needs_a_repair_for_what_came_later(
    tmp_path: Path, clock: FakeClock
) -> None:
    before = await fill_and_protect(tmp_path, clock)
    with later_release(tmp_path):
        node = await open_node(tmp_path, clock)  # makes the backup
        await record_more(node)
        after = await seen(node)
        await node.stop()

    def put_back() -> None:
        path = tmp_path / "data" / DATABASE_NAME
        (copy,) = (tmp_path / "data" / "backups").glob("*.sqlite3")
        for name in (f"{path.name}-wal", f"{path.name}-shm"):
            (path.parent / name).unlink(missing_ok=True)
        shutil.copyfile(copy, path)

    with pytest.raises(StartError, match="newer FalconEye"):
        await open_node(tmp_path, clock)
    await asyncio.to_thread(put_back)
    node = await open_node(tmp_path, clock)
    assert await seen(node) == before
    report = await check(node.database, node.volumes, repair=True, node_name="pi-1")
    assert [(problem.fault, problem.repaired) for problem in report.problems] == [
        (Fault.NOT_INDEXED, True)
    ]
    assert await seen(node) == after
    assert (await node.recordings.get("rec-1")).protected
    await node.stop()


async def test_a_lost_database_is_made_anew_from_the_files(
    tmp_path: Path, clock: FakeClock
) -> None:
    node = await open_node(tmp_path, clock)
    await fill(node)
    before = await seen(node)
    await node.stop()
    await asyncio.to_thread(shutil.rmtree, tmp_path / "data")
    node = await open_node(tmp_path, clock)
    assert await rows(node, segments) == []
    assert {p.fault for p in (await check(node.database, node.volumes)).problems} == {
        Fault.NOT_INDEXED
    }
    await rebuild(node.database, node.volumes, node_name="pi-1")
    assert await seen(node) == before
    assert (await check(node.database, node.volumes)).problems == []
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
