"""The one place where jobs run: bounded, with progress, cancel and retry, across restarts.

One job of a kind at a time, so that many exports do not fight over a disk that also records; the
others wait, at most `MAX_WAITING` of all: whoever comes then is refused. A job that ran when the
node ended begins again at the next start, once; one that ended a node twice is not tried a third
time. Jobs of a kind that only a newer release knows are as if they were not there: it finds them
as it left them.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from falconeye.base.clock import Clock
from falconeye.base.errors import Conflict, FalconEyeError, NotFound, Unavailable
from falconeye.base.tasks import TaskSet
from falconeye.storage.stores.job_store import Job, JobState, JobStore

log = logging.getLogger(__name__)

MAX_WAITING = 20
MAX_ATTEMPTS = 2
RETRY_S = 5.0  # while the database does not take how a job ended
KEPT_FAILURES = 100  # failed and cancelled jobs that stay on the list


class JobKind(StrEnum):
    """What there is to do."""

    EXPORT = "export"
    COPY = "copy"  # of an export, in H.264


class Worker(Protocol):
    """Does the jobs of one kind."""

    async def run(self, job: Job, report: Callable[[float], None]) -> Mapping[str, Any]:
        """Do it; what came of it. `report` may be called on any thread. May be cancelled.

        A FalconEyeError says in words why it could not be done.
        """

    async def discard(self, job: Job) -> None:
        """Remove what it made, whole or begun."""

    async def ended(self, job: Job) -> None:
        """It is over and stored: the place for an entry in the audit log."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a job ended."""

    state: JobState
    result: Mapping[str, Any] | None = None
    error: str | None = None


@dataclass(slots=True)
class _Running:
    """A job that runs now."""

    job_id: str
    task: "asyncio.Task[_Outcome | None]"
    over: asyncio.Event  # its end is stored, unless it was cancelled, or is refused
    is_refused: bool = False  # it is done, but the database does not take its end now


class _Lane:
    """The jobs of one kind, which run one after the other."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.waiting: list[str] = []
        self.running: _Running | None = None
        self.progress = 0.0  # of the running one

    def put(self, job_id: str) -> None:
        self.waiting.append(job_id)
        self.ready.set()

    def report(self, share: float) -> None:
        self.progress = min(1.0, max(0.0, share))


class Jobs:
    """The jobs of this node. Unknown ids raise NotFound. Lives on the loop."""

    def __init__(self, store: JobStore, workers: Mapping[JobKind, Worker], clock: Clock) -> None:
        self._store = store
        self._workers = workers
        self._clock = clock
        self._tasks = TaskSet("jobs")
        self._lanes: dict[str, _Lane] = {kind.value: _Lane() for kind in workers}
        self._coming = 0  # whose rows are being stored
        self._changing = asyncio.Lock()  # cancel, retry and delete: one after the other

    async def open(self, *, begins: bool = True) -> None:
        """Take up what the node had not done when it ended; at once, or from `begin` on."""
        given_up: list[Job] = []
        for job in await self.waiting():
            if job.attempts >= MAX_ATTEMPTS:
                given_up.append(job)
                continue
            if job.state is JobState.PROCESSING:
                await self._store.change(job.id, {"state": JobState.PENDING.value})
            self._lane(job).put(job.id)
        _ = self._tasks.start(self._clear(given_up), "cleaner")
        if begins:
            self.begin()

    def begin(self) -> None:
        """Do what there is to do, from here on: all that jobs ask of is there."""
        for kind, lane in self._lanes.items():
            _ = self._tasks.start(self._run(lane), f"runner of {kind}")

    async def stop(self) -> None:
        """End what runs; it begins again at the next start."""
        await self._tasks.stop()

    async def waiting(self) -> Sequence[Job]:
        """Those not done yet, oldest first."""
        return await self._known((JobState.PROCESSING, JobState.PENDING))

    async def add(
        self,
        kind: JobKind,
        camera_id: str,
        owner: tuple[str, str, str],
        request: Mapping[str, Any],
    ) -> Job:
        """Queue a job for an owner (kind, id, name); Unavailable when too many wait."""
        self._require_place()
        job = Job(
            id=str(uuid.uuid4()),
            kind=kind.value,
            state=JobState.PENDING,
            camera_id=camera_id,
            owner_kind=owner[0],
            owner_id=owner[1],
            owner_name=owner[2],
            created_us=self._clock.utc_us(),
            request=request,
        )
        self._coming += 1
        try:
            await self._store.add(job)
        finally:
            self._coming -= 1
        self._lane(job).put(job.id)
        return job

    async def get(self, job_id: str) -> Job:
        job = await self._store.get(job_id)
        if job is None or job.kind not in self._lanes:
            raise NotFound("there is no such job")
        return job

    async def find_hash(self, sha256: str) -> Job | None:
        """The latest one that made a file with this SHA-256."""
        return await self._store.find_hash(sha256, self._lanes.keys())

    async def of_time(self, camera_id: str, from_us: int, to_us: int) -> Sequence[Job]:
        """Those that have some of a camera's time in [from, to), or still may; newest first."""
        return await self._store.of_time(camera_id, from_us, to_us, self._lanes.keys())

    async def list(
        self,
        *,
        owner: tuple[str, str] | None,
        cameras: Collection[str] | None,
        limit: int,
        offset: int,
    ) -> tuple[Sequence[Job], int]:
        """Newest first, and how many there are; of an owner (kind, id; None: anybody's)."""
        return await self._store.list(
            owner=owner, cameras=cameras, kinds=self._lanes.keys(), limit=limit, offset=offset
        )

    def progress(self, job: Job) -> float:
        """0 to 1."""
        if job.state is JobState.COMPLETE:
            return 1.0
        lane = self._lane(job)
        if lane.running is not None and lane.running.job_id == job.id:
            return lane.progress
        return 0.0

    async def cancel(self, job_id: str) -> Job:
        """End it and remove what it made so far; Conflict when it is over.

        What cannot be removed now goes when the job is deleted: else a disk that does not answer
        would leave a job that neither runs nor is over.
        """
        async with self._changing:
            job = await self.get(job_id)
            if job.state.is_over:
                raise Conflict("it is over already")
            lane = self._lane(job)
            if job.id in lane.waiting:
                lane.waiting.remove(job.id)
            elif (running := lane.running) is not None and running.job_id == job.id:
                running.task.cancel()
                await running.over.wait()
                if running.is_refused:
                    raise Unavailable("it is done; the database cannot take its end now")
                job = await self.get(job_id)
                if job.state.is_over:  # it was done at this very moment
                    return job
            await self._discard_rest(job)
            return await self._end(job, _Outcome(JobState.CANCELLED))

    async def retry(self, job_id: str) -> Job:
        """Begin one again that failed or was cancelled."""
        async with self._changing:
            job = await self.get(job_id)
            if job.state not in {JobState.FAILED, JobState.CANCELLED}:
                raise Conflict("only a job that failed or was cancelled can begin again")
            self._require_place()
            values = {"state": JobState.PENDING.value, "attempts": 0, "error": None}
            await self._store.change(job_id, values | {"started_us": None, "ended_us": None})
            self._lane(job).put(job_id)
            return await self.get(job_id)

    async def delete(self, job_id: str) -> None:
        """Take one that is over off the list, with what it made; Conflict while it is not."""
        async with self._changing:
            job = await self.get(job_id)
            if not job.state.is_over:
                raise Conflict("it is not over: cancel it first")
            await self._workers[JobKind(job.kind)].discard(job)
            await self._store.remove([job_id])

    async def _clear(self, given_up: Sequence[Job]) -> None:
        for job in given_up:  # not at the start: a disk that hangs must not hold that up
            await self._give_up(job)

    async def _run(self, lane: _Lane) -> None:
        while True:
            await lane.ready.wait()
            if not lane.waiting:
                lane.ready.clear()
                continue
            await self._run_one(lane, lane.waiting.pop(0))

    async def _run_one(self, lane: _Lane, job_id: str) -> None:
        """One job from its start to its end; of a cancelled one, whoever did that tells the end."""
        lane.progress = 0.0
        task = self._tasks.start(self._attempt(lane, job_id), job_id)
        lane.running = running = _Running(job_id, task, asyncio.Event())
        try:
            await asyncio.wait([task])
            if not task.cancelled() and (outcome := task.result()) is not None:
                await self._store_end(running, outcome)
        except Exception:  # a mistake of ours: the next start tries it again
            log.exception("the end of the job %s cannot be stored", job_id)
        finally:
            running.over.set()
            lane.running = None

    async def _store_end(self, running: _Running, outcome: "_Outcome") -> None:
        """However long the database is full or busy: no other job could begin meanwhile."""
        while True:
            try:
                _ = await self._end(await self.get(running.job_id), outcome)
            except Unavailable as error:
                if not running.is_refused:
                    log.warning("the end of the job %s waits: %s", running.job_id, error)
                running.is_refused = True
                running.over.set()  # who wants to cancel it need not wait for the database
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def _attempt(self, lane: _Lane, job_id: str) -> "_Outcome | None":
        """What came of it; None when it could not even begin: it waits for the next start."""
        try:
            job = await self._begin(job_id)
        except FalconEyeError as error:
            log.warning("the job %s cannot begin: %s", job_id, error)
            return None
        try:
            result = await self._workers[JobKind(job.kind)].run(job, lane.report)
        except FalconEyeError as error:
            log.info("the job %s (%s) failed: %s", job.id, job.kind, error)
            return _Outcome(JobState.FAILED, error=str(error))
        except Exception:
            log.exception("the job %s (%s) failed", job.id, job.kind)
            words = "this is our fault, not yours; the log of this node tells more"
            return _Outcome(JobState.FAILED, error=words)
        return _Outcome(JobState.COMPLETE, result=result)

    async def _begin(self, job_id: str) -> Job:
        job = await self.get(job_id)
        values: dict[str, Any] = {"attempts": job.attempts + 1, "started_us": self._clock.utc_us()}
        await self._store.change(job_id, values | {"state": JobState.PROCESSING.value})
        return replace(job, state=JobState.PROCESSING, **values)

    async def _end(
        self,
        job: Job,
        outcome: "_Outcome",
    ) -> Job:
        values: dict[str, Any] = {
            "error": outcome.error,
            "result": outcome.result,
            "ended_us": self._clock.utc_us(),
        }
        await self._store.change(job.id, values | {"state": outcome.state.value})
        ended = replace(job, state=outcome.state, **values)
        try:
            await self._forget_old()
            await self._workers[JobKind(job.kind)].ended(ended)
        except FalconEyeError as error:  # its end is stored, whatever the audit log says
            log.warning("the end of the job %s is not in the audit log: %s", job.id, error)
        return ended

    async def _forget_old(self) -> None:
        """What made nothing does not stay for ever."""
        old = await self._known((JobState.FAILED, JobState.CANCELLED))
        if len(old) > KEPT_FAILURES:
            await self._store.remove([job.id for job in old[:-KEPT_FAILURES]])

    async def _give_up(self, job: Job) -> None:
        await self._discard_rest(job)
        words = "the node stopped while it ran, twice"
        try:
            _ = await self._end(job, _Outcome(JobState.FAILED, error=words))
        except FalconEyeError as error:  # the database takes no rows: the next start tries again
            log.warning("the end of the job %s cannot be stored: %s", job.id, error)

    async def _discard_rest(self, job: Job) -> None:
        try:
            await self._workers[JobKind(job.kind)].discard(job)
        except FalconEyeError as error:  # its disk is not there; deleting the job tries again
            log.warning("what the job %s left cannot be removed: %s", job.id, error)

    async def _known(self, states: Collection[JobState]) -> Sequence[Job]:
        """Those in these states of which this release knows the kind, oldest first."""
        found = await self._store.in_states(states)
        return [job for job in found if job.kind in self._lanes]

    def _require_place(self) -> None:
        waiting = sum(len(lane.waiting) for lane in self._lanes.values())
        if waiting + self._coming >= MAX_WAITING:
            raise Unavailable(f"{MAX_WAITING} jobs are waiting already: try again later")

    def _lane(self, job: Job) -> _Lane:
        return self._lanes[job.kind]
