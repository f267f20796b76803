"""Contexts of the wall's pages with plausible values; see `samples`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from falconeye.events.camera_state import CameraStatus, ReasonCode
from falconeye.web.contexts import Frame
from falconeye.web.wall_contexts import (
    ArrangePage,
    Place,
    Tile,
    WallCounts,
    WallLink,
    WallPage,
    WallRow,
    WallTable,
)

NOW_US = 1_795_000_000_000_000
COUNTS = WallCounts(11, 9, 14, 3, 412_000_000_000, ("attic",))
WALLS = (
    WallLink("", "All cameras"),
    WallLink("house", "House and garden"),
    WallLink("mine", "What I look at before I go to bed", shared=False),
)


def online(tiles: Sequence[Tile]) -> list[Tile]:
    """The same cameras, all of which deliver."""
    return [
        replace(
            tile,
            state=replace(
                tile.state,
                status=CameraStatus.RUNNING,
                online=True,
                recording=True,
                reason_code=ReasonCode.NONE,
                reason="",
            ),
        )
        for tile in tiles
    ]


def pages(frame: Frame, tiles: Sequence[Tile]) -> dict[str, tuple[str, Frame, Any]]:
    """By name: template, frame, context."""
    many = WallPage(
        tiles=tuple(replace(tile, can_move=number == 1) for number, tile in enumerate(tiles)),
        layout="auto",
        columns=4,
        total=len(tiles),
        wall_id="house",
        name="House and garden",
        walls=WALLS,
        may_change=True,
        may_arrange=True,
        counts=COUNTS,
    )
    sheets = tuple(
        replace(tile, sheet=1 + place // 4) for place, tile in enumerate(online(tiles)[:12])
    )
    cycling = replace(
        many, tiles=sheets, layout="4", columns=2, total=12, pages=3, cycle_s=10, counts=COUNTS
    )
    rows = tuple(
        WallRow(
            tile.id,
            tile.name,
            tile.state,
            "pi-1" if number % 3 else "attic",
            4_100_000.0 - 77_000 * number if tile.state.online else 0.0,
            number % 4,
            None if number % 5 == 0 else NOW_US - number * 600_000_000,
            17_000_000_000 - number * 900_000_000,
        )
        for number, tile in enumerate(tiles)
    )
    table = WallTable(rows, "gaps", at_us=NOW_US, silent=("attic",), has_nodes=True)
    places = tuple(
        Place(tile.id, tile.name, number in {2, 5}, tile.state.online)
        for number, tile in enumerate(tiles[:9])
    )
    arrange = ArrangePage(places, "house", "House and garden", shared=True, may_share=True)
    at = replace(frame, path="/walls/house")
    wrong = replace(arrange, errors={"name": "A name has 1 to 64 characters."}, name="")
    return {
        "wall-saved": ("pages/wall.html", frame, many),
        "wall-cycle": ("pages/wall.html", frame, cycling),
        "wall-online": (
            "pages/wall.html",
            frame,
            replace(many, tiles=tuple(online(tiles)), counts=replace(COUNTS, silent=())),
        ),
        "wall-table": ("pages/wall.html", frame, replace(many, view="table", table=table)),
        "wall-table-empty": (
            "pages/wall.html",
            frame,
            replace(many, view="table", table=replace(table, rows=(), show="gaps")),
        ),
        "wall-nothing": ("pages/wall.html", frame, replace(many, tiles=(), total=0, counts=None)),
        "wall-arrange": ("pages/wall_arrange.html", at, arrange),
        "wall-arrange-wrong": ("pages/wall_arrange.html", at, wrong),
        "wall-arrange-new": (
            "pages/wall_arrange.html",
            replace(frame, path="/walls/new"),
            ArrangePage(places, may_share=False),
        ),
    }
