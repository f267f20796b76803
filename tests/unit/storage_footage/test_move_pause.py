"""A move that somebody pauses: nothing is lost at any step, it stays paused, and goes on whole."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from falconeye.base.errors import Unavailable
from falconeye.storage.segments.mover import Mover
from falconeye.storage.tables.node import SETTINGS
from falconeye.storage.volumes.disk_calls import DiskCalls
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.footage import Node, open_node, rows
from tests.unit.storage_footage.test_moving import (
    SEGMENTS,
    add_archive,
    assert_sound,
    download,
    fill,
    make_mover,
    places,
    record_some,
)

LIMIT_S = 10


class Interrupted(DiskCalls):
    """Has something done on the loop, and over, before the n-th of one of its calls."""

    def __init__(self, call: str, after: int, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._call = call
        self._left = after
        self._act = act
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self.has_acted = False

    def _note(self, call: str) -> None:
        if call != self._call or threading.get_ident() == self._thread:
            return
        self._left -= 1
        if self._left == -1:
            asyncio.run_coroutine_threadsafe(self._act(), self._loop).result(LIMIT_S)
            self.has_acted = True

    @override
    def create(self, path: str, directory_fd: int) -> int:
        self._note("create")
        return super().create(path, directory_fd)

    @override
    def writev(self, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        self._note("writev")
        return super().writev(fd, buffers)

    @override
    def fdatasync(self, fd: int) -> None:
        self._note("fdatasync")
        super().fdatasync(fd)

    @override
    def fsync(self, fd: int) -> None:
        self._note("fsync")
        super().fsync(fd)


@pytest.mark.parametrize("call", ["create", "writev", "fdatasync", "fsync"])
@pytest.mark.parametrize("after", [0, 3])
async def test_paused_at_any_step_nothing_is_lost_and_it_goes_on(
    node: Node, tmp_path: Path, call: str, after: int
) -> None:
    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node)
    before, source = await download(node), node.volumes.all[0]
    mover = make_mover(node)
    disk = archive.calls = Interrupted(call, after, lambda: mover.pause(source, "anna"))
    fill(source, free_bytes=0)
    await mover.enforce()
    assert disk.has_acted
    archive.calls = DiskCalls()
    state = mover.state(source)
    assert (state.moving, state.trouble) == (False, "")
    assert state.pause is not None
    assert (state.pause.by, state.pause.at_us) == ("anna", node.clock.utc_us())
    moved = (await places(node)).get(archive.number, 0)
    if call != "fsync":  # there all of them were whole
        assert moved < 2 * SEGMENTS
    assert await download(node) == before
    await assert_sound(node)
    assert not await mover.enforce()  # and so it stays
    assert (await places(node)).get(archive.number, 0) == moved
    await mover.resume(source)
    assert mover.state(source).pause is None
    await mover.enforce()
    assert await places(node) == {archive.number: 2 * SEGMENTS}
    assert await download(node) == before
    await assert_sound(node)
    await node.stop()


async def test_a_pause_outlives_the_process(tmp_path: Path, clock: FakeClock, node: Node) -> None:
    await add_archive(node, tmp_path / "archive")
    await record_some(node)
    await make_mover(node).pause(node.volumes.all[0], "anna")
    await node.stop()
    node = await open_node(tmp_path, clock)
    mover, source = make_mover(node), node.volumes.all[0]
    fill(source, free_bytes=0)
    await mover.start(3600)
    try:
        pause = mover.state(source).pause
        assert pause is not None
        assert (pause.by, pause.at_us) == ("anna", START_US)
        assert not await mover.enforce()
        assert await places(node) == {1: 2 * SEGMENTS}
        await mover.resume(source)
        await until_moved(node)  # at once, and not after the next pause of an hour
    finally:
        await mover.stop()
    assert [row for row in await rows(node, SETTINGS) if row.key == "moves_paused"] == []
    await node.stop()


async def until_moved(node: Node) -> None:
    async with asyncio.timeout(LIMIT_S):
        while (await places(node)).get(1):
            pass


async def test_a_pause_that_cannot_be_stored_is_none(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node)

    async def full(_operation: object) -> None:
        msg = "the database is full"
        raise Unavailable(msg)

    mover, source = make_mover(node), node.volumes.all[0]
    with monkeypatch.context() as refusing:
        refusing.setattr(node.database, "write", full)
        with pytest.raises(Unavailable):
            await mover.pause(source, "anna")
    assert mover.state(source).pause is None
    await mover.pause(source, "anna")
    with monkeypatch.context() as refusing:
        refusing.setattr(node.database, "write", full)
        with pytest.raises(Unavailable):
            await mover.resume(source)
    assert mover.state(source).pause is not None
    await mover.resume(source)
    fill(source, free_bytes=0)
    await mover.enforce()
    assert await places(node) == {archive.number: 2 * SEGMENTS}
    await node.stop()


async def test_one_volume_is_paused_and_the_other_moves(node: Node, tmp_path: Path) -> None:
    """Each has its own pause; who lets one go on leaves that of the other."""
    mover = make_mover(node)
    first = node.volumes.all[0]
    second = await add_archive(node, tmp_path / "archive")
    await mover.pause(first, "anna")
    await mover.pause(second, "bert")
    await mover.resume(first)
    again = Mover(node.database, node.volumes, node.deleter, node.clock)
    await again.start(3600)
    await again.stop()
    assert again.state(first).pause is None
    kept = again.state(second).pause
    assert kept is not None
    assert kept.by == "bert"
    await node.stop()


async def test_tried_again_at_once(node: Node, tmp_path: Path) -> None:
    """What an archive refused, and what could not be read, without the usual wait."""
    archive = await add_archive(node, tmp_path / "archive")
    await record_some(node)
    source, mover = node.volumes.all[0], make_mover(node)
    first, *_ = sorted(source.path.rglob("*.mp4"))
    whole = first.read_bytes()
    await asyncio.to_thread(os.truncate, first, len(whole) - 1000)
    fill(source, free_bytes=0)
    while await mover.enforce():
        pass
    assert "1 file cannot be read" in mover.state(source).trouble
    assert mover.state(source).since_us == START_US
    first.write_bytes(whole)
    await node.deleter.empty_garbage()
    assert not await mover.enforce()
    mover.retry(source)
    assert await mover.enforce()
    assert await places(node) == {archive.number: 2 * SEGMENTS}
    node.clock.advance(5)
    assert not await mover.enforce()
    state = mover.state(source)
    assert (state.trouble, state.since_us, state.ended_us) == ("", None, node.clock.utc_us())
    await node.stop()


@pytest.mark.parametrize("stored", ['"yes"', "[1]", '{"x": "anna"}', '{"x": ["anna", "now"]}', "7"])
async def test_a_pause_that_cannot_be_understood_keeps_no_node_from_starting(
    node: Node, caplog: pytest.LogCaptureFixture, stored: str
) -> None:
    """Changed by hand, or written by a newer release."""
    words = "INSERT INTO settings VALUES ('moves_paused', ?)"
    await node.database.write(lambda connection: connection.exec_driver_sql(words, (stored,)))
    mover, source = make_mover(node), node.volumes.all[0]
    await mover.start(3600)
    await mover.stop()
    assert mover.state(source).pause is None
    assert "are ignored" in caplog.text
    await mover.pause(source, "anna")
    assert mover.state(source).pause is not None
    await node.stop()
