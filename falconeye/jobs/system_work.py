"""What the node works on by itself, told in one form and acted on in one place.

Each kind has its home elsewhere and knows nothing of jobs; an adapter (`node_works`) tells how far
it is and what can be done. A job's states serve here, too, with `paused` beside them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from falconeye.base.errors import Conflict, NotFound


class WorkKind(StrEnum):
    """What the node does by itself, and what of it takes long."""

    MOVE = "move"  # of footage, off a volume
    INDEX = "index"  # made anew after a restore
    REDATING = "redating"  # of footage that a wrong clock dated
    BACKUP = "backup"  # the nightly copies
    DELETION = "deletion"  # of a camera's time, which a person asked for


class WorkState(StrEnum):
    """As a job's, and paused. The last three are its last outcome."""

    PENDING = "pending"  # it waits; `trouble` says for what
    PROCESSING = "processing"
    PAUSED = "paused"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        return self in {WorkState.COMPLETE, WorkState.FAILED, WorkState.CANCELLED}


class Act(StrEnum):
    """What can be done about it."""

    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"  # at once, not when it is due; also what was cancelled


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is done, and of how much; None where nobody knows."""

    done: int
    total: int | None = None

    @property
    def share(self) -> float | None:
        """0 to 1."""
        return min(1.0, self.done / self.total) if self.total else None


@dataclass(frozen=True, slots=True)
class SystemWork:
    """One piece of it now. Times are UTC."""

    id: str  # stays the same across starts, but for deletions
    kind: WorkKind
    state: WorkState
    subject: str = ""  # the path of the volume, the id of the camera: what the kind says
    files: Amount | None = None
    size_bytes: Amount | None = None
    since_us: int | None = None  # it runs, waits or is paused since then
    ended_us: int | None = None
    trouble: str = ""  # what holds it up or ended it, in words
    by: str = ""  # who asked for it, or paused it; empty: nobody but the node
    shift_us: int = 0  # of re-dating: what the clock lacked
    acts: tuple[Act, ...] = ()

    @property
    def share(self) -> float | None:
        """How much of it is done, 0 to 1; None while nobody knows."""
        if self.state is WorkState.COMPLETE:
            return 1.0
        for amount in (self.files, self.size_bytes):
            if amount is not None and amount.share is not None:
                return amount.share
        return None


class WorkAdapter(Protocol):
    """Tells of one kind. Lives on the loop."""

    async def works(self) -> Sequence[SystemWork]:
        """What there is of it; waits for no disk."""

    async def act(self, work: SystemWork, act: Act, by: str) -> None:
        """Do what `work.acts` offers; `by` is who wants it. A FalconEyeError where it cannot be."""


class KeptOutcomes(Protocol):
    """What came of it before, in other processes, too."""

    async def list(self, told: Sequence[SystemWork]) -> Sequence[SystemWork]:
        """The newest first, without those that `told` tells already."""


class SystemWorks:
    """All of it."""

    def __init__(
        self, adapters: Mapping[WorkKind, WorkAdapter], outcomes: KeptOutcomes | None = None
    ) -> None:
        self._adapters = adapters
        self._outcomes = outcomes

    async def list(self) -> Sequence[SystemWork]:
        """What runs, waits or is paused first; then the last outcomes, then those before."""
        found = [work for adapter in self._adapters.values() for work in await adapter.works()]
        before = () if self._outcomes is None else await self._outcomes.list(found)
        return [*sorted(found, key=lambda work: work.state.is_over), *before]

    async def find(self, work_id: str) -> SystemWork | None:
        """The one with that id, if there is such a thing now."""
        kind = work_id.partition("-")[0]
        if kind not in self._adapters:
            return None
        found = await self._adapters[WorkKind(kind)].works()
        if self._outcomes is not None:
            found = [*found, *await self._outcomes.list(found)]
        return next((work for work in found if work.id == work_id), None)

    async def act(self, work_id: str, act: Act, by: str) -> SystemWork:
        """Do it; what it is then. NotFound; Conflict where it cannot be done now."""
        work = await self.find(work_id)
        if work is None:
            raise NotFound("there is no such job")
        if act not in work.acts:
            can = ", ".join(work.acts) or "nothing"
            raise Conflict(f"{work.state.value}: of this can be done now: {can}")
        await self._adapters[work.kind].act(work, act, by)
        return await self.find(work_id) or work
