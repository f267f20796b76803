"""The pad that moves a camera, in Chromium, against the application and a strict ONVIF camera."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Locator, Page, Route, expect

from falconeye.accounts.model import Role
from falconeye.cameras.onvif.ptz_sessions import PtzSessions
from tests.browser.browsers import needs_chromium
from tests.browser.test_pages import OVERFLOW, PHONE, RULES, SMALL_TARGETS, complaints
from tests.browser.test_site import signed_in
from tests.integration.api.conftest import Served
from tests.integration.api.onvif_site import OnvifSite, onvif_site
from tests.integration.api.test_ptz import added

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]


@dataclass(slots=True)
class Scene:
    """A camera's page, open, with its pad."""

    served: Served
    page: Page
    site: OnvifSite
    camera_id: str

    @property
    def pad(self) -> Locator:
        return self.page.locator("[data-ptz]")

    def button(self, name: str) -> Locator:
        return self.pad.get_by_role("button", name=name, exact=True)

    async def told(self, is_so: Callable[[], object]) -> None:
        """Until the camera has been told so."""
        await asyncio.to_thread(self.site.device.wait_until, is_so)

    async def press(self, name: str) -> None:
        """The mouse goes down on a button."""
        await self.button(name).hover()
        await self.page.mouse.down()

    @property
    def last(self) -> dict[str, Any]:
        return self.site.device.moves[-1]


@asynccontextmanager
async def scene(
    folder: Path, role: Role = Role.OPERATOR, *, scripts: bool = True, **deviations: Any
) -> AsyncIterator[Scene]:
    """`describes_ptz` False is a camera that is thought able to do all, zoom too."""
    with onvif_site(**({"describes_ptz": False} | deviations)) as site:
        async with signed_in(folder, role, scripts=scripts) as (served, page):
            path = await added(served, site)
            one = Scene(served, page, site, path.split("/")[3])
            await page.goto(f"/cameras/{one.camera_id}")
            yield one


async def test_it_moves_while_a_button_is_held_and_stops_when_it_is_let_go(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as one:
        found = complaints(one.page)
        device = one.site.device
        await one.press("Left")
        # Said again and again, each time for a short while.
        await one.told(lambda: len(device.moves) >= 3)
        assert one.last == {"pan": -0.5, "tilt": 0.0, "timeout": "PT1.5S"}
        await expect(one.button("Left")).to_have_attribute("data-held", "")
        await expect(one.pad.get_by_role("status").first).to_have_text("Moving: Left")
        assert device.stops == 0
        await one.page.mouse.up()
        await one.told(lambda: device.stops == 1)
        await expect(one.pad.get_by_role("status").first).to_have_text("Stopped.")
        await expect(one.button("Left")).not_to_have_attribute("data-held", "")
        told = len(device.moves)
        await one.button("Zoom in").click()
        await one.told(lambda: device.stops == 2)
        assert device.moves[told:] == [{"zoom": 0.5, "timeout": "PT1.5S"}]
        assert found == []


async def test_a_pointer_that_slides_moves_that_way_and_beyond_the_pad_nothing_moves(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as one:
        device = one.site.device
        await one.press("Up")
        await one.told(lambda: device.moves)
        await one.button("Up and right").hover(force=True)
        await one.told(lambda: (one.last["pan"], one.last["tilt"]) == (0.5, 0.5))
        assert device.stops == 0
        await one.page.get_by_role("heading", name="Move the camera").hover()
        await one.told(lambda: device.stops == 1)
        told = len(device.moves)
        await one.button("Up").hover(force=True)  # still down, but it was let go of
        await one.page.mouse.up()
        await one.button("Down").click()
        await one.told(lambda: device.stops == 2)
        assert [move["tilt"] for move in device.moves[told:]] == [-0.5]


async def test_a_finger_moves_it_and_the_page_does_not_scroll(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        device, page = one.site.device, one.page
        session = await page.context.new_cdp_session(page)
        await session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        await page.set_viewport_size({"width": 390, "height": 400})
        await one.button("Down").scroll_into_view_if_needed()
        box = await one.button("Down").bounding_box()
        assert box
        before = await page.evaluate("scrollY")
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

        async def touch(kind: str, *points: float) -> None:
            at = [{"x": x, "y": one_y} for one_y in points]
            await session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

        await touch("touchStart", y)
        await one.told(lambda: len(device.moves) >= 2)
        for step in range(1, 6):
            await touch("touchMove", y - step * box["height"] / 5)  # as far as the stop
        await one.told(lambda: device.stops == 1)
        await touch("touchMove", y)
        await one.told(lambda: len(device.moves) >= 3)
        await touch("touchEnd")
        await one.told(lambda: device.stops == 2)
        assert {move["tilt"] for move in device.moves} == {-0.5}
        assert await page.evaluate("scrollY") == before


async def test_the_slider_is_the_speed_also_of_what_moves(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        device = one.site.device
        slider = one.page.get_by_label("Speed")
        await slider.fill("10")
        await one.press("Right")
        await one.told(lambda: device.moves and one.last["pan"] == 1.0)
        await slider.evaluate(
            "(it) => { it.value = 2; it.dispatchEvent(new Event('input', {bubbles: true})) }"
        )
        await one.told(lambda: one.last["pan"] == 0.2)
        await one.page.mouse.up()
        await one.told(lambda: device.stops == 1)
        await one.page.reload()
        await expect(slider).to_have_value("2")
        # Arrow keys in the slider are its own.
        await slider.press("ArrowRight")
        await expect(slider).to_have_value("3")
        assert device.stops == 1
        assert one.last["pan"] == 0.2


async def test_keys_move_while_they_are_held_and_only_with_the_focus_in_the_pad(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as one:
        device, keyboard = one.site.device, one.page.keyboard
        await expect(one.button("Stop")).to_be_visible()
        await keyboard.press("ArrowDown")
        await one.button("Stop").focus()
        await keyboard.down("ArrowLeft")
        await one.told(lambda: device.moves)
        assert one.last == {"pan": -0.5, "tilt": 0.0, "timeout": "PT1.5S"}
        for _ in range(30):
            await keyboard.down("ArrowLeft")  # as a held key repeats
        assert len(device.moves) < 8
        await keyboard.down("ArrowUp")
        await one.told(lambda: (one.last["pan"], one.last["tilt"]) == (-0.5, 0.5))
        await expect(one.button("Up and left")).to_have_attribute("data-held", "")
        await keyboard.up("ArrowLeft")
        await one.told(lambda: (one.last["pan"], one.last["tilt"]) == (0.0, 0.5))
        assert device.stops == 0
        await keyboard.up("ArrowUp")
        await one.told(lambda: device.stops == 1)
        await keyboard.press("Minus")
        await one.told(lambda: device.stops == 2)
        assert one.last == {"zoom": -0.5, "timeout": "PT1.5S"}
        # Enter on a button that has the focus is held, too.
        await one.button("Right").focus()
        await keyboard.down("Enter")
        await one.told(lambda: one.last.get("pan") == 0.5)
        assert device.stops == 2
        await one.button("Right").blur()
        await one.told(lambda: device.stops == 3)
        await keyboard.up("Enter")


async def test_nobody_holds_for_a_minute_so_that_a_stuck_key_is_let_go(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        device, page = one.site.device, one.page
        await page.clock.install()
        await page.reload()
        await one.button("Stop").focus()
        await page.keyboard.down("ArrowLeft")
        await one.told(lambda: device.moves)
        await page.clock.fast_forward(50_000)
        await page.keyboard.down("ArrowLeft")  # the repeat of a held key is no new press
        told = len(device.moves)
        await one.told(lambda: len(device.moves) > told)
        assert device.stops == 0
        await page.clock.fast_forward(11_000)
        await one.told(lambda: device.stops == 1)
        await expect(one.pad.get_by_role("status").first).to_contain_text("held for a minute")
        await page.keyboard.down("ArrowLeft")
        await page.keyboard.up("ArrowLeft")
        assert device.stops == 1


async def test_a_click_that_nobody_holds_is_a_step(tmp_path: Path) -> None:
    """As screen readers and voices make it; the recorder stops what the camera does not."""
    async with scene(tmp_path) as one:
        await one.button("Up").dispatch_event("click")
        await one.told(lambda: one.site.device.stops == 1)
        assert one.site.device.moves == [{"pan": 0.0, "tilt": 0.5, "timeout": "PT0.5S"}]


LOST = {
    "blur": "() => window.dispatchEvent(new Event('blur'))",
    "hidden": """() => {
        Object.defineProperty(document, 'hidden', { value: true });
        document.dispatchEvent(new Event('visibilitychange'));
    }""",
    "cancel": """() => document.querySelector('.ptz-pad')
        .dispatchEvent(new PointerEvent('pointercancel', { pointerId: 1, bubbles: true }))""",
    "gone": "() => document.querySelector('#ptz').remove()",
}


@pytest.mark.parametrize("how", sorted(LOST))
async def test_a_release_that_is_not_seen_stops(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PtzSessions, "_limit", lambda *_: None)  # the page does it by itself
    async with scene(tmp_path) as one:
        device = one.site.device
        await one.press("Left")
        await one.told(lambda: len(device.moves) >= 2)
        await one.page.evaluate(LOST[how])
        await one.told(lambda: device.stops >= 1)


async def test_leaving_the_page_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PtzSessions, "_limit", lambda *_: None)
    async with scene(tmp_path) as one:
        device = one.site.device
        await one.press("Left")
        await one.told(lambda: device.moves)
        await one.page.goto("/about")
        await one.told(lambda: device.stops >= 1)


async def test_a_network_that_goes_while_it_is_held_stops_it_and_says_so(tmp_path: Path) -> None:
    """No stop arrives: the time limit of the last move does it, at the recorder too."""

    async def cut(route: Route) -> None:
        await route.abort()

    async with scene(tmp_path) as one:
        device = one.site.device
        await one.press("Left")
        await one.told(lambda: len(device.moves) >= 2)
        await one.page.route("**/api/cameras/*/ptz", cut)
        await one.told(lambda: device.stops >= 1)
        words = "The recorder does not answer. The camera stops by itself within two seconds."
        await expect(one.pad.get_by_role("status").first).to_have_text(words)
        told = len(device.moves)
        await one.page.unroute("**/api/cameras/*/ptz")
        await one.page.mouse.up()
        assert len(device.moves) == told
        await one.button("Right").click()  # the page may have asked for a stop again meanwhile
        await one.told(lambda: device.moves[told:] and device.operations[-1] == "Stop")
        assert device.moves[-1]["pan"] == 0.5


async def test_a_page_that_dies_while_it_is_held_moves_no_further(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        device = one.site.device
        await one.press("Left")
        await one.told(lambda: device.moves)
        crashed = one.page.wait_for_event("crash")
        going = asyncio.ensure_future(_ignored(one.page.goto("chrome://crash")))
        await crashed
        await one.told(lambda: device.stops == 1)
        going.cancel()


async def test_what_the_camera_refuses_is_told_and_nothing_is_repeated(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        device = one.site.device
        await expect(one.button("Left")).to_be_visible()
        device.deviations.answers["ContinuousMove"] = "refused"
        await one.press("Left")
        status = one.pad.get_by_role("status").first
        await expect(status).to_contain_text("refuses ContinuousMove")
        await one.told(lambda: device.stops == 1)
        await one.page.mouse.up()
        assert device.operations.count("ContinuousMove") == 1
        await expect(status).to_contain_text("refuses ContinuousMove")


async def test_presets_are_gone_to_saved_replaced_and_deleted(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        found = complaints(one.page)
        device = one.site.device
        async with one.page.expect_response("**/api/cameras/*/ptz"):
            await one.button("1 Door").click()
        await expect(one.pad.get_by_role("status").first).to_have_text("On its way: Door")
        async with one.page.expect_response("**/api/cameras/*/ptz"):
            await one.page.keyboard.press("2")
        await expect(one.pad.get_by_role("status").first).to_have_text("On its way: 2")
        async with one.page.expect_response("**/api/cameras/*/ptz"):
            await one.page.keyboard.press("0")
        sent = [name for name in device.operations if name.startswith("Goto")]
        assert sent == ["GotoPreset", "GotoPreset", "GotoHomePosition"]
        await one.page.get_by_text("Change presets").click()
        name = one.page.get_by_label("Name of this view")
        await name.fill("Gate 0")  # digits are typed here, and go nowhere
        await one.button("Save this view").click()
        await expect(one.button("3 Gate 0")).to_be_visible()
        await expect(one.pad.get_by_text("Saved.")).to_be_visible()
        await expect(name).to_have_value("")
        chosen = one.page.get_by_label("Preset", exact=True)
        await chosen.select_option("Door")
        await one.button("Replace by this view").click()
        await expect(chosen).to_have_value("")
        assert device.presets["1"].name == "Door"
        assert device.operations.count("SetPreset") == 2
        await chosen.select_option("Gate 0")
        await one.button("Delete").dblclick()  # the second one deletes no other
        await expect(one.button("3 Gate 0")).to_have_count(0)
        await expect(chosen).to_have_value("")
        await one.button("Delete").click()
        assert sorted(preset.name for preset in device.presets.values()) == ["", "Door"]
        assert device.operations.count("GotoPreset") == 2
        assert found == []


async def test_without_scripts_each_press_is_a_step(tmp_path: Path) -> None:
    async with scene(tmp_path, scripts=False) as one:
        page, device = one.page, one.site.device
        await page.get_by_role("link", name="Show").click()
        await page.get_by_role("button", name="Up and left").click()
        assert device.moves == [{"pan": -0.5, "tilt": 0.5, "timeout": "PT0.5S"}]
        await expect(page.get_by_role("status").first).to_contain_text("was told to move")
        await one.told(lambda: device.stops == 1)
        await page.get_by_role("button", name="1 Door").click()
        await page.get_by_text("Change presets").click()
        await page.get_by_label("Name of this view").fill("Gate")
        await page.get_by_role("button", name="Save this view").click()
        await expect(page.get_by_role("button", name="3 Gate")).to_be_visible()
        assert device.operations.count("GotoPreset") == 1


async def test_a_camera_that_does_not_answer_says_so_and_is_asked_again(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        await expect(one.button("Stop")).to_be_visible()
        one.site.device.deviations.answers["GetPresets"] = "reset"
        await one.page.goto(f"/cameras/{one.camera_id}")
        panel = one.page.locator("#ptz")
        await expect(panel.get_by_role("alert")).to_be_visible()
        one.site.device.deviations.answers.clear()
        await panel.get_by_text("Try again").click()
        await expect(one.button("Stop")).to_be_visible()


async def test_a_paused_camera_has_its_pad_back_with_its_pictures(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        cameras = one.served.services.cameras
        _ = await cameras.start(one.camera_id)
        _ = await cameras.pause(one.camera_id, by="ann", until_us=None)
        await one.page.reload()
        await expect(one.page.locator(".veil")).to_contain_text("Paused by ann")
        await expect(one.page.locator("#ptz")).to_be_hidden()
        _ = await cameras.switch_on(one.camera_id)
        await expect(one.button("Stop")).to_be_visible(timeout=15_000)
        figures = one.page.get_by_text("Pictures", exact=True)
        await expect(figures).to_have_count(2, timeout=15_000)  # none of its streams is connecting


async def test_viewers_have_no_pad_and_ask_no_camera(tmp_path: Path) -> None:
    async with scene(tmp_path, Role.VIEWER) as one:
        await expect(one.page.locator("[data-player]")).to_be_visible()
        await expect(one.page.locator("#ptz")).to_have_count(0)
        assert "GetPresets" not in one.site.device.operations


async def test_a_camera_that_stands_still_is_asked_once(tmp_path: Path) -> None:
    async with scene(tmp_path, has_ptz=False) as one:
        found = complaints(one.page)
        await expect(one.page.locator("#ptz")).to_have_count(0)
        asked = one.site.device.operations.count("GetServices")
        assert asked == 2  # when it was added, and now
        await one.page.reload()
        assert await one.page.locator("#ptz").count() == 0
        assert one.site.device.operations.count("GetServices") == asked
        assert found == []


async def test_the_page_with_its_pad_is_accessible_and_fits_a_phone(tmp_path: Path) -> None:
    axe = await asyncio.to_thread(Axe)
    async with scene(tmp_path) as one:
        page = one.page
        await expect(one.button("Stop")).to_be_visible()
        await page.get_by_text("Change presets").click()
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            result = await axe.run(page, options=RULES)
            assert not result.violations_count, result.generate_report()
        await page.set_viewport_size(PHONE)
        assert await page.evaluate(OVERFLOW) <= 0
        assert await page.evaluate(SMALL_TARGETS) == []
        # The pad is next to the picture, before all else.
        tops = await page.evaluate(
            "() => ['.viewer', '#ptz', '#camera-recordings', 'aside'].map("
            "(it) => document.querySelector(it).getBoundingClientRect().top)"
        )
        assert tops == sorted(tops)


async def _ignored(call: Any) -> None:
    await asyncio.gather(call, return_exceptions=True)
