"""A wall of cameras as the templates' values: which are on it, in which order, on which page."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from falconeye.cameras.views import Camera
from falconeye.storage.stores.wall_store import Wall
from falconeye.web.i18n import gettext as _
from falconeye.web.wall_contexts import AUTO, Tile, WallLink, WallPage

LAYOUTS: Final[Mapping[str, int]] = {"auto": 0, "1": 1, "4": 4, "9": 9, "16": 16}
MAX_COLUMNS: Final = 6
# Where all are shown at once and pages are wanted one after the other: so many, and no more
CYCLED: Final = (9, 4)
MAX_PAGE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """A wall as somebody asked for it; None: as it is for that wall."""

    layout: str | None = None
    number: int = 1
    cycle_s: int | None = None


def ordered(wall: Wall | None, cameras: Sequence[Camera]) -> list[Camera]:
    """The cameras of a wall in its order, the hidden ones too; of none all of them as given.

    `cameras`: those that somebody may see, by name. Those that no place was given to follow by
    name, where the wall takes new ones.
    """
    if wall is None:
        return list(cameras)
    places = {camera_id: place for place, camera_id in enumerate(wall.camera_ids)}
    known = [camera for camera in cameras if camera.config.id in places]
    known.sort(key=lambda camera: places[camera.config.id])
    new = [camera for camera in cameras if camera.config.id not in places]
    return known + (new if wall.takes_new else [])


def cameras_of(wall: Wall | None, cameras: Sequence[Camera]) -> list[Camera]:
    """What a wall shows of `cameras`, in its order."""
    hidden = frozenset[str]() if wall is None else wall.hidden
    return [camera for camera in ordered(wall, cameras) if camera.config.id not in hidden]


def tile(camera: Camera, *, can_move: bool = False, sheet: int = 1) -> Tile:
    """One camera for the wall."""
    return Tile(camera.config.id, camera.config.name, camera.state, can_move, sheet)


def wall_page(
    cameras: Sequence[Camera],
    chosen: Chosen,
    wall: Wall | None = None,
    movable: Collection[str] = (),
) -> WallPage:
    """The wall of these cameras; an unknown layout is its usual one, a page too far the last one.

    `movable`: ids of those that who looks may move.
    """
    usual = wall.size if wall is not None and wall.size in LAYOUTS else AUTO
    usual_cycle_s = 0 if wall is None else wall.cycle_s
    layout = chosen.layout if chosen.layout is not None and chosen.layout in LAYOUTS else usual
    cycle_s = usual_cycle_s if chosen.cycle_s is None else chosen.cycle_s
    size = LAYOUTS[layout]
    if not size and cycle_s:
        size = next((most for most in CYCLED if len(cameras) > most), 0)
    is_given = size > 0
    size = size or max(1, len(cameras))
    pages = max(1, math.ceil(len(cameras) / size))
    number = min(max(1, chosen.number), pages)
    first, last = (1, pages) if cycle_s else (number, number)
    shown = cameras[(first - 1) * size : last * size]
    columns = math.isqrt(max(0, (size if is_given else len(shown)) - 1)) + 1
    return WallPage(
        tiles=tuple(
            tile(camera, can_move=camera.config.id in movable, sheet=first + place // size)
            for place, camera in enumerate(shown)
        ),
        layout=layout,
        columns=min(columns, MAX_COLUMNS),
        total=len(cameras),
        number=number,
        pages=pages,
        wall_id="" if wall is None else wall.id,
        name=_("Wall") if wall is None else wall.name,
        usual_layout=usual,
        usual_cycle_s=usual_cycle_s,
        cycle_s=cycle_s,
    )


def wall_links(walls: Sequence[Wall]) -> tuple[WallLink, ...]:
    """The walls to choose from, all cameras first; none where nobody saved one."""
    saved = tuple(WallLink(wall.id, wall.name, wall.shared) for wall in walls)
    return (WallLink("", _("All cameras")), *saved) if saved else ()
