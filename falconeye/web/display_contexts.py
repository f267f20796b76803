"""What the pages of displays get; see `contexts`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from falconeye.web.wall_contexts import Tile, by_sheet


@dataclass(frozen=True, slots=True)
class DisplayPage:
    """What a screen on a wall shows."""

    name: str
    tiles: tuple[Tile, ...]
    version: str  # of the server that made the page
    layout: str  # names the cameras, their order and pages
    cycle_s: int = 0  # so long each page is shown; 0: there is one

    @property
    def sheets(self) -> list[tuple[int, list[Tile]]]:
        """Tiles by their page of the wall."""
        return by_sheet(self.tiles)


@dataclass(frozen=True, slots=True)
class PairingPage:
    """What a screen shows that is no display yet."""

    code: str  # as people read it: ABCD-EFGH
    address: str  # where an admin finds the displays, as the screen reached this node


@dataclass(frozen=True, slots=True)
class DisplayLinkPage:
    """A pairing link, opened. `name` of the display; None: it was used or has ended."""

    name: str | None
    path: str = ""


@dataclass(frozen=True, slots=True)
class DisplayRow:
    """One display in the list."""

    id: str
    name: str
    shows: str  # in words
    created_by: str
    expires_at_us: int | None
    is_over: bool  # its end date has come
    is_paired: bool
    last_seen_us: int | None
    address: str
    device: str  # what its browser says it is
    is_secure: bool


@dataclass(frozen=True, slots=True)
class DisplaysPage:
    """All displays."""

    rows: tuple[DisplayRow, ...]
    address: str  # to be opened on a screen


@dataclass(frozen=True, slots=True)
class DisplayForm:
    """What stands in the fields, as given."""

    name: str = ""
    code: str = ""
    what: str = "all"  # all | cameras | wall
    cameras: frozenset[str] = frozenset()
    wall_id: str = ""
    until_us: int | None = None
    is_no_time: bool = False  # what was given as the end


@dataclass(frozen=True, slots=True)
class DisplayFormPage:
    """A display to be added (`id` empty) or changed."""

    form: DisplayForm
    cameras: tuple[tuple[str, str], ...]  # id, name; those that are gone and still listed too
    walls: tuple[tuple[str, str], ...]
    address: str  # to be opened on a screen
    id: str = ""
    name: str = ""  # as stored
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DisplayPairPage:
    """Which screen a display is to be: by a code, or by a link that was just made."""

    id: str
    name: str
    is_paired: bool
    address: str  # to be opened on a screen
    code: str = ""
    link: str = ""  # the whole address; shown once
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DisplayRemovePage:
    """The question before a display goes."""

    id: str
    name: str
    is_paired: bool
