"""What the templates of jobs get."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from falconeye.base.times import rfc3339


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One export; what has a default is known once it is made."""

    id: str
    camera_names: tuple[str, ...]
    from_us: int
    to_us: int
    state: str  # pending | processing | complete | failed | cancelled
    is_over: bool
    progress: float  # 0–1
    error: str = ""
    size_bytes: int = 0
    sha256: str = ""
    gaps: int = 0
    silent: tuple[str, ...] = ()  # names of nodes that may have more of it
    has_sheet: bool = False
    has_hevc: bool = False  # a copy in H.264 can be made of it
    is_copy: bool = False
    owner: str = ""
    since_us: int | None = None  # it waits, or runs, since then
    node: str = ""  # the id of the node that has it; empty: this one
    node_name: str = ""  # where there are several


@dataclass(frozen=True, slots=True)
class WorkRow:
    """What the recorder does by itself, or what came of it last."""

    id: str
    what: str
    state: str  # as an export's, and paused
    is_over: bool = False
    detail: str = ""
    share: float | None = None  # 0-1; None: nobody knows how much is left
    trouble: str = ""  # what holds it up, or why it failed
    hint: str = ""  # what its state means for the footage
    by: str = ""  # who asked for it, or paused it
    since_us: int | None = None
    ended_us: int | None = None
    link: str = ""  # the page that tells more
    acts: tuple[str, ...] = ()  # cancel | pause | resume | retry
    node: str = ""  # the id of the node that does it; empty: this one
    node_name: str = ""  # where there are several

    @property
    def is_under_way(self) -> bool:
        """Whether it changes without anybody doing anything."""
        return self.state in {"pending", "processing"}


@dataclass(frozen=True, slots=True)
class ListPlace:
    """Which part of the list is shown, and where the parts beside it begin."""

    offset: int = 0
    newer: int | None = None
    older: int | None = None


@dataclass(frozen=True, slots=True)
class ExportForm:
    """What stands in the fields."""

    camera_id: str = ""
    also: tuple[str, ...] = ()  # ids of further cameras
    from_us: int | None = None
    to_us: int | None = None

    @property
    def exact(self) -> Mapping[str, str]:
        """The moments with their zone, which the fields cannot tell: see `pages/exports.py`."""
        known = {"from": self.from_us, "to": self.to_us}
        return {name: rfc3339(at_us) for name, at_us in known.items() if at_us is not None}


@dataclass(frozen=True, slots=True)
class ExportsPage:
    """The form."""

    form: ExportForm
    cameras: tuple[tuple[str, str], ...]  # (id, name) to choose from
    errors: Mapping[str, str] = field(default_factory=dict)  # field → what to do; "" = whole form


@dataclass(frozen=True, slots=True)
class JobsPage:
    """What the recorder works on, and a part of the exports."""

    works: tuple[WorkRow, ...] = ()
    rows: tuple[ExportRow, ...] = ()
    place: ListPlace = ListPlace()
    errors: Mapping[str, str] = field(default_factory=dict)
    earlier: tuple[WorkRow, ...] = ()  # outcomes before the last of each work
    silent: tuple[str, ...] = ()  # names of nodes whose jobs are not among them


@dataclass(frozen=True, slots=True)
class DeleteExportPage:
    """The question before an export goes."""

    row: ExportRow
    file_name: str


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """What was found out about a file; all but the hash is empty for one that is not known."""

    sha256: str
    name: str = ""
    size_bytes: int = 0
    camera_names: tuple[str, ...] = ()
    from_us: int = 0
    to_us: int = 0
    made_us: int = 0
    is_kept: bool = False
    copy_of: str = ""


@dataclass(frozen=True, slots=True)
class CheckPage:
    """The question, and the answer to the last one."""

    result: CheckedFile | None = None
    sha256: str = ""  # what was typed
    errors: Mapping[str, str] = field(default_factory=dict)
