"""What each setting of the site is for: the one source of what page, API and help say of it.

They lie in the database, are the same on all nodes, and are changed by admins; what belongs to one
machine is told of by `config.reference`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


def _(message: str) -> str:
    """Mark a text for the catalogue; it is translated where it is shown."""
    return message


class SettingGroup(StrEnum):
    """What belongs together, in the order of the page."""

    SITE = "site"
    FOOTAGE = "footage"
    CAMERAS = "cameras"
    NODES = "nodes"
    AUDIT = "audit"
    PROGRAMS = "programs"
    NOTICES = "notices"


class SettingKind(StrEnum):
    """How a value is written by people."""

    TEXT = "text"
    NUMBER = "number"
    GIGABYTES = "gigabytes"  # stored as bytes
    CHOICE = "choice"
    ZONE = "zone"
    NODE = "node"
    LINES = "lines"
    SWITCH = "switch"
    SHOWN = "shown"  # programs alone change it
    ELSEWHERE = "elsewhere"  # a page of its own has it


@dataclass(frozen=True, slots=True)
class SiteSetting:
    """One field of `StoredSettings`, in words."""

    name: str
    group: SettingGroup
    kind: SettingKind
    label: str
    text: str
    allowed: str
    empty: str = ""  # what an empty field means; "": it must not be empty
    choices: tuple[tuple[str, str], ...] = ()  # (value, words)
    page: str = ""  # that changes it, where the page of settings does not


GROUP_WORDS: Final[Mapping[SettingGroup, str]] = {
    SettingGroup.SITE: _("This site"),
    SettingGroup.FOOTAGE: _("How long footage is kept"),
    SettingGroup.CAMERAS: _("Cameras that are added"),
    SettingGroup.NODES: _("Nodes"),
    SettingGroup.AUDIT: _("Audit log"),
    SettingGroup.PROGRAMS: _("Other programs"),
    SettingGroup.NOTICES: _("Where notices go"),
}
_SITE, _FOOTAGE, _CAMERAS = SettingGroup.SITE, SettingGroup.FOOTAGE, SettingGroup.CAMERAS
_NODES, _PROGRAMS, _NOTICES = SettingGroup.NODES, SettingGroup.PROGRAMS, SettingGroup.NOTICES
_NOTICES_PAGE, _AGENTS_PAGE = "/settings/notices", "/nodes/agents"

SITE_SETTINGS: Final = (
    SiteSetting(
        "site_time_zone", _SITE, SettingKind.ZONE,
        _("Time zone"),
        _("All pages show the time of this zone."),
        _("a name such as Europe/Berlin"),
    ),
    SiteSetting(
        "clock_format", _SITE, SettingKind.CHOICE,
        _("Clock"),
        _("How pages write the time of day."),
        _("auto, 24h or 12h"),
        choices=(
            ("auto", _("As the browser's language has it")),
            ("24h", _("24 hours: 14:05")),
            ("12h", _("12 hours: 2:05 pm")),
        ),
    ),
    SiteSetting(
        "week_start", _SITE, SettingKind.CHOICE,
        _("The week begins with"),
        _("The order of days where a camera's hours are set."),
        _("mon, sat or sun"),
        choices=(("mon", _("Monday")), ("sat", _("Saturday")), ("sun", _("Sunday"))),
    ),
    SiteSetting(
        "keep_days", _FOOTAGE, SettingKind.NUMBER,
        _("Days to keep footage"),
        _("Older footage is deleted; lowering this does so within a minute. A camera may have its "
          "own number of days."),
        _("1 to 36500 days"),
        empty=_("as long as the disk has room"),
    ),
    SiteSetting(
        "keep_bytes", _FOOTAGE, SettingKind.GIGABYTES,
        _("GB to keep per camera"),
        _("Beyond that the oldest footage is deleted; lowering this does so within a minute."),
        _("1 GB or more"),
        empty=_("no limit"),
    ),
    SiteSetting(
        "default_resolution", _CAMERAS, SettingKind.TEXT,
        _("Picture size"),
        _("Asked of cameras that offer a choice."),
        _("width x height in pixels, such as 1280x720"),
    ),
    SiteSetting(
        "default_framerate", _CAMERAS, SettingKind.NUMBER,
        _("Pictures per second"),
        _("Asked of the same cameras."),
        _("1 to 60"),
    ),
    SiteSetting(
        "creating_timeout_minutes", _CAMERAS, SettingKind.NUMBER,
        _("Minutes until a silent camera counts as broken"),
        _("FalconEye goes on trying after that."),
        _("1 to 60 minutes"),
    ),
    SiteSetting(
        "default_recorder_node", _NODES, SettingKind.NODE,
        _("New cameras are recorded by"),
        _("The node that a camera in the network gets when it is added."),
        _("the name of a node"),
        empty=_("the node of the next setting, else the one with the least to do"),
    ),
    SiteSetting(
        "default_camera_node", _NODES, SettingKind.NODE,
        _("New cameras are read by"),
        _("Counts where no recorder is chosen. One node reads and records a camera here; programs "
          "of older systems tell the two apart."),
        _("the name of a node"),
        empty=_("the node with the least to do"),
    ),
    SiteSetting(
        "agent_nodes_include", _NODES, SettingKind.ELSEWHERE,
        _("Kubernetes nodes that run FalconEye"),
        _("Under Kubernetes alone."),
        _("names of Kubernetes nodes"),
        empty=_("all"),
        page=_AGENTS_PAGE,
    ),
    SiteSetting(
        "agent_nodes_exclude", _NODES, SettingKind.ELSEWHERE,
        _("Kubernetes nodes that do not"),
        _("Under Kubernetes alone."),
        _("names of Kubernetes nodes"),
        empty=_("none"),
        page=_AGENTS_PAGE,
    ),
    SiteSetting(
        "node_ips", _NODES, SettingKind.SHOWN,
        _("Addresses of nodes"),
        _("Noted by programs of older systems, and kept for them. FalconEye finds its nodes by "
          "itself."),
        _("names of nodes with an address each"),
        empty=_("none"),
    ),
    SiteSetting(
        "audit_keep_days", SettingGroup.AUDIT, SettingKind.NUMBER,
        _("Days to keep the audit log"),
        _("Older entries are deleted, and one entry says how many; how long footage is kept has no "
          "part in it. Checksums of exports stay for good."),
        _("30 to 36500 days"),
        empty=_("for good"),
    ),
    SiteSetting(
        "cors_origins", _PROGRAMS, SettingKind.LINES,
        _("Web pages of others that may ask this API"),
        _("One address in each line. Needed only for pages that run in a browser and were not "
          "loaded from here (CORS)."),
        _("origins such as https://home.example:8123"),
        empty=_("none"),
    ),
    SiteSetting(
        "frame_ancestors", _PROGRAMS, SettingKind.LINES,
        _("Sites that may show these pages in a frame"),
        _("One address in each line: a dashboard that shows the wall, for example. Whoever can put "
          "a page there can lead clicks astray."),
        _("origins such as https://home.example:8123"),
        empty=_("none"),
    ),
    SiteSetting(
        "k8s_namespace", _PROGRAMS, SettingKind.TEXT,
        _("Kubernetes namespace"),
        _("Told to programs that ask for it; nothing here depends on it."),
        _("small letters, digits and “-”, at most 63"),
    ),
    SiteSetting(
        "cleanup_interval", _PROGRAMS, SettingKind.NUMBER,
        _("Cleanup interval in seconds"),
        _("Kept for programs that set it, without effect: what can be deleted is deleted within "
          "seconds."),
        _("10 to 86400 seconds"),
    ),
    SiteSetting(
        "notify_urls", _NOTICES, SettingKind.ELSEWHERE,
        _("Services that send notices on"),
        _("Addresses of Apprise, such as for mail and messengers."),
        _("at most 20 addresses"),
        empty=_("none"),
        page=_NOTICES_PAGE,
    ),
    SiteSetting(
        "webhook_url", _NOTICES, SettingKind.ELSEWHERE,
        _("Webhook"),
        _("Is sent each notice as JSON."),
        _("an http or https address"),
        empty=_("none"),
        page=_NOTICES_PAGE,
    ),
    SiteSetting(
        "webhook_secret", _NOTICES, SettingKind.ELSEWHERE,
        _("Secret of the webhook"),
        _("Signs what is sent there."),
        _("16 characters or more"),
        empty=_("none"),
        page=_NOTICES_PAGE,
    ),
    SiteSetting(
        "heartbeat_url", _NOTICES, SettingKind.ELSEWHERE,
        _("Sign of life"),
        _("Is asked once a minute while all cameras record: others can tell when that stops."),
        _("an http or https address"),
        empty=_("none"),
        page=_NOTICES_PAGE,
    ),
    SiteSetting(
        "notify_cooldown_minutes", _NOTICES, SettingKind.ELSEWHERE,
        _("Minutes between notices of one kind"),
        _("What goes on is not told again before."),
        _("0 to 10080 minutes"),
        page=_NOTICES_PAGE,
    ),
    SiteSetting(
        "notify_allow_local", _NOTICES, SettingKind.ELSEWHERE,
        _("Notices may go to this machine itself"),
        _("Else its own addresses are refused."),
        _("on or off"),
        page=_NOTICES_PAGE,
    ),
)  # fmt: skip
BY_NAME: Final[Mapping[str, SiteSetting]] = {one.name: one for one in SITE_SETTINGS}
ON_THE_PAGE: Final = tuple(
    one for one in SITE_SETTINGS if one.kind not in {SettingKind.SHOWN, SettingKind.ELSEWHERE}
)
