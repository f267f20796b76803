"""What Chromium is asked of a page's layout: what is cut off, overlaps, is out of reach or hidden.

Each probe is a script that gives a list of sentences, one for each thing that is wrong.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from playwright.async_api import Page

from falconeye.web import i18n
from tests.browser.live_server import Served
from tests.browser.samples import pages

OVERFLOW: Final = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

# Shared by the probes; `what`: enough of an element to find it by.
_WORDS: Final = """
  const what = (one) => one.outerHTML.slice(0, 90).replace(/\\s+/g, ' ');
  const shown = (one) => one.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    && !one.closest('.sr, .skip, [inert], option') && one.getClientRects().length > 0;
  const controls = () => [...document.querySelectorAll(
    'a[href], button, summary, input, select, textarea, canvas[tabindex]')].filter(shown);
  const scrolls = (value) => value === 'auto' || value === 'scroll';
  const boxes = function* (one) {
    let box = one.parentElement;
    for (; box && box !== document.body; box = box.parentElement) yield box;
  };
"""

# Letters outside of a box that clips them, but where it scrolls, or ends in "…" and says the whole
# as its title.
CUT_OFF: Final = (
    "() => {"
    + _WORDS
    + """
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || !shown(parent) || parent.closest('svg, noscript, script')) continue;
    range.selectNodeContents(node);
    const letters = range.getBoundingClientRect();
    for (let box = parent; box && box !== document.documentElement; box = box.parentElement) {
      const style = getComputedStyle(box);
      if (scrolls(style.overflowX) || scrolls(style.overflowY)) break;
      if (style.position === 'fixed') break;
      if (style.overflowX === 'visible' && style.overflowY === 'visible') continue;
      if (style.textOverflow === 'ellipsis' && box.closest('[title], [aria-label]')) break;
      const rect = box.getBoundingClientRect();
      const over = Math.max(rect.left - letters.left, letters.right - rect.right,
        rect.top - letters.top, letters.bottom - rect.bottom);
      if (over > 1) {
        found.push(`${over.toFixed(1)} px of “${node.data.trim().slice(0, 40)}” in ${what(box)}`);
        break;
      }
    }
  }
  for (const one of controls()) {
    if (!one.matches('button, .button, .switch a, .nav a, summary, select')) continue;
    if (one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline') {
      found.push(`${one.scrollWidth} in ${one.clientWidth} px: ${what(one)}`);
    }
  }
  return found;
}"""
)

# Two controls of which one lies on the other. Bars that stay while the page scrolls under them are
# asked for by HIDDEN_FOCUS; the name of a tile has its tile's whole picture.
OVERLAPPING: Final = (
    "() => {"
    + _WORDS
    + """
  const stays = (one) => {
    for (let box = one; box; box = box.parentElement) {
      if (['fixed', 'sticky'].includes(getComputedStyle(box).position)) return true;
    }
    return false;
  };
  const clipped = (one) => [...one.getClientRects()].map(({ left, top, right, bottom }) => {
    const rect = { left, top, right, bottom };
    for (const box of boxes(one)) {
      const { overflowX, overflowY } = getComputedStyle(box);
      const its = box.getBoundingClientRect();
      if (overflowX !== 'visible') {
        rect.left = Math.max(rect.left, its.left);
        rect.right = Math.min(rect.right, its.right);
      }
      if (overflowY !== 'visible') {
        rect.top = Math.max(rect.top, its.top);
        rect.bottom = Math.min(rect.bottom, its.bottom);
      }
    }
    return rect;
  });
  const all = controls().filter((one) => !stays(one)).map((one) => [one, clipped(one)]);
  const found = [];
  for (const [at, [one, its]] of all.entries()) {
    for (const [other, theirs] of all.slice(at + 1)) {
      if (one.contains(other) || other.contains(one)) continue;
      const both = its.some((a) => theirs.some((b) =>
        Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1));
      if (both) found.push(`${what(one)} and ${what(other)}`);
    }
  }
  return found;
}"""
)

# Controls to which no scrolling leads: beyond the edges of the page, or clipped by a box of theirs.
OUT_OF_REACH: Final = (
    "() => {"
    + _WORDS
    + """
  const width = document.documentElement.clientWidth;
  const found = [];
  for (const one of controls()) {
    const rect = one.getBoundingClientRect();
    const middle = { x: (rect.left + rect.right) / 2, y: (rect.top + rect.bottom) / 2 + scrollY };
    let scroller = null;
    for (let box = one.parentElement; box; box = box.parentElement) {
      const style = getComputedStyle(box);
      if (box !== document.body && scrolls(style.overflowX)) { scroller = box; break; }
      const its = box.getBoundingClientRect();
      if (style.overflowX === 'hidden' && (middle.x < its.left || middle.x > its.right)) {
        found.push(`clipped: ${what(one)}`);
      }
    }
    if (scroller) continue;
    if (rect.left < -1 || rect.right > width + 1 || middle.y < 0) found.push(what(one));
  }
  return found;
}"""
)

# Each control gets the focus, as by the Tab key; no bar that stays while the page scrolls covers
# one of its corners or its middle; of a field of many lines, where its first letter is.
HIDDEN_FOCUS: Final = (
    "() => {"
    + _WORDS
    + """
  const stays = (one) => {
    for (let box = one; box && box !== document.body; box = box.parentElement) {
      if (['fixed', 'sticky'].includes(getComputedStyle(box).position)) return box;
    }
    return null;
  };
  const found = [];
  for (const one of controls()) {
    if (one.disabled) continue;
    document.activeElement.blur(); // what has the focus is not scrolled to again
    one.focus({ focusVisible: true });
    if (document.activeElement !== one) { found.push(`takes no focus: ${what(one)}`); continue; }
    const { left, top, right, bottom } = one.getClientRects()[0];
    if (bottom < 1 || top > innerHeight - 1) {
      found.push(`not in sight: ${what(one)}`);
      continue;
    }
    const corners = [[left + 3, top + 3], [right - 3, top + 3], [left + 3, bottom - 3],
      [right - 3, bottom - 3], [(left + right) / 2, (top + bottom) / 2]];
    const points = one.matches('textarea') ? corners.slice(0, 1) : corners;
    for (const [x, y] of points) {
      const hit = document.elementFromPoint(x, y);
      const bar = hit && !one.contains(hit) && stays(hit);
      if (bar && !bar.contains(one)) { found.push(`${what(bar)} covers ${what(one)}`); break; }
    }
  }
  return found;
}"""
)

# What a thumb would miss. A tile is a target as a whole, and so is the label around a box or beside
# it; links within sentences are as high as their line.
SMALL_TARGETS: Final = (
    "() => {"
    + _WORDS
    + """
  const inSentence = (one) => one.matches('a') && getComputedStyle(one).display === 'inline'
    && [...one.parentElement.childNodes].some((other) => other !== one && other.textContent.trim());
  const found = [];
  for (const one of controls()) {
    if (inSentence(one)) continue;
    const target = one.matches('.tile-name') ? one.closest('.tile')
      : one.matches('[type=checkbox], [type=radio]') ? one.closest('label') ?? one : one;
    const { width, height } = target.getBoundingClientRect();
    if (width < 43.9 || height < 43.9) {
      found.push(`${width.toFixed(0)} × ${height.toFixed(0)} px: ${what(one)}`);
    }
  }
  return found;
}"""
)

# WCAG 1.4.12, as a sheet that a reader would bring: the content policy lets no style in otherwise.
SPACED: Final = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important;
    word-spacing: .16em !important } p { margin-block-end: 2em !important }`);
  document.adoptedStyleSheets = [sheet];
}"""


@contextmanager
def spoken(language: str) -> Iterator[None]:
    """What is made meanwhile is in that language."""
    token = i18n.current_language.set(language)
    try:
        yield
    finally:
        i18n.current_language.reset(token)


def served_pages(language: str = "en") -> Served:
    """Every sample page by its path, in that language."""
    with spoken(language):
        return {
            f"/{name}": (template, replace(frame, language=language), page)
            for name, (template, frame, page) in pages().items()
        }


async def wrong(page: Page, probes: dict[str, str]) -> list[str]:
    """What the probes say of the page as it stands."""
    return [
        f"{name}: {each}" for name, probe in probes.items() for each in await page.evaluate(probe)
    ]
