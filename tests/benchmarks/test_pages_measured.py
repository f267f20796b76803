"""The benchmarks of pages, walls and viewers, with as little as shows that they work."""

import pytest

from tests.benchmarks import painting, serving, sockets, wall_hour, weight
from tests.benchmarks.figures import Plan, Result
from tests.benchmarks.site_pages import addresses
from tests.browser.browsers import needs_chromium

pytestmark = pytest.mark.timeout(240)  # nodes start, a browser, and the first run encodes clips
TINY = Plan(is_quick=True)


def medians(result: Result) -> dict[str, float]:
    return {row.name: row.median for row in result.rows}


@needs_chromium
def test_pages_weigh_what_they_load_and_no_more_than_they_may() -> None:
    measured = weight.measure(TINY)
    found, files = medians(measured), weight.own_files()
    # Browsers load what is for forced colours, too, after all else.
    everywhere = (files["app.css"] + files["forced.css"] + files["page.js"]) / 1000
    assert found["recordings"] == pytest.approx(everywhere)  # it has nothing else
    assert found["wall"] > everywhere + (files["wall.css"] + files["player.js"]) / 1000
    assert found["display"] > files["display.js"] / 1000
    assert found["all files together"] == pytest.approx(sum(files.values()) / 1000)
    # What is sent does not depend on the machine: these budgets are kept at each commit.
    assert {row.name for row in measured.rows if row.verdict.startswith("missed")} == set()


def test_every_page_is_served_and_timed() -> None:
    found = medians(serving.measure(TINY, cameras=2))
    assert found["wall, p50"] > 0
    assert {f"{name}, p99" for name in addresses(["a", "b"])} < set(found)


@needs_chromium
def test_painting_is_felt_by_every_act() -> None:
    found = medians(painting.measure(TINY, cameras=2))
    assert found["wall: first paint, empty cache"] > 0
    assert found["wall: the menu of a tile: input delay, p95"] >= 0
    assert found["wall: a layout → first paint of it, p95"] > 0
    assert found["slower than without the throttle"] > 0


@needs_chromium
def test_a_wall_is_watched_for_a_while() -> None:
    found = medians(wall_hour.measure(TINY, tiles=4, minutes=0.1))
    assert "tiles that are not live at the end" in found
    assert found["WebSockets that were opened again"] == 0
    assert found["DOM nodes, at the end"] > found["listeners, at the end"] > 4


@needs_chromium
def test_viewers_and_tiles_are_counted_until_all_have_a_picture() -> None:
    found = medians(sockets.measure(TINY, viewers=(3,), tiles=2))
    connected = found["3 viewers of one camera: until all are connected"]
    assert 0 < connected < found["3 viewers of one camera: until all have a picture"]
    assert found["3 viewers of one camera: lost"] == 0
    opened = found["a wall of 2 tiles in Chromium: first asked → last open"]
    assert 0 < opened < found["a wall of 2 tiles in Chromium: address → picture in every tile"]
