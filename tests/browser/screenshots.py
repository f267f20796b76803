"""Pictures of every page of a running node into `screenshots/`, to be looked at.

Run as `python -m tests.browser.screenshots [--all] [--sight SIGHT] [NAME …]`; the folder is not
tracked. A name takes the scenes whose names begin with it. Both widths, both themes and every
language are seen with every page; `--all` takes every one of them with every other, `--look` the
named ones alone. `--sight grey` shows pages as one sees them who sees no colours, `--sight forced`
in the colours that a person has set for all pages.
"""

import argparse
import asyncio
import sys
import tempfile
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext

from tests.browser import screenshot_steps as steps
from tests.browser.browsers import chromium
from tests.browser.running_site import LONG_NAME, USER, Site, running_site
from tests.browser.screenshot_scenes import (
    Scene,
    early_scenes,
    first_scenes,
    full_scenes,
    outside_scenes,
    people_scenes,
    viewer_scenes,
)
from tests.nodes import PASSWORD

OUT: Final = Path(__file__).resolve().parents[2] / "screenshots"
SIZES: Final = {"phone": (390, 844), "desktop": (1280, 800), "4k": (3840, 2160)}
LANGUAGES: Final = {"en": "en-GB", "de": "de-DE", "fr": "fr-FR"}
# What sticks to the window stands at its end of the page instead of across a picture of all of it.
ON_PAPER: Final = """() => {
  scrollTo(0, 0);
  document.body.style.position = 'relative';
  const nav = document.querySelector('.nav');
  if (!nav || getComputedStyle(nav).position !== 'fixed') return;
  document.body.append(nav);
  nav.style.position = 'absolute';
}"""


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at."""

    size: str
    scheme: str
    language: str = "en"
    sight: str = ""  # one of SIGHTS

    def __str__(self) -> str:
        return "-".join(filter(None, (self.size, self.scheme, self.language, self.sight)))


FEW: Final = (
    Look("desktop", "light", "en"),
    Look("phone", "dark", "de"),
    Look("desktop", "dark", "fr"),
    Look("phone", "light", "fr"),
)
SIGHTS: Final = ("grey", "forced")
ALL: Final = tuple(
    Look(*each) for each in product(("desktop", "phone"), ("light", "dark"), LANGUAGES)
)


class Studio:
    """Takes the wanted scenes in every look."""

    def __init__(
        self, site: Site, browser: Browser, wanted: list[str], looks: tuple[Look, ...] = FEW
    ) -> None:
        self._site = site
        self._browser = browser
        self._wanted = wanted
        self._looks = looks
        self.state: Any = None  # cookies of whoever is signed in
        self.ids: dict[str, str] = {}  # of people, walls and the like, beside the cameras'

    def _takes(self, scene: Scene) -> bool:
        return not self._wanted or any(scene.name.startswith(name) for name in self._wanted)

    async def shoot(self, scenes: list[Scene], looks: tuple[Look, ...] = ()) -> None:
        wanted = list(filter(self._takes, scenes))
        for look in looks or self._looks:
            context = await self._context(look)
            for scene in wanted:
                if not scene.guest:
                    await self._one(scene, look, context)
            await context.close()
            for scene in wanted:
                if scene.guest:
                    nobody = await self._context(look, guest=True)
                    await self._one(scene, look, nobody)
                    await nobody.close()

    async def _context(self, look: Look, *, guest: bool = False) -> BrowserContext:
        width, height = SIZES[look.size]
        return await self._browser.new_context(
            base_url=self._site.node.url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if look.scheme == "dark" else "light",
            storage_state=None if guest else self.state,
            timezone_id="UTC",
            locale=LANGUAGES[look.language],
            forced_colors="active" if look.sight == "forced" else "none",
        )

    async def _one(self, scene: Scene, look: Look, context: BrowserContext) -> None:
        page = await context.new_page()
        if look.sight == "grey":
            session = await context.new_cdp_session(page)
            await session.send("Emulation.setEmulatedVisionDeficiency", {"type": "achromatopsia"})
        name = f"{scene.name}-{look}"
        try:
            await page.goto(self._path(scene.path))
            await scene.prepare(page)
        except Exception as error:  # noqa: BLE001 - the picture shows what went wrong
            print(name, str(error).splitlines()[0], file=sys.stderr)  # noqa: T201
        await page.evaluate(ON_PAPER if scene.whole else "scrollTo(0, 0)")
        await page.screenshot(path=str(OUT / f"{name}.png"), full_page=scene.whole)
        await page.close()

    def _path(self, path: str) -> str:
        for name, its_id in (self._site.ids | self.ids).items():
            path = path.replace("{" + name + "}", its_id)
        return path

    async def sign_in(self, name: str = USER) -> None:
        context = await self._browser.new_context(locale=LANGUAGES["en"])
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


async def _people(site: Site) -> tuple[dict[str, str], str]:
    """People, programs, walls and screens: their ids by name, and the path of an invitation."""
    cameras = [site.ids[name] for name in ("Front door", "Yard", LONG_NAME)]
    ends = "2100-01-01T18:00:00Z"
    limited = {"cameras": cameras, "live_only": True, "expires_at": ends, "role": "viewer"}
    made: dict[str, dict[str, Any]] = {}
    for path, name, body in (
        ("users", "Grandmother", {**limited, "password": PASSWORD}),
        ("users", "Otto", {"role": "operator", "password": PASSWORD}),
        ("invitations", "Eve", {"role": "viewer", "cameras": cameras[:1]}),
        ("tokens", "Home Assistant", limited),
        ("tokens", "Prometheus", {"role": "viewer"}),
        ("walls", "House and garden", {"shared": True, "camera_ids": cameras, "cycle_s": 10}),
        ("displays", "Kitchen, beside the refrigerator", {"cameras": cameras, "expires_at": ends}),
    ):
        answer = await site.node.client.post(f"/api/{path}", json={"name": name, **body})
        assert answer.status_code == 201, answer.text
        made[name] = answer.json()
    wall_id = made["House and garden"]["id"]
    answer = await site.node.client.post(
        "/api/displays", json={"name": "Hall tablet", "wall_id": wall_id}
    )
    assert answer.status_code == 201, answer.text
    made["Hall tablet"] = answer.json()
    listed = await site.node.json("/api/users")
    users = {each["name"]: each["id"] for each in listed["users"]}
    ids = {name: answer["id"] for name, answer in made.items() if "id" in answer} | users
    return ids, made["Eve"]["path"]


async def _filled(site: Site) -> dict[str, str]:
    """Nine cameras and what they recorded; the ids of some recordings."""
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
    return recordings


def asked(words: list[str]) -> tuple[list[str], tuple[Look, ...]]:
    """The scenes and the looks that a command line names; it ends the program where it errs."""
    parser = argparse.ArgumentParser(prog="screenshots")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--look", action="append", choices=[str(look) for look in ALL], default=[])
    parser.add_argument("--sight", choices=SIGHTS, default="")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args(words)
    looks = ALL if options.all else FEW
    if options.look:
        looks = tuple(look for look in ALL if str(look) in options.look)
    return options.names, tuple(replace(look, sight=options.sight) for look in looks)


async def main(wanted: list[str], looks: tuple[Look, ...] = FEW) -> None:
    """Take the pictures of the scenes whose names begin with one of `wanted`, or of all."""
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with running_site(Path(folder)) as site, chromium() as browser:
            studio = Studio(site, browser, wanted, looks)
            await studio.shoot(first_scenes(site))
            await _set_up(site, browser)
            await studio.sign_in()
            await studio.shoot(early_scenes(site))
            recordings = await _filled(site)
            scenes = full_scenes(recordings, site.ids[LONG_NAME])
            await studio.shoot(scenes)
            full_screen = Scene("wall-fullscreen", "/", steps.fullscreen, whole=False)
            await studio.shoot([full_screen], looks[:1])
            walls = [scene for scene in scenes if scene.name == "wall-auto"]
            await studio.shoot(walls, (Look("4k", "light"), Look("4k", "dark")))
            studio.ids, invitation = await _people(site)
            await studio.shoot(people_scenes())
            await studio.shoot(outside_scenes(invitation))
            await studio.sign_in("guest")
            await studio.shoot(viewer_scenes())


if __name__ == "__main__":
    asyncio.run(main(*asked(sys.argv[1:])))
