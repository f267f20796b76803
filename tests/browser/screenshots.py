"""Pictures of every page of a running node into `screenshots/`: light and dark, phone and desktop.

Run as `python -m tests.browser.screenshots [NAME …]`; the folder is not tracked. A name takes the
scenes whose names begin with it.
"""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from playwright.async_api import Browser, Page, expect

from tests.browser.browsers import chromium
from tests.browser.running_site import LONG_NAME, USER, Site, running_site
from tests.nodes import PASSWORD

OUT: Final = Path(__file__).resolve().parents[2] / "screenshots"
SIZES: Final = {"phone": (390, 844), "desktop": (1440, 900)}
SCHEMES: Final = ("light", "dark")
# What sticks to the window stands at its end of the page instead of across a picture of all of it.
ON_PAPER: Final = """() => {
  scrollTo(0, 0);
  document.body.style.position = 'relative';
  const nav = document.querySelector('.nav');
  if (!nav || getComputedStyle(nav).position !== 'fixed') return;
  document.body.append(nav);
  nav.style.position = 'absolute';
}"""
Prepare = Callable[[Page], Awaitable[None]]


async def settled(page: Page) -> None:
    """Every player that can shows a picture, and no player is still connecting."""
    await page.wait_for_load_state("load")
    await page.wait_for_function(
        """() => [...document.querySelectorAll('[data-player]')].every((player) => {
          const box = player.getBoundingClientRect();
          if (box.top > innerHeight || box.bottom < 0) return true;
          const { state } = player.dataset;
          if (state === 'live') return player.querySelector('video').videoWidth > 0;
          if (state === 'stills') return player.querySelector('img').naturalWidth > 0;
          return state === 'offline';
        })""",
        timeout=30_000,
    )


@dataclass(frozen=True, slots=True)
class Scene:
    """One state of one page. `{name}` in the path is the id of that camera."""

    name: str
    path: str
    prepare: Prepare = settled
    whole: bool = True  # the whole page, not the window alone
    guest: bool = False


async def _filled(page: Page, address: str) -> None:
    await page.get_by_label("Name", exact=True).fill("Side entrance")
    await page.get_by_label("Camera address").fill(address)
    if "127.0.0.1" in address:
        await page.get_by_text("Advanced", exact=True).click()
        await page.get_by_label("It runs on this machine").check()


def _tested(address: str) -> Prepare:
    async def prepare(page: Page) -> None:
        await _filled(page, address)
        await page.get_by_role("button", name="Test", exact=True).click()
        await expect(page.locator("#trial .panel, #trial img").first).to_be_visible(timeout=30_000)

    return prepare


async def _wrong_form(page: Page) -> None:
    await _filled(page, "ftp://10.0.0.9/stream")
    await page.get_by_role("button", name="Add camera").click()
    await expect(page.locator(".field-error").first).to_be_visible()


async def _asked(page: Page) -> None:
    await page.get_by_role("link", name="Delete").click()
    await expect(page.get_by_role("dialog").get_by_role("button").first).to_be_visible()


async def _wrong_zone(page: Page) -> None:
    await page.get_by_label("Time zone").fill("Mars/Olympus")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".field-error").first).to_be_visible()


async def _opened_details(page: Page) -> None:
    for summary in await page.locator(".more summary").all():
        await summary.click()


async def _wrong_path(page: Page) -> None:
    await page.get_by_label("Directory").fill("/not/there")
    await page.get_by_role("button", name="Add disk").click()
    await expect(page.locator(".field-error").first).to_be_visible()


async def _wrong_passphrase(page: Page) -> None:
    await page.get_by_label("Passphrase", exact=True).fill("short")
    await page.get_by_label("Passphrase, again").fill("short")
    await page.get_by_label("Your own password").fill("guess")
    await page.get_by_role("button", name="Download").click()
    await expect(page.locator(".field-error").first).to_be_visible()


async def _wrong_hours(page: Page) -> None:
    await page.get_by_label("Monday").first.fill("8 to 5")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".field-error").first).to_be_visible()


async def _refused(page: Page) -> None:
    await page.get_by_label("Name").fill(USER)
    await page.get_by_label("Password").fill("not this one")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_be_visible()


async def _playing(page: Page) -> None:
    await page.wait_for_function(
        "() => document.querySelector('video').readyState >= 2", timeout=20_000
    )


async def _many_playing(page: Page) -> None:
    await page.get_by_role("button", name="Play", exact=True).click()
    await page.wait_for_function(
        "() => [...document.querySelectorAll('[data-mode=video] video')]"
        ".some((one) => one.currentTime > 0.3)",
        timeout=20_000,
    )
    await page.get_by_role("button", name="Pause", exact=True).click()


async def _poster_seen(page: Page) -> None:
    """The picture of the moment is there, before anything plays."""
    await page.wait_for_function("() => document.querySelector('video').poster", timeout=20_000)
    await page.evaluate(
        "() => Object.assign(new Image(), { src: document.querySelector('video').poster }).decode()"
    )


async def _many_fast(page: Page) -> None:
    await expect(page.locator("[data-moment]")).to_contain_text(":")
    for key in ("End", "ArrowLeft"):  # as little as is recorded yet
        await page.get_by_role("slider").press(key)
    await page.get_by_label("Speed").select_option("-1")
    await page.get_by_role("button", name="Play", exact=True).click()
    await expect(page.locator("[data-age]").first).to_contain_text("Picture of", timeout=20_000)


async def _keyframes_seen(page: Page) -> None:
    await page.get_by_role("button", name="Play", exact=True).click()
    await expect(page.locator("[data-keyframes]")).to_be_visible(timeout=20_000)
    await page.wait_for_function("() => document.querySelector('[data-keyframes]').naturalWidth")


async def _opened_menu(page: Page) -> None:
    await settled(page)
    await page.locator(".bar .menu summary").click()


async def _loaded(page: Page) -> None:
    await page.wait_for_load_state("load")


async def _opened_tile(page: Page) -> None:
    await settled(page)
    await page.locator(".tile-name").first.focus()
    await page.locator(".tile-more summary").first.click()


async def _opened_filter(page: Page) -> None:
    summary = page.locator(".filter summary")
    if await summary.is_visible():
        await summary.click()


async def _fullscreen(page: Page) -> None:
    await settled(page)
    await page.get_by_role("button", name="Full screen").click()
    await page.wait_for_function("() => document.fullscreenElement")


async def _lost(page: Page) -> None:
    await settled(page)
    await page.evaluate("dispatchEvent(new Event('offline'))")


async def _told(page: Page) -> None:
    await expect(page.locator("[data-recording-problem]")).to_be_visible()


async def _exported(page: Page) -> None:
    """The last minute of a camera in HEVC, together with another one's."""
    now = datetime.now(ZoneInfo("UTC"))
    await page.get_by_text("More cameras").click()
    await page.get_by_label("Front door", exact=True).check()
    for name, at in (("From", now - timedelta(minutes=1)), ("To", now)):
        await page.get_by_label(name, exact=True).fill(f"{at:%Y-%m-%dT%H:%M:%S}")
    await page.get_by_role("button", name="Export", exact=True).click()
    await expect(page.get_by_role("link", name="Sheet").first).to_be_visible(timeout=20_000)


async def _checked(page: Page) -> None:
    await page.get_by_label("SHA-256").fill("0" * 64)
    await page.get_by_role("button", name="Check").click()
    await expect(page.get_by_role("heading", name="No export of this node")).to_be_visible()


def first_scenes(site: Site) -> list[Scene]:
    """Before the first account."""
    return [
        Scene("setup", site.node.setup_link, guest=True),
        Scene("setup-wrong-link", "/setup/nothing", guest=True),
    ]


def early_scenes(site: Site) -> list[Scene]:
    """With an account and no camera."""
    rtsp = site.peers.rtsp
    return [
        Scene("login", "/login", guest=True),
        Scene("login-refused", "/login", _refused, guest=True),
        Scene("wall-empty", "/"),
        Scene("recordings-empty", "/recordings"),
        Scene("form-add", "/cameras/add"),
        Scene("form-errors", "/cameras/add", _wrong_form),
        Scene("form-tested", "/cameras/add", _tested(rtsp.url("door"))),
        Scene("form-tested-hevc", "/cameras/add", _tested(rtsp.url("yard"))),
        Scene("form-test-failed", "/cameras/add", _tested("rtsp://127.0.0.1:9/stream1")),
        Scene("form-test-forbidden", "/cameras/add", _tested("rtsp://localhost:9/stream1")),
        Scene("health-empty", "/about"),
    ]


def full_scenes(recordings: dict[str, str], camera_id: str) -> list[Scene]:
    """With nine cameras and their recordings; the list is narrowed to that of `camera_id`."""
    camera = "/cameras/{%s}"
    return [
        Scene("wall-auto", "/"),
        Scene("wall-1", "/?layout=1"),
        Scene("wall-4", "/?layout=4"),
        Scene("wall-9", "/?layout=9", whole=False),
        Scene("wall-lost", "/", _lost, whole=False),
        Scene("wall-menu", "/", _opened_menu, whole=False),
        Scene("wall-table", "/?view=table", _loaded),
        Scene("wall-arrange", "/walls/new", _loaded),
        Scene("wall-tile", "/?view=grid", _opened_tile, whole=False),
        Scene("camera-live", camera % "Front door"),
        Scene("camera-saved", camera % "Front door" + "?done=saved", whole=False),
        Scene("camera-fullscreen", camera % "Front door", _fullscreen, whole=False),
        Scene("camera-refused", camera % "Garage"),
        Scene("camera-unreachable", camera % "Gate"),
        Scene("camera-stopped", camera % "Stairs, second floor"),
        Scene("camera-paused", camera % "Workshop"),
        Scene("schedules", camera % "Front door" + "/schedules"),
        Scene("schedules-errors", camera % "Front door" + "/schedules", _wrong_hours),
        Scene("camera-hevc", camera % "Yard"),
        Scene("camera-hevc-small", camera % "Parking"),
        Scene("camera-long-name", camera % LONG_NAME),
        Scene("camera-footage", camera % "Front door" + "/footage", _poster_seen),
        Scene("camera-footage-gaps", camera % "Stairs, second floor" + "/footage"),
        Scene(
            "footage-many",
            "/footage?cameras={Front door},{Parking},{Yard},{Stairs, second floor}",
            _many_playing,
        ),
        Scene("footage-many-fast", "/footage?cameras={Parking},{Yard}", _many_fast),
        Scene("footage-hevc", camera % "Yard" + "/footage", _keyframes_seen),
        Scene("camera-delete", camera % "Parking", _asked, whole=False),
        Scene("form-edit", camera % "Garage" + "/edit"),
        Scene("recordings", "/recordings"),
        Scene("recordings-filter", "/recordings", _opened_filter, whole=False),
        Scene("recordings-one", f"/recordings?camera={camera_id}&status=failed", whole=False),
        Scene("recordings-nothing", "/recordings?from=2001-01-01T00:00&to=2001-01-02T00:00"),
        Scene("recording", f"/recordings/{recordings['h264']}", _playing),
        Scene("recording-hevc", f"/recordings/{recordings['hevc']}", _told),
        Scene("recording-now", f"/recordings/{recordings['now']}"),
        Scene("recording-delete", f"/recordings/{recordings['h264']}", _asked, whole=False),
        Scene("settings", "/settings"),
        Scene("settings-errors", "/settings", _wrong_zone),
        Scene("notices", "/notices"),
        Scene("help", "/help"),
        Scene("help-found", "/help?q=disk+full"),
        Scene("help-gaps", "/help/gaps"),
        Scene("exports", "/exports"),
        Scene("jobs", "/jobs"),
        Scene("exports-made", "/exports?camera={Yard}", _exported),
        Scene("check-file", "/exports/check"),
        Scene("check-file-unknown", "/exports/check", _checked),
        Scene("settings-notices", "/settings/notices"),
        Scene("nodes", "/nodes"),
        Scene("storage", "/storage"),
        Scene("storage-opened", "/storage", _opened_details),
        Scene("storage-wrong-path", "/storage", _wrong_path),
        Scene("settings-backup", "/settings/backup"),
        Scene("settings-backup-errors", "/settings/backup", _wrong_passphrase),
        Scene("health", "/about"),
        Scene("doctor", "/doctor"),
        Scene("missing", "/nothing-here"),
    ]


def viewer_scenes() -> list[Scene]:
    """As somebody who may only watch."""
    return [
        Scene("viewer-wall", "/"),
        Scene("viewer-camera", "/cameras/{Front door}"),
        Scene("viewer-refused", "/cameras/add"),
        Scene("viewer-settings", "/settings"),
    ]


class Studio:
    """Takes the wanted scenes in every size and both themes."""

    def __init__(self, site: Site, browser: Browser, wanted: list[str]) -> None:
        self._site = site
        self._browser = browser
        self._wanted = wanted
        self.state: Any = None  # cookies of whoever is signed in

    def _takes(self, scene: Scene) -> bool:
        return not self._wanted or any(scene.name.startswith(name) for name in self._wanted)

    async def shoot(self, scenes: list[Scene], sizes: dict[str, tuple[int, int]] = SIZES) -> None:
        for size, (width, height) in sizes.items():
            for scheme in SCHEMES:
                for scene in filter(self._takes, scenes):
                    await self._one(scene, size, width, height, scheme)

    async def _one(self, scene: Scene, size: str, width: int, height: int, scheme: str) -> None:
        context = await self._browser.new_context(
            base_url=self._site.node.url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            storage_state=None if scene.guest else self.state,
            timezone_id="UTC",
        )
        page = await context.new_page()
        name = f"{scene.name}-{size}-{scheme}"
        try:
            await page.goto(self._path(scene.path))
            await scene.prepare(page)
        except Exception as error:  # noqa: BLE001 - the picture shows what went wrong
            print(name, str(error).splitlines()[0], file=sys.stderr)  # noqa: T201
        await page.evaluate(ON_PAPER if scene.whole else "scrollTo(0, 0)")
        await page.screenshot(path=str(OUT / f"{name}.png"), full_page=scene.whole)
        await context.close()

    def _path(self, path: str) -> str:
        for name, camera_id in self._site.ids.items():
            path = path.replace("{" + name + "}", camera_id)
        return path

    async def sign_in(self, name: str = USER) -> None:
        context = await self._browser.new_context()
        await self._site.sign_in(await context.new_page(), name)
        self.state = await context.storage_state()
        await context.close()


async def _set_up(site: Site, browser: Browser) -> None:
    page = await browser.new_page()
    await site.set_up(page)
    await page.close()
    code, _out, error = await site.node.command(
        "user", "add", "guest", "--role", "viewer", "--password-stdin", stdin=PASSWORD
    )
    assert code == 0, error


async def main(wanted: list[str]) -> None:
    """Take the pictures of the scenes whose names begin with one of `wanted`, or of all."""
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with running_site(Path(folder)) as site, chromium() as browser:
            studio = Studio(site, browser, wanted)
            await studio.shoot(first_scenes(site))
            await _set_up(site, browser)
            await studio.sign_in()
            await studio.shoot(early_scenes(site))
            await site.add_every_kind()
            await site.interrupt("Front door", "door")
            recordings = {
                "hevc": await site.finished_recording("Yard"),
                "h264": await site.finished_recording("Front door"),
            }
            await site.import_recordings(recordings["h264"])
            for name in ("Yard", "Front door"):
                await site.start_recording(name)
            recordings["now"] = await site.recording_now(LONG_NAME)
            await site.pause("Workshop")
            scenes = full_scenes(recordings, site.ids[LONG_NAME])
            await studio.shoot(scenes)
            full_screen = Scene("wall-fullscreen", "/", _fullscreen, whole=False)
            await studio.shoot([full_screen], {"desktop": SIZES["desktop"]})
            walls = [scene for scene in scenes if scene.name == "wall-auto"]
            await studio.shoot(walls, {"4k": (3840, 2160)})
            await studio.sign_in("guest")
            await studio.shoot(viewer_scenes())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
