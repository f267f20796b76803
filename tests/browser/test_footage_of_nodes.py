"""Footage that lies on two nodes, on a page of one of them in Chromium; the other one dies."""

import re
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.browsers import needs_chromium
from tests.browser.footage_cluster import FootageCluster, footage_cluster
from tests.browser.test_footage import SEEK
from tests.browser.test_pages import complaints

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120), needs_chromium]
VIDEO = "document.querySelector('video')"
# Seconds that lie ahead of what is shown, ready to be played.
LOADED = f"""() => {{
  const {{ buffered, currentTime: now }} = {VIDEO};
  let ahead = 0;
  for (let i = 0; i < buffered.length; i += 1) {{
    if (buffered.start(i) <= now && now < buffered.end(i)) ahead = buffered.end(i) - now;
  }}
  return ahead;
}}"""
SILENT = "No answer from pi-2: what is recorded there of this time is not played."
PAUSE_S = 0.5  # that a player may leave out where its footage ends


@pytest.fixture(params=[None, 150], ids=["yesterday", "just now"])
async def cluster(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[FootageCluster]:
    """Door: on the first node until 24 s, on the second to 60 s, on the first to 84 s."""
    async with footage_cluster(tmp_path, ago_s=request.param) as made:
        await made.add("Door")
        await made.record(made.one, "Door", 0, 24)
        await made.record(made.two, "Door", 24, 36)
        await made.record(made.one, "Door", 60, 24)
        await made.tell()
        yield made


async def shown_from(cluster: FootageCluster, seconds: float, selector: str = "video") -> None:
    """Waits for a picture of that moment, or of one after it."""
    what = f"document.querySelector('{selector}')"
    read = f"(code) => {what} && readCode({what}) >= code"
    await cluster.page.wait_for_function(read, arg=cluster.code(seconds))


async def shown_between(cluster: FootageCluster, from_s: float, to_s: float) -> None:
    """The same, and not of one that much later."""
    read = f"([from, to]) => readCode({VIDEO}) >= from && readCode({VIDEO}) < to"
    await cluster.page.wait_for_function(read, arg=[cluster.code(from_s), cluster.code(to_s)])


async def seen(cluster: FootageCluster) -> list[float]:
    """The moments of all pictures that were shown, in order."""
    codes: list[int] = await cluster.page.evaluate("seen")
    return [cluster.second(code) for code in codes]


def only_missing(found: list[str]) -> bool:
    """Whether the browser complains of nothing but answers that did not come."""
    return all("503" in text for text in found)


async def test_it_plays_from_one_node_over_to_the_other_and_back(cluster: FootageCluster) -> None:
    page = cluster.page
    found = complaints(page)
    await page.goto(f"/cameras/{cluster.ids['Door']}/footage?at={cluster.at(20)}")
    await shown_from(cluster, 20)
    await page.get_by_label("Speed").select_option("4")
    await shown_from(cluster, 62)
    moments = await seen(cluster)
    assert moments == sorted(moments)
    steps = [after - before for before, after in pairwise(moments)]
    assert max(steps) <= 1.5, steps  # no part was left out
    await expect(page.locator("[data-hint]")).to_be_hidden()
    await page.evaluate(SEEK, cluster.us(40))  # into the second node's part
    await shown_between(cluster, 40, 50)
    assert found == []


async def test_the_node_dies_while_its_part_is_played(cluster: FootageCluster) -> None:
    page = cluster.page
    found = complaints(page)
    path = f"/cameras/{cluster.ids['Door']}/footage"
    await page.goto(f"{path}?at={cluster.at(26)}")
    await shown_from(cluster, 27)
    await page.wait_for_function(f"() => ({LOADED})() > 4")
    await cluster.kill()
    here: Any = await page.evaluate(f"readCode({VIDEO})")
    until_s = cluster.second(here) + await page.evaluate(LOADED)
    await page.get_by_label("Speed").select_option("4")
    await shown_from(cluster, 61)  # behind its part it goes on
    moments = await seen(cluster)
    last_s = max(moment for moment in moments if moment < 60)
    assert last_s >= min(until_s, 60) - 4 * PAUSE_S, (last_s, until_s)  # what was loaded was played
    assert [moment for moment in moments if moment < 60] == sorted(
        moment for moment in moments if moment < 60
    )
    hint = page.locator("[data-hint]")
    await expect(hint).to_have_text(SILENT)
    assert await page.evaluate(f"!{VIDEO}.paused")
    assert path in page.url
    # Its beats are missed: nothing of it can be played, and the time line says so.
    cluster.miss()
    await page.reload()
    await page.evaluate(SEEK, cluster.us(40))
    moment = page.locator("[data-moment]")
    await expect(moment).to_contain_text("recorded by pi-2, unreachable since")
    await cluster.revive()
    await page.evaluate(SEEK, cluster.us(40))
    await shown_between(cluster, 41, 58)
    await expect(hint).to_be_hidden()
    assert only_missing(found)


# Chromium under load: it waits for more with some pictures left, and then plays none of them.
STARVED = f"""() => {{
  Object.defineProperty({VIDEO}, 'readyState', {{ get: () => HTMLMediaElement.HAVE_CURRENT_DATA }});
  {VIDEO}.dispatchEvent(new Event('waiting'));
}}"""


@pytest.mark.parametrize("cluster", [None], indirect=True, ids=["yesterday"])
async def test_a_player_that_starves_before_all_was_played_goes_on_behind(
    cluster: FootageCluster,
) -> None:
    page = cluster.page
    await page.goto(f"/cameras/{cluster.ids['Door']}/footage?at={cluster.at(26)}")
    await shown_from(cluster, 27)
    await page.wait_for_function(f"() => ({LOADED})() > 4")
    await page.get_by_label("Speed").select_option("4")
    async with page.expect_response(lambda answer: answer.status == 503):
        await cluster.kill()
    await page.get_by_role("button", name="Pause").click()
    await page.evaluate(f"() => {{ {VIDEO}.currentTime += ({LOADED})() - 1.5; }}")
    await page.wait_for_function(f"() => !{VIDEO}.seeking")
    assert cluster.second(await page.evaluate(f"readCode({VIDEO})")) < 58
    await page.evaluate(STARVED)
    await shown_from(cluster, 60)
    await expect(page.locator("[data-hint]")).to_have_text(SILENT)


async def test_it_is_back_before_its_beats_are_missed(cluster: FootageCluster) -> None:
    """The list that was made without it is asked for anew at a seek."""
    page = cluster.page
    await cluster.kill()
    await page.goto(f"/cameras/{cluster.ids['Door']}/footage?at={cluster.at(20)}")
    await expect(page.locator("[data-hint]")).to_have_text(SILENT)
    await page.get_by_label("Speed").select_option("4")
    await shown_from(cluster, 61)
    await cluster.revive()
    await page.evaluate(SEEK, cluster.us(30))
    await shown_between(cluster, 30, 50)
    await expect(page.locator("[data-hint]")).to_be_hidden()


async def test_paused_it_stands_where_it_was(cluster: FootageCluster) -> None:
    page = cluster.page
    await page.goto(f"/cameras/{cluster.ids['Door']}/footage?at={cluster.at(26)}")
    await shown_from(cluster, 27)
    await page.wait_for_function(f"() => ({LOADED})() > 4")
    await page.get_by_role("button", name="Pause").click()
    stands_s = cluster.second(await page.evaluate(f"readCode({VIDEO})"))
    await cluster.kill()
    await page.evaluate(SEEK, cluster.us(stands_s + 2.05))  # that is loaded
    await shown_between(cluster, stands_s + 2, stands_s + 2.1)
    await page.evaluate(SEEK, cluster.us(58))  # this is not, and its node is dead
    await expect(page.locator("[data-hint]")).to_have_text(SILENT)
    assert await page.evaluate(f"{VIDEO}.paused")


async def test_nothing_else_is_in_the_list_of_the_dead_node(tmp_path: Path) -> None:
    """The list's hour has nothing of others: it goes on behind, once its beats are missed."""
    async with footage_cluster(tmp_path) as cluster:
        page = cluster.page
        await cluster.add("Door")
        await cluster.record(cluster.two, "Door", 0, 30)
        await cluster.record(cluster.one, "Door", 4200, 12)
        await cluster.tell()
        await page.goto(f"/cameras/{cluster.ids['Door']}/footage?at={cluster.at(4)}")
        await shown_from(cluster, 5)
        await cluster.kill()
        await page.get_by_label("Speed").select_option("4")
        hint = page.locator("[data-hint]")
        words = re.compile("There is no answer from pi-2|there is no answer from pi-2")
        await page.evaluate(SEEK, cluster.us(26))
        await expect(hint).to_have_text(words)
        cluster.miss()
        await shown_from(cluster, 4201)
        assert page.url.endswith(cluster.at(4))


@pytest.mark.parametrize("cluster", [None], indirect=True, ids=["yesterday"])
async def test_some_cameras_play_over_a_change_of_node_and_the_death_of_one(
    cluster: FootageCluster,
) -> None:
    page = cluster.page
    await cluster.add("Gate")  # all of it on the first node
    await cluster.record(cluster.one, "Gate", 0, 84)
    await cluster.tell()
    found = complaints(page)
    cameras = ",".join(cluster.ids[name] for name in ("Door", "Gate"))
    await page.goto(f"/footage?cameras={cameras}&at={cluster.at(21)}")
    await page.get_by_role("button", name="Play", exact=True).click()
    in_step = """(code) => {
      const { Door, Gate } = readAll();
      return Door >= code && Math.abs(Door - Gate) <= 200;
    }"""
    await page.wait_for_function(in_step, arg=cluster.code(22))
    await page.wait_for_function(in_step, arg=cluster.code(26))
    assert found == []
    await cluster.kill()
    door = page.locator("[data-name=Door]")
    await page.get_by_label("Speed").select_option("4")
    await expect(door.locator("[data-why]")).to_have_text(SILENT, timeout=15_000)
    gate: Any = await page.evaluate("readAll().Gate")
    await page.wait_for_function("(code) => readAll().Gate > code", arg=gate)  # it goes on
    await page.wait_for_function(in_step, arg=cluster.code(61))
    await expect(door.locator("[data-why]")).to_be_hidden()
    await cluster.revive()
    await page.get_by_label("Speed").select_option("1")
    await page.evaluate(SEEK, cluster.us(34))
    await page.wait_for_function(in_step, arg=cluster.code(35))
    assert cluster.second(await page.evaluate("readAll().Door")) < 60
    assert only_missing(found)
