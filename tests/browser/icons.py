"""Makes the icons of the application from its mark: `python -m tests.browser.icons`."""

import asyncio
from pathlib import Path
from typing import Final

from tests.browser.browsers import chromium

STATIC: Final = Path(__file__).resolve().parents[2] / "static"
# Name, pixels, and the share of the width that the mark has: systems cut a maskable icon to a
# circle of 80 % (W3C Web Application Manifest, "maskable"), iOS rounds a full square.
ICONS: Final = (
    ("icon-192.png", 192, 1.0),
    ("icon-512.png", 512, 1.0),
    ("icon-maskable-512.png", 512, 0.8),
    ("icon-apple-180.png", 180, 0.9),
)


async def make() -> None:
    mark = await asyncio.to_thread((STATIC / "favicon.svg").read_text)
    async with chromium() as browser:
        for name, pixels, share in ICONS:
            page = await browser.new_page(viewport={"width": pixels, "height": pixels})
            ground = "transparent" if share == 1.0 else "#0d3b4a"
            await page.set_content(
                f"<style>body{{margin:0;height:100vh;display:grid;place-items:center;"
                f"background:{ground}}}svg{{width:{share * 100}%}}</style>{mark}"
            )
            await page.screenshot(path=STATIC / name, omit_background=True)
            await page.close()


if __name__ == "__main__":
    asyncio.run(make())
