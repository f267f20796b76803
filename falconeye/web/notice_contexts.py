"""What the templates about notices get; see `contexts`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from falconeye.alerts.channel import ChannelState


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A time in which a camera should have recorded and did not, or something else was wrong."""

    camera_id: str
    camera_name: str
    since_us: int
    until_us: int | None  # None: it lasts
    reason: str  # to stand after "because"
    sent_us: int | None
    volume: str = ""  # a sentence about a volume: the notice is about that, not about a camera
    certificate: str = ""  # a sentence about the certificate for browsers, likewise
    is_gone: bool = False  # the camera was deleted: there is no page of it
    node_name: str = ""  # whose notice it is, where there are several nodes
    node_id: str = ""  # of another node; empty: this one
    told_at: str = "notices"  # where the help tells of the reason


@dataclass(frozen=True, slots=True)
class CertificateTrouble:
    """What is wrong with a node's certificate now, as every page says it."""

    node_name: str  # empty: this one's
    words: str
    told_at: str  # where the help tells of it


@dataclass(frozen=True, slots=True)
class NoticesPage:
    """Notices, the newest first."""

    rows: tuple[NoticeRow, ...]
    total: int
    newer: int | None = None  # offset of the page before
    older: int | None = None
    silent_nodes: tuple[str, ...] = ()  # names of nodes whose notices are not among them


@dataclass(frozen=True, slots=True)
class DestinationsPage:
    """Where notices go. `values`: what stands in the fields."""

    values: Mapping[str, str]
    channels: tuple[ChannelState, ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict)
    tested: str = ""  # what came back, in words
    tested_ok: bool = True
