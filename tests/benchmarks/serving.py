"""How long a node takes for each page, with many cameras that it records meanwhile."""

import time

import httpx

from tests.benchmarks import processes
from tests.benchmarks.figures import Plan, Result, percentile
from tests.benchmarks.load import Load
from tests.benchmarks.node import PASSWORD, Node
from tests.benchmarks.site_pages import addresses

NAME = "serving"
CAMERAS = 64
BUDGET_MS = 100.0
_SETTLE_S = 5.0


def measure(plan: Plan, *, cameras: int = CAMERAS) -> Result:
    """One node; each round asks for every page once, one after the other."""
    result = Result(
        NAME, f"Pages of one node that records {cameras} cameras 1080p25, 4 Mb/s, on one core"
    )
    runs, rounds = plan.runs(5), 100 if not plan.is_quick else 3
    with Load() as load, Node() as node:
        ids = [node.add_camera(f"camera {at}", load.main_url(at)) for at in range(cameras)]
        node.wait_streams(cameras)
        time.sleep(plan.seconds(_SETTLE_S, 0.0))
        pages = addresses(ids)
        with httpx.Client(base_url=node.url, timeout=30, headers={"Origin": node.url}) as person:
            _sign_in(person)
            sizes = {name: len(_ask(person, path).content) for name, path in pages.items()}
            begun, before = time.perf_counter(), processes.cpu_s(node.pid)
            taken = [_run(person, pages, rounds) for _ in range(runs)]
            used_s, took_s = processes.cpu_s(node.pid) - before, time.perf_counter() - begun
        late = load.take_counters().worst_late_s
    for name, size in sizes.items():
        for share in (0.5, 0.99):
            result.add(
                f"{name}, p{share * 100:.0f}",
                "ms",
                [percentile(run[name], share) for run in taken],
                budget=BUDGET_MS if share > 0.5 else None,
                note=f"{size / 1000:.0f} kB of HTML" if share == 0.5 else "",
            )
    result.add("CPU of the node meanwhile", "ms/s", [used_s / took_s * 1000])
    result.add("camera server late, most", "ms", [late * 1000])
    result.note(
        f"{runs} runs of {rounds} rounds, one request at a time, by a client on the other core "
        "that holds a session as a browser does; HTTP and the client's part are in it."
    )
    return result


def _sign_in(person: httpx.Client) -> None:
    """The client has the admin's session then, as a browser has it."""
    answer = person.post("/login", data={"name": "admin", "password": PASSWORD})
    if not answer.is_redirect:
        msg = f"sign-in: {answer.status_code} {answer.text[:200]}"
        raise RuntimeError(msg)


def _ask(person: httpx.Client, path: str) -> httpx.Response:
    """A page; RuntimeError for any other answer, as a redirect to the sign-in is none."""
    answer = person.get(path, headers={"accept": "text/html"})
    if answer.status_code != 200:
        msg = f"{path}: {answer.status_code} {answer.text[:200]}"
        raise RuntimeError(msg)
    return answer


def _run(person: httpx.Client, pages: dict[str, str], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each answer, by page."""
    taken: dict[str, list[float]] = {name: [] for name in pages}
    for _ in range(rounds):
        for name, path in pages.items():
            begun = time.perf_counter()
            _ask(person, path)
            taken[name].append((time.perf_counter() - begun) * 1000)
    return taken
