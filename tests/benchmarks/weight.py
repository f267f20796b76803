"""What a page weighs: scripts and styles of ours that Chromium loads for it, in bytes of gzip."""

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, StorageState

from falconeye.web.assets import URL_PREFIX, VENDOR, Assets, data_dir
from tests.benchmarks.chromium import browser
from tests.benchmarks.figures import Plan, Result, number
from tests.benchmarks.node import Node
from tests.benchmarks.site_pages import DISPLAY, PUBLIC, addresses, paired, signed_in

NAME = "weight"
BUDGET_KB = 60.0
_CODE = {"Script", "Stylesheet"}


@dataclass(slots=True)
class Loaded:
    """Of one opening with an empty cache, in bytes."""

    own: int = 0  # our scripts and styles, as they are sent: gzip, without heads
    others: int = 0  # those of others: htmx
    whole: int = 0  # all that had come when the page was loaded, pictures and heads included
    files: int = 0


def measure(plan: Plan) -> Result:
    """Each page once, by a browser that has nothing: sizes do not differ from run to run."""
    del plan
    result = Result(NAME, "Weight of pages: own scripts and styles, gzip")
    with Node() as node, browser() as chromium:
        cameras = [_stopped(node, name) for name in ("Door", "Yard")]
        inside, screen = signed_in(chromium, node), paired(chromium, node)
        pages: list[tuple[str, str, StorageState | None]]
        pages = [(name, path, inside) for name, path in addresses(cameras).items()]
        pages += [(name, path, None) for name, path in PUBLIC.items()]
        pages.append(("display", DISPLAY, screen))
        for name, path, state in pages:
            _add(result, name, load(chromium, node.url + path, state))
    result.add("all files together", "kB", [sum(own_files().values()) / 1000])
    result.note(
        "As Chromium got them with an empty cache until the page was loaded. Others' is htmx; "
        "hls.js (120 kB) comes once footage is played where the browser does not play it itself. "
        "The whole is with page, icons and the heads of answers. Pages later take from the cache "
        "what they share. Bytes do not depend on what else the machine does."
    )
    return result


def load(chromium: Browser, url: str, state: StorageState | None) -> Loaded:
    """Open a page with an empty cache. RuntimeError where it is refused."""
    context = chromium.new_context(storage_state=state)
    page = context.new_page()
    session = context.new_cdp_session(page)
    answers: dict[str, dict[str, Any]] = {}
    whole: dict[str, float] = {}
    session.on("Network.responseReceived", lambda told: answers.update({told["requestId"]: told}))
    session.on(
        "Network.loadingFinished",
        lambda told: whole.update({told["requestId"]: told["encodedDataLength"]}),
    )
    session.send("Network.enable")
    answer = page.goto(url, wait_until="load")
    if answer is None or answer.status != 200:
        msg = f"{url}: {answer and answer.status}"
        raise RuntimeError(msg)
    loaded = Loaded(whole=int(sum(whole.values())))
    for told in answers.values():
        if told["type"] in _CODE:
            headers = {name.lower(): value for name, value in told["response"]["headers"].items()}
            size, path = int(headers["content-length"]), told["response"]["url"]
            loaded.files += 1
            if f"/{VENDOR}/" in path.partition(URL_PREFIX)[2]:
                loaded.others += size
            else:
                loaded.own += size
    context.close()
    return loaded


def own_files() -> dict[str, int]:
    """Bytes of each of our scripts and styles as they are sent, by name."""
    directory = data_dir("static")
    assets = Assets(directory)
    names = (path.relative_to(directory).as_posix() for path in sorted(directory.rglob("*")))
    sizes: dict[str, int] = {}
    for name in names:
        found, _ = assets.find(name)
        if found and name.endswith((".js", ".css")) and not name.startswith(f"{VENDOR}/"):
            sizes[name] = len(found.body)
    return sizes


def _stopped(node: Node, name: str) -> str:
    """A camera that connects to nobody; its id."""
    body = {"name": name, "protocol": "demo", "start": False}
    return str(node.client.post("/api/cameras", json=body).raise_for_status().json()["id"])


def _add(result: Result, name: str, loaded: Loaded) -> None:
    others, whole = number(loaded.others / 1000), number(loaded.whole / 1000)
    note = f"{loaded.files} files; others' {others} kB; the whole {whole} kB"
    result.add(name, "kB", [loaded.own / 1000], budget=BUDGET_KB, note=note)
