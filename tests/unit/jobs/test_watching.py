"""The homes of what the node does by itself tell its ends; what is over before is told, too."""

import asyncio
from pathlib import Path

from falconeye.jobs.outcomes import WorkOutcomes
from falconeye.jobs.system_work import Amount, WorkKind, WorkState
from falconeye.jobs.watching import note_unfinished_moves, watch
from falconeye.storage.checks.index_runner import IndexOutcome
from falconeye.storage.segments.move_state import Pause
from falconeye.storage.segments.redating import RedateState
from falconeye.storage.stores.job_store import JobStore
from tests.clock import FakeClock
from tests.unit.storage_footage.test_footage import opened


async def test_ends_before_and_after_it_watches_are_told(tmp_path: Path, clock: FakeClock) -> None:
    database, footage = await opened(tmp_path, clock, asyncio.Queue())
    outcomes = WorkOutcomes(JobStore(database))
    outcomes.start()
    index, redater, states = footage.storage.index_runner, footage.redater, footage.mover.states
    (volume,) = footage.volumes.all
    await footage.mover.stop()
    index.outcome = IndexOutcome(ended_us=30, files=9, unreadable=2)
    redater.state = RedateState(shift_us=7, since_us=1, ended_us=20, files=4, done=4)
    states.set(volume, moving=False, trouble="/mnt/b is full", is_due=True)
    states.set(volume, moving=False, trouble="", is_due=False)
    watch(footage, outcomes)
    await outcomes.flush()
    found = {one.kind: one for one in await outcomes.list()}
    assert len(found) == 3
    assert found[WorkKind.INDEX].trouble == "2 files cannot be read"
    assert found[WorkKind.MOVE].trouble == "/mnt/b is full"
    assert (found[WorkKind.REDATING].shift_us, found[WorkKind.REDATING].files) == (7, Amount(4))
    redater.on_over(RedateState(shift_us=8, since_us=21, ended_us=40))
    index.on_over(IndexOutcome(ended_us=50, files=1, unreadable=0, error="our fault"))
    await outcomes.flush()
    newest = [(one.kind, one.state, one.ended_us) for one in await outcomes.list()]
    assert (WorkKind.INDEX, WorkState.FAILED, 50) in newest
    assert (WorkKind.REDATING, WorkState.COMPLETE, 40) in newest
    assert len(newest) == 5
    await outcomes.stop()
    await footage.stop()
    await database.close()


async def test_only_moves_that_were_at_something_are_told_at_the_end(
    tmp_path: Path, clock: FakeClock
) -> None:
    database, footage = await opened(tmp_path, clock, asyncio.Queue())
    outcomes = WorkOutcomes(JobStore(database))
    outcomes.start()
    watch(footage, outcomes)
    mover, (volume,) = footage.mover, footage.volumes.all
    await mover.stop()  # it would find that nothing is to leave the disk
    note_unfinished_moves(footage, outcomes, clock.utc_us())  # it had nothing to do
    mover.states.set(volume, moving=True, trouble="", is_due=True)
    note_unfinished_moves(footage, outcomes, clock.utc_us())  # nothing came of it
    await outcomes.flush()
    assert await outcomes.list() == []
    mover.states.add(volume, 3, 99)
    await mover._pauses.pause(volume, Pause("anna", 1))
    note_unfinished_moves(footage, outcomes, clock.utc_us())
    await outcomes.flush()
    [told] = await outcomes.list()
    assert (told.state, told.trouble) == (WorkState.CANCELLED, "paused by anna")
    assert (told.files, told.size_bytes) == (Amount(3), Amount(99))
    await outcomes.stop()
    await footage.stop()
    await database.close()
