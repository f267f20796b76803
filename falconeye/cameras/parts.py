"""What every pipeline of a node shares."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from falconeye.base.clock import Clock
from falconeye.base.memory import MemoryBudget
from falconeye.events.bus import EventBus
from falconeye.recording.plan import Beginnings
from falconeye.recording.pre_roll import PreRollShares
from falconeye.storage.segments.segments import SegmentStore
from falconeye.storage.volumes.spool import Spool


def _utc() -> tzinfo:
    return UTC


@dataclass(frozen=True, slots=True)
class PipelineParts:
    """The loop, the clock, and where footage, events and pictures go."""

    loop: asyncio.AbstractEventLoop
    clock: Clock
    bus: EventBus
    budget: MemoryBudget
    store: SegmentStore
    pictures: Executor  # decodes stills on demand
    segment_s: int
    sub_recording: bool
    zone: Callable[[], tzinfo] = _utc  # the site's, as it is set now: schedules follow it
    spool: Spool | None = None  # for what is kept before events and memory cannot hold
    mac_of: Callable[[str], str | None] | None = None  # None: what the kernel knows of neighbours
    beginnings: Beginnings = field(default_factory=Beginnings)  # also of recorders that ended
    shares: PreRollShares = field(init=False)  # of what is kept before events

    def __post_init__(self) -> None:
        object.__setattr__(self, "shares", PreRollShares(self.budget))
