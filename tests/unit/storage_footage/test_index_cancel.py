"""An index that is made anew and cancelled: nothing is lost at any step, and it goes on whole."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from falconeye.base.errors import Conflict, Unavailable
from falconeye.jobs.node_works import index_outcome
from falconeye.jobs.system_work import WorkState
from falconeye.media.samples import StreamKind
from falconeye.storage.checks.index_runner import IndexOutcome, IndexRunner
from falconeye.storage.checks.rebuild import IndexBuild, is_needed, prepare
from falconeye.storage.tables.footage import segments
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.footage import CAMERA, GOP_US, Node, open_node, rows
from tests.unit.storage_footage.test_index_build import (
    FILES,
    LATER_US,
    Restored,
    opener,
    small_batches,
)

__all__ = ["opener", "small_batches"]

LIMIT_S = 10
HOUR_S = 3600.0


def make_runner(node: Node) -> IndexRunner:
    return IndexRunner(
        node.database, node.volumes, node.store, node.deleter, node.clock, node_name="pi-1"
    )


async def until(node: Node, reached: Callable[[], bool]) -> None:
    """Wait for the index to say so."""
    changed = asyncio.Event()
    node.store.index.on_change = changed.set
    async with asyncio.timeout(LIMIT_S):
        while not reached():
            await changed.wait()
            changed.clear()


async def over(runner: IndexRunner) -> None:
    """Wait for its end."""
    assert runner._task is not None
    async with asyncio.timeout(LIMIT_S):
        await asyncio.wait([runner._task])


def cancel_before(monkeypatch: pytest.MonkeyPatch, runner: IndexRunner, files: int) -> None:
    """Cancels while it reads the first file after so many."""
    real, left = IndexBuild._read_best, [files]

    async def read_best(build: Any, copies: Any, lost: Any) -> Any:
        if not left[0]:
            runner.cancel()
        left[0] -= 1
        return await real(build, copies, lost)

    monkeypatch.setattr(IndexBuild, "_read_best", read_best)


@pytest.mark.parametrize("files", range(FILES))
async def test_cancelled_at_any_file_it_goes_on_and_is_whole(
    opener: Any, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    restored: Restored = await opener()
    node, index = restored.node, restored.node.store.index
    runner = make_runner(node)
    cancel_before(monkeypatch, runner, files)
    runner.start(HOUR_S)
    index.since_us = LATER_US
    await until(node, lambda: index.is_cancelled and not index.is_building)
    there = len(await rows(node, segments))
    assert there == (files // 2 + 1) * 2  # whole transactions of two files
    assert await is_needed(node.database)
    if there < FILES:
        assert node.deleter.indexed_until_us  # what is newer than that makes no room
        assert index.missing_files > 0
        with pytest.raises(Unavailable, match="is not whole"):
            await node.recordings.delete_camera_footage(CAMERA, who="ann")
    with pytest.raises(Conflict):
        runner.cancel()
    runner.retry()
    await over(runner)
    assert not index.is_partial
    assert (await restored.rows())[:-2] == restored.before[:-2]
    assert node.deleter.indexed_until_us == {}
    assert runner.outcome is not None
    assert (runner.outcome.unreadable, runner.outcome.error) == (0, "")
    with pytest.raises(Conflict):
        runner.retry()
    await runner.stop()
    await restored.sound()
    await node.stop()


async def test_cancelled_it_goes_on_at_the_next_start(
    opener: Any, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored: Restored = await opener()
    runner = make_runner(restored.node)
    with monkeypatch.context() as patch:
        cancel_before(patch, runner, 3)
        runner.start(HOUR_S)
        index = restored.node.store.index
        await until(restored.node, lambda: index.is_cancelled and not index.is_building)
    await runner.stop()
    await restored.node.stop()
    node = await open_node(tmp_path, clock)
    assert await prepare(node.database, node.volumes)
    again = make_runner(node)
    again.start(HOUR_S)
    await over(again)
    await again.stop()
    assert len(await rows(node, segments)) == FILES
    await Restored(node, restored.before).sound()
    await node.stop()


async def test_on_a_full_disk_it_goes_on_by_itself(
    opener: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not in the index cannot be deleted for what is recorded now."""
    restored: Restored = await opener()
    node, index = restored.node, restored.node.store.index
    runner = make_runner(node)
    cancel_before(monkeypatch, runner, 1)
    runner.start(0.01)
    await until(node, lambda: index.is_cancelled and not index.is_building)
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, LATER_US)
    await node.record(run, LATER_US, recording_id="rec-2")  # cameras record meanwhile
    (volume,) = node.volumes.all
    volume.is_full = True
    await over(runner)
    assert len(await rows(node, segments)) == FILES + 1
    await runner.stop()
    await restored.sound()
    await node.stop()


async def test_after_a_mistake_of_ours_it_is_tried_again(
    opener: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored: Restored = await opener()
    node = restored.node
    runner = make_runner(node)
    told: list[IndexOutcome] = []
    runner.on_over = told.append

    async def broken(_build: Any, _copies: Any, _lost: Any) -> None:
        raise KeyError

    with monkeypatch.context() as patch:
        patch.setattr(IndexBuild, "_read_best", broken)
        runner.start(HOUR_S)
        await over(runner)
    assert runner.outcome is not None
    assert "our fault" in runner.outcome.error
    assert index_outcome(runner.outcome, runner.since_us).state is WorkState.FAILED
    assert await is_needed(node.database)
    runner.retry()
    await over(runner)
    assert runner.outcome is not None
    assert (runner.outcome.files, runner.outcome.error) == (FILES, "")
    assert [outcome.error for outcome in told] == [told[0].error, ""]  # both are told
    assert told[-1] == runner.outcome
    unreadable = index_outcome(replace(runner.outcome, unreadable=1), 0)
    assert (unreadable.state, unreadable.trouble) == (
        WorkState.COMPLETE, "1 file cannot be read"
    )  # fmt: skip
    await runner.stop()
    await node.recordings.delete_time(CAMERA, START_US, START_US + GOP_US, who="ann")
    await node.stop()
