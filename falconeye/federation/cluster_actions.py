"""What an admin may do to the cluster, and what each of it means before it is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from falconeye.base.secret import Secret
from falconeye.config.addresses import stays_with_node
from falconeye.config.camera import CameraConfig


class ClusterAct(StrEnum):
    """One thing that can be done."""

    CODE = "code"  # make a code by which another node joins
    JOIN = "join"
    RENAME = "rename"
    REMOVE = "remove"
    REPLACE = "replace"
    REBALANCE = "rebalance"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class JoinCode:
    """Good for one node, once. Whoever has it gets all that the cluster knows."""

    code: Secret
    until_us: int  # UTC
    addresses: tuple[str, ...]  # "host:port", where the other node must reach this one


@dataclass(frozen=True, slots=True)
class JoinPlan:
    """What comes of joining. Nothing was changed to find out."""

    members: tuple[str, ...]  # names of the cluster's nodes
    address: str  # the member that answered
    fingerprint: str  # of its key, as the code has it
    users: int  # of this node, which are replaced by the cluster's
    tokens: int
    cameras_kept: tuple[str, ...]  # names; they and their footage come along
    cameras_gained: int
    clashes: tuple[str, ...]  # sentences: one address that both have


@dataclass(frozen=True, slots=True)
class Removal:
    """What comes of removing a node; names of cameras."""

    node_name: str
    is_reachable: bool  # False: it goes on recording until it hears of it
    handed_on: tuple[str, ...]  # recorded by other nodes from then on
    lost: tuple[str, ...]  # at its own ports and loopback addresses: nobody else reaches them
    passwords: tuple[str, ...]  # of cameras that it knows: they should be changed

    @classmethod
    def of(
        cls, node_id: str, name: str, cameras: Sequence[CameraConfig], *, is_reachable: bool
    ) -> "Removal":
        """What comes of removing the node with that id; `cameras`: all of the cluster."""
        owned = [one for one in cameras if one.owner_id == node_id]
        return cls(
            node_name=name,
            is_reachable=is_reachable,
            handed_on=tuple(one.name for one in owned if not stays_with_node(one)),
            lost=tuple(one.name for one in owned if stays_with_node(one)),
            passwords=tuple(one.name for one in cameras if one.password is not None),
        )


@dataclass(frozen=True, slots=True)
class Replacement:
    """What comes of putting one node in the place of another; names of cameras."""

    old_name: str
    new_name: str
    cameras: tuple[str, ...]  # go over
    lost: tuple[str, ...]  # at ports and loopback addresses of the old one


@dataclass(frozen=True, slots=True)
class CameraMove:
    """A camera that another node records."""

    camera_id: str
    camera_name: str
    from_name: str
    to_name: str
    has_pause: bool = False  # it takes one connection only: up to 3 s are not recorded


class ClusterActions(Protocol):
    """All raise FalconEyeError in words: NotFound, Conflict, InvalidInput, Unavailable.

    Who asks was checked before; what was done is written down in the audit log by who calls.
    """

    @property
    def possible(self) -> frozenset[ClusterAct]:
        """What can be done now; the rest is not offered, and refused (Unavailable)."""

    async def make_join_code(self) -> JoinCode:
        """A new code; one made before is void."""

    async def plan_join(self, code: Secret) -> JoinPlan:
        """What joining the cluster of that code means. The code stays good."""

    async def join(self, code: Secret) -> None:
        """Join it. Users, tokens, sessions and settings are the cluster's when this returns."""

    async def rename(self, node_id: str, name: str) -> None:
        """Call a node otherwise; on all nodes. InvalidInput for what is no name."""

    async def plan_removal(self, node_id: str) -> Removal:
        """What removing it means."""

    async def remove(self, node_id: str) -> Removal:
        """Expel it at once; its key counts for nothing any more, the data key is changed."""

    async def plan_replacement(self, node_id: str, by_node_id: str) -> Replacement:
        """What it means that `by_node_id` takes the place of `node_id`."""

    async def replace(self, node_id: str, by_node_id: str) -> Replacement:
        """`by_node_id` takes over the cameras of `node_id`, which is removed."""

    async def plan_rebalance(self) -> tuple[CameraMove, ...]:
        """The moves that would even out the load; none where it is even."""

    async def rebalance(self) -> tuple[CameraMove, ...]:
        """Begin those moves."""

    async def plan_move(self, camera_id: str, node_id: str) -> CameraMove:
        """What it means to have that node record the camera."""

    async def move_camera(self, camera_id: str, node_id: str) -> CameraMove:
        """Have it record the camera from now on, and keep it there."""
