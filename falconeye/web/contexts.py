"""What each template gets: one typed value per page, and the frame around every page.

Plain values: building them is the handlers' work, so that templates can be rendered and looked at
without a running node.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo

from falconeye.cameras.views import Camera, TestResult
from falconeye.config.camera import DEFAULT_ROLL_S, CameraConfig
from falconeye.events.camera_state import CameraState
from falconeye.web.claim_contexts import ClaimView
from falconeye.web.day_contexts import AheadRow, ClockRow, DayPart, SeamRow
from falconeye.web.device_contexts import DevicePart
from falconeye.web.node_choice import NodeChoice
from falconeye.web.notice_contexts import CertificateTrouble
from falconeye.web.recording_contexts import ProtectionRow, RecordingRow
from falconeye.web.storage_contexts import SpanForm


@dataclass(frozen=True, slots=True)
class Frame:
    """The layout's part: who looks, from where, and what may be offered to them."""

    path: str  # of this page, to mark its place in the navigation
    language: str
    zone: tzinfo
    zone_name: str  # IANA
    node_name: str
    version: str
    clock: str = "24h"  # 24h | 12h
    root: str = ""  # base path behind a proxy, without a slash at its end
    theme: str = "auto"  # auto | light | dark
    languages: tuple[tuple[str, str], ...] = ()  # (code, name in its own words)
    chosen_language: str = ""  # of this device; empty: as its browser asks
    csrf_token: str = ""
    user: str | None = None  # None: nobody is signed in, no navigation
    role: str = ""
    may_control: bool = False  # start, stop, restart, record, test
    may_export: bool = False
    may_change: bool = False  # add, edit and delete cameras
    may_delete_footage: bool = False
    may_see_footage: bool = False
    may_download: bool = False
    may_see_jobs: bool = False
    may_set: bool = False  # settings
    may_test: bool = False  # test cameras, and see what was found
    plain_http: bool = False  # the page crossed a network without encryption
    notice: str = ""  # what the last action did, said once
    not_recorded: tuple[str, ...] = ()  # names of cameras that should record and do not
    disk_troubles: tuple[str, ...] = ()  # sentences about volumes that are missing
    certificate_troubles: tuple[CertificateTrouble, ...] = ()  # of all nodes
    index_percent: int | None = None  # of an index that is being made anew
    index_cancelled: bool = False  # that was cancelled, and lacks files
    own_query: str = ""  # leads back to this node, of a page that another one shows: "?node=..."
    found_new: int = 0  # found cameras that nobody has added or ignored yet

    def at(self, path: str) -> "Frame":
        """The same frame around another page."""
        return replace(self, path=path)


@dataclass(frozen=True, slots=True)
class CameraPage:
    """One camera, large."""

    camera: Camera
    address: str  # without credentials
    recordings: tuple[RecordingRow, ...] = ()
    claims: tuple[ClaimView, ...] = ()  # devices that may be it, while it is away
    asks_ptz: bool = False  # it may be one that can be moved, by who looks
    same_address: tuple[CameraConfig, ...] = ()  # other cameras that have it, too
    stays: bool = False  # no other node can record it


@dataclass(frozen=True, slots=True)
class DeleteCameraPage:
    """The question before a camera goes."""

    camera_id: str
    name: str
    recordings_count: int
    recordings_bytes: int
    is_protected: bool = False  # some of it, which stays


@dataclass(frozen=True, slots=True)
class CameraForm:
    """What stands in the fields of the add and edit pages, as text."""

    name: str = ""
    source_url: str = ""
    username: str = ""
    sub_url: str = ""
    location: str = ""
    transport: str = "auto"
    record: str = "continuous"
    audio: bool = False
    allow_local: bool = False
    password_stored: bool = False  # edit: a password is kept; it is never shown
    keep_days: str = ""
    keep_bytes: str = ""  # in GB
    pre_roll_s: str = str(DEFAULT_ROLL_S)
    post_roll_s: str = str(DEFAULT_ROLL_S)
    known_by: str = ""  # edit: the identity that another device at its address has not
    is_replaced: bool = False  # edit: another device is the camera from now on
    resolution: str = ""  # this and the next three: USB
    framerate: str = ""
    pixel_format: str = ""
    overlay: str = "none"

    @property
    def mode(self) -> str:
        """Format and size as one choice."""
        return f"{self.pixel_format}:{self.resolution}"


@dataclass(frozen=True, slots=True)
class DiskRoom:
    """Where footage would lie, and how long the room lasts."""

    total_bytes: int
    free_bytes: int
    floor_bytes: int
    footage_bytes: int = 0  # what footage takes already; the oldest of it makes room
    disks: int = 1  # that fill one after the other; the numbers are of all of them
    is_root: bool = False
    is_sd_card: bool = False
    other_bytes_per_day: int = 0  # what the other cameras record now


@dataclass(frozen=True, slots=True)
class TrialPage:
    """What a test connection found, and what recording it would cost."""

    result: TestResult
    picture_base64: str = ""
    days: float | None = None  # until this disk is full; None: not known
    disk: DiskRoom | None = None
    records: bool = True


@dataclass(frozen=True, slots=True)
class CameraFormPage:
    """Add or edit."""

    form: CameraForm
    camera_id: str | None = None  # None: add
    camera_name: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)  # field → what to do; "" = whole form
    trial: TrialPage | None = None
    device: DevicePart | None = None  # of a USB camera, which has no address
    found_id: str = ""  # of the found camera that is to be added by this page


@dataclass(frozen=True, slots=True)
class EventRow:
    """Something that happened."""

    at_us: int
    words: str
    link: str  # its moment in RFC 3339


@dataclass(frozen=True, slots=True)
class DayRange:
    """The days that may be looked at, as 2026-11-20: from the first to today, the last week's."""

    first: str = ""
    last: str = ""
    recent: tuple[str, ...] = ()  # in order


@dataclass(frozen=True, slots=True)
class FootagePage:
    """What there is of a camera's day in the site's zone."""

    camera_id: str
    camera_name: str
    start_us: int
    end_us: int
    day: str  # 2026-11-20
    earlier: str | None  # the day before, unless the camera was not there yet
    later: str | None
    parts: tuple[DayPart, ...]  # in order; they cover the day as far as it is known
    recordings: tuple[RecordingRow, ...]
    words: Mapping[str, str] = field(default_factory=dict)  # gap reason → to stand after "because"
    wanted: tuple[str, ...] = ()  # the reasons that a person, or a rule, wants
    corrections: tuple[ClockRow, ...] = ()
    seams: tuple[SeamRow, ...] = ()
    events: tuple[EventRow, ...] = ()  # the newest first
    more_recordings: int = 0  # that day has, beside those listed
    day_query: str = ""  # what the list of recordings is asked for, for this day
    more_events: bool = False
    protections: tuple[ProtectionRow, ...] = ()
    form: SpanForm = field(default_factory=SpanForm)  # of a time to protect
    errors: Mapping[str, str] = field(default_factory=dict)
    range: DayRange = field(default_factory=DayRange)
    ahead: tuple[AheadRow, ...] = ()  # of all days, on today's page and on later ones

    @property
    def length_us(self) -> int:
        """23 to 25 hours."""
        return self.end_us - self.start_us

    @property
    def recorded_us(self) -> int:
        return sum(part.length_us for part in self.parts if part.recorded)

    @property
    def downloads(self) -> list[tuple[str, int, int | None]]:
        """(id, start, end) of what can be downloaded; no end: it grows."""
        return [(row.id, row.start_us, row.end_us) for row in self.recordings if row.on_disk]

    def share(self, time_us: int) -> float:
        """How far into the day, in per cent."""
        return round(100 * (time_us - self.start_us) / self.length_us, 3)


@dataclass(frozen=True, slots=True)
class DiskHealth:
    """One volume."""

    label: str
    path: str
    total_bytes: int
    free_bytes: int
    floor_bytes: int
    writable: bool
    sync_interval_s: float
    queue_bytes: int
    problem: str = ""

    @property
    def used_share(self) -> float:
        """0–1."""
        return 1 - self.free_bytes / self.total_bytes if self.total_bytes else 0.0


@dataclass(frozen=True, slots=True)
class CameraHealth:
    """One camera in the health table."""

    id: str
    name: str
    state: CameraState
    fps: float
    bits_per_second: float
    drops: int
    reconnects: int
    viewers: int
    bytes_written: int


@dataclass(frozen=True, slots=True)
class AboutPage:
    """The node's health."""

    node_id: str
    started_at_us: int
    uptime_us: int
    python_version: str
    disks: tuple[DiskHealth, ...]
    cameras: tuple[CameraHealth, ...]
    memory_used_bytes: int
    memory_limit_bytes: int
    loop_lateness_ms: float | None
    licences: tuple[tuple[str, str, str], ...]  # name, version, licence
    nodes: tuple[NodeChoice, ...] = ()  # none where this is the only one


@dataclass(frozen=True, slots=True)
class SetupPage:
    """The one form of the first start; it posts to its own address."""

    valid: bool  # False: the link is used, old or wrong
    name: str = "admin"
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoginPage:
    """Sign in; `next` is a checked local path."""

    name: str = ""
    next: str = "/"
    error: str = ""
    retry_after_s: int | None = None
    without_admin: bool = False  # nobody may administer the recorder any more


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """What went wrong, in words, and where to go."""

    status: int
    title: str
    detail: str
    error_id: str = ""
