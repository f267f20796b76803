"""What the page of settings gets; see `contexts`."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting an admin may change."""

    name: str
    label: str
    hint: str  # what it is for, what it may be, what it is by default
    value: str
    kind: str = "text"  # a SettingKind
    choices: tuple[tuple[str, str], ...] = ()  # (value, words)
    is_default: bool = True
    was: str = ""  # what stood in the field before anybody typed


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """One that is changed elsewhere, or by programs."""

    name: str
    label: str
    hint: str
    value: str
    page: str = ""  # that changes it


@dataclass(frozen=True, slots=True)
class SettingsGroup:
    """What belongs together."""

    key: str
    title: str
    fields: tuple[SettingField, ...]
    shown: tuple[ShownSetting, ...] = ()

    @property
    def pages(self) -> tuple[str, ...]:
        """Those that change what is only shown here, each once."""
        return tuple(dict.fromkeys(one.page for one in self.shown if one.page))


@dataclass(frozen=True, slots=True)
class NodeSettingRow:
    """A setting of this machine: as it is, and where that was said."""

    name: str
    value: str
    origin: str  # a flag, a variable, a file; empty: nowhere, it is the default
    text: str
    default: str = ""  # in words; empty: not set


@dataclass(frozen=True, slots=True)
class SettingsPage:
    """What can be set in the page, and what was set at the machine."""

    groups: tuple[SettingsGroup, ...]
    zones: tuple[str, ...]
    node_rows: tuple[NodeSettingRow, ...] = ()
    node_name: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
    restarted: int | None = None  # cameras, after "restart all"
    silent_nodes: tuple[str, ...] = ()  # names of those that did not restart theirs

    @property
    def has_changes(self) -> bool:
        """Whether anything on the page is not as it is by default."""
        return any(not one.is_default for group in self.groups for one in group.fields)


@dataclass(frozen=True, slots=True)
class ResetPage:
    """The question before all settings of the page go back to their defaults."""

    changes: tuple[tuple[str, str, str], ...]  # (label, now, then)


@dataclass(frozen=True, slots=True)
class DeleteAllPage:
    """The question before all cameras go."""

    names: tuple[str, ...]
    footage_bytes: int
    errors: Mapping[str, str] = field(default_factory=dict)
