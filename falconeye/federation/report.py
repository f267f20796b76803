"""What a node tells of itself, as its peers read it.

A peer may be of another release: fields that are not known here are ignored, those that it does not
tell have a default. It is another machine, too: every text, list and number has a bound, and what
goes beyond one makes the whole report unreadable rather than a page wrong.
"""

from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from falconeye.base.errors import InvalidInput
from falconeye.base.times import LATEST_US

MAX_NAME: Final = 255
MAX_WORD: Final = 64
MAX_PATH: Final = 1024
MAX_LABEL: Final = 317  # a prefix of 253 characters, a slash, a name of 63 (Kubernetes, labels)
MAX_TAINT: Final = 512
MAX_ADDRESSES: Final = 16
MAX_DISKS: Final = 64
MAX_LABELS: Final = 256
MAX_REASONS: Final = 16
MAX_NOTICES: Final = 256
MAX_FOUND: Final = 256
MAX_FOUND_IDS: Final = 16
MAX_DAYS: Final = 100_000.0
_MOST: Final = 2**53  # what every reader of JSON has exactly (RFC 8259, 6)


class UnreadableReport(InvalidInput):
    """What a peer tells of itself is no report."""


class NotReady(StrEnum):
    """Why a node is not ready. A newer release may tell reasons that are not among these."""

    STARTING = "starting"  # not every camera was started yet
    NO_DISK = "no_disk"  # no disk takes footage
    DATABASE = "database"  # it does not answer
    CLUSTER_KEY = "cluster_key"  # there is none, or no first admin


def told(text: str, limit: int) -> str:
    """A text of this machine as a report may hold it: printable, cut at `limit` characters."""
    return "".join(each for each in text if each.isprintable())[:limit]


def _printable(text: str) -> str:
    if not text.isprintable():
        msg = "not printable"
        raise ValueError(msg)
    return text


_Text = AfterValidator(_printable)
Word = Annotated[str, Field(max_length=MAX_WORD), _Text]
Name = Annotated[str, Field(max_length=MAX_NAME), _Text]
Label = Annotated[str, Field(max_length=MAX_LABEL), _Text]
Taint = Annotated[str, Field(max_length=MAX_TAINT), _Text]
Count = Annotated[int, Field(ge=0, le=_MOST)]
Moment = Annotated[int, Field(ge=0, le=LATEST_US)]
Difference = Annotated[float, Field(ge=-float(_MOST), le=float(_MOST))]
Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    """Strict: "5" is no number. A list of JSON is still a tuple here: see the fields that are."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class DiskReport(_Part):
    """One volume. `is_present` False: it is not there or does not answer, its numbers are 0."""

    id: Word = ""
    path: Annotated[str, Field(max_length=MAX_PATH), _Text] = ""
    role: Word = ""  # `volume_facts.Role`, or one of a newer release
    is_present: bool = False
    total_bytes: Count = 0
    free_bytes: Count = 0
    floor_bytes: Count = 0  # kept free by deleting the oldest footage
    bytes_per_day: Annotated[float, Field(ge=0, le=float(_MOST))] = 0.0  # footage that goes there
    days_left: Annotated[float, Field(ge=0, le=MAX_DAYS)] | None = None  # None: nothing grows


class ClockReport(_Part):
    """The machine's clock, as its kernel knows it. None: it does not tell."""

    is_synchronised: bool | None = None  # NTP keeps it
    offset_us: Difference | None = None  # what is left of a correction that is being made
    max_error_us: Count | None = None  # as the time service tells it


class CameraCounts(_Part):
    """The cameras that this node has."""

    configured: Count = 0
    recording: Count = 0
    failing: Count = 0


class NoticeReport(_Part):
    """A camera that the node should record and does not, or what is wrong with one of its disks."""

    camera_id: Word = ""  # "": it is about a disk
    name: Annotated[str, Field(max_length=MAX_PATH), _Text] = ""  # the camera's, or the disk's path
    cause: Word = ""  # `notice_store.Cause`, or one of a newer release


class FoundReport(_Part):
    """A device that the node sees and that may be a camera."""

    # By which others may know it (`Candidate.aliases`); none: it is at the node's own port.
    ids: Annotated[tuple[Word, ...], Field(max_length=MAX_FOUND_IDS, strict=False)] = ()
    is_new: bool = False  # it can be added, and nobody has added or ignored it


class KubernetesFacts(_Part):
    """What Kubernetes says of a node; all empty without it."""

    node_name: Name = ""
    labels: Annotated[dict[Label, Word], Field(max_length=MAX_LABELS)] = {}
    taints: Annotated[tuple[Taint, ...], Field(max_length=MAX_LABELS, strict=False)] = ()


class NodeReport(_Part):
    """One node, as it was when it told. Loads are shares of all its processors, 0-1."""

    node_id: Word = ""
    name: Name = ""
    version: Word = ""
    boot_id: Word = ""
    started_at_us: Moment | None = None
    addresses: Annotated[tuple[Word, ...], Field(max_length=MAX_ADDRESSES, strict=False)] = ()
    architecture: Word = ""  # as Kubernetes and Go call them: amd64, arm64
    os: Word = ""
    model: Name = ""  # of a board that says so: "Raspberry Pi 5 Model B Rev 1.0"
    cpus: Count = 0
    machine_load: Share | None = None  # of the last minute
    process_load: Share | None = None  # FalconEye's part of that
    memory_total_bytes: Count = 0
    memory_available_bytes: Count | None = None
    temperature_c: Annotated[float, Field(ge=-273, le=1000)] | None = None  # the hottest sensor
    disks: Annotated[tuple[DiskReport, ...], Field(max_length=MAX_DISKS, strict=False)] = ()
    clock: ClockReport = ClockReport()
    is_ready: bool = False
    not_ready: Annotated[tuple[Word, ...], Field(max_length=MAX_REASONS, strict=False)] = ()
    cameras: CameraCounts = CameraCounts()
    notices: Annotated[tuple[NoticeReport, ...], Field(max_length=MAX_NOTICES, strict=False)] = ()
    # What is wrong with what it shows browsers: `notice_store.CertificateCause`, or one of a newer
    # release. No notice above: older releases take what is of no camera for a disk.
    certificate: Word = ""
    # Found cameras, the new ones first; what goes beyond the bound is not told.
    found: Annotated[tuple[FoundReport, ...], Field(max_length=MAX_FOUND, strict=False)] = ()
    recorded_megabits_per_second: Annotated[float, Field(ge=0, le=1e9)] | None = None
    kubernetes: KubernetesFacts = KubernetesFacts()
    is_draining: bool = False  # it gives its cameras to others before it stops

    @classmethod
    def parse(cls, value: object) -> "NodeReport":
        """A report out of decoded JSON; UnreadableReport for whatever is none."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place = ".".join(str(step) for step in first["loc"][:4])[:MAX_WORD]
            msg = f"the report cannot be read: {told(place, MAX_WORD)}: {first['msg'][:100]}"
            raise UnreadableReport(msg) from None

    def as_json(self) -> dict[str, Any]:
        """What `parse` makes the same report of, on another node."""
        return self.model_dump(mode="json")
