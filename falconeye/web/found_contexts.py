"""What the templates of found cameras get."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from falconeye.cameras.found.found_pictures import PictureState
from falconeye.cameras.views import TestResult
from falconeye.web.claim_contexts import ClaimView
from falconeye.web.contexts import TrialPage


class FoundState(StrEnum):
    """What a found camera is to this system. The page lists them in this order."""

    NEW = "new"
    MOVED = "moved"  # a camera of this system that is not where it was
    CAMERA = "camera"  # one of this system
    UNUSABLE = "unusable"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class FoundOffer:
    """A camera that is missing and may be this device."""

    camera_id: str
    camera_name: str


@dataclass(frozen=True, slots=True)
class FoundRow:
    """One found camera, told in words."""

    id: str
    name: str
    state: FoundState
    kind: str = ""  # make and model, where the name does not say them
    place: str = ""  # the port or the address
    found_by: tuple[str, ...] = ()  # "plugged in", "port 554 answers"
    cameras: tuple[tuple[str, str], ...] = ()  # id and name of those that it is
    words: str = ""  # why it cannot be used, or where the camera was before
    doubt: str = ""  # another one claims to be the same
    offers: tuple[FoundOffer, ...] = ()
    claims: tuple[ClaimView, ...] = ()  # cameras that may have moved here
    picture: "FoundStill | None" = None  # of one that can be added
    needs_nothing: bool = False  # neither address nor login: it can be added as it is
    imported: str = ""  # by which it is added as another recorder's file has it
    ids: tuple[str, ...] = ()  # by which other nodes may know it
    seen_by: tuple[str, ...] = ()  # names of nodes, where there are several
    node: str = ""  # the id of the node that has it; empty: this one

    @property
    def can_be_added(self) -> bool:
        return self.state is FoundState.NEW


@dataclass(frozen=True, slots=True)
class FoundStill:
    """A picture in a row, or an icon and why there is none."""

    state: PictureState
    taken_us: int = 0
    words: str = ""


@dataclass(frozen=True, slots=True)
class FoundPage:
    """All of them; `ignored` stand apart."""

    rows: tuple[FoundRow, ...] = ()
    ignored: tuple[FoundRow, ...] = ()
    looks_in_network: bool = True
    scan: "ScanView | None" = None  # the one that runs, or ran last
    networks: str = ""  # as they were typed
    silent_nodes: tuple[str, ...] = ()  # names of nodes whose found cameras are not among them
    other_scans: "tuple[tuple[str, str, ScanView], ...]" = ()  # id and name of the node, its scan
    other_nodes: tuple[tuple[str, str], ...] = ()  # id and name of those that answer
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScanView:
    """A scan, in numbers."""

    networks: str
    hosts_done: int
    hosts_total: int
    found: int
    is_running: bool
    words: str  # how it ended


class LookState(StrEnum):
    """How far a found camera of the network is from being added."""

    ASKING = "asking"  # nobody has asked it yet
    LOGIN = "login"  # it wants user and password, or refused those
    FAILED = "failed"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class LookIntoForm:
    """What was typed; never the password."""

    username: str = ""
    allow_local: bool = False


@dataclass(frozen=True, slots=True)
class LookIntoPage:
    """A found camera of the network, on its way to be added."""

    id: str
    name: str
    place: str
    state: LookState = LookState.ASKING
    words: str = ""  # why it is not ready
    form: LookIntoForm = field(default_factory=LookIntoForm)
    proposal: str = ""  # ready: the word by which it is added
    trial: TrialPage | None = None
    sub: TestResult | None = None  # of the small picture, where there is one


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A camera of another recorder's file; addresses and words hold no login."""

    id: str
    name: str
    address: str
    sub_address: str
    is_new: bool
    is_there: bool
    words: str  # new: how it records; else why it is not added
    notes: tuple[str, ...]  # what of it is not taken over


@dataclass(frozen=True, slots=True)
class ImportFileView:
    """A file that was read."""

    name: str
    kind: str  # in words
    rows: tuple[ImportRow, ...]
    left_out: tuple[str, ...]
    variables: tuple[str, ...]  # values that it only names


@dataclass(frozen=True, slots=True)
class ImportPage:
    """The files of other recorders, and what becomes of their cameras."""

    files: tuple[ImportFileView, ...] = ()
    new: int = 0
    at_once: int = 0  # of those, which need not be asked for their streams
    problems: tuple[str, ...] = ()  # files that could not be read, cameras that were not added
    errors: Mapping[str, str] = field(default_factory=dict)
