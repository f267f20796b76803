"""A disk that hangs at the start keeps no camera from recording on another one."""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from falconeye.base.errors import StartError
from falconeye.base.memory import MemoryBudget
from falconeye.storage.segments import redating
from falconeye.storage.segments.clock_journal import Correction, read_journal, write_journal
from falconeye.storage.segments.mover import Mover
from falconeye.storage.tables.footage import segments
from falconeye.storage.tables.ledger import clocks
from falconeye.storage.volumes import volumes as volumes_module
from falconeye.storage.volumes.id_file import ID_FILE
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volume_facts import Role
from falconeye.storage.volumes.volumes import Volumes, adopt
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.footage import GOP_US, Node, open_node, rows
from tests.unit.storage_footage.test_footage import opened, record_one
from tests.unit.storage_footage.test_index_build import forget_index
from tests.unit.storage_footage.test_moving import add_archive, fill, places

LIMIT_S = 10
WRONG = Correction("another boot", 5, 3600 * 1_000_000)


@contextmanager
def hanging_id_file(disk: Path) -> Iterator[None]:
    """Within it whoever looks whether the disk is there hangs."""
    id_file, whole = disk / ID_FILE, disk / "whole"
    id_file.rename(whole)
    os.mkfifo(id_file)
    try:
        yield
    finally:
        fd = os.open(id_file, os.O_RDWR)
        os.write(fd, whole.read_bytes())  # what it was asked for
        whole.rename(id_file)
        os.close(fd)


@pytest.mark.parametrize("late", ["media", "second"])
async def test_a_start_does_not_wait_for_a_disk_that_hangs(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    monkeypatch.setattr("falconeye.storage.volumes.volume.ANSWER_S", 600)  # it is not that limit
    node = await open_node(tmp_path, clock)
    await adopt(node.database, tmp_path / "second", clock.utc_us(), Role.RECORD)
    await node.stop()
    with hanging_id_file(tmp_path / late):
        async with asyncio.timeout(LIMIT_S):
            database, footage = await opened(tmp_path, clock, asyncio.Queue())
        by_name = {volume.path.name: volume for volume in footage.volumes.all}
        assert by_name[late].missing == "the disk does not answer"
        assert footage.volumes.for_recording().path.name != late
        await record_one(footage, "rec", clock.utc_us())
    async with asyncio.timeout(LIMIT_S):
        while by_name[late].writer.busy_s:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
    assert by_name[late].missing is None  # without anybody's looking again
    assert footage.volumes.for_recording() is footage.volumes.all[0]
    assert await footage.stop()
    await database.close()


async def test_a_new_media_directory_that_hangs_is_said(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await open_node(tmp_path, clock)
    goes_on = threading.Event()

    def hang(_path: Path) -> str:
        assert goes_on.wait(LIMIT_S)
        return "id"

    monkeypatch.setattr(volumes_module, "make_volume_id", hang)
    monkeypatch.setattr(volumes_module, "STUCK_S", 0.01)
    with pytest.raises(StartError, match="does not answer"):
        await Volumes.open(node.database, tmp_path / "new", clock)
    goes_on.set()
    await node.stop()


async def restored(tmp_path: Path, clock: FakeClock) -> None:
    """A node whose index is lost; half of its footage lies on the archive, with a journal."""
    node = await open_node(tmp_path, clock)
    await node.record(1, ends=True)
    archive = await add_archive(node, tmp_path / "archive")
    await archive.writer.run(partial(write_journal, archive, {WRONG}))
    fill(node.volumes.all[0], free_bytes=0)
    await Mover(node.database, node.volumes, node.deleter, clock).enforce()
    await node.record(2, START_US + 10 * GOP_US, recording_id="rec-2", ends=True)
    await node.deleter.empty_garbage()
    assert await places(node) == {1: 1, archive.number: 1}
    await forget_index(node)
    await node.stop()


async def test_after_a_restore_the_journal_of_a_disk_that_hangs_is_waited_for_by_nobody(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await restored(tmp_path, clock)
    goes_on = threading.Event()
    monkeypatch.setattr("falconeye.storage.checks.rebuild.START_S", 0.01)

    def hang(volume: Volume) -> frozenset[Correction]:
        assert volume.path.name != "archive" or goes_on.wait(LIMIT_S)
        return read_journal(volume)

    monkeypatch.setattr(redating, "read_journal", hang)
    monkeypatch.setattr("falconeye.storage.checks.rebuild.read_journal", hang)
    async with asyncio.timeout(LIMIT_S):
        database, footage = await opened(tmp_path, clock, asyncio.Queue())
        await record_one(footage, "new", clock.utc_us() + 100 * GOP_US)
    node = Node(  # to look into it
        database, footage.volumes, footage.deleter, footage.store, MemoryBudget(1), clock, [],
        tmp_path / "media", footage.recordings, footage.imports,
    )  # fmt: skip
    assert {row.boot for row in await rows(node, clocks)}.isdisjoint({WRONG.boot})
    index, changed = footage.store.index, asyncio.Event()
    index.on_change = changed.set
    goes_on.set()
    async with asyncio.timeout(LIMIT_S):
        while index.is_building:
            changed.clear()
            await changed.wait()
    assert len(await rows(node, segments)) == 3
    [correction] = [row for row in await rows(node, clocks) if row.boot == WRONG.boot]
    assert correction.shift_us == WRONG.shift_us
    assert await footage.stop()
    await database.close()
