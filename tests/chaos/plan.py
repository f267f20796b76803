"""What is done to the nodes, their network and the cameras, and when: one seed, one plan. Pure.

Node 0 is the browser's: it is never killed, though it may be cut off. At any time at least one node
runs that reaches the cameras, so that somebody could always record.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from typing_extensions import override


class Kind(StrEnum):
    """What is done; in words for people."""

    KILL = "kill -9, started again"
    TERMINATE = "SIGTERM, started again"
    PARTITION = "cut off from the other nodes"
    ONE_WAY = "heard by no other node, and hears them"
    BLIND = "cut off from the cameras"
    SLOW = "a slow link"
    CAMERA = "camera without power"
    EDIT = "somebody edits every camera there"


# How long each lasts, in seconds; and once through all of these before any comes again.
LASTS_S: Final = {
    Kind.KILL: (2, 35),
    Kind.TERMINATE: (1, 25),
    Kind.PARTITION: (8, 40),
    Kind.ONE_WAY: (8, 35),
    Kind.BLIND: (5, 50),
    Kind.SLOW: (10, 30),
    Kind.CAMERA: (2, 15),
    Kind.EDIT: (0, 0),
}
DECK: Final = (*Kind, Kind.KILL, Kind.EDIT)
BETWEEN_S: Final = (2, 12)  # from the begin of one to the begin of the next
_DOWN: Final = frozenset({Kind.KILL, Kind.TERMINATE})
_TRIES: Final = 50


@dataclass(frozen=True, slots=True)
class Fault:
    """`target`: the number of a node, or of a camera. Times are seconds from the begin."""

    at_s: float
    lasts_s: float
    kind: Kind
    target: int

    @property
    def until_s(self) -> float:
        return self.at_s + self.lasts_s

    @property
    def ends_process(self) -> bool:
        return self.kind in _DOWN

    @override
    def __str__(self) -> str:
        what = "camera" if self.kind is Kind.CAMERA else "node"
        return f"{self.at_s:7.1f} s  for {self.lasts_s:4.1f} s  {what} {self.target}: {self.kind}"


def make_plan(seed: int, *, nodes: int, cameras: int, length_s: float) -> list[Fault]:
    """The faults of so many seconds, in the order of their begins; all end within them."""
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    kinds = _kinds(chance)
    found: list[Fault] = []
    at_s = chance.uniform(*BETWEEN_S)
    while at_s < length_s:
        fault = _drawn(chance, next(kinds), at_s, (nodes, cameras), found)
        if fault is not None and fault.until_s <= length_s:
            found.append(fault)
        at_s = round(at_s + chance.uniform(*BETWEEN_S), 1)
    return found


def _kinds(chance: random.Random) -> Iterator[Kind]:
    while True:
        deck = list(DECK)
        chance.shuffle(deck)
        yield from deck


def _drawn(
    chance: random.Random,
    kind: Kind,
    at_s: float,
    counts: tuple[int, int],
    before: Sequence[Fault],
) -> Fault | None:
    """One that may be; None where none was found soon."""
    nodes, cameras = counts
    for _ in range(_TRIES):
        target = chance.randrange(cameras if kind is Kind.CAMERA else nodes)
        lasts_s = round(chance.uniform(*LASTS_S[kind]), 1)
        fault = Fault(round(at_s, 1), lasts_s, kind, target)
        if _may_be(fault, nodes, before):
            return fault
    return None


def _may_be(fault: Fault, nodes: int, before: Sequence[Fault]) -> bool:
    if fault.kind is Kind.EDIT:
        return True
    if fault.ends_process and fault.target == 0:
        return False
    beside = [one for one in before if one.until_s > fault.at_s and one.kind is not Kind.EDIT]
    is_of_camera = fault.kind is Kind.CAMERA
    for one in beside:
        if one.target == fault.target and (one.kind is Kind.CAMERA) is is_of_camera:
            return False  # one at a time of each
    return not is_too_much((*beside, fault), nodes)


def is_too_much(faults: Iterable[Fault], nodes: int) -> bool:
    """Whether nobody is left to record while these go on."""
    useless = {one.target for one in faults if one.ends_process or one.kind is Kind.BLIND}
    return len(useless) >= nodes
