"""Playing what was recorded: playlist, picture for scrubbing, and a seek in real Chromium."""

import time
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page

from tests.benchmarks.chromium import browser, sign_in
from tests.benchmarks.figures import Plan, Result, percentile
from tests.benchmarks.load import Load
from tests.benchmarks.node import Node

NAME = "playback"
CAMERAS = 8  # which go on being recorded meanwhile
MINUTE_S = 20  # to find, play and export one
SCRUB_MS = 300  # the first picture for scrubbing
# From the key to the first picture of the new moment; one of the last seek may come late.
_SEEK = """(key) => new Promise((done) => {
  const video = document.querySelector("[data-footage] video");
  video.pause();
  const slider = document.querySelector("[data-footage] [role=slider]");
  slider.focus();
  const before = video.currentTime;
  const begun = performance.now();
  const look = (_, { mediaTime }) => {
    const { currentTime } = video;
    const isThere = Math.abs(currentTime - before) > 5 && Math.abs(currentTime - mediaTime) < 0.1;
    if (isThere) done(performance.now() - begun);
    else video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  slider.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
})"""

# From a pointer's move to the picture of that moment; no picture of a move before is on its way.
_SCRUB = """async (share) => {
  const canvas = document.querySelector("[data-footage] canvas");
  const picture = document.querySelector("[data-preview] img");
  const box = canvas.getBoundingClientRect();
  canvas.dispatchEvent(new PointerEvent("pointerleave"));
  await new Promise((rested) => setTimeout(rested, 300));
  const came = new Promise((done) => picture.addEventListener("load", done, { once: true }));
  const begun = performance.now();
  canvas.dispatchEvent(new PointerEvent("pointermove", {
    bubbles: true, pointerType: "mouse",
    clientX: box.left + box.width * share, clientY: box.top + 20,
  }));
  await came;
  return performance.now() - begun;
}"""
_DAY = """() => {
  const { from, to } = document.querySelector("[data-footage]").dataset;
  return [Number(from) / 1e6, Number(to) / 1e6];
}"""
_SHOWN_S = 600  # of the line, by its key M


def measure(plan: Plan) -> Result:
    """A node that records eight cameras; one of them is looked at."""
    result = Result(NAME, f"Playback beside {CAMERAS} cameras 1080p25, 4 Mb/s that are recorded")
    with Load() as load, Node() as node:
        cameras = [
            node.add_camera(f"camera {camera}", load.main_url(camera)) for camera in range(CAMERAS)
        ]
        node.wait_streams(CAMERAS)
        begun = datetime.now(UTC)
        time.sleep(plan.seconds(150, 45))
        length_s = (datetime.now(UTC) - begun).total_seconds() - 10
        _http(result, plan, node, cameras[0], begun, length_s)
        with browser() as chromium:
            page = chromium.new_page(viewport={"width": 1280, "height": 900})
            sign_in(page, node)
            _seeks(result, plan, page, node, cameras[0], begun)
            _scrubs(result, plan, page, begun, length_s)
            page.close()
            for width in (1440, 390):
                page = chromium.new_page(viewport={"width": width, "height": 844})
                sign_in(page, node)
                times = [_a_minute(page, node, begun) for _ in range(plan.runs(5))]
                result.add(f"wall → minute exported, {width} px", "s", times, budget=MINUTE_S)
                page.close()
    result.note(
        "From the wall: the camera, its day, two clicks on the time line until it plays, export, "
        "download: seven acts, each as soon as the page allows it."
    )
    return result


def _http(
    result: Result, plan: Plan, node: Node, camera: str, begun: datetime, length_s: float
) -> None:
    playlists: list[list[float]] = []
    stills: list[list[float]] = []
    count = int(plan.seconds(40, 15))
    for run in range(plan.runs(5)):
        lists, pictures = [], []
        for index in range(count):
            at = begun + timedelta(
                seconds=2 + (length_s - 4) * (index + run / 7) / count % length_s
            )
            window = {"from": begun.isoformat(), "to": (at + timedelta(hours=1)).isoformat()}
            lists.append(milliseconds(node, f"/api/cameras/{camera}/playback.m3u8", window))
            query = {"at": at.isoformat(), "height": "180"}
            pictures.append(milliseconds(node, f"/api/cameras/{camera}/still.jpg", query))
        playlists.append(lists)
        stills.append(pictures)
    for name, runs, budget in (
        ("playlist", playlists, None),
        ("picture for scrubbing, 180 lines", stills, SCRUB_MS),
    ):
        for share in (0.5, 0.99):
            values = [percentile(run, share) for run in runs]
            result.add(f"{name}, p{share * 100:.0f}", "ms", values, budget=budget)
    result.note(
        "A picture is the keyframe before a moment of 1080p, read, decoded and made small; each "
        "moment is another one. Measured by a client on the other core, HTTP included."
    )


def milliseconds(node: Node, path: str, query: dict[str, str]) -> float:
    """How long a request takes, by a client on the other core."""
    begun = time.perf_counter()
    node.client.get(path, params=query).raise_for_status()
    return (time.perf_counter() - begun) * 1000


def _seeks(
    result: Result, plan: Plan, page: Page, node: Node, camera: str, begun: datetime
) -> None:
    at = begun + timedelta(seconds=plan.seconds(90, 30))
    count = int(plan.seconds(6, 3))
    taken = [seeks_ms(page, node, camera, at, count) for _ in range(plan.runs(5))]
    for share in (0.5, 0.95):
        values = [percentile(run, share) for run in taken]
        result.add(f"seek by 10 s → picture in Chromium, p{share * 100:.0f}", "ms", values)
    result.note("Seeks go 10 s back and forth by keys; software decoding of 1080p is in them.")


def seeks_ms(page: Page, node: Node, camera: str, at: datetime, count: int) -> list[float]:
    """So many seeks 10 s back and on again, about a moment of a camera's day."""
    page.goto(f"{node.url}/cameras/{camera}/footage?at={at.isoformat().replace('+00:00', 'Z')}")
    page.wait_for_function("() => document.querySelector('[data-footage] video').readyState >= 2")
    keys = ["ArrowLeft", "ArrowRight"] * count
    return [float(page.evaluate(_SEEK, key)) for key in keys]


def _scrubs(result: Result, plan: Plan, page: Page, begun: datetime, length_s: float) -> None:
    """On the page that is open, of footage that lasts so long."""
    slider = page.get_by_role("slider", name="Time")
    slider.focus()
    slider.press("m")
    first = _first_shown(page, _SHOWN_S)
    runs, count = plan.runs(5), int(plan.seconds(20, 8))
    taken: list[list[float]] = [[] for _ in range(runs)]
    for run, times in enumerate(taken):
        for index in range(count):
            moment = 2 + (length_s - 4) * (index * runs + run) / (count * runs)
            share = (begun.timestamp() + moment - first) / _SHOWN_S
            times.append(float(page.evaluate(_SCRUB, share)))
    for share in (0.5, 0.95):
        values = [percentile(run, share) for run in taken]
        name = f"pointer on the time line → picture in Chromium, p{share * 100:.0f}"
        result.add(name, "ms", values, budget=SCRUB_MS)


def _a_minute(page: Page, node: Node, begun: datetime) -> float:
    """Seconds that a script needs for it."""
    page.goto(node.url)
    start = time.perf_counter()
    page.locator(".tile-name", has_text="camera 0").click()
    page.get_by_role("link", name="Day by day").click()
    moment = begun + timedelta(seconds=40)
    _click_line(page, moment, whole_day=True)
    page.get_by_role("button", name="One hour").click()
    _click_line(page, moment, whole_day=False)
    page.wait_for_function(
        "() => { const video = document.querySelector('[data-footage] video');"
        " return !video.paused && video.currentTime > 0 && video.readyState > 2; }"
    )
    page.get_by_role("link", name="Export this minute").click()
    page.get_by_role("button", name="Export", exact=True).click()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download").first.click()
    _ = downloading.value.path()  # it is whole
    taken_s = time.perf_counter() - start
    page.get_by_role("link", name="Delete").first.click()
    page.get_by_role("button", name="Delete export").click()
    page.get_by_role("heading", name="No export yet").wait_for()
    return taken_s


def _click_line(page: Page, moment: datetime, *, whole_day: bool) -> None:
    """Where that moment is on the line, which shows the day, or an hour around its own moment."""
    canvas = page.get_by_role("slider", name="Time")
    page.locator("[data-moment]", has_text=":").wait_for()
    first, last = page.evaluate(_DAY) if whole_day else (_first_shown(page, 3600), None)
    length_s = last - first if last is not None else 3600
    box = canvas.bounding_box()
    if box is None:
        raise AssertionError
    x = (moment.timestamp() - first) / length_s * box["width"]
    canvas.click(position={"x": x, "y": 20})


def _first_shown(page: Page, length_s: float) -> float:
    """Where a line begins that shows so much around its own moment, in seconds of the epoch."""
    first, last = page.evaluate(_DAY)
    now = float(page.evaluate("() => Number(document.querySelector('canvas').ariaValueNow)"))
    return float(min(max(first + now - length_s / 2, first), last - length_s))
