"""Pictures of every page into `screenshots/`, light and dark, phone and desktop.

Run as `python -m tests.browser.screenshots [NAME …]`; the folder is not tracked.
"""

import asyncio
import sys
from pathlib import Path

from tests.browser.browsers import chromium
from tests.browser.live_server import live_server
from tests.browser.samples import pages, picture

OUT = Path(__file__).resolve().parents[2] / "screenshots"
SIZES = {"phone": (390, 844), "desktop": (1440, 900)}


async def main(names: list[str]) -> None:
    """Take the pictures of the named pages, or of all."""
    OUT.mkdir(exist_ok=True)
    wanted = {name: page for name, page in pages().items() if not names or name in names}
    served = {f"/{name}": page for name, page in wanted.items()}
    async with live_server(served, still=picture()) as server, chromium() as browser:
        for size, (width, height) in SIZES.items():
            for scheme in ("light", "dark"):
                context = await browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=scheme,
                )
                # Live pictures differ from run to run; here the stills stand for them.
                await context.route("**/player.js", lambda route: route.abort())
                for name in wanted:
                    page = await context.new_page()
                    page.on("console", lambda message: print(message.text, file=sys.stderr))  # noqa: T201
                    await page.goto(f"{server.url}/{name}")
                    await page.screenshot(
                        path=str(OUT / f"{name}-{size}-{scheme}.png"), full_page=True
                    )
                    await page.close()
                await context.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
