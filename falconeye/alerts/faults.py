"""When "not recorded" becomes a notice, and when that ends. No I/O; the caller looks each second.

A fault begins when a camera stops recording though nobody wants that, and ends once it has recorded
for a while: one that comes back for two seconds out of every ten is not well. A notice names one
cause; where another takes its place for as long as it takes to raise one, the notice ends and the
next begins.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Protocol

from falconeye.base.clock import Clock
from falconeye.base.times import SECOND_US
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.stores.notice_store import Cause, Notice

RAISE_US: Final = 30 * SECOND_US
SETTLED_US: Final = 10 * SECOND_US
START_US: Final = 60 * SECOND_US  # cameras connect when a node starts
START_VOLUMES_US: Final = 20 * SECOND_US  # disks are mounted before it
WANTED: Final[Set[Cause]] = frozenset(
    {
        GapReason.RECORDING_OFF,
        GapReason.CAMERA_STOPPED,
        GapReason.RECORDING_STOPPED,
        GapReason.PAUSED,
        GapReason.ELSEWHERE,
        GapReason.OUTSIDE_SCHEDULE,
        GapReason.OUTSIDE_EVENTS,
    }
)


class Present(Protocol):
    """What keeps something from working since when; a ledger's `Step` is one."""

    @property
    def since_us(self) -> int: ...
    @property
    def reason(self) -> Cause | None: ...
    @property
    def detail(self) -> str: ...


class Turn(StrEnum):
    """What became of a notice."""

    BEGAN = "began"
    RECORDS = "records"  # ended: the camera records again, the volume is well again
    NOT_WANTED = "not_wanted"  # ended: by a person's will it is not to record
    OTHER_CAUSE = "other_cause"  # ended: another notice follows


@dataclass(frozen=True, slots=True)
class Change:
    """A notice as it is since it began or ended."""

    turn: Turn
    notice: Notice


def is_fault(reason: Cause | None) -> bool:
    """Whether this keeps a camera from recording against people's will."""
    return reason is not None and reason not in WANTED


@dataclass(slots=True)
class _Fault:
    """A camera that should record and did not for some of the last seconds."""

    began_us: int  # monotonic
    since_us: int
    cause: Cause
    cause_began_us: int  # monotonic
    cause_since_us: int
    notice: Notice | None = None
    records_from_us: int | None = None  # monotonic; None: it does not record now
    records_since_us: int = 0


class Faults:
    """The faults of all cameras, and how long each was not recorded for which reason.

    Or those of all volumes, by `volume_subject`.
    """

    def __init__(
        self, clock: Clock, name_of: Callable[[str], str], *, start_us: int | None = None
    ) -> None:
        self._clock = clock
        self._name_of = name_of
        self._quiet_until_us = clock.monotonic_us() + (START_US if start_us is None else start_us)
        self._faults: dict[str, _Fault] = {}
        self._looked_us = clock.monotonic_us()
        self._seconds: defaultdict[str, defaultdict[Cause, float]] = defaultdict(
            lambda: defaultdict(float)
        )

    @property
    def active(self) -> list[Notice]:
        """The notices that last, the oldest first."""
        found = [fault.notice for fault in self._faults.values() if fault.notice]
        return sorted(found, key=lambda notice: notice.since_us)

    def not_recorded_s(self, camera_id: str) -> Mapping[Cause, float]:
        """For how long a camera was not recorded since the node started, by reason."""
        return self._seconds.get(camera_id, {})

    def resume(self, notices: Iterable[Notice]) -> list[Change]:
        """Those that lasted when the node ended last; of two of one camera the newer one counts."""
        now_us = self._clock.monotonic_us()
        older: list[Change] = []
        for notice in sorted(notices, key=lambda notice: notice.since_us):
            known = self._faults.get(notice.camera_id)
            if known is not None and known.notice is not None:
                older.append(_ended(known.notice, Turn.OTHER_CAUSE, notice.since_us))
            self._faults[notice.camera_id] = _Fault(
                now_us, notice.since_us, notice.reason, now_us, notice.since_us, notice
            )
        return older

    def look(
        self,
        steps: Mapping[str, Present],
        recorded_elsewhere: Callable[[str], bool] = lambda _: False,
    ) -> list[Change]:
        """What began and ended, given the present step of every camera.

        One that another node records is recorded: what keeps this node from it is no notice. How
        long this node did not record it counts all the same.
        """
        now_us = self._clock.monotonic_us()
        passed_s = (now_us - self._looked_us) / SECOND_US
        self._looked_us = now_us
        changes: list[Change] = []
        for camera_id, step in steps.items():
            if step.reason is not None:
                self._seconds[camera_id][step.reason] += passed_s
            if is_fault(step.reason) and recorded_elsewhere(camera_id):
                changes += self._records(camera_id, now_us)
            else:
                changes += self._look_at(camera_id, step, now_us)
        if now_us >= self._quiet_until_us:
            for camera_id in self._faults.keys() - steps.keys():  # deleted
                changes += self._end(camera_id, Turn.NOT_WANTED, self._clock.utc_us())
        for camera_id in self._seconds.keys() - steps.keys():
            del self._seconds[camera_id]
        return changes

    def _look_at(self, camera_id: str, step: Present, now_us: int) -> list[Change]:
        # One that waits for events is on duty: were it not, a fault in between would be none.
        if step.reason is None or step.reason is GapReason.OUTSIDE_EVENTS:
            return self._records(camera_id, now_us)
        if step.reason in WANTED:
            return self._end(camera_id, Turn.NOT_WANTED, self._clock.utc_us())
        fault = self._faults.get(camera_id)
        if fault is None:
            fault = self._faults[camera_id] = _Fault(
                now_us, step.since_us, step.reason, now_us, step.since_us
            )
        fault.records_from_us = None
        if fault.cause is not step.reason:
            fault.cause, fault.cause_began_us = step.reason, now_us
            fault.cause_since_us = step.since_us
        if now_us < self._quiet_until_us:
            return []
        return self._raise(camera_id, fault, step, now_us)

    def _raise(self, camera_id: str, fault: _Fault, step: Present, now_us: int) -> list[Change]:
        old = fault.notice
        if old is None and now_us - fault.began_us >= RAISE_US:
            fault.notice = self._new(camera_id, fault.since_us, fault.cause, step.detail)
            return [Change(Turn.BEGAN, fault.notice)]
        lasts = now_us - fault.cause_began_us >= RAISE_US
        if old is not None and old.reason is not fault.cause and lasts:
            new = self._new(camera_id, fault.cause_since_us, fault.cause, step.detail)
            fault.notice = new
            return [_ended(old, Turn.OTHER_CAUSE, new.since_us), Change(Turn.BEGAN, new)]
        return []

    def _records(self, camera_id: str, now_us: int) -> list[Change]:
        fault = self._faults.get(camera_id)
        if fault is None:
            return []
        if fault.records_from_us is None:
            fault.records_from_us, fault.records_since_us = now_us, self._clock.utc_us()
        if now_us - fault.records_from_us < SETTLED_US:
            return []
        return self._end(camera_id, Turn.RECORDS, fault.records_since_us)

    def _end(self, camera_id: str, turn: Turn, until_us: int) -> list[Change]:
        fault = self._faults.pop(camera_id, None)
        if fault is None or fault.notice is None:
            return []
        return [_ended(fault.notice, turn, until_us)]

    def sent(self, notice: Notice) -> None:
        """The beginning of this one has left the node, as its `sent_us` says."""
        fault = self._faults.get(notice.camera_id)
        if fault is not None and fault.notice is not None and fault.notice.id == notice.id:
            fault.notice = notice

    def _new(self, camera_id: str, since_us: int, cause: Cause, detail: str) -> Notice:
        return Notice(
            str(uuid.uuid4()), camera_id, self._name_of(camera_id), since_us, cause, detail
        )


def _ended(notice: Notice, turn: Turn, until_us: int) -> Change:
    # The clock may have been set back since it began.
    return Change(turn, replace(notice, until_us=max(until_us, notice.since_us)))
