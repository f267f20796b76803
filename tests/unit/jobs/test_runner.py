"""Jobs: one after the other, bounded, cancelled, begun again, and taken up after a restart."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from falconeye.base.errors import Conflict, NotFound, Unavailable
from falconeye.jobs import runner
from falconeye.jobs.runner import KEPT_FAILURES, MAX_WAITING, JobKind, Jobs, Worker
from falconeye.storage.index.database import Database
from falconeye.storage.stores.job_store import Job, JobState, JobStore
from tests.clock import FakeClock

OWNER = ("user", "u1", "anna")


class Steps(Worker):
    """Does what the test lets it do; keeps what happened."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[str] = asyncio.Queue()
        self.outcomes: asyncio.Queue[Mapping[str, Any] | Exception] = asyncio.Queue()
        self.over: asyncio.Queue[Job] = asyncio.Queue()
        self.discarded: list[str] = []
        self.refuses: Exception | None = None

    async def run(self, job: Job, report: Callable[[float], None]) -> Mapping[str, Any]:
        report(0.25)
        await self.begun.put(job.id)
        outcome = await self.outcomes.get()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def discard(self, job: Job) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.discarded.append(job.id)

    async def ended(self, job: Job) -> None:
        await self.over.put(job)


@pytest.fixture
def steps() -> Steps:
    return Steps()


def make(database: Database, steps: Steps, clock: FakeClock) -> Jobs:
    return Jobs(JobStore(database), {JobKind.EXPORT: steps}, clock)


@pytest.fixture
async def jobs(database: Database, steps: Steps, clock: FakeClock) -> AsyncIterator[Jobs]:
    opened = make(database, steps, clock)
    await opened.open()
    yield opened
    await opened.stop()


async def add(jobs: Jobs, owner: tuple[str, str, str] = OWNER) -> Job:
    return await jobs.add(JobKind.EXPORT, "front", owner, {"from_us": 1})


async def test_a_job_from_its_start_to_its_end(jobs: Jobs, steps: Steps) -> None:
    asked = await add(jobs)
    assert (asked.state, jobs.progress(asked)) == (JobState.PENDING, 0)
    await steps.begun.get()
    running = await jobs.get(asked.id)
    assert (running.state, jobs.progress(running)) == (JobState.PROCESSING, 0.25)
    await steps.outcomes.put({"size": 5})
    told = await steps.over.get()
    done = await jobs.get(asked.id)
    assert told == done
    assert (done.state, done.result, jobs.progress(done)) == (JobState.COMPLETE, {"size": 5}, 1)
    await jobs.delete(asked.id)
    assert steps.discarded == [asked.id]
    with pytest.raises(NotFound):
        await jobs.get(asked.id)


async def test_why_it_failed_is_told_and_it_can_begin_again(jobs: Jobs, steps: Steps) -> None:
    asked = await add(jobs)
    for error, words in (
        (Unavailable("the disk is full"), "the disk is full"),
        (RuntimeError("secret"), "our fault"),
    ):
        await steps.begun.get()
        await steps.outcomes.put(error)
        failed = await steps.over.get()
        assert failed.state is JobState.FAILED
        assert words in str(failed.error)
        again = await jobs.retry(asked.id)
        assert (again.state, again.error) == (JobState.PENDING, None)
    await steps.begun.get()
    with pytest.raises(Conflict):
        await jobs.retry(asked.id)
    with pytest.raises(Conflict):
        await jobs.delete(asked.id)


async def test_a_running_and_a_waiting_job_are_cancelled(jobs: Jobs, steps: Steps) -> None:
    first, second, third = [await add(jobs) for _ in range(3)]
    await steps.begun.get()
    for job in (second, first):
        cancelled = await jobs.cancel(job.id)
        assert cancelled.state is JobState.CANCELLED
        assert await steps.over.get() == cancelled
    assert steps.discarded == [second.id, first.id]
    assert await steps.begun.get() == third.id
    with pytest.raises(Conflict):
        await jobs.cancel(first.id)


async def test_more_than_so_many_are_refused(jobs: Jobs, steps: Steps) -> None:
    _ = await add(jobs)
    await steps.begun.get()
    for _ in range(MAX_WAITING):
        _ = await add(jobs)
    with pytest.raises(Unavailable, match="20 jobs are waiting"):
        await add(jobs)
    found, count = await jobs.list(owner=None, cameras=None, limit=5, offset=0)
    assert (len(found), count) == (5, MAX_WAITING + 1)


async def test_after_a_restart_it_begins_again_but_not_for_ever(
    database: Database, steps: Steps, clock: FakeClock
) -> None:
    jobs = make(database, steps, clock)
    await jobs.open()
    asked, waiting = await add(jobs), await add(jobs)
    assert await steps.begun.get() == asked.id
    await jobs.stop()
    jobs = make(database, steps, clock)
    await jobs.open()
    assert await steps.begun.get() == asked.id
    await jobs.stop()
    jobs = make(database, steps, clock)
    await jobs.open()
    failed = await steps.over.get()
    assert (failed.id, failed.state) == (asked.id, JobState.FAILED)
    assert "the node stopped" in str(failed.error)
    assert await steps.begun.get() == waiting.id
    await jobs.stop()
    assert steps.discarded == [asked.id]


class Refusing(JobStore):
    """Of a database that is full while a job ends."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.refused = asyncio.Event()
        self.has_room = False

    async def change(self, job_id: str, values: Mapping[str, Any]) -> None:
        if values["state"] in {JobState.COMPLETE, JobState.CANCELLED} and not self.has_room:
            self.refused.set()
            raise Unavailable("the disk of the database is full")
        await super().change(job_id, values)


async def test_a_job_that_ends_while_the_database_is_full_ends_once_it_is_not(
    database: Database, steps: Steps, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "RETRY_S", 0.01)
    store = Refusing(database)
    jobs = Jobs(store, {JobKind.EXPORT: steps}, clock)
    await jobs.open()
    asked, waiting = await add(jobs), await add(jobs)
    await steps.begun.get()
    await steps.outcomes.put({"size": 5})
    async with asyncio.timeout(5):
        await store.refused.wait()
        assert (await jobs.get(asked.id)).state is JobState.PROCESSING
        assert jobs.progress(await jobs.get(asked.id)) == 0.25
        with pytest.raises(Unavailable):
            await jobs.cancel(asked.id)  # what it made stays
        store.has_room = True
        told = await steps.over.get()
        assert (told.id, told.state, told.result) == (asked.id, JobState.COMPLETE, {"size": 5})
        assert await steps.begun.get() == waiting.id
    assert steps.discarded == []
    await jobs.stop()


async def test_the_end_of_the_node_does_not_wait_for_a_database_that_is_full(
    database: Database, steps: Steps, clock: FakeClock
) -> None:
    store = Refusing(database)
    jobs = Jobs(store, {JobKind.EXPORT: steps}, clock)
    await jobs.open()
    asked = await add(jobs)
    await steps.begun.get()
    await steps.outcomes.put({"size": 5})
    async with asyncio.timeout(5):
        await store.refused.wait()
        await jobs.stop()
    again = make(database, steps, clock)
    await again.open()
    assert await steps.begun.get() == asked.id
    await again.stop()


async def test_a_copy_that_takes_long_holds_up_no_export(
    database: Database, clock: FakeClock
) -> None:
    exports, copies = Steps(), Steps()
    workers = {JobKind.EXPORT: exports, JobKind.COPY: copies}
    jobs = Jobs(JobStore(database), workers, clock)
    await jobs.open()
    slow = [await jobs.add(JobKind.COPY, "front", OWNER, {}) for _ in range(2)]
    assert await copies.begun.get() == slow[0].id
    quick = await add(jobs)
    assert await exports.begun.get() == quick.id
    assert (jobs.progress(await jobs.get(slow[0].id)), jobs.progress(slow[1])) == (0.25, 0)
    await exports.outcomes.put({})
    assert (await exports.over.get()).id == quick.id
    assert copies.begun.empty()  # one copy at a time
    await jobs.cancel(slow[0].id)
    assert await copies.begun.get() == slow[1].id
    await jobs.stop()


async def test_a_job_of_several_cameras_is_listed_to_who_may_see_them_all(jobs: Jobs) -> None:
    both = {"cameras": [{"id": "front", "name": "F"}, {"id": "back", "name": "B"}]}
    asked = await jobs.add(JobKind.EXPORT, "front", OWNER, both)
    for cameras, expected in (
        (None, [asked.id]),
        ({"front", "back", "gate"}, [asked.id]),
        ({"front"}, []),
        ({"back"}, []),
    ):
        found, count = await jobs.list(owner=None, cameras=cameras, limit=10, offset=0)
        assert ([job.id for job in found], count) == (expected, len(expected))


async def test_lists_are_of_an_owner_and_of_cameras(jobs: Jobs, clock: FakeClock) -> None:
    first = await add(jobs)
    clock.advance(1)
    second = await add(jobs, ("token", "t1", "script"))
    for owner, cameras, expected in (
        (None, None, [second.id, first.id]),
        (("user", "u1"), None, [first.id]),
        (("token", "u1"), None, []),
        (None, {"front"}, [second.id, first.id]),
        (None, {"back"}, []),
    ):
        found, count = await jobs.list(owner=owner, cameras=cameras, limit=10, offset=0)
        assert [job.id for job in found] == expected
        assert count == len(expected)


async def test_what_made_nothing_does_not_stay_for_ever(
    database: Database, jobs: Jobs, steps: Steps
) -> None:
    asked = await add(jobs)
    await steps.begun.get()
    store = JobStore(database)
    for index in range(KEPT_FAILURES + 5):
        old = Job(f"{index:03}", "export", JobState.FAILED, "front", *OWNER, index, {})
        await store.add(old)
    await steps.outcomes.put(Unavailable("no"))
    _ = await steps.over.get()
    await jobs.stop()
    left = await store.in_states([JobState.FAILED])
    assert len(left) == KEPT_FAILURES
    assert left[-1].id == asked.id


async def test_what_cannot_be_removed_now_is_cancelled_all_the_same(
    jobs: Jobs, steps: Steps
) -> None:
    """Else it neither runs nor is over: its disk is away, say."""
    first, second = [await add(jobs) for _ in range(2)]
    await steps.begun.get()
    steps.refuses = Unavailable("the disk does not answer")
    for job in (second, first):
        assert (await jobs.cancel(job.id)).state is JobState.CANCELLED
        with pytest.raises(Unavailable):
            await jobs.delete(job.id)
    steps.refuses = None
    for job in (second, first):
        await jobs.delete(job.id)
    assert steps.discarded == [second.id, first.id]


async def test_a_job_of_a_newer_release_is_left_alone(
    database: Database, steps: Steps, clock: FakeClock
) -> None:
    store = JobStore(database)
    unknown = {
        state: Job(
            state.value,
            "of-tomorrow",
            state,
            "front",
            *OWNER,
            1,
            {"to": "be"},
            result={"sha256": "ab"},
        )
        for state in (JobState.PENDING, JobState.PROCESSING, JobState.COMPLETE, JobState.FAILED)
    }
    for job in unknown.values():
        await store.add(replace(job, attempts=5))
    jobs = make(database, steps, clock)
    await jobs.open()
    mine = await add(jobs)
    assert await steps.begun.get() == mine.id
    found, count = await jobs.list(owner=None, cameras=None, limit=10, offset=0)
    assert ([job.id for job in found], count) == ([mine.id], 1)
    assert [job.id for job in await jobs.waiting()] == [mine.id]
    assert await jobs.find_hash("ab") is None
    for act in (jobs.get, jobs.cancel, jobs.retry, jobs.delete):
        for job in unknown.values():
            with pytest.raises(NotFound):
                await act(job.id)
    for number in range(KEPT_FAILURES + 1):
        await store.add(replace(unknown[JobState.FAILED], id=str(number)))
    await steps.outcomes.put(Unavailable("no"))
    _ = await steps.over.get()
    await jobs.stop()
    assert steps.discarded == []
    for state, job in unknown.items():
        left = await store.get(job.id)
        assert left == replace(job, attempts=5)
        assert left.state is state
    assert len(await store.in_states([JobState.FAILED])) == KEPT_FAILURES + 3


async def test_what_is_taken_up_waits_until_it_may_begin(
    database: Database, steps: Steps, clock: FakeClock
) -> None:
    jobs = make(database, steps, clock)
    await jobs.open(begins=False)
    # One writer: where the first had begun, that would be stored before the third is.
    first, *_ = [await jobs.add(JobKind.EXPORT, "door", OWNER, {}) for _ in range(3)]
    assert (await jobs.get(first.id)).state is JobState.PENDING
    jobs.begin()
    assert await steps.begun.get() == first.id
    await steps.outcomes.put({})
    assert (await steps.over.get()).state is JobState.COMPLETE
    await jobs.stop()
