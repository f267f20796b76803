"""Some cameras on one clock in Chromium: what is shown at one instant was taken at one instant."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Route, expect

from falconeye.base.times import SECOND_US
from falconeye.media.samples import Codec, StreamKind
from tests.browser.browsers import needs_chromium
from tests.browser.clocked_site import ClockedSite, clocked_site, with_three
from tests.browser.test_pages import complaints
from tests.clocked_footage import Piece, record

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120), needs_chromium]
STEP_MS = 200
# `names` play, each beyond `code`; then what all show at so many instants in a row.
SAMPLE = """async ([names, code, count]) => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const plays = (all) => names.every((name) => all[name] !== undefined && all[name] >= code);
  while (!plays(readAll())) await frame();
  const found = [];
  while (found.length < count) {
    for (let rest = 0; rest < 4; rest += 1) await frame();
    found.push(readAll());
  }
  return found;
}"""
GAP = re.compile("not recorded, because the camera was offline")


async def open_at(site: ClockedSite, seconds: float, *names: str) -> None:
    # All are in view: what Chromium draws is another picture than one that it has ready unseen.
    await site.page.set_viewport_size({"width": 700, "height": 1100})
    cameras = ",".join(site.ids[name] for name in names or site.ids)
    await site.page.goto(f"/footage?cameras={cameras}&at={site.at(seconds)}")
    await expect(site.page.locator("[data-moment]")).to_contain_text(":")


async def sample(site: ClockedSite, after_s: float, *names: str, count: int = 25) -> list[Any]:
    """What was shown at `count` instants, once all are beyond a moment; in step at each."""
    every = names or tuple(site.ids)
    async with asyncio.timeout(30):  # nothing else ends a promise of the page
        found: list[dict[str, int]] = await site.page.evaluate(
            SAMPLE, [list(every), site.code(after_s), count]
        )
    for shown in found:
        codes = [shown[name] for name in every]
        assert None not in codes
        assert max(codes) - min(codes) <= STEP_MS, shown
    assert max(found[-1].values()) > min(found[0].values())
    return found


async def test_they_play_in_step_at_every_speed_and_after_seeks(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        await with_three(site)
        page = site.page
        said = complaints(page)
        await open_at(site, 2)
        await page.get_by_role("button", name="Play", exact=True).click()
        await sample(site, 3)
        widths = await page.evaluate(
            "[...document.querySelectorAll('.tile video')].map((one) => one.videoWidth)"
        )
        assert widths == [320, 320, 320]  # Door's small picture
        slider = page.get_by_role("slider", name="Time")
        for speed, after_s in (("0.5", 4), ("4", 5), ("2", 10)):
            await page.get_by_label("Speed").select_option(speed)
            await sample(site, after_s, count=12)
        await slider.press("ArrowLeft")
        await page.get_by_label("Speed").select_option("1")
        for moment in (46, 20, 52):
            await page.evaluate(
                "(us) => document.querySelector('canvas').dispatchEvent(new CustomEvent("
                "'falconeye:seek', { bubbles: true, detail: { us } }))",
                site.start_us + moment * 1_000_000,
            )
            found = await sample(site, moment, count=10)
            assert max(found[0].values()) < site.code(moment + 5)
            assert abs(await site.second() - moment) <= 5
        assert said == []


async def test_one_in_a_hole_says_why_and_joins_again(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        await with_three(site)
        page = site.page
        await open_at(site, 27)
        yard = page.locator("[data-name=Yard]")
        await expect(yard).to_have_attribute("data-mode", "video")
        await page.get_by_role("slider", name="Time").press("Space")
        await sample(site, 28, count=5)
        await expect(yard.locator("[data-why]")).to_have_text(GAP)
        await sample(site, 31, "Door", "Gate")
        await expect(page.get_by_role("slider", name="Time")).to_have_attribute(
            "aria-valuetext", re.compile(r"not recorded \(Yard\)")
        )
        await page.get_by_label("Speed").select_option("4")
        await expect(yard).to_have_attribute("data-mode", "video")
        await expect(yard.locator("[data-why]")).to_be_hidden()
        await page.get_by_label("Speed").select_option("1")
        await sample(site, 46)


async def test_fast_and_backward_go_by_keyframes(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        await with_three(site)
        page = site.page
        said = complaints(page)
        await open_at(site, 2, "Door", "Gate")
        await page.get_by_label("Speed").select_option("16")
        await page.get_by_role("button", name="Play", exact=True).click()
        door = page.locator("[data-name=Door]")
        await expect(door.locator("[data-age]")).to_have_text(re.compile(r"Picture of \d\d:"))
        code = "(low) => readCode(document.querySelector('[data-name=Door] img')) > low"
        await page.wait_for_function(code, arg=site.code(25))
        await expect(door.locator("video")).to_be_hidden()
        await page.get_by_label("Speed").select_option("-8")
        back = code.replace("> low", "< low")
        await page.wait_for_function(back, arg=site.code(10))
        # At its beginning it ends, and says so.
        await expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
        await page.get_by_label("Speed").select_option("1")
        await page.get_by_role("button", name="Play", exact=True).click()
        await sample(site, 2, "Door", "Gate")
        assert said == []


async def test_cameras_are_chosen_and_shared(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        await with_three(site)
        page = site.page
        await open_at(site, 5, "Door")
        await page.get_by_label("Yard").check()
        await page.get_by_role("button", name="Show these").click()
        await page.wait_for_url(re.compile("camera="))
        await expect(page.locator(".tile")).to_have_count(2)
        shared = page.get_by_role("link", name="Link to this moment")
        await expect(shared).to_have_attribute("href", re.compile("at=20"))
        link = await shared.get_attribute("href") or ""
        assert f"{site.ids['Door']}%2C{site.ids['Yard']}" in link
        assert await site.second() == pytest.approx(5, abs=1)
        await page.locator(".tile-name", has_text="Yard").click()
        await page.wait_for_url(re.compile(rf"cameras/{site.ids['Yard']}/footage"))
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        assert await site.second() == pytest.approx(5, abs=2)


async def test_one_without_footage_says_so_and_live_is_a_key_away(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        await site.add("Door")
        await open_at(site, 0)
        await expect(site.page.locator("[data-why]")).to_contain_text("not recorded")
        await site.page.get_by_role("button", name="Go to live").click()
        await site.page.wait_for_url(re.compile(r"/cameras/[^/]+\?done=live"))
        await expect(site.page.get_by_text("this is live")).to_be_visible()


async def test_an_export_takes_all_cameras_and_the_time_into_the_form(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        await with_three(site)
        page = site.page
        await open_at(site, 45, "Gate", "Door")
        await page.get_by_role("link", name="Export this minute").click()
        await expect(page.get_by_label("Camera")).to_have_value(site.ids["Gate"])
        await expect(page.get_by_role("checkbox", name="Door")).to_be_checked()
        await expect(page.get_by_role("checkbox", name="Yard")).not_to_be_checked()
        await page.get_by_role("button", name="Export", exact=True).click()
        await expect(page.get_by_text("The export is being made.")).to_be_visible()
        (job,) = (await site.served.admin.get("/api/jobs/")).json()["jobs"]
        assert job["export"]["asked_from"] == site.at(15)
        assert job["export"]["asked_to"] == site.at(75)
        assert len(job["export"]["cameras"]) == 2


async def test_what_was_recorded_twice_is_said_and_the_second_is_a_link_away(
    tmp_path: Path,
) -> None:
    async with clocked_site(tmp_path) as site:
        for name in ("Door", "Gate"):
            await site.add(name)
        await site.record("Door", 0, 40)
        await site.record("Gate", 0, 20)
        store, again_us = site.served.footage, site.start_us + 10_050_000  # off the grid
        run = store.begin_run(site.ids["Gate"], StreamKind.MAIN, again_us)
        await record(store, site.ids["Gate"], run, Piece(again_us, 20, 0))
        page = site.page
        said = complaints(page)
        await open_at(site, 5)
        told = page.locator("[data-twice]")
        await expect(told).to_be_hidden()
        await page.get_by_role("button", name="Play", exact=True).click()
        await sample(site, 11, count=5)
        words = re.compile("^Gate: this time was recorded twice, .* here the first is shown")
        await expect(told).to_have_text(words)
        await sample(site, 21, count=5)  # behind it the second goes on
        await expect(told).to_be_hidden()
        seek = "(us) => document.querySelector('canvas').dispatchEvent(new CustomEvent("
        seek += "'falconeye:seek', { bubbles: true, detail: { us } }))"
        await page.evaluate(seek, site.start_us + 15 * SECOND_US)
        await told.get_by_role("link", name="Gate alone").click()
        await page.wait_for_url(re.compile(rf"cameras/{site.ids['Gate']}/footage"))
        second = "([first, until]) => { const code = readCode(document.querySelector('video'));"
        second += " return code !== null && (code - first) % 100 === 50 && code < until; }"
        await page.wait_for_function(second, arg=[site.code(0), site.code(14)])
        assert said == []


async def test_one_that_the_browser_cannot_decode_can_be_downloaded(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        for name in ("Door", "Yard"):
            await site.add(name)
        await site.record("Door", 0, 20)
        await site.record("Yard", 0, 20, codec=Codec.HEVC, recording="yard-1")
        page = site.page
        await open_at(site, 5)
        yard = page.locator("[data-name=Yard]")
        await expect(yard).to_have_attribute("data-mode", "keyframes")
        async with page.expect_download() as downloading:
            await yard.get_by_role("link", name="Download the recording").click()
        assert (await downloading.value).url.endswith("/api/recordings/yard-1/download")
        assert await page.locator("[data-name=Door] a", has_text="Download").count() == 0


# Pictures that are shown and are none: the browser draws its sign for broken ones.
BROKEN = """() => [...document.images].filter((one) => one.checkVisibility() && !one.naturalWidth)
  .map((one) => one.outerHTML)"""


@pytest.mark.parametrize("alone", [False, True])
async def test_until_a_keyframe_is_there_words_stand_in_its_place(
    tmp_path: Path, *, alone: bool
) -> None:
    """While it is on its way, and when it does not come; then it comes by itself."""
    async with clocked_site(tmp_path) as site:
        for name in ("Door", "Yard"):
            await site.add(name)
        await site.record("Door", 0, 20)
        await site.record("Yard", 0, 20, codec=Codec.HEVC)
        page = site.page
        refused, has_time = asyncio.Event(), asyncio.Event()

        async def answer(route: Route) -> None:
            await refused.wait()
            if has_time.is_set():
                await route.continue_()
            else:
                await route.fulfill(status=503)

        if alone:
            place = page.locator("[data-footage]")
            words, picture = place.locator("[data-no-keyframe]"), place.locator("[data-keyframes]")
            await page.goto(f"/cameras/{site.ids['Yard']}/footage?at={site.at(5)}")
            await expect(picture).to_be_visible()  # the player has given up
            await page.route("**/still.jpg*", answer)
            await page.reload()
        else:
            place = page.locator("[data-name=Yard]")
            words, picture = place.locator("[data-why]"), place.locator("img")
            await page.route(f"**/{site.ids['Yard']}/still.jpg*", answer)
            await open_at(site, 5)
        await expect(words).to_have_text("The picture is on its way…")
        assert await page.evaluate(BROKEN) == []
        refused.set()
        await expect(words).to_have_text("No picture of this moment can be shown.")
        assert await page.evaluate(BROKEN) == []
        has_time.set()
        await expect(picture).to_be_visible()
        await expect(words).to_be_hidden()
        assert await page.evaluate(BROKEN) == []
