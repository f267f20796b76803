"""The live player in Chromium against a server whose every fault is under the test's control."""

import re
from dataclasses import replace

import pytest
from playwright.async_api import Page, expect

from falconeye.hub.live_variant import LiveVariant, Shape
from falconeye.media.init_segment import make_init_segment
from tests.browser.browsers import chromium, needs_chromium
from tests.browser.live_server import GOP, LiveServer, Movie, Served, live_server
from tests.browser.samples import pages, picture
from tests.peers.media_samples import video_clip
from tests.streams import clip_parameters, clip_samples

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60), needs_chromium]
HEVC = "hvc1.1.6.L93.B0"
MEDIA_TIME = "document.querySelector('video').currentTime"
BUFFERED = "document.querySelector('video').buffered"
REACHES = """(goal) => new Promise((done) => {
  const video = document.querySelector('video');
  video.addEventListener('timeupdate', () => { if (video.currentTime > goal) done(); });
})"""

LAST_SHOWN = """() => {
  const video = document.querySelector('video');
  const shown = (_now, picture) => {
    window.shown = picture.mediaTime;
    video.requestVideoFrameCallback(shown);
  };
  video.requestVideoFrameCallback(shown);
}"""
REFUSE_TO_PLAY = """(name) => {
  const video = document.querySelector('video');
  window.refused = 0;
  video.play = () => {
    window.refused += 1;
    return Promise.reject(new DOMException('', name));
  };
  video.pause();
}"""
COUNT_INTERVALS = """{
  window.intervals = new Set();
  const { setInterval: begin, clearInterval: end } = window;
  window.setInterval = (...given) => {
    const id = begin(...given);
    window.intervals.add(id);
    return id;
  };
  window.clearInterval = (id) => { window.intervals.delete(id); end(id); };
}"""
VISIBLE = """(visible) => {
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => !visible });
  document.dispatchEvent(new Event('visibilitychange'));
}"""
STALL = "document.querySelector('video').dispatchEvent(new Event('waiting'))"
# What this machine's own load does to the video is no part of the test.
NO_REAL_STALLS = """document.addEventListener('waiting', (event) => {
  if (event.isTrusted) event.stopImmediatePropagation();
}, true);"""


async def open_camera(browser_page: Page, server: LiveServer, name: str = "camera") -> None:
    await browser_page.goto(f"{server.url}/{name}")


def served(*names: str) -> Served:
    every = pages()
    return {f"/{name}": every[name] for name in names}


async def test_a_picture_moves_and_stays_at_the_live_edge() -> None:
    async with live_server(served("camera"), still=picture()) as server, chromium() as browser:
        page = await browser.new_page()
        await open_camera(page, server)
        player = page.locator("[data-player]")
        await expect(player).to_have_attribute("data-state", "live")
        assert (await server.choice(1)) == {
            "type": "choose",
            "stream": "main",
            "audio": False,
            "focused": True,
        }
        first = await page.evaluate(MEDIA_TIME)
        # Beyond the end of the first run (5 s): a new run is placed behind the old one.
        await page.evaluate(REACHES, first + 7)
        assert float(await player.get_attribute("data-first-picture-ms") or "nan") >= 0
        gap = int(await player.get_attribute("data-latency-ms") or 99_999)
        assert gap < 3000
        assert await page.evaluate("document.querySelector('video').buffered.length") == 1


async def test_a_lost_connection_comes_back_and_the_old_picture_shows_its_age() -> None:
    async with live_server(served("camera"), still=picture()) as server, chromium() as browser:
        page = await browser.new_page()
        await open_camera(page, server)
        player = page.locator("[data-player]")
        await expect(player).to_have_attribute("data-state", "live")
        server.flowing.clear()
        await expect(player).to_have_attribute("data-stale", "", timeout=10_000)
        await expect(page.locator(".player-age")).to_contain_text("Not live")
        await expect(page.locator(".player-video")).to_have_css("opacity", "0.35")
        await expect(page.locator(".player-still")).to_have_css("opacity", "0")  # shines through
        for connection in list(server.connections):
            await connection.close()
        server.flowing.set()
        await expect(player).not_to_have_attribute("data-stale", "", timeout=15_000)
        await expect(player).to_have_attribute("data-state", "live")
        assert server.opened == 2


async def test_hevc_alone_gives_stills_and_says_why() -> None:
    async with (
        live_server(served("camera"), still=picture(), codecs=HEVC, still_age_s=90) as server,
        chromium() as browser,
    ):
        page = await browser.new_page()
        await open_camera(page, server)
        player = page.locator("[data-player]")
        await expect(player).to_have_attribute("data-state", "stills")
        await expect(page.locator(".player-hint")).to_contain_text("cannot play HEVC")
        # The still is 90 s old by the server's own clock: it must not pass for live.
        await expect(page.locator(".player-age")).to_contain_text("90 s")
        await expect(page.locator(".player-still")).to_be_visible()


async def test_stills_go_on_after_a_short_look_elsewhere() -> None:
    async with (
        live_server(served("camera"), still=picture(), codecs=HEVC) as server,
        chromium() as browser,
    ):
        page = await browser.new_page()
        await page.clock.install()
        await open_camera(page, server)
        await expect(page.locator("[data-player]")).to_have_attribute("data-state", "stills")
        still = page.locator(".player-still")
        await expect(still).to_have_attribute("src", re.compile("^blob:"))
        for visible in (False, True, True):
            await page.evaluate(VISIBLE, visible)
            shown = await still.get_attribute("src") or ""
            await page.clock.run_for(3000)  # longer than a still lasts, shorter than a connection
            await expect(still).not_to_have_attribute("src", shown)
        assert server.opened == 1


async def test_hevc_with_a_substream_gives_that_and_says_so() -> None:
    async with (
        live_server(
            served("camera"), still=picture(), codecs=HEVC, streams=("main", "sub")
        ) as server,
        chromium() as browser,
    ):
        page = await browser.new_page()
        await open_camera(page, server)
        await expect(page.locator("[data-player]")).to_have_attribute("data-state", "live")
        assert (await server.choice(1))["stream"] == "sub"
        await expect(page.locator(".player-hint")).to_have_text(
            "This browser cannot play HEVC: this is the small picture."
        )


async def test_tiles_take_the_substream_and_only_while_visible() -> None:
    async with (
        live_server(served("wall-16"), still=picture(), streams=("main", "sub")) as server,
        chromium() as browser,
    ):
        page = await browser.new_page(viewport={"width": 390, "height": 500})
        await open_camera(page, server, "wall-16")
        first = page.locator("[data-player]").first
        await expect(first).to_have_attribute("data-state", "live")
        assert (await server.choice(1))["stream"] == "sub"
        assert server.opened < 6
        await page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        await expect(page.locator("[data-player]").last).to_have_attribute("data-state", "live")
        await expect(first).to_have_attribute("data-state", "idle", timeout=10_000)


async def test_an_offline_camera_says_so_and_returns() -> None:
    async with live_server(served("camera"), still=picture()) as server, chromium() as browser:
        page = await browser.new_page()
        await open_camera(page, server)
        player = page.locator("[data-player]")
        await expect(player).to_have_attribute("data-state", "live")
        await server.say({"type": "offline", "reason_code": "no_answer", "reason": "No answer."})
        await expect(player).to_have_attribute("data-state", "offline")
        await expect(page.locator(".player-hint")).to_have_text("No answer.")
        await server.say(server.offer())
        await expect(player).to_have_attribute("data-state", "live")
        await expect(page.locator(".player-hint")).to_be_hidden()


async def test_a_pause_is_told_by_the_page_and_not_in_the_words_of_the_api() -> None:
    """The page says who and until when, in its language; the player's hint is the page's too."""
    async with live_server(served("camera"), still=picture()) as server, chromium() as browser:
        page = await browser.new_page()
        await open_camera(page, server)
        await expect(page.locator("[data-player]")).to_have_attribute("data-state", "live")
        await page.evaluate("document.getElementById('player-texts').dataset.paused = 'Pausiert'")
        said = {"type": "offline", "reason_code": "paused", "reason": "paused by anna until 18:00"}
        await server.say(said)
        await expect(page.locator(".player-hint")).to_have_text("Pausiert")
        await expect(page.locator(".player-still")).to_be_hidden()


async def test_a_stream_that_comes_back_by_itself_is_not_called_offline() -> None:
    async with live_server(served("camera"), still=picture()) as server, chromium() as browser:
        page = await browser.new_page()
        await open_camera(page, server)
        player = page.locator("[data-player]")
        await expect(player).to_have_attribute("data-state", "live")
        offline = {"type": "offline", "reason_code": "reconnecting", "reason": "No picture."}
        await server.say(offline)
        await expect(page.locator(".player-hint")).to_have_text("No picture.")
        # The next run of the movie says hello without an offer.
        await expect(player).to_have_attribute("data-state", "live", timeout=15_000)
        await expect(page.locator(".player-hint")).to_be_hidden()
        await server.say(server.offer())  # what plays goes on
        await server.say(offline)
        await expect(player).to_have_attribute("data-state", "offline")
        await server.say(server.offer())
        await expect(player).to_have_attribute("data-state", "live")
        assert len(server.chosen) == 2


async def test_keys_walk_the_wall() -> None:
    async with live_server(served("wall"), still=picture()) as server, chromium() as browser:
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        await open_camera(page, server, "wall")
        await page.keyboard.press("ArrowRight")
        focused = page.locator(".tile-name:focus")
        await expect(focused).to_have_text("Front door")
        await page.keyboard.press("ArrowDown")
        await expect(focused).to_have_text("Stairs, second floor")
        await page.keyboard.press("3")
        await expect(focused).to_have_text("Garage")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/cameras/camera-2")


async def test_the_layout_is_remembered() -> None:
    async with live_server(served("wall"), still=picture()) as server, chromium() as browser:
        page = await browser.new_page()
        await open_camera(page, server, "wall")
        await page.locator("[data-layout='4']").click()
        await page.wait_for_url("**/wall?layout=4")
        await open_camera(page, server, "wall")
        await page.wait_for_url("**/wall?layout=4")


async def test_sound_is_asked_for_only_when_wanted() -> None:
    async with (
        live_server(served("camera"), still=picture(), audio=True) as server,
        chromium() as browser,
    ):
        page = await browser.new_page()
        await open_camera(page, server)
        player = page.locator("[data-player]")
        await expect(player).to_have_attribute("data-state", "live")
        assert (await server.choice(1))["audio"] is False
        await page.get_by_role("button", name="Sound on").click()
        assert (await server.choice(2))["audio"] is True
        await expect(page.get_by_role("button", name="Mute")).to_have_attribute(
            "aria-pressed", "true"
        )
        # Sound and picture in one buffer need a longer one to stay smooth.
        await expect(player).to_have_attribute("data-target-ms", re.compile("^([4-9]..|1...)$"))
        assert await page.evaluate("document.querySelector('video').muted") is False


@pytest.mark.parametrize(("error", "mutes"), [("AbortError", False), ("NotAllowedError", True)])
async def test_only_a_browser_that_forbids_sound_mutes(error: str, *, mutes: bool) -> None:
    async with (
        live_server(served("camera"), still=picture(), audio=True) as server,
        chromium() as browser,
    ):
        page = await browser.new_page()
        await open_camera(page, server)
        await expect(page.locator("[data-player]")).to_have_attribute("data-state", "live")
        await page.get_by_role("button", name="Sound on").click()
        _ = await server.choice(2)
        await page.evaluate(REFUSE_TO_PLAY, error)
        await page.wait_for_function("() => window.refused > 1")
        assert await page.evaluate("document.querySelector('video').muted") is mutes


async def test_a_player_that_left_the_page_does_nothing_any_more() -> None:
    async with live_server(served("wall"), still=picture()) as server, chromium() as browser:
        page = await browser.new_page()
        await page.add_init_script(COUNT_INTERVALS)
        await open_camera(page, server, "wall")
        await expect(page.locator("[data-player]").first).to_have_attribute("data-state", "live")
        before = await page.evaluate("window.intervals.size")
        await page.evaluate("""() => {
          document.querySelector('[data-player]').remove();
          document.dispatchEvent(new Event('htmx:after:swap'));
        }""")
        assert await page.evaluate("window.intervals.size") == before - 1


async def test_only_a_refusal_means_signed_out() -> None:
    async with live_server(served("camera"), still=picture()) as server, chromium() as browser:
        page = await browser.new_page()
        await open_camera(page, server)
        player = page.locator("[data-player]")
        for number, code in enumerate((1001, 4404, 4408, 4422, 4401), start=1):
            _ = await server.choice(number)  # it came (again)
            await expect(player).to_have_attribute("data-state", "live")
            for connection in list(server.connections):
                await connection.close(code)
        await expect(player).to_have_attribute("data-state", "offline")


async def test_the_delay_after_a_stall_goes_soon_unless_stalls_go_on() -> None:
    async with live_server(served("camera"), still=picture()) as server, chromium() as browser:
        page = await browser.new_page()
        await page.add_init_script(NO_REAL_STALLS)
        await page.clock.install()
        await open_camera(page, server)
        player = page.locator("[data-player]")
        await expect(player).to_have_attribute("data-state", "live")
        now = await page.evaluate("Date.now()")
        await page.clock.pause_at((now + 1000) / 1000)
        await expect(player).to_have_attribute("data-target-ms", "120")
        for patience in (5, 10, 20):
            await page.evaluate(STALL)
            await expect(player).to_have_attribute("data-target-ms", "180")
            for _ in range(patience):
                await page.clock.run_for(1000)
            await expect(player).to_have_attribute("data-target-ms", "180")
            for _ in range(6):
                await page.clock.run_for(1000)
            await expect(player).to_have_attribute("data-target-ms", "120")


def long_gops(seconds: int, gops: int) -> Movie:
    """Four pictures a second; the first `GOP` fragments are there to be passed over."""
    clip = video_clip(width=320, height=176, fps=4, gop=4 * seconds, gops=gops)
    variant = LiveVariant(Shape(focused=True, audio=False))
    fragments = [
        fragment.data
        for number, sample in enumerate(clip_samples(clip))
        for fragment in variant.video(number, sample, 22_500)
    ]
    init = make_init_segment(clip_parameters(clip), None)
    return Movie(init.data, (*fragments[:1] * GOP, *fragments), clip.width, clip.height)


def slowing_camera(slow_from: int) -> Movie:
    """A fragment per picture, as the hub makes them: 25 a second, 4 from that picture on."""
    clip = video_clip(width=320, height=176, gop=GOP, gops=3)
    variant = LiveVariant(Shape(focused=True, audio=False))
    fragments: list[bytes] = []
    at_90k, step_90k = 0, 3600
    for number, sample in enumerate(clip_samples(clip)):
        if number:
            step_90k = 22_500 if number >= slow_from else 3600
            at_90k += step_90k
        moved = replace(sample, dts_90k=at_90k)
        fragments += [fragment.data for fragment in variant.video(number, moved, step_90k)]
    init = make_init_segment(clip_parameters(clip), None)
    return Movie(init.data, tuple(fragments), clip.width, clip.height)


@pytest.mark.parametrize(("seconds", "gops"), [(26, 1), (15, 3)])
async def test_old_pictures_go_without_the_one_that_is_shown(seconds: int, gops: int) -> None:
    """Long GOPs: a browser throws away all up to the next keyframe, which may not be there yet."""
    media = long_gops(seconds, gops)
    async with (
        live_server(served("camera"), still=picture(), media=media) as server,
        chromium() as browser,
    ):
        server.flowing.clear()
        page = await browser.new_page()
        await open_camera(page, server)
        await expect(page.locator("[data-player]")).to_have_attribute("data-state", "live")
        await page.evaluate(LAST_SHOWN)
        (connection,) = server.connections
        for fragment in media.fragments[GOP + 8 :]:
            await connection.send(fragment)
        await page.wait_for_function(f"() => window.shown > {seconds * gops - 0.6}")
        if gops > 1:
            await page.wait_for_function(f"() => {BUFFERED}.start(0) > 0")
        start = await page.evaluate(f"{BUFFERED}.start(0)")
        assert start < await page.evaluate(MEDIA_TIME) - 14


async def test_a_camera_that_slows_down_is_shown_before_its_next_keyframe() -> None:
    slow_from = GOP + 15
    media = slowing_camera(slow_from)
    async with (
        live_server(served("camera"), still=picture(), media=media) as server,
        chromium() as browser,
    ):
        server.flowing.clear()
        page = await browser.new_page()
        await open_camera(page, server)
        player = page.locator("[data-player]")
        await expect(player).to_have_attribute("data-state", "live")
        await page.evaluate(LAST_SHOWN)
        (connection,) = server.connections
        for fragment in media.fragments[GOP + 8 : 2 * GOP]:  # no other keyframe comes
            await connection.send(fragment)
        # The viewer's time begins with the keyframe: 14 steps of 40 ms, then 10 of 250 ms.
        await page.wait_for_function("() => window.shown > 2.5")
        assert await page.evaluate("document.querySelector('video').buffered.length") == 1
        assert await player.get_attribute("data-failures") is None
