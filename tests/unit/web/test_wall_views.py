"""What a wall shows, in which order and on which page; and how its table is sorted."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from falconeye.cameras.views import Camera
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.events.camera_state import CameraState, CameraStatus, ReasonCode
from falconeye.federation.report import DiskReport, NodeReport
from falconeye.storage.stores.wall_store import Wall
from falconeye.web.wall_asking import Asked
from falconeye.web.wall_contexts import GRID, TABLE, WallRow
from falconeye.web.wall_counts import room_of
from falconeye.web.wall_table import ORDERS, sorted_rows
from falconeye.web.wall_views import Chosen, cameras_of, ordered, wall_page
from tests.browser.node_samples import report, view

WALL = Wall("w", "House", None, True, ("c", "gone", "a"), frozenset({"a"}), "auto", True, 0, 0)


def state(camera_id: str) -> CameraState:
    return CameraState(
        camera_id, CameraStatus.RUNNING, online=True, reason_code=ReasonCode.NONE, reason="",
        since_us=0,
    )  # fmt: skip


def camera(camera_id: str) -> Camera:
    config = CameraConfig(camera_id, camera_id, Protocol.DEMO, "demo:", 0, 0)
    return Camera(config, state(camera_id), (), None, None)


def names(cameras: list[Camera]) -> str:
    return "".join(one.config.id for one in cameras)


def test_the_order_of_a_wall() -> None:
    every = [camera(one) for one in "abcd"]
    assert names(ordered(None, every)) == "abcd"
    assert names(ordered(WALL, every)) == "cabd"
    assert names(cameras_of(WALL, every)) == "cbd"
    assert names(cameras_of(replace(WALL, takes_new=False), every)) == "c"
    assert names(cameras_of(WALL, [])) == ""


@given(st.integers(0, 70), st.sampled_from(["auto", "1", "4", "9", "16"]), st.integers(1, 99))
def test_a_wall_that_cycles_has_each_camera_on_one_sheet(
    count: int, layout: str, number: int
) -> None:
    every = [camera(str(one)) for one in range(count)]
    page = wall_page(every, Chosen(layout, number, 10))
    assert [tile.id for _, tiles in page.sheets for tile in tiles] == [str(n) for n in range(count)]
    assert [number for number, _ in page.sheets] == list(range(1, page.pages + 1))[
        : len(page.sheets)
    ]
    assert 1 <= page.number <= page.pages
    sizes = {len(tiles) for _, tiles in page.sheets[:-1]}
    assert len(sizes) <= 1
    if layout == "auto" and count > 4:
        assert page.pages > 1


def test_links_keep_the_wall_and_say_only_what_is_not_usual() -> None:
    every = [camera(one) for one in "abcdefgh"]
    wall = replace(WALL, size="4", cycle_s=10)
    page = wall_page(every, Chosen(), wall)
    assert (page.layout, page.cycle_s) == ("4", 10)
    assert page.link() == "?wall=w"
    assert page.link(page=2) == "?wall=w&page=2"
    other = wall_page(every, Chosen("1", 3, 0), wall)
    assert other.link(view="table") == "?wall=w&layout=1&cycle=0&view=table"
    assert Asked.of(dict(part.split("=") for part in other.events.split("&"))) == Asked(
        "w", Chosen("1", 3, 0), GRID
    )


def test_what_an_address_says_wrong_is_as_if_it_were_not_there() -> None:
    assert Asked.of({}) == Asked()
    wrong = {"page": "x", "cycle": "4x", "view": "cube", "layout": "7"}
    assert Asked.of(wrong) == Asked("", Chosen("7", 1, None), GRID)
    assert wall_page([camera("a")], Chosen("7")).layout == "auto"
    assert Asked.of({"cycle": "1", "view": "table"}) == Asked("", Chosen(None, 1, 5), TABLE)
    assert Asked.of({"cycle": "99999", "page": "99999999999"}) == Asked()


def test_rows_that_are_alike_stand_by_name() -> None:
    rows = [
        WallRow("1", "b", state("1"), "pi-2", 5.0, 1),
        WallRow("2", "A", state("2"), "pi-1", 5.0, 3),
        WallRow("3", "c", state("3"), "pi-1", 9.0, None),
    ]

    def order(key: str, *, is_reversed: bool = False) -> str:
        return "".join(row.id for row in sorted_rows(rows, key, is_reversed=is_reversed))

    assert (order("name"), order("name", is_reversed=True)) == ("213", "312")
    assert (order("rate"), order("rate", is_reversed=True)) == ("321", "213")
    assert (order("gaps"), order("node")) == ("213", "231")
    assert {order(key) for key in ORDERS} <= {"213", "321", "231"}


def test_room_is_that_of_all_who_tell_and_the_others_are_named() -> None:
    disk = DiskReport(is_present=True, free_bytes=90, floor_bytes=20)
    full = DiskReport(is_present=True, free_bytes=10, floor_bytes=20)
    away = DiskReport(is_present=False, free_bytes=500)
    known = report(name="pi-1").model_copy(update={"disks": (disk, full, away)})
    assert isinstance(known, NodeReport)
    nodes = [view(known, 1, "pi-1"), view(known, 2, "attic", reachable=False)]
    assert room_of(nodes) == (70, ("attic",))
    assert room_of(nodes[1:]) == (None, ("attic",))
