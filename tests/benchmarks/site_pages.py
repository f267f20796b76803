"""The pages that people open, for the benchmarks that ask for all of them or look at each."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, StorageState

from tests.benchmarks.chromium import sign_in
from tests.benchmarks.load import Load
from tests.benchmarks.node import Node, NodeFailed

# "{camera}" is a camera, "{other}" another one.
PAGES = {
    "wall": "/",
    "wall, table": "/?view=table",
    "arranging a wall": "/walls/new",
    "camera": "/cameras/{camera}",
    "camera, changed": "/cameras/{camera}/edit",
    "schedules": "/cameras/{camera}/schedules",
    "footage": "/cameras/{camera}/footage",
    "footage of several": "/footage?cameras={camera},{other}",
    "days": "/footage/days",
    "recordings": "/recordings",
    "exports": "/exports",
    "jobs": "/jobs",
    "found cameras": "/cameras/found",
    "settings": "/settings",
    "backup": "/settings/backup",
    "people": "/people",
    "displays": "/people/displays",
    "account": "/account",
    "storage": "/storage",
    "notices": "/notices",
    "audit log": "/audit",
    "nodes": "/nodes",
    "health": "/about",
    "help": "/help",
    "help, a topic": "/help/first-steps",
}
PUBLIC = {"sign-in": "/login", "certificate authority": "/ca", "code of a display": "/display"}
# An init script. `sockets`: when each WebSocket of the page was asked for, and when it was open.
COUNT_SOCKETS = """(() => {
  window.sockets = [];
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...given) {
      super(...given);
      const one = { asked: performance.now(), open: null };
      sockets.push(one);
      this.addEventListener("open", () => { one.open = performance.now(); });
    }
  };
})()"""
DISPLAY = "/display"  # with the cookie of a screen


def addresses(cameras: list[str]) -> dict[str, str]:
    """Path of each page of a signed-in person by its name; of two or more cameras."""
    return {name: path.format(camera=cameras[0], other=cameras[1]) for name, path in PAGES.items()}


@contextmanager
def small_cameras(count: int) -> Iterator[tuple[Node, list[str]]]:
    """A node that records so many cameras of 640×360 at 15 pictures/s; their ids."""
    with Load() as load, Node() as node:
        cameras = [node.add_camera(f"camera {at}", load.sub_url(at)) for at in range(count)]
        node.wait_streams(count)
        yield node, cameras


def signed_in(chromium: Browser, node: Node) -> StorageState:
    """The cookies of the admin, for contexts that have nothing else yet."""
    context = chromium.new_context()
    page = context.new_page()
    sign_in(page, node)
    state = context.storage_state()
    context.close()
    return state


def paired(chromium: Browser, node: Node) -> StorageState:
    """The cookies of a screen that is a display of all cameras."""
    made = node.client.post("/api/displays", json={"name": "screen"})
    if made.status_code != 201:
        raise NodeFailed(f"{made.status_code} {made.text}")
    context = chromium.new_context()
    page = context.new_page()
    page.goto(node.url + made.json()["pairing_path"])
    page.get_by_role("button", name="Use this screen").click()
    page.wait_for_selector("#display")
    state = context.storage_state()
    context.close()
    return state
