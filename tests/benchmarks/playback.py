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
# From the key to the first picture of the new moment; the video is paused, so no other comes.
_SEEK = """(key) => new Promise((done) => {
  const video = document.querySelector("[data-footage] video");
  video.pause();
  const slider = document.querySelector("[data-footage] [role=slider]");
  slider.focus();
  const begun = performance.now();
  const look = () => done(performance.now() - begun);
  video.requestVideoFrameCallback(look);
  slider.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
})"""


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
            lists.append(_ms(node, f"/api/cameras/{camera}/playback.m3u8", window))
            query = {"at": at.isoformat(), "height": "180"}
            pictures.append(_ms(node, f"/api/cameras/{camera}/still.jpg", query))
        playlists.append(lists)
        stills.append(pictures)
    for name, runs in (("playlist", playlists), ("picture for scrubbing, 180 lines", stills)):
        for share in (0.5, 0.99):
            values = [percentile(run, share) for run in runs]
            result.add(f"{name}, p{share * 100:.0f}", "ms", values)
    result.note(
        "A picture is the keyframe before a moment of 1080p, read, decoded and made small; each "
        "moment is another one. Measured by a client on the other core, HTTP included."
    )


def _ms(node: Node, path: str, query: dict[str, str]) -> float:
    begun = time.perf_counter()
    node.client.get(path, params=query).raise_for_status()
    return (time.perf_counter() - begun) * 1000


def _seeks(
    result: Result, plan: Plan, page: Page, node: Node, camera: str, begun: datetime
) -> None:
    at = (begun + timedelta(seconds=plan.seconds(90, 30))).isoformat()
    taken: list[list[float]] = []
    for _ in range(plan.runs(5)):
        page.goto(f"{node.url}/cameras/{camera}/footage?at={at.replace('+00:00', 'Z')}")
        page.wait_for_function(
            "() => document.querySelector('[data-footage] video').readyState >= 2"
        )
        keys = ["ArrowLeft", "ArrowRight"] * int(plan.seconds(6, 3))
        taken.append([float(page.evaluate(_SEEK, key)) for key in keys])
    for share in (0.5, 0.95):
        values = [percentile(run, share) for run in taken]
        result.add(f"seek by 10 s → picture in Chromium, p{share * 100:.0f}", "ms", values)
    result.note("Seeks go 10 s back and forth by keys; software decoding of 1080p is in them.")
