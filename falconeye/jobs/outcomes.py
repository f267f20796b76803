"""What came of the work that the node does by itself, over restarts: a few rows of each kind.

Whoever restarts a node in the morning sees what was done in the night, or failed. The homes of the
work tell it on the loop and wait for nothing; it is stored beside them, as soon as the database
takes it. What the runner of jobs does not know, it leaves alone (`Jobs`): these rows are no jobs.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Final

from falconeye.base.errors import FalconEyeError
from falconeye.base.tasks import TaskSet
from falconeye.base.words import counted
from falconeye.jobs.system_work import Amount, SystemWork, WorkKind, WorkState
from falconeye.storage.stores.job_store import Job, JobState, JobStore

log = logging.getLogger(__name__)

KEPT: Final = 20  # of each kind
MAX_UNSTORED: Final = 100  # while the database takes none; then the oldest go
RETRY_S: Final = 5.0
STOP_S: Final = 2.0
_OWNER: Final = "system"
_KINDS: Final = tuple(kind.value for kind in WorkKind)


class WorkOutcomes:
    """Lives on the loop."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._unstored: deque[SystemWork] = deque(maxlen=MAX_UNSTORED)
        self._woken = asyncio.Event()
        self._is_stored = asyncio.Event()
        self._is_stored.set()
        self._tasks = TaskSet("outcomes")

    def start(self) -> None:
        """From now on what is noted is stored."""
        _ = self._tasks.start(self._run(), "store")

    def note(self, work: SystemWork) -> None:
        """It is over, as `work` says; one of the same id takes its place."""
        self._unstored.append(work)
        self._is_stored.clear()
        self._woken.set()

    async def flush(self) -> None:
        """Wait until all that was noted is stored, however long the database takes."""
        await self._is_stored.wait()

    async def stop(self) -> None:
        """Store what is left, for a while; what the database does not take then is lost."""
        try:
            async with asyncio.timeout(STOP_S):
                await self.flush()
        except TimeoutError:
            left = len(self._unstored)
            are = "is" if left == 1 else "are"
            log.warning("%s of jobs %s not stored", counted(left, "outcome"), are)
        await self._tasks.stop()

    async def list(self, told: Sequence[SystemWork] = ()) -> Sequence[SystemWork]:
        """The newest first, without those that `told` tells already."""
        rows, _ = await self._store.list(
            owner=None, cameras=None, kinds=_KINDS, limit=KEPT * len(_KINDS), offset=0
        )
        known = {_key(work) for work in told}
        stored = [work for work in (_work(row) for row in rows) if _key(work) not in known]
        return sorted(stored, key=lambda work: -(work.ended_us or 0))

    async def _run(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._unstored:
                work = self._unstored[0]
                try:
                    await self._store.keep(_row(work), KEPT)
                except FalconEyeError as error:  # full or busy
                    log.warning("an outcome of a job is not stored yet: %s", error)
                    await asyncio.sleep(RETRY_S)
                    continue
                if self._unstored and self._unstored[0] is work:
                    self._unstored.popleft()
            self._is_stored.set()


def _key(work: SystemWork) -> tuple[WorkKind, str, int | None]:
    return work.kind, work.subject, work.ended_us


def _row(work: SystemWork) -> Job:
    ended_us = work.ended_us or 0
    return Job(
        id=work.id,
        kind=work.kind.value,
        state=JobState(work.state.value),
        camera_id="",
        owner_kind=_OWNER,
        owner_id="",
        owner_name=work.by,
        created_us=ended_us if work.since_us is None else work.since_us,
        started_us=work.since_us,
        ended_us=ended_us,
        request={"subject": work.subject, "shift_us": work.shift_us},
        result={
            "files": work.files.done if work.files else None,
            "bytes": work.size_bytes.done if work.size_bytes else None,
        },
        error=work.trouble or None,
    )


def _work(row: Job) -> SystemWork:
    result = row.result or {}
    files, size_bytes = result.get("files"), result.get("bytes")
    return SystemWork(
        id=row.id,
        kind=WorkKind(row.kind),
        state=WorkState(row.state.value),
        subject=row.request.get("subject", ""),
        files=None if files is None else Amount(files),
        size_bytes=None if size_bytes is None else Amount(size_bytes),
        since_us=row.started_us,
        ended_us=row.ended_us,
        trouble=row.error or "",
        by=row.owner_name,
        shift_us=row.request.get("shift_us", 0),
    )
