"""Moves of cameras that even the load of nodes, and whether a camera may move to a node.

A plan is made for a person, who reads it and presses the button: few moves that each do much.
Moving a camera leaves its footage where it is, and costs no second of recording (make before
break).
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from falconeye.federation.placement.load import CameraLoad, NodeLoad, PlacingNode

WORTH: Final = 0.02  # a move has to take that much off the fuller of its two nodes
FEW_DAYS: Final = 1.0  # of disk left, after a move: worth a warning


@dataclass(frozen=True, slots=True)
class OwnedCamera:
    """A camera that may be moved, or not."""

    id: str
    owner_id: str
    load: CameraLoad
    pinned: bool = False
    stays: bool = False  # nobody else can have it (`config.addresses.stays_with_node`)
    reached_by: Set[str] | None = None  # node ids; None: nobody knows, all are thought to

    @property
    def may_move(self) -> bool:
        """By a plan; a person moves a pinned one, too."""
        return not self.pinned and not self.stays

    def is_reached_by(self, node_id: str) -> bool:
        return self.reached_by is None or node_id in self.reached_by


@dataclass(frozen=True, slots=True)
class Move:
    """A change of a camera's owner."""

    camera_id: str
    from_id: str
    to_id: str


@dataclass(frozen=True, slots=True)
class MovePlan:
    """Moves, and the load of each node (by id) as it is and as it would be."""

    moves: Sequence[Move]
    before: Mapping[str, float]
    after: Mapping[str, float]


def plan_moves(nodes: Mapping[str, NodeLoad], cameras: Iterable[OwnedCamera]) -> MovePlan:
    """Even the load of the nodes that are heard and not draining.

    Always the move that evens most, until none is worth it: `WORTH` off the fuller of the two
    nodes. A second plan right after the first is therefore empty. A camera may be moved on while
    the plan is made; a person reads from where to where it goes in the end. Not for the loop: with
    hundreds of cameras a second, on a small machine several.
    """
    loads, at = _Loads(nodes), {one.id: one for one in cameras if one.owner_id in nodes}
    begun = {one.id: one.owner_id for one in at.values()}
    movable = [one.id for one in at.values() if one.may_move]
    while (found := _best(loads, [at[one] for one in movable])) is not None:
        camera, to_id = found
        loads.move(camera, to_id)
        at[camera.id] = replace(camera, owner_id=to_id)
    moves = [Move(one, begun[one], at[one].owner_id) for one in movable]
    return MovePlan(
        [move for move in moves if move.from_id != move.to_id], _numbers(nodes), loads.now
    )


class _Loads:
    """The loads of nodes as cameras move. A move changes two: of the rest all is known already."""

    def __init__(self, nodes: Mapping[str, NodeLoad]) -> None:
        self.now = _numbers(nodes)
        self._nodes = dict(nodes)
        self._with: dict[str, dict[CameraLoad, float]] = {one: {} for one in nodes}
        self._without: dict[str, dict[CameraLoad, float]] = {one: {} for one in nodes}

    def with_camera(self, node_id: str, camera: CameraLoad) -> float:
        known = self._with[node_id]
        if camera not in known:
            known[camera] = self._nodes[node_id].with_camera(camera).load
        return known[camera]

    def without_camera(self, node_id: str, camera: CameraLoad) -> float:
        known = self._without[node_id]
        if camera not in known:
            known[camera] = self._nodes[node_id].without_camera(camera).load
        return known[camera]

    def move(self, camera: OwnedCamera, to_id: str) -> None:
        """It is recorded there from now on."""
        from_id = camera.owner_id
        self._nodes[from_id] = self._nodes[from_id].without_camera(camera.load)
        self._nodes[to_id] = self._nodes[to_id].with_camera(camera.load)
        for node_id in (from_id, to_id):
            self.now[node_id] = self._nodes[node_id].load
            self._with[node_id].clear()
            self._without[node_id].clear()


def _best(loads: _Loads, cameras: Sequence[OwnedCamera]) -> tuple[OwnedCamera, str] | None:
    """The move that takes most off the fuller of its two nodes, of those from the fullest nodes."""
    now = loads.now
    for from_id in sorted(now, key=lambda one: (-now[one], one)):
        found = [
            (gain, camera.id, to_id, camera)
            for camera in cameras
            if camera.owner_id == from_id
            for to_id in now
            if to_id != from_id
            and camera.is_reached_by(to_id)
            and (gain := _gain(loads, camera, to_id)) >= WORTH
        ]
        if found:
            _, _, to_id, camera = min(found, key=lambda one: (-one[0], one[1], one[2]))
            return camera, to_id
    return None


def _gain(loads: _Loads, camera: OwnedCamera, to_id: str) -> float:
    """How much less the fuller of the two is loaded after it."""
    from_id, now = camera.owner_id, loads.now
    if now[to_id] >= now[from_id]:
        return 0.0
    after = max(loads.without_camera(from_id, camera.load), loads.with_camera(to_id, camera.load))
    return now[from_id] - after


def _numbers(loads: Mapping[str, NodeLoad]) -> dict[str, float]:
    return {one: node.load for one, node in loads.items()}


class Objection(StrEnum):
    """What speaks against a move; stable."""

    STAYS = "stays"  # at that node's own port or loopback address
    NO_MEMBER = "no_member"
    IS_THERE = "is_there"
    SILENT = "silent"
    DRAINING = "draining"
    UNREACHED = "unreached"
    FEW_DAYS = "few_days"  # of disk left
    LITTLE_ROOM = "little_room"  # for an hour of all that it would record


FINAL: Final = frozenset({Objection.STAYS, Objection.NO_MEMBER, Objection.IS_THERE})


def object_to_move(
    camera: OwnedCamera, to_id: str, nodes: Mapping[str, PlacingNode]
) -> list[Objection]:
    """What speaks against moving it there, as a person asks for it; those in `FINAL` forbid it.

    The others are shown, and a person may insist: a node that is silent may come back, and who
    reaches a camera is not always known.
    """
    if camera.stays:
        return [Objection.STAYS]
    if to_id not in nodes:
        return [Objection.NO_MEMBER]
    if to_id == camera.owner_id:
        return [Objection.IS_THERE]
    node = nodes[to_id]
    found = [] if camera.is_reached_by(to_id) else [Objection.UNREACHED]
    if node.is_draining:
        found.append(Objection.DRAINING)
    if node.load is None:
        return [*found, Objection.SILENT]
    days = node.load.with_camera(camera.load).days_left
    if days is not None and days * 24 < 1:
        found.append(Objection.LITTLE_ROOM)
    elif days is not None and days < FEW_DAYS:
        found.append(Objection.FEW_DAYS)
    return found
