"""A camera's day in Chromium: the time line, the player, by mouse, keys and without scripts."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote, quote_plus
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Locator, Page, Position, Route, expect

from falconeye.base.times import DAY_US, SECOND_US, rfc3339
from falconeye.cameras.views import Camera
from falconeye.media.samples import Codec, StreamKind
from falconeye.storage.reading.timeline import Timeline
from tests.browser.browsers import needs_chromium
from tests.browser.clocked_site import ClockedSite, Touch, clocked_site
from tests.browser.test_pages import complaints
from tests.browser.test_site import demo, signed_in
from tests.clocked_footage import LARGE, SMALL
from tests.integration.api.conftest import Served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]
LOOK_S = 0.1
SLIDER = "Time"
SEEK = """(us) => document.querySelector('canvas').dispatchEvent(
  new CustomEvent('falconeye:seek', { bubbles: true, detail: { us } }))"""
HOVERED = "() => addEventListener('falconeye:hover', (e) => { window.hovered = e.detail.us; })"
# What a person does, over all pages.
COUNT = """
  for (const name of ['pointerdown', 'keydown', 'wheel']) {
    addEventListener(name, (event) => {
      if (event.isTrusted) localStorage.acts = Number(localStorage.acts ?? 0) + 1;
    }, true);
  }"""


async def recorded(served: Served, seconds: float = 4.0) -> Camera:
    """A camera with so much footage, which goes on recording."""
    camera = await demo(served)
    await until(served, camera, lambda found: _length_us(found) >= seconds * SECOND_US)
    return camera


def _length_us(found: Timeline) -> int:
    return sum(one.span.to_us - one.span.from_us for one in found.spans)


async def until(served: Served, camera: Camera, is_so: Callable[[Timeline], bool]) -> None:
    """Returns when that is so of the camera's whole time line."""
    timelines, clock = served.services.timelines, served.services.clock
    since_us = camera.config.created_at_us
    async with asyncio.timeout(30):
        while not is_so(  # noqa: ASYNC110
            await timelines.read(camera.config.id, since_us, clock.utc_us())
        ):
            await asyncio.sleep(LOOK_S)


def _ends_in_a_gap(found: Timeline) -> bool:
    return bool(found.gaps) and found.gaps[-1].to_us - found.gaps[-1].from_us > SECOND_US


async def value(page: Page) -> int:
    return int(await page.get_by_role("slider", name=SLIDER).get_attribute("aria-valuenow") or -1)


async def test_a_click_on_the_time_line_plays_that_moment(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await recorded(served)
        found = complaints(page)
        await page.goto(f"/cameras/{camera.config.id}")
        await page.get_by_role("link", name="Day by day").click()
        slider = page.get_by_role("slider", name=SLIDER)
        await expect(slider).to_be_visible()
        await expect(page.locator("[data-footage-still]")).to_be_hidden()
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        await slider.focus()
        await slider.press("End")
        await slider.press("p")  # where the footage begins
        await expect(page.locator("video")).to_be_visible()
        await page.wait_for_function("() => document.querySelector('video').currentTime > 0.5")
        begun = await value(page)
        await page.wait_for_function(
            "begun => document.querySelector('canvas').ariaValueNow > begun", arg=begun
        )
        await expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^\d\d:\d\d:\d\d"))
        link = await page.get_by_role("link", name="Link to this moment").get_attribute("href")
        assert link is not None
        assert "at=20" in link
        assert found == []


async def test_a_gap_says_why_and_nothing_plays(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await recorded(served, 2.0)
        await served.services.cameras.stop(camera.config.id, by="anna")
        await until(served, camera, _ends_in_a_gap)
        await page.goto(f"/cameras/{camera.config.id}/footage")
        slider = page.get_by_role("slider", name=SLIDER)
        moment = page.locator("[data-moment]")
        await expect(moment).to_contain_text(":")
        await slider.focus()
        await slider.press("g")
        await expect(moment).to_contain_text(
            "not recorded, because someone stopped the camera (anna)"
        )
        gaps = page.locator(".recordings")
        await expect(gaps.get_by_text("anna stopped the camera")).to_be_visible()
        assert await page.evaluate("document.querySelector('video').paused")


async def test_what_is_chosen_on_the_time_line_is_protected(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await recorded(served)
        await page.goto(f"/cameras/{camera.config.id}/footage")
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        begin_us = camera.config.created_at_us + SECOND_US // 2
        for us, name in ((begin_us, "From this moment"), (begin_us + SECOND_US, "To this moment")):
            await page.evaluate(SEEK, us)
            await page.get_by_role("button", name=name).click()
        await page.get_by_label("Reason").fill("the fence")
        await page.get_by_role("button", name="Protect", exact=True).click()
        await expect(page.get_by_text("The time is protected")).to_be_visible()
        await expect(page.get_by_text("the fence", exact=True)).to_be_visible()
        (made,) = await served.services.storage.protections.of_camera(camera.config.id)
        # It plays meanwhile.
        assert made.from_us == pytest.approx(begin_us, abs=SECOND_US)
        assert made.to_us - made.from_us == pytest.approx(SECOND_US, abs=SECOND_US)
        await page.get_by_role("button", name="Protect it no more").click()
        await expect(page.get_by_text("The time is not protected any more.")).to_be_visible()
        assert await served.services.storage.protections.of_camera(camera.config.id) == []


NO_PICTURES = """
const add = MediaSource.prototype.addSourceBuffer;
MediaSource.prototype.addSourceBuffer = function (type) {
  if (type.startsWith("video/")) throw new DOMException("no", "NotSupportedError");
  return add.call(this, type);
};
"""


async def test_footage_that_this_browser_cannot_play_is_stills(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await recorded(served)
        await page.add_init_script(NO_PICTURES)
        await page.goto(f"/cameras/{camera.config.id}/footage")
        slider = page.get_by_role("slider", name=SLIDER)
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        await slider.focus()
        await slider.press("End")
        await slider.press("p")
        hint = page.get_by_role("status").filter(has_text="This browser cannot play this video")
        await expect(hint).to_be_visible()
        await expect(page.locator("[data-keyframes]")).to_have_attribute(
            "src", re.compile("still.jpg|blob:")
        )


SEEK = """us => document.querySelector("canvas").dispatchEvent(
  new CustomEvent("falconeye:seek", { bubbles: true, detail: { us } }))"""


async def test_of_quick_seeks_the_last_counts_and_one_player_is_made(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await recorded(served)
        found = await served.services.timelines.read(
            camera.config.id, camera.config.created_at_us, served.services.clock.utc_us()
        )
        begin_us = found.spans[0].span.from_us
        asked: list[str] = []
        go = asyncio.Event()

        async def hold(route: Route) -> None:
            asked.append(route.request.resource_type)
            await go.wait()
            await route.continue_()

        await page.goto(f"/cameras/{camera.config.id}/footage")
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        await page.route("**/playback.m3u8*", hold)
        for second in (1, 2):
            await page.evaluate(SEEK, begin_us + second * SECOND_US)
        go.set()
        await page.wait_for_function("() => document.querySelector('video').currentTime >= 2")
        assert (asked.count("fetch"), asked.count("xhr")) == (1, 1)  # ours, and the player's


async def test_zooming_keeps_the_moment_under_the_pointer(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await recorded(served, 1.0)
        await page.goto(f"/cameras/{camera.config.id}/footage")
        canvas = page.get_by_role("slider", name=SLIDER)
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        await canvas.scroll_into_view_if_needed()
        box = await canvas.bounding_box()
        assert box is not None
        x = box["width"] * 0.25
        await page.evaluate(
            "() => addEventListener('falconeye:hover', (e) => { window.hovered = e.detail.us; })"
        )
        await page.mouse.move(box["x"] + x, box["y"] + 20)
        before = await page.evaluate("hovered")
        await page.mouse.wheel(0, -1200)
        await page.mouse.move(box["x"] + x + 1, box["y"] + 20)
        await page.mouse.move(box["x"] + x, box["y"] + 20)
        after = await page.evaluate("hovered")
        assert abs(after - before) < DAY_US / box["width"]  # a pixel, as it was before
        await page.get_by_role("button", name="Zoom out").click()


async def test_without_scripts_the_day_is_a_picture_and_a_list(tmp_path: Path) -> None:
    async with signed_in(tmp_path, scripts=False) as (served, page):
        camera = await recorded(served, 1.0)
        await page.goto(f"/cameras/{camera.config.id}/footage")
        await expect(page.locator("[data-footage-still] > svg")).to_be_visible()
        await expect(page.locator("[data-footage]")).to_be_hidden()
        await expect(page.get_by_role("heading", name="Not recorded")).to_be_visible()


async def test_a_minute_is_exported_and_downloaded(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await recorded(served)
        found = complaints(page)
        await page.goto(f"/cameras/{camera.config.id}/footage")
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        await page.get_by_role("link", name="Export this minute").click()
        await expect(page.get_by_label("Camera")).to_have_value(camera.config.id)
        await page.get_by_role("button", name="Export", exact=True).click()
        await expect(page.get_by_text("The export is being made.")).to_be_visible()
        link = page.get_by_role("link", name="Download")
        await expect(link).to_be_visible(timeout=15_000)
        async with page.expect_download() as downloading:
            await link.click()
        download = await downloading.value
        assert download.suggested_filename.startswith("Front-door_20")
        data = await asyncio.to_thread(Path(await download.path()).read_bytes)
        assert data[4:8] == b"ftyp"
        await page.get_by_role("link", name="Delete").click()
        await page.get_by_role("button", name="Delete export").click()
        await expect(page.get_by_role("heading", name="No export yet")).to_be_visible()
        assert found == []


async def test_a_picture_is_saved_with_its_time(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await recorded(served)
        await page.goto(f"/cameras/{camera.config.id}/footage")
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        async with page.expect_download() as downloading:
            await page.get_by_role("link", name="Save picture").click()
        download = await downloading.value
        name = download.suggested_filename
        assert re.fullmatch(r"Front-door_20\d\d-\d\d-\d\d_\d\d-\d\d-\d\d[+-]\d{4}\.jpg", name), name
        data = await asyncio.to_thread(Path(await download.path()).read_bytes)
        assert data[:3] == b"\xff\xd8\xff"


async def test_a_file_that_was_exported_is_known_again(tmp_path: Path) -> None:
    async with signed_in(tmp_path, scripts=False) as (served, page):
        camera = await recorded(served)
        other = await recorded(served)
        now_us = served.services.clock.utc_us()
        span = f"from={rfc3339(now_us - 20 * SECOND_US)}&to={rfc3339(now_us)}"
        await page.goto(f"/exports?camera={camera.config.id}&{span}")
        await page.get_by_text("More cameras of the same time").click()
        await page.locator(f"input[value='{other.config.id}']").check()
        await page.get_by_role("button", name="Export", exact=True).click()
        link = page.get_by_role("link", name="Download")
        while not await link.is_visible():
            await page.reload()
        async with page.expect_download() as downloading:
            await link.click()
        download = await downloading.value
        assert download.suggested_filename.startswith("2-cameras_20")
        film = tmp_path / "film.zip"
        await download.save_as(film)
        await page.get_by_role("link", name="Check a file").click()
        await page.get_by_label("File").set_input_files(film)
        await page.get_by_role("button", name="Check").click()
        await expect(page.get_by_role("heading", name="It is an export")).to_be_visible()
        await expect(page.get_by_text("still among the exports")).to_be_visible()
        with film.open("ab") as opened:
            opened.write(b"!")
        await page.get_by_label("File").set_input_files(film)
        await page.get_by_role("button", name="Check").click()
        await expect(page.get_by_role("heading", name="No export of this node")).to_be_visible()


async def test_an_export_of_nothing_says_so_in_the_form(tmp_path: Path) -> None:
    async with signed_in(tmp_path, scripts=False) as (served, page):
        camera = await demo(served)
        await page.goto(f"/exports?camera={camera.config.id}&from=2020-01-01&to=2020-01-02")
        await page.get_by_role("button", name="Export", exact=True).click()
        await expect(page.get_by_text("Nothing was recorded in that time.")).to_be_visible()
        await expect(page.get_by_label("From")).to_have_value(re.compile("^2020-01-01T00:00"))


async def test_fast_and_backward_show_keyframes_with_their_time(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        await site.add("Door")
        await site.record("Door", 0, 60)
        page = site.page
        await page.goto(f"/cameras/{site.ids['Door']}/footage?at={site.at(3)}")
        await page.wait_for_function("() => document.querySelector('video').currentTime > 0.3")
        await page.get_by_label("Speed").select_option("16")
        still = page.locator("img[data-keyframes]")
        await expect(still).to_be_visible()
        await expect(page.locator("video")).to_be_hidden()
        code = "(low) => readCode(document.querySelector('[data-keyframes]')) > low"
        await page.wait_for_function(code, arg=site.code(30))
        await page.get_by_role("slider", name=SLIDER).press("Space")
        await expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
        # What is told is the time of the picture, which stands between two moments of the line.
        shown = await page.evaluate(
            "() => [readCode(document.querySelector('[data-keyframes]')), "
            "document.querySelector('[data-moment]').textContent]"
        )
        zone = ZoneInfo("Europe/Vienna")
        taken = datetime.fromtimestamp(
            (site.start_us // 1000 - site.code(0) + shown[0]) / 1000, tz=zone
        )
        assert shown[1] == f"{taken:%H:%M:%S} · keyframes"
        await page.get_by_label("Speed").select_option("-4")
        await page.get_by_role("slider", name=SLIDER).press("Space")
        await page.wait_for_function(code.replace("> low", "< low"), arg=site.code(10))
        await page.get_by_label("Speed").select_option("1")
        await expect(page.locator("video")).to_be_visible()
        await expect(still).to_be_hidden()
        await page.wait_for_function("() => !document.querySelector('video').paused")


async def test_what_the_browser_cannot_decode_is_stills_and_a_download(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        await site.add("Yard")
        await site.record("Yard", 0, 20, codec=Codec.HEVC, recording="yard-1")
        page = site.page
        await page.goto(f"/cameras/{site.ids['Yard']}/footage?at={site.at(5)}")
        await expect(page.get_by_text("This browser cannot play this video")).to_be_visible()
        await expect(page.locator("video")).to_be_hidden()
        read = "(code) => readCode(document.querySelector('[data-keyframes]')) === code"
        await page.wait_for_function(
            read, arg=site.code(6)
        )  # it goes on, from keyframe to keyframe
        await page.wait_for_function(read, arg=site.code(8))
        await page.get_by_role("button", name="Pause", exact=True).click()
        slider = page.get_by_role("slider", name=SLIDER)
        await slider.press("ArrowLeft")
        await slider.press("n")
        await page.evaluate(SEEK, site.start_us + 15_500_000)
        await page.wait_for_function(read, arg=site.code(14))
        link = page.get_by_role("link", name="Download the recording", exact=True)
        path = await link.get_attribute("href")
        assert path == "/api/recordings/yard-1/download"
        answer = await site.served.viewer.get(path)
        assert (answer.status_code, answer.content[4:8]) == (200, b"ftyp")


async def test_what_only_the_small_picture_can_show_is_shown_by_it(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        await site.add("Yard")
        await site.record("Yard", 0, 20, codec=Codec.HEVC, size=LARGE)
        await site.record("Yard", 0, 20, kind=StreamKind.SUB)
        page = site.page
        await page.goto(f"/cameras/{site.ids['Yard']}/footage?at={site.at(5)}")
        await expect(page.get_by_text("this is the small one")).to_be_visible()
        await page.wait_for_function("() => readCode(document.querySelector('video')) > 0")
        assert await page.evaluate("document.querySelector('video').videoWidth") == 320


async def test_two_fingers_zoom_and_one_moves(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        await site.add("Door")
        await site.record("Door", 0, 4)
        page = site.page
        await page.set_viewport_size({"width": 390, "height": 844})
        await page.goto(f"/cameras/{site.ids['Door']}/footage?at={site.at(2)}")
        await expect(page.locator("video")).to_be_visible()  # it moves what is below it
        canvas = page.get_by_role("slider", name=SLIDER)
        await canvas.scroll_into_view_if_needed()
        box = await canvas.bounding_box()
        assert box is not None
        touch = await Touch.on(page)
        x, y = box["x"] + box["width"] / 2, box["y"] + 20

        async def moment_at(offset: float) -> float:
            """What a mouse would show there."""
            await page.mouse.move(x + offset + 1, y)
            await page.mouse.move(x + offset, y)
            return float(await page.evaluate("hovered"))

        await page.evaluate(HOVERED)
        day_px = (await moment_at(50) - await moment_at(-50)) / 100
        middle = await moment_at(0)
        before = await value(page)
        await touch.down((x - 20, y), (x + 20, y))
        for apart in (40, 60, 80, 100):
            await touch.move((x - apart, y), (x + apart, y))
        await touch.up()
        near_px = (await moment_at(50) - await moment_at(-50)) / 100
        assert day_px / near_px == pytest.approx(5, rel=0.05)
        assert await moment_at(0) == pytest.approx(middle, abs=2 * day_px)
        # Its four seconds may play meanwhile; a click would lead minutes away.
        assert await value(page) == pytest.approx(before, abs=4)
        await touch.down((x, y))
        await touch.move((x + 60, y))
        await touch.up()
        assert await moment_at(60) == pytest.approx(middle, abs=2 * day_px)
        assert await value(page) == pytest.approx(before, abs=4)


async def test_the_time_line_is_a_table_too(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        await site.add("Door")
        await site.record("Door", 0, 4)
        await site.record("Door", 10, 4)
        page = site.page
        await page.goto(f"/cameras/{site.ids['Door']}/footage?at={site.at(2)}")
        await page.get_by_role("link", name="As a table").press("Enter")
        table = page.get_by_role("table", name="Door")
        await expect(table).to_be_visible()
        rows = await table.locator("tbody tr").all_inner_texts()
        cells = [row.split("\t")[2:] for row in rows]
        assert ["0:04", "recorded"] in cells
        assert any(text.startswith("not recorded, because") for _length, text in cells)


@pytest.mark.parametrize("days_ago", [0, 1, 6, 100])
@pytest.mark.parametrize("phone", [False, True])
async def test_a_minute_is_found_played_and_exported_in_eight_acts(
    tmp_path: Path, phone: bool, days_ago: int
) -> None:
    """From the wall; the browser counts every click, touch and key, and nothing else is done."""
    ago_s = None if days_ago else 400
    async with clocked_site(tmp_path, ago_s=ago_s, days_ago=days_ago, phone=phone) as site:
        await site.add("Door")
        for begin_s in (0, 60, 120):
            await site.record("Door", begin_s, 60)
        page = site.page
        await page.add_init_script(COUNT)

        async def press(place: Locator, at: Position | None = None) -> None:
            await (place.tap(position=at) if phone else place.click(position=at))

        await page.goto("/")
        await press(page.get_by_role("link", name="Footage of Door"))
        await go_to_minute(site, press, days_ago)
        # A pixel of a phone is 11 s.
        await page.wait_for_function(
            "(code) => Math.abs((readCode(document.querySelector('video')) ?? 0) - code) < 15000",
            arg=site.code(90),
        )
        await press(page.get_by_role("link", name="Export this minute"))
        await press(page.get_by_role("button", name="Export", exact=True))
        async with page.expect_download() as downloading:
            await press(page.get_by_role("link", name="Download"))
        download = await downloading.value
        # The browser sends its header with no download: the same by its owner.
        answer = await site.served.operator.get(download.url)
        assert answer.content[4:8] == b"ftyp"
        (job,) = (await site.served.admin.get("/api/jobs/")).json()["jobs"]
        begin, end = (
            datetime.fromisoformat(job["export"][name]) for name in ("asked_from", "asked_to")
        )
        assert (end - begin).total_seconds() == pytest.approx(60, abs=1)
        wanted_us = site.start_us + 60 * SECOND_US
        assert abs(begin.timestamp() - wanted_us / 1e6) < 15
        assert int(await page.evaluate("localStorage.acts")) <= 8


async def go_to_minute(
    site: ClockedSite, press: Callable[..., Awaitable[None]], days_ago: int
) -> None:
    """From a camera's page of today to 90 s after the beginning of its footage."""
    page = site.page
    slider = page.get_by_role("slider", name=SLIDER)
    noon = datetime.fromtimestamp(site.start_us / SECOND_US, ZoneInfo("Europe/Vienna"))
    wanted_us = site.start_us + 90 * SECOND_US
    if days_ago > 6:
        await press(page.get_by_role("link", name="All days"))
        await press(page.get_by_role("link", name=f"{noon:%Y-%m}"))
        day = page.get_by_role("row").filter(has_text=f"{noon:%F}")
        await press(day.get_by_role("link", name=f"{noon:%H}:00"))
        await page.wait_for_url(re.compile("hour=1"))
        await press(slider, await place_on_line(page, wanted_us, hour_us=site.start_us))
        return
    if days_ago:
        await press(page.get_by_role("link", name=f"{noon:%F}"))
        await page.wait_for_url(re.compile(f"day={noon:%F}"))
    await press(slider, await place_on_line(page, site.start_us + 100 * SECOND_US))
    await press(page.get_by_role("button", name="One hour"))
    await press(slider, await place_on_line(page, wanted_us))


async def place_on_line(page: Page, us: int, hour_us: int | None = None) -> Position:
    """Where that moment is on the line, which shows the day, or an hour around its own moment.

    Or the hour that begins at `hour_us`.
    """
    canvas = page.get_by_role("slider", name=SLIDER)
    await canvas.scroll_into_view_if_needed()
    await expect(page.locator("[data-moment]")).to_contain_text(":")
    first, last, now = await page.evaluate(
        "() => { const { from, to } = document.querySelector('[data-footage]').dataset;"
        " const now = document.querySelector('canvas').ariaValueNow;"
        " return [Number(from), Number(to), Number(now)]; }"
    )
    if hour_us is not None:
        first, last = hour_us, hour_us + 3600 * SECOND_US
    elif await page.evaluate("Number(localStorage.acts)") > 2:
        middle = first + now * SECOND_US
        length = 3600 * SECOND_US
        first = min(max(middle - length // 2, first), last - length)
        last = first + length
    box = await canvas.bounding_box()
    assert box is not None
    x = round((us - first) / (last - first) * box["width"])
    return {"x": x, "y": 20}


async def test_playing_up_to_now_goes_over_to_live(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await recorded(served, 6.0)
        found = complaints(page)
        await page.goto(f"/cameras/{camera.config.id}/footage")
        slider = page.get_by_role("slider", name=SLIDER)
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        await page.get_by_label("Speed").select_option("4")
        await slider.press("End")
        await expect(page.locator("[data-moment]")).to_contain_text("live goes on")
        await slider.press("p")
        await page.wait_for_url(re.compile(r"\?done=live"))
        await expect(page.get_by_text("this is live")).to_be_visible()
        await expect(page.locator("[data-player]")).to_have_attribute("data-state", "live")
        assert found == []


@pytest.mark.parametrize("path", ["/cameras/{}/footage?at={}", "/footage?cameras={}&at={}"])
@pytest.mark.parametrize("speed", ["1", "8"])
async def test_at_midnight_the_next_day_plays_on(tmp_path: Path, path: str, speed: str) -> None:
    """Without it the clock would stand at midnight while the pictures went on."""
    async with clocked_site(tmp_path) as site:
        page = site.page
        local = datetime.fromtimestamp(site.start_us / SECOND_US, ZoneInfo("Europe/Vienna"))
        midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        to_midnight = int(midnight.timestamp()) - site.start_us // SECOND_US
        camera = await site.add("Door")
        await site.record("Door", to_midnight - 20, 60, recording="Door-1")
        found = complaints(page)
        await page.goto(path.format(camera, quote(site.at(to_midnight - 4))))
        await expect(page.locator("[data-moment]")).to_contain_text("23:59:5")
        if path.startswith("/footage"):  # which waits to be told
            await page.get_by_role("button", name="Play").click()
        await expect(page.get_by_role("button", name="Pause")).to_be_visible()
        await page.get_by_label("Speed").select_option(speed)
        await page.wait_for_url(lambda url: quote_plus(site.at(to_midnight)) in url)
        await expect(page.locator("[data-moment]")).to_contain_text("00:00:0")
        async with asyncio.timeout(20):
            while not to_midnight < await site.second() < to_midnight + 30:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)
        assert found == []


async def test_what_only_the_small_picture_has_is_played_by_it(tmp_path: Path) -> None:
    """A hole of the full picture is none of the camera: neither a click nor playing leaps over."""
    async with clocked_site(tmp_path) as site:
        page = site.page
        camera = await site.add("Door")
        await site.record("Door", 0, 20, size=LARGE)
        await site.record("Door", 0, 60, kind=StreamKind.SUB)
        await site.record("Door", 40, 20, size=LARGE)
        found = complaints(page)
        width = "(wanted) => document.querySelector('video').videoWidth === wanted"
        await page.goto(f"/cameras/{camera}/footage?at={quote(site.at(16))}")
        await page.wait_for_function(width, arg=LARGE[0])
        await page.get_by_label("Speed").select_option("4")
        await page.wait_for_function(width, arg=SMALL[0])
        assert 19 < await site.second() < 30
        await page.wait_for_function(width, arg=LARGE[0])
        assert 40 < await site.second() < 55
        await page.get_by_role("button", name="Pause").click()
        await page.evaluate(SEEK, site.start_us + 30 * SECOND_US)
        await page.wait_for_function(width, arg=SMALL[0])
        await page.wait_for_function("() => !document.querySelector('video').seeking")
        shown = await page.evaluate("() => readCode(document.querySelector('video'))")
        assert abs(shown - site.code(30)) <= 2000
        link = await page.get_by_role("link", name="Save picture").get_attribute("href")
        assert "stream=sub" in str(link)
        assert (await site.served.operator.get(str(link))).status_code == 200
        await page.evaluate(SEEK, site.start_us + 45 * SECOND_US)
        await page.wait_for_function(width, arg=LARGE[0])
        assert found == []
