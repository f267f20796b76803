"""Live picture and recorded footage in Firefox, whose pictures tell their time."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from falconeye.accounts.model import Role
from falconeye.accounts.users import Rights
from falconeye.base.secret import Secret
from falconeye.base.times import SECOND_US
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import Protocol
from tests.browser.bidi import Firefox, firefox, needs_firefox
from tests.browser.clocked_site import READ, ClockedCameras, noon
from tests.integration.api.conftest import Served, serve

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_firefox]
PASSWORD: Final = "four words in a row"
DECODES: Final = """() => MediaSource.isTypeSupported('video/mp4; codecs="avc1.640028"')"""
SIGN_IN: Final = """(password) => {
  document.querySelector('[name=name]').value = 'anna';
  document.querySelector('[name=password]').value = password;
  document.querySelector('form').requestSubmit();
}"""
# What the picture that is shown tells; null where there is none.
LIVE: Final = """() => {
  const { state, stale } = document.querySelector('[data-player]').dataset;
  return state === 'live' && stale === undefined && readCode(document.querySelector('video'));
}"""
VIDEO: Final = "document.querySelector('video:not([hidden])')"
SHOWN: Final = f"({VIDEO} && readCode({VIDEO}))"
TOLD: Final = "document.querySelector('[data-moment]').textContent"
# Keys, and where each leads to: on, and back over the beginning of a GOP.
ON, BACK = ".", ","
STEPS: Final = ((ON, 24.1), (ON, 24.2), (BACK, 24.1), (BACK, 24), (BACK, 23.9), (ON, 24))
TELLS_NOTHING: Final = "() => { delete HTMLVideoElement.prototype.requestVideoFrameCallback; }"
SEEK: Final = """(us) => { document.querySelector('canvas').dispatchEvent(
  new CustomEvent('falconeye:seek', { bubbles: true, detail: { us } })); }"""

# Whether the page's stream of changes has begun.
HEARS: Final = "() => document.addEventListener('alive', () => { window.isHeard = true; })"


@asynccontextmanager
async def signed_in(folder: Path) -> AsyncIterator[tuple[Served, Firefox]]:
    """The real application, and somebody who signed in by the form."""
    async with AsyncExitStack() as stack:
        served = await serve(stack, folder)
        await served.services.accounts.users.add("anna", Secret(PASSWORD), Rights(Role.ADMIN))
        browser = await stack.enter_async_context(firefox())
        if not await browser.evaluate(DECODES):
            pytest.skip("this Firefox decodes no H.264 (Debian: libavcodec59, which ffmpeg brings)")
        await browser.add_init_script(f"() => {{ {READ} }}")
        await browser.add_init_script(HEARS)
        await browser.goto(served.url)
        async with browser.navigating():
            await browser.evaluate(SIGN_IN, PASSWORD)
        assert await browser.evaluate("() => location.pathname") == "/"
        await browser.until("() => window.isHeard")  # one that is left before that complains, later
        await browser.goto("about:blank")
        browser.complaints.clear()
        yield served, browser


async def test_the_live_picture_goes_on(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, browser):
        new = NewCamera(name="Front door", protocol=Protocol.DEMO, source_url="demo:")
        camera = await served.services.cameras.add(new)
        await browser.goto(f"{served.url}/cameras/{camera.config.id}")
        first = await browser.until(LIVE)
        later = await browser.until(f"(first) => ({LIVE})() > first + 2000 && ({LIVE})()", first)
        now = served.services.clock.utc_us() // 1000 % 2**32
        assert first < later <= now
        assert browser.complaints == []


# Where a page ever said that the recorder is lost.
WATCH_NOTE: Final = """() => {
  document.addEventListener('DOMContentLoaded', () => {
    const note = document.getElementById('lost-note');
    const look = () => { if (!note.hidden) localStorage.lost = location.pathname; };
    if (note) new MutationObserver(look).observe(note, { attributes: true });
  });
}"""


async def test_a_page_that_is_left_does_not_call_the_recorder_lost(tmp_path: Path) -> None:
    """Firefox breaks off the stream of changes when a link is followed, also to a download."""
    async with signed_in(tmp_path) as (served, browser):
        await browser.add_init_script(WATCH_NOTE)
        await browser.goto(f"{served.url}/recordings")
        await browser.until("() => window.isHeard")
        async with browser.navigating():
            await browser.click("a[href='/jobs']")
        assert await browser.evaluate("() => localStorage.lost") is None
        assert browser.complaints == []


@asynccontextmanager
async def footage(folder: Path) -> AsyncIterator[tuple[ClockedCameras, Firefox]]:
    """Half a minute of a camera and, after a hole, 20 s."""
    async with signed_in(folder) as (served, browser):
        site = ClockedCameras(served, noon(served))
        await site.add("Door")
        await site.record("Door", 0, 30)
        await site.record("Door", 40, 20)
        yield site, browser


async def standing(site: ClockedCameras, browser: Firefox) -> None:
    """The page of its day, which has played and stands, with the focus on the time line."""
    path = f"/cameras/{site.ids['Door']}/footage?at={site.at(5)}"
    await browser.goto(f"{site.served.url}{path}")
    await browser.until(f"(code) => {SHOWN} > code", site.code(5.5))
    await browser.click("[data-act=play]")
    assert await browser.evaluate(f"() => {VIDEO}.paused")
    await browser.evaluate("() => document.querySelector('canvas').focus()")


async def go(site: ClockedCameras, browser: Firefox, seconds: float) -> None:
    """To that moment, until its picture stands there."""
    await browser.evaluate(SEEK, site.start_us + round(seconds * SECOND_US))
    await browser.until(f"(code) => {SHOWN} === code", site.code(round(seconds - 0.05, 1)))


async def test_footage_plays_and_is_sought(tmp_path: Path) -> None:
    async with footage(tmp_path) as (site, browser):
        await standing(site, browser)
        # From the last to the first, so that nothing is loaded yet; 40 follows on the hole.
        for seconds in (55.05, 40.05, 29.95, 12.35, 0.05):
            await go(site, browser, seconds)
        # The line shows two and a half minutes by now, around the moment: a click 15 s ahead of it.
        await browser.press("m", "+", "+")
        width = await browser.evaluate("() => document.querySelector('canvas').clientWidth")
        await browser.click("canvas", x=width // 10, y=-20)
        await browser.until(f"(code) => Math.abs({SHOWN} - code) <= 300", site.code(15))
        # Over the hole, at the speed of time.
        await go(site, browser, 29.05)
        await browser.press(" ")
        await browser.until(f"(code) => {SHOWN} >= code", site.code(40.5))
        assert browser.complaints == []


async def test_footage_is_stepped_picture_by_picture(tmp_path: Path) -> None:
    """Firefox tells of a picture that it was sent to no time but that; before 132 it tells none."""
    async with footage(tmp_path) as (site, browser):
        for prepare in ("() => {}", TELLS_NOTHING):
            await browser.add_init_script(prepare)
            await standing(site, browser)
            await go(site, browser, 24.05)
            for key, seconds in STEPS:
                await browser.press(key)
                told = f".{round(seconds % 1 * 10)}00"
                there = f"(code, told) => {SHOWN} === code && {TOLD}.endsWith(told)"
                await browser.until(there, site.code(seconds), told)
        left = "htmx: htmx:error"  # what a page still asked for when it was left
        assert [words for words in browser.complaints if not words.startswith(left)] == []
