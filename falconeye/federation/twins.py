"""One node id in two processes at once: somebody copied a node's data, its key included.

Each start of a node has a boot id of its own. One that comes back after another took its place is
proof of two. The one that was heard first counts; the other is refused until it has an id of its
own, because two owners of one name would undo each other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from falconeye.base.clock import Clock
from falconeye.base.errors import Conflict
from falconeye.base.times import MINUTE_US

KEPT_US: Final = MINUTE_US  # who was not heard for so long is gone, and the other may be it
MAX_BOOTS: Final = 8  # of one id
WORDS: Final = (
    "another node has this node's id: run `falconeye node new-id` on the one that is a copy"
)


class TwinRefused(Conflict):
    """The node that was heard under this id first is there still."""


@dataclass(slots=True)
class _Starts:
    """Of one node id. By boot id, the first heard first."""

    counts: str
    heard_us: dict[str, int] = field(default_factory=dict)
    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    twins_us: int | None = None  # when two were known to be there


class Twins:
    """Lives on the loop. Bounded by the members, whose requests alone come here."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._starts: dict[str, _Starts] = {}
        self._own_us: int | None = None  # when others said so of this node
        self.on_seen: Callable[[], None] | None = None

    def check(self, node_id: str, boot_id: str, addresses: Sequence[str]) -> None:
        """To be called with each word of a node; TwinRefused for one that does not count."""
        now_us = self._clock.monotonic_us()
        starts = self._starts.setdefault(node_id, _Starts(boot_id))
        is_new = boot_id not in starts.heard_us
        starts.heard_us[boot_id], starts.addresses[boot_id] = now_us, tuple(addresses)
        if boot_id == starts.counts:
            return
        other_us = starts.heard_us.get(starts.counts, 0)
        if is_new:  # it was started again
            starts.counts = boot_id
            self._bound(starts)
            return
        is_other_there = now_us - other_us <= KEPT_US
        order = list(starts.heard_us)
        is_elder = order.index(boot_id) < order.index(starts.counts)
        if is_other_there:
            starts.twins_us = now_us
            self._tell()
        if is_other_there and not is_elder:
            raise TwinRefused(WORDS)
        starts.counts = boot_id

    def told_so(self) -> None:
        """A peer refuses this node, because another has its id."""
        self._own_us = self._clock.monotonic_us()
        self._tell()

    @property
    def own_is_copied(self) -> bool:
        """Whether others said in the last minute that this node's id is another's, too."""
        return self._own_us is not None and self._clock.monotonic_us() - self._own_us <= KEPT_US

    def addresses(self, node_id: str) -> tuple[str, ...]:
        """Where that id was heard in the last minute, if at two nodes; else nothing."""
        starts, now_us = self._starts.get(node_id), self._clock.monotonic_us()
        if starts is None or starts.twins_us is None or now_us - starts.twins_us > KEPT_US:
            return ()
        lately = [boot for boot, at_us in starts.heard_us.items() if now_us - at_us <= KEPT_US]
        return tuple(dict.fromkeys(one for boot in lately for one in starts.addresses[boot][:2]))

    def seen(self) -> dict[str, tuple[str, ...]]:
        """All ids that are at two nodes now, and where."""
        return {one: found for one in self._starts if (found := self.addresses(one))}

    def follow(self, node_ids: set[str]) -> None:
        """Forget who is no member any more."""
        for gone in set(self._starts) - node_ids:
            del self._starts[gone]

    def _tell(self) -> None:
        if self.on_seen is not None:
            self.on_seen()

    @staticmethod
    def _bound(starts: _Starts) -> None:
        for boot_id in sorted(starts.heard_us, key=lambda one: starts.heard_us[one]):
            if len(starts.heard_us) > MAX_BOOTS and boot_id != starts.counts:
                del starts.heard_us[boot_id], starts.addresses[boot_id]
