"""What the templates of the wall get: its tiles or its table, counts, and how it is arranged."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from falconeye.events.camera_state import CameraState

AUTO: Final = "auto"
GRID: Final = "grid"
TABLE: Final = "table"
NUMBERS: Final = frozenset({"rate", "gaps", "today"})  # columns of the table


@dataclass(frozen=True, slots=True)
class Tile:
    """One camera on the wall."""

    id: str
    name: str
    state: CameraState
    can_move: bool = False  # and who looks may do it
    sheet: int = 1  # the page of the wall on which it is


def by_sheet(tiles: Iterable[Tile]) -> list[tuple[int, list[Tile]]]:
    """Tiles by their page of the wall, in order."""
    found: dict[int, list[Tile]] = {}
    for tile in tiles:
        found.setdefault(tile.sheet, []).append(tile)
    return list(found.items())


@dataclass(frozen=True, slots=True)
class WallLink:
    """A wall that could be shown; id "": all cameras."""

    id: str
    name: str
    shared: bool = True


@dataclass(frozen=True, slots=True)
class WallCounts:
    """What a wall's heading says; None: nobody knows, or it is not for who looks."""

    online: int
    recording: int
    total: int
    gaps: int | None = None  # today; those that nobody wanted
    free_bytes: int | None = None  # for footage, on the disks of all nodes that tell
    silent: tuple[str, ...] = ()  # names of nodes of whose disks nothing is known


@dataclass(frozen=True, slots=True)
class WallRow:
    """A camera in the table."""

    id: str
    name: str
    state: CameraState
    node: str
    bits_per_second: float
    gaps: int | None = None  # as `WallCounts.gaps`
    recorded_until_us: int | None = None  # today's last footage (UTC), of one that is not online
    today_bytes: int | None = None  # footage of its main stream that was recorded today


@dataclass(frozen=True, slots=True)
class WallTable:
    """The rows as they are sorted. `silent`: names of nodes whose footage is not counted."""

    rows: tuple[WallRow, ...]
    sort: str = "name"  # a key of `wall_table.ORDERS`
    is_reversed: bool = False
    show: str = ""  # a key of `wall_table.SHOWS`; "": all
    at_us: int = 0  # UTC, when it was made
    silent: tuple[str, ...] = ()
    has_nodes: bool = False

    @property
    def order(self) -> str:
        """As an address says it: the key, with "-" before it for the other way round."""
        return f"-{self.sort}" if self.is_reversed else self.sort

    @property
    def is_descending(self) -> bool:
        """Whether what it is sorted by gets less from row to row; numbers begin with the most."""
        return self.is_reversed != (self.sort in NUMBERS)


@dataclass(frozen=True, slots=True)
class WallPage:
    """The wall: `tiles` are those of this page of the layout; all of them while it cycles."""

    tiles: tuple[Tile, ...]
    layout: str  # auto | 1 | 4 | 9 | 16
    columns: int  # on a wide screen
    total: int  # cameras of it that the viewer may see
    number: int = 1  # page, from 1
    pages: int = 1
    wall_id: str = ""  # "": all cameras
    name: str = ""
    walls: tuple[WallLink, ...] = ()
    may_change: bool = False  # this saved wall
    may_arrange: bool = False  # make one
    usual_layout: str = AUTO  # of this wall, where the address says nothing
    usual_cycle_s: int = 0
    cycle_s: int = 0  # 0: it stands still
    view: str = GRID
    counts: WallCounts | None = None
    table: WallTable | None = None

    @property
    def sheets(self) -> list[tuple[int, list[Tile]]]:
        """Tiles by their page of the wall."""
        return by_sheet(self.tiles)

    def link(self, **changes: object) -> str:
        """The query of this wall with something else of it; begins with "?"."""
        now: dict[str, object] = {
            "wall": self.wall_id,
            "layout": "" if self.layout == self.usual_layout else self.layout,
            "cycle": "" if self.cycle_s == self.usual_cycle_s else self.cycle_s,
        }
        given = {name: value for name, value in (now | changes).items() if value not in {"", None}}
        return f"?{urlencode(given)}"

    @property
    def events(self) -> str:
        """How `/events` is asked about this page: its first message shows all of it again."""
        table = self.table
        return self.link(
            page="wall", layout=self.layout, number=self.number, cycle=self.cycle_s, view=self.view,
            sort=table.order if table else "", show=table.show if table else "",
        )[1:]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """A camera while a wall is arranged."""

    id: str
    name: str
    is_hidden: bool
    online: bool = False


@dataclass(frozen=True, slots=True)
class ArrangePage:
    """The form by which a wall is arranged; `places` in their order, hidden ones among them."""

    places: tuple[Place, ...]
    wall_id: str = ""  # "": a new one
    name: str = ""
    shared: bool = False
    size: str = AUTO
    takes_new: bool = True
    cycle_s: int = 0
    may_save: bool = True  # this wall; else only another one
    may_share: bool = False
    may_own: bool = True
    said: str = ""  # what the last act did, for who uses no script
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def order(self) -> str:
        """Ids in order, as the form carries them."""
        return ",".join(place.id for place in self.places)

    @property
    def hidden(self) -> str:
        return ",".join(place.id for place in self.places if place.is_hidden)
