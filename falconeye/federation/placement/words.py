"""What nodes tell each other of cameras, and what is decided of it. Times are monotonic (µs)."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from falconeye.base.times import SECOND_US
from falconeye.federation.placement.ability import Ability

HANDED_US: Final = 10 * SECOND_US  # who takes over has so much footage before the other stops


class Role(StrEnum):
    """What a node does with a camera."""

    RECORD_AS_OWNER = "owner"
    RECORD_AS_STANDBY = "standby"
    NOT = "not"

    @property
    def records(self) -> bool:
        """Whether it connects to the camera."""
        return self is not Role.NOT


class Why(StrEnum):
    """The reason of a role; stable, for programs and for what a page says of it."""

    OWNER = "owner"
    ELSEWHERE = "elsewhere"  # the one who is to record it does, or is about to
    LISTENING = "listening"  # this node has not run for long enough to judge
    OWNER_SILENT = "owner_silent"
    OWNER_UNABLE = "owner_unable"
    OWNER_DRAINING = "owner_draining"
    OWNER_REMOVED = "owner_removed"  # no member any more, or it never had an owner
    HANDING_OVER = "handing_over"  # until the other has footage
    ASKING = "asking"  # the camera takes one connection: the other is to let it go


@dataclass(frozen=True, slots=True)
class PlacedCamera:
    """What the configuration says of a camera's place."""

    id: str
    owner_id: str | None  # None: this node where it is alone; in a cluster nobody yet
    stays: bool = False  # nobody else can have it (`config.addresses.stays_with_node`)
    one_session: bool = False  # it refuses a second connection


@dataclass(frozen=True, slots=True)
class CameraWord:
    """What a node says of a camera."""

    records: bool = False
    # How long its present, unbroken footage is. Of a camera that is not to record now (schedule,
    # events): how long its pictures have been coming. 0 where none come.
    footage_us: int = 0
    ability: Ability = Ability.UNKNOWN
    leads: bool = False  # as far as it knows, it is the one to record: nobody waits for another
    asks: bool = False  # it is to record, and waits for others to let go of the camera

    @property
    def gist(self) -> tuple[bool, bool, Ability, bool, bool]:
        """What others decide by: where it changes, tell them at once."""
        return self.records, self.footage_us >= HANDED_US, self.ability, self.leads, self.asks


_NOTHING_SAID: Final = CameraWord()


@dataclass(frozen=True, slots=True)
class NodeWord:
    """What a node says of itself."""

    cameras: Mapping[str, CameraWord] = field(default_factory=dict)
    is_draining: bool = False  # it is about to stop, or is excluded: it hands over what it can
    is_listening: bool = False  # it began just now, and takes nothing over before it knows of all

    def of(self, camera_id: str) -> CameraWord:
        """Of a camera that it says nothing of, nothing is known."""
        return self.cameras.get(camera_id, _NOTHING_SAID)


@dataclass(frozen=True, slots=True)
class PeerWord:
    """What a peer said in the last successful exchange, whoever began it."""

    heard_us: int  # by this node's monotonic clock
    word: NodeWord


@dataclass(frozen=True, slots=True)
class View:
    """All that a node knows at a moment."""

    cameras: Mapping[str, PlacedCamera]
    members: Set[str]  # node ids, with its own; empty or only that: it is alone
    peers: Mapping[str, PeerWord]
    own: NodeWord  # of this node; `is_listening` the decider knows itself


@dataclass(frozen=True, slots=True)
class Verdict:
    """What this node does with a camera, and why."""

    role: Role
    why: Why
    recorder_id: str  # who is to record it, as far as this node knows
    asks: bool = False  # to be told to the others at once: `CameraWord.asks`
    adopts: bool = False  # this node is to write itself into the configuration as the owner

    def word(self, node_id: str, footage_us: int, ability: Ability) -> CameraWord:
        """What the node of that id, whose verdict it is, tells the others."""
        leads = self.recorder_id == node_id
        return CameraWord(self.role.records, footage_us, ability, leads, self.asks)
