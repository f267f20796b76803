"""What is done with a page before its picture is taken, in the language that it is in."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from playwright.async_api import Page, expect

from falconeye.web import i18n
from tests.browser.running_site import USER

Prepare = Callable[[Page], Awaitable[None]]


async def words(page: Page) -> Callable[[str], str]:
    """The page's own word for an English one."""
    language = await page.evaluate("document.documentElement.lang")
    return i18n.translations(language).gettext


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


async def filled(page: Page, address: str) -> None:
    said = await words(page)
    await page.get_by_label(said("Name"), exact=True).fill("Side entrance")
    await page.get_by_label(said("Camera address")).fill(address)
    if "127.0.0.1" in address:
        await page.get_by_text(said("Advanced"), exact=True).click()
        await page.get_by_label(said("It runs on this machine")).check()


def tested(address: str) -> Prepare:
    async def prepare(page: Page) -> None:
        said = await words(page)
        await filled(page, address)
        await page.get_by_role("button", name=said("Test"), exact=True).click()
        await expect(page.locator("#trial .panel, #trial img").first).to_be_visible(timeout=30_000)

    return prepare


async def wrong_form(page: Page) -> None:
    said = await words(page)
    await filled(page, "ftp://10.0.0.9/stream")
    await page.get_by_role("button", name=said("Add camera")).click()
    await expect(page.locator(".field-error").first).to_be_visible()


async def asked(page: Page) -> None:
    said = await words(page)
    await page.get_by_role("link", name=said("Delete")).click()
    await expect(page.get_by_role("dialog").get_by_role("button").first).to_be_visible()


async def wrong_zone(page: Page) -> None:
    said = await words(page)
    await page.get_by_label(said("Time zone")).fill("Mars/Olympus")
    await page.get_by_role("button", name=said("Save")).click()
    await expect(page.locator(".field-error").first).to_be_visible()


async def opened_details(page: Page) -> None:
    for summary in await page.locator(".more summary").all():
        await summary.click()


async def wrong_path(page: Page) -> None:
    said = await words(page)
    await page.get_by_label(said("Directory")).fill("/not/there")
    await page.get_by_role("button", name=said("Add disk")).click()
    await expect(page.locator(".field-error").first).to_be_visible()


async def wrong_passphrase(page: Page) -> None:
    said = await words(page)
    await page.get_by_label(said("Passphrase"), exact=True).fill("short")
    await page.get_by_label(said("Passphrase, again")).fill("short")
    await page.get_by_label(said("Your own password")).first.fill("guess")
    await page.get_by_role("button", name=said("Download")).click()
    await expect(page.locator(".field-error").first).to_be_visible()


async def wrong_hours(page: Page) -> None:
    said = await words(page)
    await page.get_by_label(said("Monday")).first.fill("8 to 5")
    await page.get_by_role("button", name=said("Save")).click()
    await expect(page.locator(".field-error").first).to_be_visible()


async def refused(page: Page) -> None:
    said = await words(page)
    await page.get_by_label(said("Name")).fill(USER)
    await page.get_by_label(said("Password")).fill("not this one")
    await page.get_by_role("button", name=said("Sign in")).click()
    await expect(page.get_by_role("alert")).to_be_visible()


async def playing(page: Page) -> None:
    await page.wait_for_function(
        "() => document.querySelector('video').readyState >= 2", timeout=20_000
    )


async def many_playing(page: Page) -> None:
    said = await words(page)
    await page.get_by_role("button", name=said("Play"), exact=True).click()
    await page.wait_for_function(
        "() => [...document.querySelectorAll('[data-mode=video] video')]"
        ".some((one) => one.currentTime > 0.3)",
        timeout=20_000,
    )
    await page.get_by_role("button", name=said("Pause"), exact=True).click()


async def poster_seen(page: Page) -> None:
    """The picture of the moment is there, before anything plays."""
    await page.wait_for_function("() => document.querySelector('video').poster", timeout=20_000)
    await page.evaluate(
        "() => Object.assign(new Image(), { src: document.querySelector('video').poster }).decode()"
    )


async def many_fast(page: Page) -> None:
    said = await words(page)
    await expect(page.locator("[data-moment]")).to_contain_text(":")
    for key in ("End", "ArrowLeft"):  # as little as is recorded yet
        await page.get_by_role("slider").press(key)
    await page.get_by_label(said("Speed")).select_option("-1")
    await page.get_by_role("button", name=said("Play"), exact=True).click()
    await expect(page.locator("[data-age]").first).to_contain_text(
        said("Picture of {time}").partition("{")[0], timeout=20_000
    )


async def keyframes_seen(page: Page) -> None:
    said = await words(page)
    await page.get_by_role("button", name=said("Play"), exact=True).click()
    await expect(page.locator("[data-keyframes]")).to_be_visible(timeout=20_000)
    await page.wait_for_function("() => document.querySelector('[data-keyframes]').naturalWidth")


async def opened_menu(page: Page) -> None:
    await settled(page)
    await page.locator(".bar .menu summary").click()


async def loaded(page: Page) -> None:
    await page.wait_for_load_state("load")


async def opened_tile(page: Page) -> None:
    await settled(page)
    await page.locator(".tile-name").first.focus()
    await page.locator(".tile-more summary").first.click()


async def opened_filter(page: Page) -> None:
    summary = page.locator(".filter summary")
    if await summary.is_visible():
        await summary.click()


async def fullscreen(page: Page) -> None:
    said = await words(page)
    await settled(page)
    await page.get_by_role("button", name=said("Full screen")).click()
    await page.wait_for_function("() => document.fullscreenElement")


async def lost(page: Page) -> None:
    await settled(page)
    await page.evaluate("dispatchEvent(new Event('offline'))")


async def told(page: Page) -> None:
    await expect(page.locator("[data-recording-problem]")).to_be_visible()


async def exported(page: Page) -> None:
    """The last minute of a camera in HEVC, together with another one's."""
    said = await words(page)
    now = datetime.now(ZoneInfo("UTC"))
    await page.get_by_text(said("More cameras of the same time")).click()
    await page.get_by_label("Front door", exact=True).check()
    for name, at in (("from", now - timedelta(minutes=1)), ("to", now)):
        await page.locator(f"#{name}").fill(f"{at:%Y-%m-%dT%H:%M:%S}")
    await page.locator("main form .primary").click()
    await expect(page.get_by_role("link", name=said("Sheet")).first).to_be_visible(timeout=20_000)


async def checked(page: Page) -> None:
    said = await words(page)
    await page.get_by_label("SHA-256").fill("0" * 64)
    await page.get_by_role("button", name=said("Check")).click()
    await expect(page.locator("main [data-focus]")).to_be_visible()


async def wrong_person(page: Page) -> None:
    said = await words(page)
    await page.get_by_label(said("Name"), exact=True).fill(USER)
    await page.get_by_text(said("I choose it now")).click()
    await page.locator("#new_password").fill("12345")
    await page.get_by_text(said("Only these:")).click()
    await page.evaluate("document.querySelector('main form').noValidate = true")
    await page.locator("main form .primary").click()
    await expect(page.locator(".field-error").first).to_be_visible()


async def opened_language(page: Page) -> None:
    await loaded(page)
    await page.locator("#language").focus()


async def coded(page: Page) -> None:
    await expect(page.locator(".pairing-code")).to_contain_text("-", timeout=20_000)
