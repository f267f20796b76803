"""What a slow device feels: first paint and answers to input, in Chromium that is made slow."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, CDPSession, Page, StorageState

from tests.benchmarks.chromium import browser
from tests.benchmarks.figures import Plan, Result, percentile
from tests.benchmarks.site_pages import signed_in, small_cameras

NAME = "painting"
CAMERAS = 16
SLOWER = 4  # what Lighthouse takes for a phone
# What Core Web Vitals call good (web.dev/articles/fcp, /inp, /fid).
PAINT_MS, ANSWER_MS, DELAY_MS = 1800.0, 200.0, 100.0
# Before all scripts of the page: of each click and key how long it waited for its turn, and when
# the picture that follows it was made (the frame's own work is done when the message comes).
_FEEL = """(() => {
  const felt = [];
  let take = null;
  const give = () => {
    if (!take || !felt.length) return;
    take(felt.shift());
    take = null;
  };
  window.feltOne = () => new Promise((done) => { take = done; give(); });
  const feel = (event) => {
    const delay = performance.now() - event.timeStamp;
    sessionStorage.setItem("clicked", performance.timeOrigin + event.timeStamp);
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        felt.push([delay, performance.now() - event.timeStamp]);
        give();
      };
      port2.postMessage(0);
    });
  };
  for (const type of ["click", "keydown"]) addEventListener(type, feel, { capture: true });
})()"""
_PAINTED = """() => new Promise((done) => new PerformanceObserver((list) => {
  const found = list.getEntriesByName("first-contentful-paint")[0];
  if (found) done(found.startTime);
}).observe({ type: "paint", buffered: true }))"""
_SINCE_CLICK = f"""async () => performance.timeOrigin + await ({_PAINTED})()
  - Number(sessionStorage.getItem("clicked"))"""
_SPIN = """() => {
  const begun = performance.now();
  let value = 0;
  for (let at = 0; at < 3e7; at += 1) value = (value + at * 7) % 1013;
  return [performance.now() - begun, value];
}"""


Act = Callable[[Page, int], None]  # the page, and how many times that was done before


def _click(what: str) -> Act:
    return lambda page, _: page.locator(what).first.click()


def _press(where: str, *keys: str) -> Act:
    return lambda page, turn: page.locator(where).first.press(keys[turn % len(keys)])


def _tile_menu(page: Page) -> None:
    page.locator(".tile").first.hover()  # it is there for who points at the tile
    page.locator(".tile-more summary").first.click()


_LAYOUT = "a layout"
# By page: what is done there, by name. A menu is opened and closed in turn.
_ACTS: dict[str, dict[str, Act]] = {
    "wall": {
        "the menu of the person": _click(".bar .menu summary"),
        "the menu of a tile": lambda page, _: _tile_menu(page),
        "a key to the next camera": _press(".tile-name", "1", "2", "3"),
    },
    "footage": {
        "a key on the time line": _press("canvas[role=slider]", "ArrowLeft", "ArrowRight"),
        "closer, wider": lambda page, turn: page.locator(
            f"[data-act={'wider' if turn % 2 else 'closer'}]"
        ).click(),
        "One hour": _click("[data-act=hour]"),
    },
    "settings": {
        "the menu of the person": _click(".bar .menu summary"),
        "a letter into a field": _press("form.stack input.short", "x"),
        "a colour": lambda page, turn: page.locator("[name=theme]").nth(turn % 3).click(),
    },
}
_PATHS = {"wall": "/?layout=16", "footage": "/cameras/{camera}/footage", "settings": "/settings"}
# Until then more is painted and loaded; a person who is quick begins before that.
_READY = {
    "wall": "() => document.querySelectorAll('[data-state=live]').length === {cameras}",
    "footage": "() => document.querySelector('canvas[role=slider]').ariaValueText",
    "settings": "() => document.readyState === 'complete'",
}


def measure(plan: Plan, *, cameras: int = CAMERAS) -> Result:
    """Each page anew for each first paint, with an empty cache and with a full one."""
    result = Result(
        NAME, f"Painting and input in Chromium with {SLOWER}× CPU throttle, {cameras} cameras"
    )
    runs, times = plan.runs(5), 20 if not plan.is_quick else 2
    with small_cameras(cameras) as (node, ids), browser() as chromium:
        state = signed_in(chromium, node)
        slower: list[float] = []
        for name, path in _PATHS.items():
            url = node.url + path.format(camera=ids[0])
            cold, warm, felt = [], [], _Felt()
            for _ in range(runs):
                with _throttled(chromium, state) as (page, session):
                    cold.append(_paint(page, url))
                    warm.append(_paint(page, url))
                    page.wait_for_function(_READY[name].replace("{cameras}", str(cameras)))
                    _feel(page, _ACTS[name], times, felt)
                    if name == "wall":
                        felt.add(_LAYOUT, [(0.0, _switch(page, turn)) for turn in range(times)])
                    slower.append(_slower(page, session))
            result.add(f"{name}: first paint, empty cache", "ms", cold, budget=PAINT_MS)
            result.add(f"{name}: first paint, full cache", "ms", warm, budget=PAINT_MS)
            felt.tell(result, name)
    result.add("slower than without the throttle", "×", slower)
    _notes(result, times)
    return result


class _Felt:
    """Of each act (delay, answer) in ms, a list per run."""

    def __init__(self) -> None:
        self._runs: dict[str, list[list[tuple[float, float]]]] = {}

    def add(self, act: str, times: list[tuple[float, float]]) -> None:
        self._runs.setdefault(act, []).append(times)

    def tell(self, result: Result, page: str) -> None:
        for act, runs in self._runs.items():
            if act == _LAYOUT:
                switched = [percentile([whole for _, whole in run], 0.95) for run in runs]
                result.add(
                    f"{page}: {act} → first paint of it, p95", "ms", switched, budget=PAINT_MS
                )
                continue
            delays = [percentile([delay for delay, _ in run], 0.95) for run in runs]
            wholes = [percentile([whole for _, whole in run], 0.95) for run in runs]
            result.add(f"{page}: {act}: input delay, p95", "ms", delays, budget=DELAY_MS)
            result.add(f"{page}: {act} → next paint, p95", "ms", wholes, budget=ANSWER_MS)


@contextmanager
def _throttled(chromium: Browser, state: StorageState) -> Iterator[tuple[Page, CDPSession]]:
    """A page of a browser with an empty cache, slow from its first script on."""
    context = chromium.new_context(storage_state=state, viewport={"width": 1280, "height": 900})
    context.add_init_script(_FEEL)
    page = context.new_page()
    page.set_default_timeout(60_000)
    session = context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    try:
        yield page, session
    finally:
        context.close()


def _paint(page: Page, url: str) -> float:
    """Open a page; first contentful paint, in ms from the start of the navigation."""
    page.goto(url)
    return float(page.evaluate(_PAINTED))


def _feel(page: Page, acts: dict[str, Act], times: int, felt: _Felt) -> None:
    for name, act in acts.items():
        taken: list[tuple[float, float]] = []
        for turn in range(times):
            act(page, turn)
            delay, whole = page.evaluate("() => feltOne()")
            taken.append((float(delay), float(whole)))
        felt.add(name, taken)
        page.keyboard.press("Escape")  # a menu that is open covers what comes next
        page.evaluate("() => feltOne()")


def _switch(page: Page, turn: int) -> float:
    """From the click on another layout to the first paint of the page with it, in ms."""
    layout = ("4", "16")[turn % 2]
    page.locator(f"[data-layout='{layout}']").click()
    page.wait_for_selector(f"[data-layout='{layout}'][aria-current]")
    return float(page.evaluate(_SINCE_CLICK))


def _slower(page: Page, session: CDPSession) -> float:
    """What the throttle does to a loop of this page's script: the proof that it is in force."""
    slow = float(page.evaluate(_SPIN)[0])
    session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    return slow / float(page.evaluate(_SPIN)[0])


def _notes(result: Result, times: int) -> None:
    result.note(
        "Over loopback, so what is measured is the browser's part and the node's. The wall shows "
        "all cameras live, 640×360 at 15 pictures/s each, decoded in software; the throttle "
        "slows the page's main thread, decoding has threads of its own. Browser, cameras and the "
        "measuring program share a core."
    )
    result.note(
        f"Each act {times} times a run, as the browser's own clicks and keys. Input delay: until "
        "the page's scripts see it. Next paint: until the frame after it is made. Budgets: what "
        "Core Web Vitals call good."
    )
