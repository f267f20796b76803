"""The list of found cameras: one row for each, with all that tells of it.

Lives on the loop. Ways of looking give findings (`note`) and take them back (`gone`); pages read
`list()`. What is one camera stands in `merging`, which of them are cameras of this system in
`recognition`.
"""

import hashlib
import logging
from collections import Counter as Counts
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from falconeye.base.clock import Clock
from falconeye.base.counters import Counter, RepeatingLog
from falconeye.base.errors import NotFound
from falconeye.base.times import MINUTE_US
from falconeye.discovery.evidence import MAX_KEY, Evidence, Way, clean
from falconeye.discovery.merging import RANK, Identity, Kind, Noted, Row, merge
from falconeye.discovery.recognition import Known, Moved, Recognised, recognise

MAX_EVIDENCE: Final = 1000
MAX_PER_ADDRESS: Final = 64  # of one way; a recorder shows as many channels
FORGOTTEN_US: Final = 10 * MINUTE_US
REPEATING: Final = frozenset({Way.ONVIF, Way.MDNS})  # these look again; silence tells something
# What the node itself has always finds room; what strangers send does not.
OWN: Final = frozenset({Way.USB, Way.CSI, Way.IMPORT})

log = logging.getLogger(__name__)


class IgnoredIds(Protocol):
    """Where it is remembered which found cameras nobody wants to see."""

    async def load(self) -> frozenset[str]:
        """All ignored ids."""

    async def add(self, ids: Collection[str]) -> None: ...

    async def remove(self, ids: Collection[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that may be a camera. Facts are those of the way that knows most."""

    id: str  # the same after a restart
    aliases: frozenset[str]  # ids it had, or will have, as more or less is known of it
    evidence: tuple[Evidence, ...]  # at least one; the way that knows most first
    name: str
    make: str
    model: str
    serial: str
    address: str | None  # where it was seen last
    port: int | None
    mac: str | None
    endpoint_reference: str | None
    url: str | None
    device_identity: str | None
    device_path: str | None
    usable: bool
    note: str  # why it is not usable, or what to know
    seen_us: int
    ignored: bool
    camera_ids: tuple[str, ...]  # the configured cameras that it is; a recorder is several
    moved: tuple[Moved, ...]  # those of them that are configured with another address
    shares: frozenset[Identity]  # what another row claims, too: they are kept apart

    @property
    def camera_id(self) -> str | None:
        """The configured camera that it is; the first, where there are several."""
        return self.camera_ids[0] if self.camera_ids else None


class Candidates:
    """All findings, merged when somebody asks."""

    def __init__(
        self,
        clock: Clock,
        ignored: IgnoredIds,
        *,
        known: Callable[[], Iterable[Known]] = tuple,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._store = ignored
        self._known = known
        self._on_change = on_change
        self._items: dict[tuple[Way, str], Noted] = {}
        self._ignored: frozenset[str] = frozenset()
        self._rows: Sequence[Row] | None = []
        self._listed: Sequence[Sequence[str]] = ()  # the rows that somebody saw last
        self._log = RepeatingLog(log, clock)
        self.refused = Counter()

    async def load(self) -> None:
        """Read which ids are ignored; once, before anything is noted."""
        self._ignored = await self._store.load()

    def note(self, evidence: Evidence, *, is_kernels_mac: bool = False) -> bool:
        """Take a finding, in place of an older one of its way and key.

        False when there is no room: then the newest of the network is refused and counted, while
        what is the node's own, and what has a configured camera's hardware by the kernel's word
        (`is_kernels_mac`), takes the place of one of those who say the most.
        """
        evidence = evidence.cleaned()
        key = (evidence.way, evidence.key)
        before = self._items.get(key)
        if before is None and not self._make_room(evidence, is_kernels_mac=is_kernels_mac):
            self.refused.add()
            self._log.warning("there are too many found cameras; new ones are left out")
            return False
        self._items[key] = Noted(evidence, self._clock.monotonic_us())
        self._rows = None
        if before is None or not _same(before.evidence, evidence):
            self._on_change()
        return True

    def gone(self, way: Way, key: str) -> None:
        """Take a finding back; nothing happens where there is none."""
        if self._items.pop((way, clean(key, MAX_KEY)), None) is not None:
            self._changed()

    def drop(self, way: Way, judge: Callable[[Evidence], bool] = lambda _: True) -> None:
        """Take back all findings of a way that `judge` names."""
        keys = [
            key
            for key, item in self._items.items()
            if item.evidence.way is way and judge(item.evidence)
        ]
        for key in keys:
            del self._items[key]
        if keys:
            self._changed()

    def expire(self) -> None:
        """Forget what a way that looks again and again has not seen for ten minutes."""
        before_us = self._clock.monotonic_us() - FORGOTTEN_US
        old = [
            key
            for key, item in self._items.items()
            if item.evidence.way in REPEATING and item.noted_us <= before_us
        ]
        for key in old:
            del self._items[key]
        self._rows = None
        # Time alone decides where a device that moved is now.
        if old or _keys(self._merged()) != self._listed:
            self._on_change()

    def list(self) -> list[Candidate]:
        """All rows, ignored ones and configured cameras too, by name."""
        rows = self._merged()
        self._listed = _keys(rows)
        found = recognise(rows, self._known())
        ids = _ids(rows)
        candidates = [
            self._candidate(row, mine, found.get(index, Recognised()))
            for index, (row, mine) in enumerate(zip(rows, ids, strict=True))
        ]
        return sorted(candidates, key=lambda row: (row.name.casefold(), row.id))

    def get(self, candidate_id: str) -> Candidate:
        """The row of this id, or of an id that it had when less was known; else NotFound."""
        rows = self.list()
        for row in rows:
            if row.id == candidate_id:
                return row
        for row in rows:
            if candidate_id in row.aliases:
                return row
        raise NotFound("this camera is not among the found ones any more")

    async def set_ignored(self, candidate_id: str, *, ignored: bool) -> Candidate:
        """Hide a row from those who look for cameras, or show it again; remembered."""
        aliases = self.get(candidate_id).aliases
        if ignored:
            await self._store.add(aliases)
            self._ignored |= aliases
        else:
            await self._store.remove(aliases)
            self._ignored -= aliases
        self._on_change()
        return self.get(candidate_id)

    def _changed(self) -> None:
        self._rows = None
        self._on_change()

    def _merged(self) -> Sequence[Row]:
        if self._rows is None:
            self._rows = merge(self._items.values())
        return self._rows

    def _make_room(self, evidence: Evidence, *, is_kernels_mac: bool) -> bool:
        is_full = len(self._items) >= MAX_EVIDENCE
        is_camera = is_full and is_kernels_mac and self._is_configured(evidence.mac)
        if evidence.way in OWN or is_camera:
            if is_full:
                self._forget_one()
            return len(self._items) < MAX_EVIDENCE
        # One device that calls itself by ever new names must not crowd out the others.
        from_there = sum(
            1
            for item in self._items.values()
            if item.evidence.way is evidence.way and item.evidence.address == evidence.address
        )
        return len(self._items) < MAX_EVIDENCE and from_there < MAX_PER_ADDRESS

    def _is_configured(self, mac: str | None) -> bool:
        return mac is not None and any(camera.mac == mac for camera in self._known())

    def _forget_one(self) -> None:
        """Of the network, of the address that says the most, what was seen longest ago."""
        network = {k: one for k, one in self._items.items() if one.evidence.way not in OWN}
        said = Counts(one.evidence.address for one in network.values())
        if network:
            del self._items[
                min(
                    network, key=lambda k: (-said[network[k].evidence.address], network[k].noted_us)
                )
            ]

    def _candidate(
        self, row: Row, ids: tuple[str, frozenset[str]], recognised: Recognised
    ) -> Candidate:
        items = row.items
        evidence = tuple(item.evidence for item in items)
        latest = max(
            (item for item in items if item.evidence.address),
            key=lambda item: (item.noted_us, -RANK[item.evidence.way], item.evidence.key),
            default=items[0],
        ).evidence
        here = tuple(one for one in evidence if one.address == latest.address)
        usable = any(one.usable for one in evidence)
        return Candidate(
            id=ids[0],
            aliases=ids[1],
            evidence=evidence,
            name=_first(one.name for one in evidence),
            make=_first(one.make for one in evidence),
            model=_first(one.model for one in evidence),
            serial=_first(one.serial for one in evidence),
            address=latest.address,
            port=next((one.port for one in here if one.port and one.usable), None),
            mac=_first(one.mac for one in evidence) or None,
            endpoint_reference=_first(one.endpoint_reference for one in evidence) or None,
            url=_first(one.url for one in here if one.usable) or None,
            device_identity=_first(one.device_identity for one in evidence) or None,
            device_path=_first(one.device_path for one in evidence) or None,
            usable=usable,
            note=_first(one.note for one in evidence if one.usable == usable),
            seen_us=max(one.seen_us for one in evidence),
            ignored=not self._ignored.isdisjoint(ids[1]),
            camera_ids=recognised.camera_ids,
            moved=recognised.moved,
            shares=row.shared,
        )


def _keys(rows: Iterable[Row]) -> Sequence[Sequence[str]]:
    return tuple([item.evidence.key for item in row.items] for row in rows)


def _first(values: Iterable[str | None]) -> str:
    return next((value for value in values if value), "")


def _same(one: Evidence, other: Evidence) -> bool:
    """Whether they tell the same, apart from when."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in Evidence.__slots__
        if name != "seen_us"
    )


def _ids(rows: Iterable[Row]) -> list[tuple[str, frozenset[str]]]:
    """Id and aliases of each row.

    An id comes from the strongest identity that no other row claims; ignoring a row remembers all
    that name a device. An address names a device only where nothing better is known of it.
    """
    found = []
    for row in rows:
        own = [
            identity
            for kind in Kind
            for identity in sorted(row.identities - row.shared)
            if identity.kind is kind
        ]
        strong = [_digest(*identity) for identity in own if identity.kind is not Kind.ADDRESS]
        if strong:
            found.append((strong[0], frozenset(strong)))
            continue
        first = row.items[0].evidence
        weak = _digest(*own[0]) if own else _digest(f"key within {first.way}", first.key)
        found.append((weak, frozenset({weak})))
    return found


def _digest(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind}:{value}".encode()).hexdigest()[:16]
