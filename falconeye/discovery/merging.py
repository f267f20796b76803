"""Which findings are one camera. No state: the same findings give the same rows in any order.

Findings belong together by endpoint reference, hardware address, USB identity or IP address. Where
that joins what cannot be one device (two endpoint references, two hardware addresses, one identity
at two places), links are given up until each row is without contradiction, and the rows that then
share something say so: behind an address there may be a recorder or a router, and cheap cameras
leave the factory with one identity for all of them. Nothing is joined by guess.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from falconeye.base.times import SECOND_US
from falconeye.discovery.evidence import Evidence, Way

SUPERSEDED_US: Final = 150 * SECOND_US  # two rounds of probes and a half went unanswered there


class Kind(StrEnum):
    """What tells one device from another, the strongest first."""

    USB = "usb"
    ENDPOINT = "endpoint_reference"
    MAC = "mac"
    ADDRESS = "address"


class Identity(NamedTuple):
    """Something that only one device should claim."""

    kind: Kind
    value: str


class Noted(NamedTuple):
    """A finding, and when it came (monotonic)."""

    evidence: Evidence
    noted_us: int


@dataclass(frozen=True, slots=True)
class Row:
    """Findings of one camera, the way that knows most first."""

    items: tuple[Noted, ...]
    identities: frozenset[Identity]
    shared: frozenset[Identity]  # those that another row claims, too


Links = frozenset[Kind]
ALL: Final[Links] = frozenset(Kind)
# What may join findings, tried in this order until no contradiction is left.
LEVELS: Final[tuple[Links, ...]] = (
    ALL,
    frozenset({Kind.MAC, Kind.ADDRESS}),
    frozenset({Kind.USB, Kind.ENDPOINT, Kind.MAC}),
    frozenset({Kind.MAC}),
    frozenset({Kind.USB, Kind.ENDPOINT}),
    frozenset(),
)
# The way that knows most about a device comes first.
RANK: Final = {
    way: rank
    for rank, way in enumerate((Way.USB, Way.CSI, Way.ONVIF, Way.MDNS, Way.IMPORT, Way.SCAN))
}


def merge(items: Iterable[Noted]) -> list[Row]:
    """The rows of these findings; each finding that counts is in exactly one."""
    ordered = sorted(_current(list(items)), key=_order)
    groups = list(_resolve(ordered, 0))
    claims: dict[Identity, int] = {}
    identities = [
        frozenset(i for item in group for i in identities_of(item.evidence)) for group in groups
    ]
    for claimed in identities:
        for identity in claimed:
            claims[identity] = claims.get(identity, 0) + 1
    return [
        Row(tuple(group), claimed, frozenset(i for i in claimed if claims[i] > 1))
        for group, claimed in zip(groups, identities, strict=True)
    ]


def identities_of(evidence: Evidence) -> list[Identity]:
    """What a finding claims, the strongest first."""
    values = (
        (Kind.USB, evidence.device_identity),
        (Kind.ENDPOINT, evidence.endpoint_reference),
        (Kind.MAC, evidence.mac),
        (Kind.ADDRESS, evidence.address),
    )
    return [Identity(kind, value) for kind, value in values if value]


def _order(item: Noted) -> tuple[int, str]:
    return RANK[item.evidence.way], item.evidence.key


def _current(items: list[Noted]) -> list[Noted]:
    """Without answers from where a device no longer is: it has answered elsewhere since."""
    newest: dict[str, int] = {}
    for evidence, noted_us in items:
        if evidence.way is Way.ONVIF and evidence.endpoint_reference:
            known = newest.get(evidence.endpoint_reference, noted_us)
            newest[evidence.endpoint_reference] = max(known, noted_us)
    return [
        item
        for item in items
        if item.evidence.way is not Way.ONVIF
        or newest.get(item.evidence.endpoint_reference or "", 0) - item.noted_us < SUPERSEDED_US
    ]


def _resolve(items: Sequence[Noted], level: int) -> Iterable[list[Noted]]:
    for group in _linked(items, LEVELS[level]):
        if level + 1 < len(LEVELS) and _contradicts([item.evidence for item in group]):
            yield from _resolve(group, level + 1)
        else:
            yield group


def _contradicts(group: list[Evidence]) -> bool:
    """Whether these cannot be one device, as far as they tell."""
    endpoints = {evidence.endpoint_reference for evidence in group} - {None}
    macs = {evidence.mac for evidence in group} - {None}
    paths = {evidence.device_path for evidence in group} - {None}
    # A recorder's file names each camera once, though all may be at the address of one recorder.
    imports = {evidence.key for evidence in group if evidence.way is Way.IMPORT}
    if max(len(endpoints), len(macs), len(paths), len(imports)) > 1:
        return True
    addresses = {evidence.address for evidence in group} - {None}
    with_mac = {evidence.address for evidence in group if evidence.mac}
    # At two addresses it is one device only where its hardware address was seen at both.
    return len(addresses) > 1 and not addresses <= with_mac


def _linked(items: Sequence[Noted], links: Links) -> list[list[Noted]]:
    """Groups of those that share an identity of these kinds, or all of them, also by others."""
    parent = list(range(len(items)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[object, int] = {}
    for index, item in enumerate(items):
        claims = [i for i in identities_of(item.evidence) if i.kind in links]
        for claim in (*claims, _alike(item.evidence)):
            left, right = root(first.setdefault(claim, index)), root(index)
            parent[max(left, right)] = min(left, right)
    groups: dict[int, list[Noted]] = {}
    for index, item in enumerate(items):
        groups.setdefault(root(index), []).append(item)
    return list(groups.values())


def _alike(evidence: Evidence) -> tuple[str | None, ...]:
    """The finest that is still told apart: who claims the very same is the same."""
    own = (
        evidence.way + evidence.key
        if evidence.way is Way.IMPORT or not identities_of(evidence)
        else None
    )
    return (
        evidence.device_identity,
        evidence.device_path,
        evidence.endpoint_reference,
        evidence.mac,
        evidence.address,
        own,
    )
