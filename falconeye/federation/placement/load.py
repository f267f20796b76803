"""How loaded a node is, as one number, and which node a new camera goes to.

load = CPU (share of all cores, 0 to 1) + Mb/s recorded / 400 + footage of a day / room for footage

Each part is the share of something that a node runs out of, so that they can be added and 1 is
much of one thing: its processors; what a small machine's disk and network take beside everything
else (400 Mb/s: 50 MB/s, half of gigabit Ethernet or of an SSD on USB 3 of a Pi, little of a PC's);
and the days until its own footage makes room for new (1 / days of disk left: a node that keeps a
day of footage counts as full, one that keeps ten as a tenth). All three grow with what is recorded,
so a camera always weighs something, and two machines of different size can be compared.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

FULL_MBIT_S: Final = 400.0
MAX_DISK: Final = 100.0  # a node without room is full, not infinitely so: others may be, too
CAMERA_MBIT_S: Final = 4.0  # of a camera that nobody has measured yet
CAMERA_CPU_CORES: Final = 0.03  # measured: 32 cameras with substreams take less than one core
_BYTES_A_DAY: Final = 1e6 / 8 * 86_400  # of 1 Mb/s


@dataclass(frozen=True, slots=True)
class CameraLoad:
    """What one camera takes of whoever records it."""

    mbit_s: float = CAMERA_MBIT_S
    cpu_cores: float = CAMERA_CPU_CORES


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """What a node says of itself."""

    cpu: float  # share of all its cores, 0 to 1
    cores: int
    mbit_s: float  # what its cameras record
    room_bytes: int  # for footage: what is free above the floor, and footage that may go

    @property
    def days_left(self) -> float | None:
        """Days until the oldest footage goes for room; None where nothing is recorded."""
        a_day = self.mbit_s * _BYTES_A_DAY
        return self.room_bytes / a_day if a_day > 0 else None

    @property
    def load(self) -> float:
        """See above; less is better, 0 is idle."""
        days = self.days_left
        disk = 0.0 if days is None else min(MAX_DISK, 1 / days if days > 0 else MAX_DISK)
        return self.cpu + self.mbit_s / FULL_MBIT_S + disk

    def with_camera(self, camera: CameraLoad) -> "NodeLoad":
        """As it would be if it recorded this one, too."""
        return self._changed(camera, 1)

    def without_camera(self, camera: CameraLoad) -> "NodeLoad":
        """As it would be if it did not."""
        return self._changed(camera, -1)

    def _changed(self, camera: CameraLoad, sign: int) -> "NodeLoad":
        cpu = self.cpu + sign * camera.cpu_cores / max(1, self.cores)
        return replace(self, cpu=max(0.0, cpu), mbit_s=max(0.0, self.mbit_s + sign * camera.mbit_s))


@dataclass(frozen=True, slots=True)
class PlacingNode:
    """A member that a camera may be given to."""

    name: str
    load: NodeLoad | None  # None: it has not been heard
    is_draining: bool = False


class Chosen(StrEnum):
    """Why a node was chosen; stable."""

    PINNED = "pinned"
    DEFAULT_RECORDER = "default_recorder_node"
    DEFAULT_CAMERA = "default_camera_node"
    LEAST_LOADED = "least_loaded"
    HERE = "here"  # no other is heard that could


@dataclass(frozen=True, slots=True)
class Choice:
    """The owner of a new camera."""

    node_id: str
    why: Chosen


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the settings say, as names of nodes."""

    recorder_node: str | None = None
    camera_node: str | None = None


def choose_owner(
    nodes: Mapping[str, PlacingNode],
    here: str,
    *,
    camera: CameraLoad | None = None,
    pinned_to: str | None = None,
    defaults: Defaults | None = None,
    reached_by: Set[str] | None = None,
) -> Choice:
    """Who owns a new network camera; `nodes` are the members by id, `here` is this node's id.

    A pin is obeyed whatever is known of it: a person wants it so. A default is left out where that
    node is known not to reach the camera, or is no member; a dead one is not, for a standby records
    meanwhile. `reached_by`: ids of the nodes that reach it; None: nobody knows, all are thought to.
    """
    if pinned_to is not None and pinned_to in nodes:
        return Choice(pinned_to, Chosen.PINNED)
    able = {one: nodes[one] for one in nodes if reached_by is None or one in reached_by}
    wanted = defaults or Defaults()
    for name, why in (
        (wanted.recorder_node, Chosen.DEFAULT_RECORDER),
        (wanted.camera_node, Chosen.DEFAULT_CAMERA),
    ):
        named = [one for one in sorted(able) if name and able[one].name == name]
        if named:
            return Choice(named[0], why)
    weight = camera or CameraLoad()
    loads = {
        one: node.load.with_camera(weight).load
        for one, node in able.items()
        if node.load is not None and not node.is_draining
    }
    if not loads:
        return Choice(here, Chosen.HERE)
    # Between equals this node: its footage is where the person is who adds the camera.
    return Choice(min(loads, key=lambda one: (loads[one], one != here, one)), Chosen.LEAST_LOADED)
