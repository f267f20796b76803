"""Moves as jobs: what is told of a disk that fills up, is emptied, goes away, is paused."""

from pathlib import Path

import pytest

from falconeye.base.errors import NotFound
from falconeye.jobs.node_works import MoveWork, move_outcome
from falconeye.jobs.system_work import Act, Amount, SystemWork, WorkState
from falconeye.storage.segments.move_state import MoveState
from falconeye.storage.segments.mover import Mover
from falconeye.storage.segments.volume_changes import VolumeChanges
from falconeye.storage.volumes.disk_calls import DiskCalls
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volume_facts import Role
from tests.unit.storage_footage.footage import Node
from tests.unit.storage_footage.test_moving import (
    SEGMENTS,
    SickDisk,
    add_archive,
    fill,
    make_mover,
    record_some,
)

FILES = 2 * SEGMENTS


def make_work(node: Node, mover: Mover) -> MoveWork:
    changes = VolumeChanges(
        node.database, node.clock, data_dir=node.media_dir.parent / "data", media_dir=node.media_dir
    )
    return MoveWork(mover, changes, node.volumes)


async def told(work: MoveWork) -> SystemWork:
    [only] = await work.works()
    return only


async def test_a_disk_that_fills_up(node: Node, tmp_path: Path) -> None:
    source, mover = node.volumes.all[0], make_mover(node)
    ended: list[tuple[Volume, MoveState]] = []
    mover.states.on_over = lambda *told: ended.append(told)
    work = make_work(node, mover)
    await record_some(node)
    fill(source, free_bytes=0)
    assert not await mover.enforce()
    assert await work.works() == ()  # with one disk the oldest is deleted, nothing moves
    archive = await add_archive(node, tmp_path / "archive")
    archive.calls = SickDisk("writev", 0)
    await mover.enforce()
    held_up = await told(work)
    assert (held_up.state, held_up.subject) == (WorkState.PENDING, str(source.path))
    assert "Input/output error" in held_up.trouble
    assert (held_up.acts, held_up.since_us) == ((Act.RETRY, Act.PAUSE), node.clock.utc_us())
    archive.calls = DiskCalls()
    await node.deleter.empty_garbage()
    assert not await mover.enforce()  # not for a minute
    await work.act(held_up, Act.RETRY, "anna")
    assert await mover.enforce()
    moving = await told(work)
    assert (moving.state, moving.files, moving.trouble) == (WorkState.PROCESSING, Amount(FILES), "")
    assert moving.share is None  # nobody knows how much more will have to leave it
    fill(source, free_bytes=90 << 20)
    node.clock.advance(5)
    await mover.enforce()
    over = await told(work)
    assert (over.state, over.ended_us) == (WorkState.COMPLETE, node.clock.utc_us())
    assert (over.since_us, over.acts) == (None, (Act.PAUSE,))
    [(volume, state)] = ended  # told when it was over, with what had held it up
    assert volume is source
    kept = move_outcome(volume, state)
    assert (kept.files, kept.state, kept.ended_us) == (Amount(FILES), over.state, over.ended_us)
    assert (kept.subject, kept.since_us) == (over.subject, held_up.since_us)
    assert "Input/output error" in kept.trouble
    await node.stop()


async def test_a_disk_that_is_to_be_emptied(node: Node, tmp_path: Path) -> None:
    mover = make_mover(node)
    work = make_work(node, mover)
    await record_some(node)
    await add_archive(node, tmp_path / "archive")
    source = node.volumes.all[0]
    source.role = Role.LEAVING
    begun = await told(work)  # before the mover has looked
    assert (begun.state, begun.files) == (WorkState.PENDING, Amount(0, FILES))
    assert begun.size_bytes is not None
    assert begun.size_bytes.total
    await work.act(begun, Act.PAUSE, "anna")
    paused = await told(work)
    assert (paused.state, paused.by, paused.acts) == (WorkState.PAUSED, "anna", (Act.RESUME,))
    assert paused.since_us == node.clock.utc_us()
    source.missing = "its id file is not there"  # it was pulled, as it was meant to be
    assert (await told(work)).state is WorkState.PAUSED
    await work.act(paused, Act.RESUME, "anna")
    away = await told(work)
    assert (away.state, away.trouble) == (WorkState.PENDING, source.missing)
    assert not await mover.enforce()
    source.missing = None
    while await mover.enforce():
        pass
    over = await told(work)
    assert (over.state, over.files, over.share) == (WorkState.COMPLETE, Amount(FILES, FILES), 1.0)
    node.volumes.all.remove(source)
    with pytest.raises(NotFound):
        await work.act(over, Act.PAUSE, "anna")
    node.volumes.all.insert(0, source)
    await node.stop()
