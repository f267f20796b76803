"""Somebody who has a keyboard and no mouse: the Tab key to each thing, and what each stop shows."""

from typing import Any, Final

from playwright.async_api import Locator, Page

MOST_STOPS: Final = 90
SAME_STOPS: Final = 8  # a field for date and time has parts, each a stop
# What has the focus: nothing (the body), or how it tells so. The name of a tile has its whole tile.
STOP: Final = """() => {
  const one = document.activeElement;
  if (!one || one === document.body || one === document.documentElement) return null;
  const looks = (each) => {
    const style = getComputedStyle(each);
    return `${style.outlineStyle} ${style.outlineWidth} ${style.outlineColor} ${style.boxShadow}`;
  };
  const marked = one.closest('.tile:has(.tile-name:focus-visible)') ?? one;
  const focused = looks(marked);
  const before = window.stoppedAt;
  window.stoppedAt = one;
  const rect = one.getBoundingClientRect();
  return {
    what: one.outerHTML.slice(0, 120),
    text: one.ariaLabel || one.textContent.trim().slice(0, 60),
    looks: focused,
    outlined: getComputedStyle(marked).outlineStyle !== 'none'
      && Number.parseFloat(getComputedStyle(marked).outlineWidth) >= 2,
    sameAsBefore: before === one,
    follows: !before?.isConnected || before === one
      || Boolean(before.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING),
    inSight: rect.bottom > 0 && rect.top < innerHeight && rect.right > 0 && rect.left < innerWidth,
  };
}"""


class Hands:
    """The keys of one page; every stop is checked."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self._page.keyboard.press(key)

    async def stop(self) -> Any:
        """What has the focus; it shows that it has, and is in sight."""
        found = await self._page.evaluate(STOP)
        assert found, f"the focus is lost on {self._page.url}"
        assert found["outlined"], f"no focus is seen: {found}"
        assert found["inSight"], f"the focus is out of sight: {found}"
        return found

    async def to(self, wanted: Locator, key: str = "Tab") -> None:
        """By that key alone; the order is that of the page, and nothing holds the focus."""
        await wanted.wait_for()
        same, wraps = 0, 0
        for _stop in range(MOST_STOPS):
            await self._page.keyboard.press(key)
            if await self._page.evaluate("document.activeElement === document.body"):
                wraps += 1  # the browser's own bar is beyond the last one
                assert wraps < 3, f"{wanted} has no stop on {self._page.url}"
                await self._page.evaluate("window.stoppedAt = null")
                continue
            found = await self.stop()
            same = same + 1 if found["sameAsBefore"] else 0
            assert same < SAME_STOPS, f"trapped: {found}"
            assert found["follows"] or key != "Tab" or wraps or _stop == 0, f"out of order: {found}"
            if await wanted.evaluate("one => one === document.activeElement"):
                return
        raise AssertionError(f"{wanted} is not reached by {key} on {self._page.url}")

    async def open(self, wanted: Locator) -> None:
        """A link or button by the Enter key."""
        await self.to(wanted)
        await self.press("Enter")

    async def write(self, field: Locator, text: str) -> None:
        """In place of what is there."""
        await self.to(field)
        await self.press("Control+a")
        await self._page.keyboard.type(text)
