"""What the templates about storage get; see `contexts`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from falconeye.base.times import rfc3339
from falconeye.web.recording_contexts import ProtectionRow


@dataclass(frozen=True, slots=True)
class Share:
    """A camera's part of a disk, or what else lies there."""

    name: str
    size_bytes: int
    begins: float  # per cent of the disk, for the plot
    width: float
    shade: int  # 0, 1, 2: neighbours differ


@dataclass(frozen=True, slots=True)
class VolumePanel:
    """One disk."""

    id: str
    path: str
    role: str  # record | archive | leaving | "": not used
    role_words: str
    is_media_dir: bool
    is_present: bool
    records: bool  # new footage goes there now
    problem: str  # a sentence; empty when all is well
    total_bytes: int
    free_bytes: int
    floor_bytes: int
    footage_bytes: int
    grows_by: float | None  # bytes a day; None: no footage goes there now
    full: str  # when it is, in words; empty where that is not in sight
    shares: Sequence[Share]
    moving: str  # what is moving, or what holds it up; empty for nothing
    is_held_up: bool  # by something, or paused
    fstab: str
    unit_name: str
    unit: str
    drop_in: str
    drop_in_path: str
    note: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A day of the plot."""

    day: str  # 2026-11-20
    size_bytes: int
    height: float  # per cent of the highest


@dataclass(frozen=True, slots=True)
class CameraStorageRow:
    """One camera's footage."""

    id: str
    name: str
    is_deleted: bool
    size_bytes: int
    share: float  # of all footage, 0-1
    bytes_per_day: float | None
    oldest_us: int | None
    lasts: str  # when the oldest goes, in words
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class MountRow:
    """A mounted disk that may become a volume."""

    path: str
    kind: str
    total_bytes: int
    free_bytes: int
    against: str  # in words; empty for nothing


@dataclass(frozen=True, slots=True)
class AddForm:
    """What stands in the fields of "Add a disk"."""

    path: str = ""
    role: str = "archive"


@dataclass(frozen=True, slots=True)
class SpanForm:
    """What stands in the fields of "Delete a time"."""

    camera_id: str = ""
    from_us: int | None = None
    to_us: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LeftProtections:
    """What is protected of a camera that was deleted."""

    camera_id: str
    name: str
    rows: tuple[ProtectionRow, ...]


@dataclass(frozen=True, slots=True)
class StoragePage:
    """The disks and what lies on them."""

    volumes: Sequence[VolumePanel]
    cameras: Sequence[CameraStorageRow]
    days: Sequence[Bar]  # of all cameras that are shown
    bytes_per_day: float
    lasts: str  # how long the room lasts, in words
    mounts: Sequence[MountRow] = ()
    form: AddForm = AddForm()
    span: SpanForm = SpanForm()
    choices: Sequence[tuple[str, str]] = ()  # cameras: (id, name)
    errors: Mapping[str, str] = field(default_factory=dict)
    cautions: Sequence[str] = ()  # of the disk that was just added
    left: Sequence[LeftProtections] = ()
    nodes: Sequence["NodeStorageRow"] = ()  # all of them, where there are several
    silent_nodes: Sequence[str] = ()
    node_name: str = ""  # of the node whose disks these are, where another one shows the page


@dataclass(frozen=True, slots=True)
class NodeDiskRow:
    """A disk of a node, in short."""

    path: str
    problem: str  # a sentence; empty when all is well
    total_bytes: int
    free_bytes: int
    footage_bytes: int


@dataclass(frozen=True, slots=True)
class NodeStorageRow:
    """What lies on a node, in short."""

    id: str
    name: str
    is_here: bool
    lasts: str  # how long its room lasts, in words
    disks: Sequence[NodeDiskRow]
    cameras: Sequence[tuple[str, int]]  # name and bytes of footage, the most first


@dataclass(frozen=True, slots=True)
class RemoveVolumePage:
    """The question before a disk is removed, or its footage forgotten."""

    volume: VolumePanel
    is_empty: bool
    files: int
    exports: int
    waiting: int


@dataclass(frozen=True, slots=True)
class SpanExport:
    """An export that has some of a time."""

    job_id: str
    camera_names: tuple[str, ...]
    from_us: int
    to_us: int
    is_made: bool
    owner: str
    node_name: str = ""  # of the node that has it; empty: this one


@dataclass(frozen=True, slots=True)
class DeleteSpanPage:
    """The question before a time is deleted."""

    camera_id: str
    camera_name: str
    from_us: int
    to_us: int
    reason: str
    files: int
    size_bytes: int
    kept: int  # protected files
    protections: Sequence[ProtectionRow] = ()  # why those stay
    exports: Sequence[SpanExport] = ()  # they stay
    other_exports: int = 0  # that the asking one may not see
    silent_nodes: Sequence[str] = ()  # their footage is not counted, and will not be deleted

    @property
    def from_text(self) -> str:
        """RFC 3339: a local time is ambiguous where clocks are set back."""
        return rfc3339(self.from_us)

    @property
    def to_text(self) -> str:
        return rfc3339(self.to_us)
