"""What came of the node's own work: kept over restarts, a few of each kind."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from falconeye.base.errors import Unavailable
from falconeye.jobs import outcomes as module
from falconeye.jobs.outcomes import KEPT, WorkOutcomes
from falconeye.jobs.runner import JobKind, Jobs
from falconeye.jobs.system_work import (
    Act,
    Amount,
    SystemWork,
    SystemWorks,
    WorkKind,
    WorkState,
)
from falconeye.storage.index.database import Database
from falconeye.storage.stores.job_store import JobStore
from tests.clock import FakeClock
from tests.unit.jobs.test_runner import OWNER, Steps
from tests.unit.jobs.test_system_work import Kept

MOVE = SystemWork(
    "move-1-7", WorkKind.MOVE, WorkState.COMPLETE, subject="/mnt/a", files=Amount(3),
    size_bytes=Amount(99), since_us=7, ended_us=20, trouble="/mnt/b is full", by="anna",
)  # fmt: skip
REDATING = SystemWork(
    "redating-30", WorkKind.REDATING, WorkState.COMPLETE, files=Amount(5), since_us=8, ended_us=30,
    shift_us=-7,
)  # fmt: skip
INDEX = SystemWork(
    "index-10", WorkKind.INDEX, WorkState.FAILED, files=Amount(0), since_us=1, ended_us=10,
    trouble="our fault",
)  # fmt: skip


@pytest.fixture
async def store(database: Database) -> JobStore:
    return JobStore(database)


async def started(store: JobStore) -> WorkOutcomes:
    outcomes = WorkOutcomes(store)
    outcomes.start()
    return outcomes


@pytest.fixture
async def outcomes(store: JobStore) -> AsyncIterator[WorkOutcomes]:
    made = await started(store)
    yield made
    await made.stop()


async def test_all_that_was_told_is_told_after_a_restart(store: JobStore) -> None:
    before = await started(store)
    for work in (MOVE, REDATING, INDEX):
        before.note(work)
    await before.stop()  # what was noted this moment is stored
    after = await started(store)
    assert await after.list() == [REDATING, MOVE, INDEX]  # the newest first
    await after.stop()


async def test_a_move_that_went_on_is_told_once(outcomes: WorkOutcomes) -> None:
    outcomes.note(MOVE)
    more = replace(MOVE, files=Amount(8), ended_us=40)
    outcomes.note(more)
    await outcomes.flush()
    assert await outcomes.list() == [more]


async def test_the_newest_of_each_kind_stay(outcomes: WorkOutcomes) -> None:
    outcomes.note(INDEX)
    for number in range(KEPT + 3):
        outcomes.note(replace(MOVE, id=f"move-1-{number}", ended_us=100 + number))
    await outcomes.flush()
    found = await outcomes.list()
    assert [work.ended_us for work in found[:-1]] == [102 + KEPT - n for n in range(KEPT)]
    assert found[-1] == INDEX


async def test_what_is_told_as_it_is_now_is_not_told_twice(outcomes: WorkOutcomes) -> None:
    for work in (MOVE, INDEX):
        outcomes.note(work)
    await outcomes.flush()
    now = replace(MOVE, id="move-1", acts=(Act.PAUSE,))
    works = SystemWorks({WorkKind.MOVE: Kept(now)}, outcomes)
    assert await works.list() == [now, INDEX]
    assert await works.find("move-1") is now
    assert await works.find(MOVE.id) is None
    going_on = replace(now, state=WorkState.PROCESSING, ended_us=None)
    works = SystemWorks({WorkKind.MOVE: Kept(going_on)}, outcomes)
    assert await works.list() == [going_on, MOVE, INDEX]
    assert await works.find(MOVE.id) == MOVE


async def test_a_database_that_is_busy_gets_it_later(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.0)
    real, refusals = store.keep, [Unavailable("it is busy"), Unavailable("it is full")]

    async def keep(*arguments: Any) -> None:
        if refusals:
            raise refusals.pop()
        await real(*arguments)

    monkeypatch.setattr(store, "keep", keep)
    outcomes = await started(store)
    outcomes.note(MOVE)
    await outcomes.flush()
    assert refusals == []
    assert await outcomes.list() == [MOVE]
    await outcomes.stop()


async def test_the_end_waits_only_a_while_for_a_database_that_takes_nothing(
    store: JobStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "STOP_S", 0.0)
    asked = asyncio.Event()

    async def keep(*_arguments: Any) -> None:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(store, "keep", keep)
    outcomes = await started(store)
    outcomes.note(MOVE)
    await asked.wait()
    await outcomes.stop()
    assert "1 outcome of jobs is not stored" in caplog.text


async def test_to_the_runner_of_jobs_there_are_none(
    store: JobStore, clock: FakeClock, outcomes: WorkOutcomes
) -> None:
    for work in (MOVE, INDEX):
        outcomes.note(work)
    await outcomes.flush()
    jobs = Jobs(store, {JobKind.EXPORT: Steps()}, clock)
    await jobs.open()
    assert await jobs.list(owner=None, cameras=None, limit=10, offset=0) == ([], 0)
    assert await jobs.waiting() == []
    made = await jobs.add(JobKind.EXPORT, "camera", OWNER, {})
    await jobs.cancel(made.id)
    await outcomes.flush()
    assert await outcomes.list() == [MOVE, INDEX]
    await jobs.stop()
