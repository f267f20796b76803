"""What every pipeline of a node shares."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from falconeye.base.clock import Clock
from falconeye.base.memory import MemoryBudget
from falconeye.cameras.identity.identities import Identities
from falconeye.cameras.identity.neighbours import NEIGHBOURS, Neighbours
from falconeye.cameras.roles import Roles
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
    roles: Roles = field(default_factory=Roles)
    spool: Spool | None = None  # for what is kept before events and memory cannot hold
    neighbours: Neighbours = NEIGHBOURS
    met: dict[str, str] = field(default_factory=dict)  # camera id → the address that answered last
    beginnings: Beginnings = field(default_factory=Beginnings)  # also of recorders that ended
    identities: Identities = field(init=False)  # who answers, where the kernel cannot tell
    shares: PreRollShares = field(init=False)  # of what is kept before events

    def __post_init__(self) -> None:
        object.__setattr__(self, "identities", Identities(self.loop, self.clock))
        object.__setattr__(self, "shares", PreRollShares(self.budget))
