"""What the templates of recordings get: a row of a list, the list, one recording."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """One recording in a list."""

    id: str
    camera_id: str
    camera_name: str
    start_us: int
    end_us: int | None  # None: it is being written
    duration_us: int
    size_bytes: int
    status: str  # recording | stopped | completed | failed | error
    error_message: str = ""
    camera_deleted: bool = False
    on_disk: bool = True  # a first segment is closed, so it can be played and downloaded
    protected: bool = False  # no rule and no person deletes it


@dataclass(frozen=True, slots=True)
class RecordingGroup:
    """The recordings of one camera on one day of the site's zone, newest first."""

    day_us: int
    camera_id: str
    camera_name: str
    rows: tuple[RecordingRow, ...]

    @property
    def size_bytes(self) -> int:
        """Of the rows shown."""
        return sum(row.size_bytes for row in self.rows)


@dataclass(frozen=True, slots=True)
class RecordingFilter:
    """The filter form, as given; `errors` says which value could not be read."""

    camera_id: str = ""
    status: str = ""
    from_us: int | None = None
    to_us: int | None = None
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_set(self) -> bool:
        """Whether it narrows anything."""
        return bool(self.camera_id or self.status or self.from_us or self.to_us)


@dataclass(frozen=True, slots=True)
class RecordingsPage:
    """The list of recordings."""

    groups: tuple[RecordingGroup, ...]
    total: int
    filter: RecordingFilter
    cameras: tuple[tuple[str, str], ...]  # (id, name) to choose from
    first: int = 0  # number of the first row shown, from 1; 0 = none
    last: int = 0
    newer_query: str | None = None
    older_query: str | None = None
    silent_nodes: tuple[str, ...] = ()  # names: what they have is not in the list


@dataclass(frozen=True, slots=True)
class GapRow:
    """A stretch of a recording that was not recorded, and why."""

    start_us: int
    end_us: int
    reason: str


@dataclass(frozen=True, slots=True)
class ProtectionRow:
    """A time of which nothing is deleted: named by a person, or of a recording."""

    id: int | None  # None: of the recording
    start_us: int
    end_us: int
    by: str  # empty of a recording: nobody noted it
    reason: str
    recording_id: str | None = None
    node: str = ""  # the id of the node that alone keeps it


@dataclass(frozen=True, slots=True)
class RecordingPage:
    """One recording, playable."""

    row: RecordingRow
    mime_type: str  # with codecs; empty: it cannot be played now, see `problem`
    problem: str
    gaps: tuple[GapRow, ...]
    file_name: str
    node_name: str
    newer_id: str | None = None
    older_id: str | None = None
    protections: tuple[ProtectionRow, ...] = ()  # times of which it has some

    @property
    def may_go(self) -> bool:
        """Whether somebody who may delete footage may delete it now."""
        return self.row.status != "recording" and not (self.row.protected or self.protections)


@dataclass(frozen=True, slots=True)
class DeleteRecordingPage:
    """The question before a recording goes, or why it does not."""

    row: RecordingRow
    protections: tuple[ProtectionRow, ...] = ()
