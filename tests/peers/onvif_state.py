"""What an ONVIF camera of the tests does differently, and what it remembers."""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal


class Cut(Exception):
    """The connection is reset in place of an answer."""


class Silent(Exception):
    """Nothing is answered, ever."""


@dataclass
class Deviations:
    """Switches, one for each way in which real cameras deviate; all off is a good camera."""

    clock_offset_s: float = 0  # its clock, by which it judges logins, is wrong
    told_offset_s: float = 0  # what it tells as UTC differs from its clock (summer time as UTC)
    bad_date: bool = False  # "month 0"
    login: Literal["wsse", "digest", "basic", "both", "none"] = "wsse"
    one_time_nonces: bool = False  # of HTTP Digest
    time_needs_login: bool = False
    open_operations: frozenset[str] = frozenset()  # what needs no login besides the time
    old_faults: bool = False  # faults of SOAP 1.1
    forbidden: frozenset[str] = frozenset()  # operations that this user may not call
    xaddr_host: str = ""  # announced in place of its own
    xaddr_port: int = 0
    xaddr_scheme: str = ""
    rtsp_port: int = 8554
    has_ptz: bool = True
    has_events: bool = True
    sub_has_ptz: bool = True
    main_has_ptz: bool = True
    describes_ptz: bool = True  # answers GetNode
    reversed_profiles: bool = False
    encoding: str = "H264"
    has_get_services: bool = True
    forgets_events: bool = False  # GetServices lacks them, GetCapabilities has them
    has_endpoint_reference: bool = True
    has_snapshot: bool = True
    pull_cut_s: float | None = None  # resets what it holds back for so long (0: at once)
    heeds_limit: bool = True  # MessageLimit
    pull_at_once: bool = False  # answers empty without waiting
    needs_term: bool = False  # CreatePullPointSubscription needs InitialTerminationTime
    takes_relative: bool = True
    takes_absolute: bool = True
    takes_term: bool = True
    renews: bool = True
    longest_term_s: float = 3600  # grants no more, whatever is asked for
    tells_no_term: bool = False  # a subscription ends when it begins, it says
    ends_subscriptions: bool = True  # answers Unsubscribe
    slots: int = 2
    freezes_after: int = 0  # CreatePullPointSubscriptions; 0: never
    relative_address: bool = False  # names only the path of a subscription
    by_reference: bool = False  # tells subscriptions apart by a reference parameter
    answers: dict[str, str] = field(default_factory=dict)  # operation → a strange answer


@dataclass(frozen=True)
class LoginTry:
    """Credentials that came with a request; `ways`: "http", "token"."""

    operation: str
    ways: tuple[str, ...]
    good: bool


@dataclass
class Preset:
    name: str
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass
class Subscription:
    """`waiting`: (topic, source, value, operation)."""

    ends_s: float  # by the monotonic clock
    waiting: deque[tuple[str, str, str, str]] = field(default_factory=deque)
    pulls: int = 0
    renewals: int = 0
