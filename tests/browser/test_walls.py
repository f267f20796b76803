"""The wall in Chromium: arranged, cycling, with one sound, on a phone with many cameras."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Locator, Page, WebSocketRoute, expect

from falconeye.accounts.model import Role
from tests.browser.browsers import chromium, needs_chromium
from tests.browser.live_server import LiveServer, live_server
from tests.browser.samples import pages, picture, tiles
from tests.browser.test_site import demo, signed_in
from tests.browser.wall_samples import online

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60), needs_chromium]

PHONE: Final[Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
}
# Every socket that the page ever opened, and how many were open at once at most.
COUNT_SOCKETS: Final = """{
  const Real = WebSocket;
  window.sockets = { open: 0, most: 0, all: 0 };
  window.WebSocket = class extends Real {
    constructor(...given) {
      super(...given);
      sockets.all += 1;
      sockets.open += 1;
      sockets.most = Math.max(sockets.most, sockets.open);
      let isOver = false;
      const over = () => { if (!isOver) { isOver = true; sockets.open -= 1; } };
      this.addEventListener('close', over);
      const { close } = this;
      this.close = (...rest) => { over(); close.apply(this, rest); };
    }
  };
}"""
IN_SIGHT: Final = """() => [...document.querySelectorAll('[data-player]')].filter((one) => {
  const { top, bottom } = one.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}).length"""
LIVE: Final = "() => document.querySelectorAll('[data-player][data-state=live]').length"
SETTLED: Final = """() => [...document.querySelectorAll('[data-player]')].every((one) => {
  const { top, bottom } = one.getBoundingClientRect();
  return bottom <= 0 || top >= innerHeight || one.dataset.state === 'live';
})"""
# Each player in sight shows a still that is loaded.
POSTERS: Final = """() => [...document.querySelectorAll('[data-player]')].every((one) => {
  const { top, bottom } = one.getBoundingClientRect();
  const still = one.querySelector('img');
  return bottom <= 0 || top >= innerHeight || (!still.hidden && still.naturalWidth > 0);
})"""
HIDDEN: Final = """(hidden) => {
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event('visibilitychange'));
}"""


@asynccontextmanager
async def opened(name: str, **options: Any) -> AsyncIterator[tuple[LiveServer, Page]]:
    """One of the sample pages, with video for every player."""
    audio = bool(options.pop("audio", False))
    every = pages()
    template, frame, context = every["wall-online"]
    sixteen = replace(context, tiles=tuple(online(tiles(16))), total=16)
    served = {f"/{one}": every[one] for one in every if one.startswith(("wall", "camera"))}
    served["/wall-sixteen"] = (template, frame, sixteen)
    async with (
        live_server(served, still=picture(), audio=audio) as server,
        chromium() as browser,
    ):
        page = await (await browser.new_context(**options)).new_page()
        page.set_default_timeout(15_000)
        await page.add_init_script(COUNT_SOCKETS)
        await page.clock.install()
        await page.goto(f"{server.url}/{name}")
        yield server, page


async def order(page: Page) -> list[str]:
    """The cameras as the form would save them."""
    value = await page.locator("[name=order]").input_value()
    listed = await page.locator(".place").evaluate_all("all => all.map((one) => one.dataset.id)")
    assert value.split(",") == listed
    return [one.removeprefix("camera-") for one in listed]


def place(page: Page, number: int) -> Locator:
    return page.locator(f"#place-camera-{number}")


async def centre(found: Locator) -> tuple[float, float]:
    box = await found.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


async def test_a_camera_is_dragged_to_its_place() -> None:
    async with opened("wall-arrange", viewport={"width": 1280, "height": 900}) as (_server, page):
        before = await order(page)
        assert before == list("012345678")
        said = page.locator("[data-said]")
        await page.mouse.move(*await centre(place(page, 0).locator("[data-grip]")))
        await page.mouse.down()
        await page.mouse.move(*await centre(place(page, 2)), steps=4)
        assert await order_shown(page) == list("120345678")
        await page.mouse.up()
        assert await order(page) == list("120345678")
        await expect(said).to_have_text("Front door is at place 3 of 9 now.")
        # Back to the front, over others; and what is broken off leaves all as it was.
        await page.mouse.move(*await centre(place(page, 0).locator("[data-grip]")))
        await page.mouse.down()
        await page.mouse.move(*await centre(place(page, 1)), steps=4)
        await page.keyboard.press("Escape")
        await page.mouse.up()
        assert await order(page) == list("120345678")


async def order_shown(page: Page) -> list[str]:
    listed = await page.locator(".place").evaluate_all("all => all.map((one) => one.dataset.id)")
    return [one.removeprefix("camera-") for one in listed]


async def test_a_finger_drags_by_the_handle_alone() -> None:
    async with opened("wall-arrange", **PHONE) as (_server, page):
        session = await page.context.new_cdp_session(page)
        await place(page, 0).scroll_into_view_if_needed()
        x, y = await centre(place(page, 0).locator("[data-grip]"))
        to_x, to_y = await centre(place(page, 1))

        async def touch(kind: str, *points: tuple[float, float]) -> None:
            at = [{"x": px, "y": py} for px, py in points]
            await session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

        await touch("touchStart", (x, y))
        for step in (0.4, 0.8, 1):
            await touch("touchMove", (x + (to_x - x) * step, y + (to_y - y) * step))
        await touch("touchEnd")
        assert await order(page) == list("102345678")


async def test_a_wall_is_arranged_by_keys_and_said() -> None:
    async with opened("wall-arrange", viewport={"width": 1280, "height": 900}) as (_server, page):
        said = page.locator("[data-said]")
        await place(page, 4).get_by_role("button", name="Parking first").focus()
        await page.keyboard.press("Enter")
        assert await order(page) == list("401235678")
        await expect(said).to_have_text("Parking is at place 1 of 9 now.")
        await expect(place(page, 4).get_by_role("button", name="Parking first")).to_be_focused()
        await place(page, 4).get_by_role("button", name="Parking later").press("Enter")
        assert await order(page) == list("041235678")
        grip = place(page, 4).locator("[data-grip]")
        await grip.focus()
        for key, expected in (
            ("ArrowRight", "014235678"), ("End", "012356784"), ("ArrowLeft", "012356748"),
            ("Home", "401235678"), ("ArrowLeft", "401235678"),
        ):  # fmt: skip
            await page.keyboard.press(key)
            assert await order(page) == list(expected)
            await expect(grip).to_be_focused()
        hide = place(page, 0).get_by_role("button", name="Hide Front door")
        await hide.focus()
        await page.keyboard.press("Space")
        await expect(said).to_have_text("Front door is hidden.")
        hidden = page.locator("input[name=hidden]")
        assert set((await hidden.input_value()).split(",")) == {"camera-0", "camera-2", "camera-5"}
        await place(page, 0).get_by_role("button", name="Show Front door").press("Space")
        await expect(said).to_have_text("Front door is shown.")
        assert set((await hidden.input_value()).split(",")) == {"camera-2", "camera-5"}


async def test_a_wall_is_made_saved_and_shown(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        for name in ("Attic", "Door", "Yard"):
            await demo(served, name)
        await page.goto("/")
        await page.get_by_text("Walls", exact=True).click()
        await page.get_by_role("link", name="Arrange a new wall").click()
        await page.get_by_label("Name of the wall").fill("Tablet")
        await page.get_by_label("Handle of Yard").press("Home")
        await page.get_by_role("button", name="Hide Door").click()
        await page.get_by_label("Who sees it").select_option("everybody, each their cameras")
        await page.get_by_role("button", name="Save wall").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Tablet")
        await expect(page.locator(".tile-name")).to_have_text(["Yard", "Attic"])
        (made,) = await served.services.accounts.walls.list()
        assert made.shared
        # A camera that is added joins the open page at the end.
        await demo(served, "Barn")
        await expect(page.locator(".tile-name")).to_have_text(["Yard", "Attic", "Barn"])
        await page.get_by_role("link", name="Table", exact=True).click()
        await expect(page.locator("tbody th")).to_have_text(["Attic", "Barn", "Yard"])
        await page.goto("/")
        await expect(page.locator("tbody th")).to_have_count(4)  # remembered


async def test_a_wall_is_arranged_without_scripts(tmp_path: Path) -> None:
    async with signed_in(tmp_path, scripts=False) as (served, page):
        for name in ("Attic", "Door", "Yard"):
            await demo(served, name)
        await page.goto("/walls/new")
        await page.get_by_label("Name of the wall").fill("Tablet")
        await page.get_by_role("button", name="Yard first").click()
        await page.get_by_role("button", name="Attic later").click()
        await page.get_by_role("button", name="Hide Door").click()
        await expect(page.get_by_label("Name of the wall")).to_have_value("Tablet")
        await page.get_by_role("button", name="Save wall").click()
        await expect(page.locator(".tile-name")).to_have_text(["Yard", "Attic"])


async def test_one_camera_sounds_at_a_time() -> None:
    async with opened("wall-online", audio=True) as (server, page):
        await expect(page.locator("#player-camera-1")).to_have_attribute("data-state", "live")
        muted = "document.querySelector('#player-camera-{} video').muted"
        for number in (0, 1):
            more = page.locator(f"#tile-more-camera-{number}")
            await page.locator(f"#tile-camera-{number} .tile-name").focus()
            await more.locator("summary").click()
            sound = more.locator("[data-player-action=sound]")
            await expect(sound).to_be_visible()
            await sound.click()
            await expect(sound).to_have_attribute("aria-pressed", "true")
            assert not await page.evaluate(muted.format(number))
            assert await page.evaluate(muted.format(1 - number))
        first = page.locator("#tile-more-camera-0")
        await expect(first.locator("[data-player-action=sound]")).to_have_attribute(
            "aria-pressed", "false"
        )
        # Live is video only until somebody wants the sound: both asked again, one is silent again.
        wanted = [choice["audio"] for choice in server.chosen]
        assert wanted.count(True) == 2
        assert wanted[-1] or wanted[-2]
        # By a key, with the focus on the camera.
        await page.locator("#tile-camera-1 .tile-name").focus()
        await page.keyboard.press("m")
        assert await page.evaluate(muted.format(1))


async def test_picture_in_picture_is_offered_while_there_is_a_picture() -> None:
    async with opened("wall-online") as (_server, page):
        await expect(page.locator("#player-camera-0")).to_have_attribute("data-state", "live")
        assert await page.evaluate("document.pictureInPictureEnabled")
        await page.evaluate("""() => {
          window.asked = [];
          HTMLVideoElement.prototype.requestPictureInPicture = function () {
            asked.push([this.closest('[data-player]').id, this.disablePictureInPicture]);
            return Promise.reject(new DOMException('', 'NotAllowedError'));
          };
        }""")
        await page.locator("#tile-more-camera-0 summary").click()
        button = page.locator("#tile-more-camera-0 [data-player-action=pip]")
        await expect(button).to_be_visible()
        await button.click()
        assert await page.evaluate("asked") == [["player-camera-0", False]]
        # That the browser refuses is said, and nothing looks as if there were a window.
        await expect(page.locator("#wall-said")).to_have_text(
            "Front door: this browser refused picture in picture."
        )
        await expect(button).to_have_attribute("aria-pressed", "false")
        assert await page.evaluate("document.querySelector('video').disablePictureInPicture")


async def test_the_button_tells_whether_the_picture_has_a_window() -> None:
    """As Chromium has it: its headless one opens no window that somebody sees, and closes it."""
    async with opened("wall-online") as (_server, page):
        first = page.locator("#player-camera-0")
        await expect(first).to_have_attribute("data-state", "live")
        more = page.locator("#tile-more-camera-0")
        button = more.locator("[data-player-action=pip]")
        await more.locator("summary").click()
        await expect(button).to_have_attribute("aria-pressed", "false")
        await button.click()
        await expect(button).to_have_attribute("aria-pressed", "true")
        # The page goes out of sight: it alone stays live, because somebody looks at it.
        await page.evaluate(HIDDEN, True)
        await page.clock.run_for(6_000)
        await expect(page.locator("#player-camera-1")).to_have_attribute("data-state", "idle")
        await expect(first).to_have_attribute("data-state", "live")
        await page.evaluate(HIDDEN, False)
        # The window's own button, or the browser, closes it.
        await page.evaluate("document.exitPictureInPicture()")
        await expect(button).to_have_attribute("aria-pressed", "false")
        await more.evaluate("(one) => { one.open = true; }")
        await button.click()
        await expect(button).to_have_attribute("aria-pressed", "true")
        await button.click()
        await expect(button).to_have_attribute("aria-pressed", "false")
        assert await page.evaluate("document.pictureInPictureElement === null")


async def test_picture_in_picture_is_not_offered_where_a_browser_has_none() -> None:
    async with opened("wall-online") as (server, page):
        await page.add_init_script(
            "Object.defineProperty(document, 'pictureInPictureEnabled', { get: () => false });"
        )
        await page.goto(f"{server.url}/wall-online")
        await expect(page.locator("#player-camera-0")).to_have_attribute("data-state", "live")
        await page.locator("#tile-more-camera-0 summary").click()
        await expect(
            page.locator("#tile-more-camera-0 [data-player-action=fullscreen]")
        ).to_be_visible()
        await expect(page.locator("#tile-more-camera-0 [data-player-action=pip]")).to_be_hidden()


async def test_a_camera_is_recorded_from_the_wall(tmp_path: Path) -> None:
    async with signed_in(tmp_path, Role.OPERATOR) as (served, page):
        camera = await demo(served)
        await page.goto("/")
        tile = page.locator(f"#tile-{camera.config.id}")
        await expect(tile.locator(".rec")).to_be_visible(timeout=20_000)
        await tile.locator("summary").click()
        await expect(tile.get_by_role("button", name="Record", exact=True)).to_be_hidden()
        await tile.get_by_role("button", name="Stop recording").click()
        await expect(page.locator("#wall-said")).to_have_text(
            "Front door does not record any more."
        )
        await expect(tile.locator(".rec")).to_have_count(0)
        await expect(page.locator("#wall-counts")).to_contain_text("0 recording")
        await tile.locator(".tile-name").focus()
        await page.keyboard.press("r")
        await expect(page.locator("#wall-said")).to_have_text("Front door records.")
        await expect(page.locator("#wall-counts")).to_contain_text("1 recording")
        async with page.expect_download() as saving:
            await page.keyboard.press("s")
        assert (await saving.value).suggested_filename == "Front door.jpg"


async def sheet(page: Page) -> str:
    """The page of the wall that is seen."""
    return str(
        await page.evaluate(
            "[...document.querySelectorAll('[data-sheet]:not([hidden], .is-next)')]"
            ".map((one) => one.dataset.sheet).join()"
        )
    )


async def test_a_wall_cycles_and_the_next_page_is_ready_before_it_is_shown() -> None:
    async with opened("wall-cycle", viewport={"width": 1280, "height": 800}) as (server, page):
        await page.wait_for_function(SETTLED)
        assert await sheet(page) == "1"
        assert await page.evaluate("sockets.open") == 4
        await page.clock.run_for(7_000)
        ready = page.locator("#sheet-2 [data-player]").first
        await expect(ready).to_have_attribute("data-state", "live")
        assert await sheet(page) == "1"
        assert await page.evaluate("sockets.open") == 8
        await page.clock.run_for(3_000)
        assert await sheet(page) == "2"
        await expect(page.locator("[data-cycle-number]")).to_have_text("2")
        for expected in ("3", "1", "2"):
            await page.clock.run_for(7_000)
            await page.wait_for_function(
                "() => document.querySelector('.is-next [data-state=live]') !== null"
            )
            await page.clock.run_for(3_000)
            assert await sheet(page) == expected
        assert await page.evaluate("sockets.most") <= 8
        assert len(server.connections) <= 8


async def test_updates_of_its_parts_do_not_put_the_next_page_off() -> None:
    async with opened("wall-cycle", viewport={"width": 1280, "height": 800}) as (_server, page):
        await page.wait_for_function(SETTLED)
        await page.clock.pause_at(await page.evaluate("Date.now() + 1000"))
        for _ in ("held", "begun anew, now"):
            await page.keyboard.press("c")
        before = await sheet(page)
        for _ in range(2):
            expected = str(int(before) % 3 + 1)
            for _ in range(9):
                assert await sheet(page) == before
                # As htmx leaves it: the page that the recorder made shows its first sheet.
                await page.evaluate(
                    """() => {
  const all = [...document.querySelectorAll('[data-sheet]')];
  for (const [at, one] of all.entries()) one.hidden = at > 0;
  document.dispatchEvent(new Event('htmx:after:swap'));
}"""
                )
                await page.clock.run_for(1_000)
            await page.clock.run_for(1_000)
            assert await sheet(page) == expected
            before = expected


async def test_what_somebody_does_with_the_wall_holds_it() -> None:
    async with opened("wall-cycle", viewport={"width": 1280, "height": 800}) as (_server, page):
        await page.wait_for_function(SETTLED)
        hold = page.get_by_role("button", name="Hold this page")

        async def moves(within_ms: int = 21_000) -> bool:
            before = await sheet(page)
            for _ in range(within_ms // 1000):
                await page.clock.run_for(1_000)
                if await sheet(page) != before:
                    return True
            return False

        await page.mouse.move(640, 500)  # over the pictures
        assert not await moves()
        await page.mouse.move(5, 5)
        assert await moves()
        await page.locator("#wall-area .wall:not([hidden]) .tile-name").first.focus()
        assert not await moves()
        await page.evaluate("document.activeElement.blur()")
        assert await moves()
        # The camera with the focus is taken off the wall, as htmx does it when that was deleted;
        # not every browser tells that with it the focus went.
        await page.locator("#wall-area .wall:not([hidden]) .tile-name").first.focus()
        assert not await moves()
        await page.evaluate(
            "document.addEventListener('focusout', (told) => told.stopPropagation(),"
            " { capture: true, once: true });"
            "document.activeElement.closest('.tile').remove();"
            "document.dispatchEvent(new Event('htmx:after:swap'))"
        )
        assert await moves()
        await page.evaluate(HIDDEN, True)
        assert not await moves()
        await page.evaluate(HIDDEN, False)
        assert await moves()
        await page.keyboard.press("c")
        await expect(hold).to_have_attribute("aria-pressed", "true")
        assert not await moves()
        before = int(await sheet(page))
        await page.get_by_role("link", name="Next cameras").click()
        assert int(await sheet(page)) == before % 3 + 1
        await expect(page.locator("#wall-said")).to_contain_text("of 3")
        await hold.click()
        await page.mouse.move(5, 5)
        assert await moves()


async def test_a_wall_stands_still_for_who_wants_no_motion() -> None:
    async with opened("wall-cycle", reduced_motion="reduce") as (_server, page):
        await page.clock.run_for(30_000)
        assert await sheet(page) == "1"
        await page.get_by_role("button", name="Hold this page").click()
        await page.mouse.move(5, 5)
        await page.clock.run_for(10_000)
        assert await sheet(page) == "2"


async def test_on_a_phone_the_stills_of_those_near_come_before_live_video() -> None:
    async with opened("wall-sixteen", **PHONE) as (server, page):
        asked: set[str] = set()
        page.on("request", lambda one: asked.add(one.url) if "/snapshot" in one.url else None)
        # No socket says anything: what is seen by then needs none.
        sockets: list[WebSocketRoute] = []

        def hold(socket: WebSocketRoute) -> None:
            sockets.append(socket)

        await page.route_web_socket("**/live", hold)
        await page.goto(f"{server.url}/wall-sixteen")
        await page.wait_for_function(POSTERS)
        assert await page.evaluate(LIVE) == 0
        in_sight = await page.evaluate(IN_SIGHT)
        assert len(sockets) == in_sight
        assert in_sight <= len(asked) < 16
        # What is scrolled to has its still as well.
        await page.evaluate("scrollTo(0, document.body.scrollHeight)")
        await page.wait_for_function(POSTERS)
        assert await page.evaluate(LIVE) == 0
        assert len(asked) <= 16


async def test_a_phone_with_sixteen_cameras_connects_to_those_in_sight() -> None:
    async with opened("wall-sixteen", **PHONE) as (_server, page):
        await page.wait_for_function(SETTLED)
        in_sight = await page.evaluate(IN_SIGHT)
        assert 2 <= in_sight <= 5
        assert await page.evaluate("sockets.most") == in_sight
        most = in_sight
        for _ in range(6):
            await page.evaluate("scrollBy(0, innerHeight * 0.7)")
            await page.wait_for_function(SETTLED)
            seen = await page.evaluate(IN_SIGHT)
            most = max(most, seen)
            # At the end of the page nobody comes into sight who could take a place.
            assert seen <= await page.evaluate("sockets.open") <= most
        assert most <= 6
        assert await page.evaluate("sockets.most") <= most
        assert await page.evaluate("sockets.all") >= 12
        # A page that nobody sees has none.
        await page.evaluate(HIDDEN, True)
        await page.clock.run_for(6_000)
        assert await page.evaluate("sockets.open") == 0
        await page.evaluate(HIDDEN, False)
        await page.wait_for_function(SETTLED)
        assert await page.evaluate("sockets.open") <= most


async def test_data_saver_shows_stills_and_says_so() -> None:
    async with opened("wall-sixteen", **PHONE) as (server, page):
        await page.wait_for_function(SETTLED)
        await page.get_by_text("Keys, and what this device does").click()
        await page.get_by_label("Data saver on this device").check()
        await page.evaluate("scrollTo(0, 0)")
        first = page.locator("#player-camera-0")
        await expect(first).to_have_attribute("data-state", "stills")
        await expect(first.locator("[data-hint]")).to_have_text(
            "Data saver: a picture every 10 seconds"
        )
        assert await page.evaluate("sockets.open") == 0
        # It is remembered: no socket is ever opened, and pictures come every ten seconds.
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(f"{server.url}/wall-sixteen")
        await expect(first).to_have_attribute("data-state", "stills")
        await expect(first.locator("img")).to_have_attribute("src", re.compile("^blob:"))
        assert await page.evaluate("sockets.all") == 0
        count = len([one for one in asked if "camera-0/snapshot" in one])
        async with page.expect_request("**/camera-0/snapshot.jpg*"):
            await page.clock.run_for(10_100)
        assert len([one for one in asked if "camera-0/snapshot" in one]) == count + 1
        await page.get_by_text("Keys, and what this device does").click()
        await page.get_by_label("Data saver on this device").uncheck()
        await page.evaluate("scrollTo(0, 0)")
        await expect(first).to_have_attribute("data-state", "live")


async def test_a_browser_that_saves_data_needs_no_switch() -> None:
    async with opened("wall-sixteen", **PHONE) as (server, page):
        await page.add_init_script(
            "Object.defineProperty(navigator, 'connection', { get: () => ({ saveData: true }) });"
        )
        await page.goto(f"{server.url}/wall-sixteen")
        first = page.locator("#player-camera-0")
        await expect(first).to_have_attribute("data-state", "stills")
        assert await page.evaluate("sockets.all") == 0
        # The one picture that somebody chose to see large is live all the same.
        await page.goto(f"{server.url}/camera")
        await expect(page.locator("[data-player]")).to_have_attribute("data-state", "live")


async def test_keys_are_listed_by_a_question_mark_and_can_be_switched_off() -> None:
    async with opened("wall-online", viewport={"width": 1280, "height": 900}) as (_server, page):
        keys = page.locator("#wall-keys")
        await page.keyboard.press("?")
        await expect(keys).to_have_attribute("open", "")
        await expect(keys.locator("summary")).to_be_focused()
        await page.get_by_label("Use these keys on this device").uncheck()
        await page.locator("body").click(position={"x": 5, "y": 300})
        await page.keyboard.press("1")
        assert not await page.evaluate("document.activeElement.matches('.tile-name')")
        await page.keyboard.press("ArrowRight")
        await expect(page.locator("#tile-camera-0 .tile-name")).to_be_focused()
        stored = await page.evaluate("JSON.stringify({ ...localStorage })")
        assert json.loads(stored) == {"falconeye.keys": "off"}
