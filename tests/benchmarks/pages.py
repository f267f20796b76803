"""(q) Pages and answers about all cameras: by how many nodes there are, and with one of them dead.

What a page costs where all cameras are another node's is `proxied`; what a timeline costs where
there is footage is `timeline`. Here are the nodes themselves: what asking all of them adds.
"""

import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from tests.benchmarks.cluster import Cluster, Place, cluster
from tests.benchmarks.figures import Plan, Result, percentile

NAME = "pages"
CAMERAS = 8  # a node
SIZES = (1, 2, 4, 8)
BUDGET_MS = 100.0
WAIT_MS = 500.0  # for a node that has just died and counts as heard (`peers.gathering.LIMIT_S`)
_SILENT_S = 12.0  # less than the 15 s for which a node counts as heard
_LOOK_S = 20.0  # until it does not any more
_PAUSE_S = 0.05  # between rounds while a node is newly dead, so that all of that time is seen

# What people open, by name; "{camera}" is one of each node's in turn.
QUESTIONS = {
    "wall": "/",
    "recordings": "/recordings",
    "nodes": "/nodes",
    "storage": "/storage",
    "notices": "/notices",
    "audit log": "/audit",
    "list of cameras": "/api/cameras",
    "list of recordings": "/api/recordings",
    "timeline of a camera": "/api/cameras/{camera}/timeline",
}
SHOWN = ("wall", "timeline of a camera")  # of the others the slowest is told


@dataclass(slots=True)
class _Asked:
    """Milliseconds of each answer by question, a list per run; and answers that were none."""

    runs: dict[str, list[list[float]]] = field(
        default_factory=lambda: {name: [] for name in QUESTIONS}
    )
    broken: int = 0


def measure(plan: Plan) -> Result:
    """One cluster that grows; at each size all are up first, then the last one dies."""
    result = Result(NAME, f"Pages of several nodes, {CAMERAS} cameras each, asked at the first one")
    sizes = SIZES[:2] if plan.is_quick else SIZES
    runs, rounds = plan.runs(3), 4 if plan.is_quick else 15
    broken = 0
    with cluster() as nodes:
        for size in sizes:
            nodes.grow(size, lambda place: place.add_cameras(CAMERAS))
            what = f"{size} node{'s' * (size > 1)}"
            cameras = _cameras(nodes)
            whole = _ask(nodes.first, cameras, runs, rounds)
            _add(result, what, whole, BUDGET_MS if size == SIZES[-1] else None)
            broken += whole.broken
            if size == 1:
                continue
            last = nodes.places[-1]
            last.die()
            newly = _ask_newly(nodes.first, cameras)
            bounded = BUDGET_MS + WAIT_MS if size == SIZES[-1] else None
            _add(result, f"{what}, one newly dead", newly, bounded)
            _wait_known(nodes, last)
            known = _ask(nodes.first, cameras, runs, rounds)
            _add(result, f"{what}, one known dead", known, BUDGET_MS if bounded else None)
            broken += newly.broken + known.broken
            if size != sizes[-1]:
                nodes.revive(last)
    result.add("answers that were none (not 200)", "", [broken], budget=0)
    result.note(
        "The cameras are configured and stopped: what is measured is asking, not recording. Each "
        "node has a network namespace of its own; the one that is asked has a core, all others "
        "share the other one with the asking program. A node dies without a word: its cable is "
        "pulled, then it is killed. It is newly dead for 15 s, known to be dead then."
    )
    result.note(
        f"The budget of a node that is newly dead is the bounded wait, {WAIT_MS:.0f} ms, and "
        f"{BUDGET_MS:.0f} ms. The time line is of a day without footage. The others are "
        + ", ".join(name for name in QUESTIONS if name not in SHOWN)
        + "."
    )
    return result


def _cameras(nodes: Cluster) -> list[str]:
    """One of each node, the last node's first."""
    answer = nodes.first.client.get("/api/cameras").raise_for_status().json()["cameras"]
    by_node = {camera["node_name"]: str(camera["id"]) for camera in answer}
    return [by_node[place.name] for place in reversed(nodes.places)]


def _addresses(cameras: list[str], turn: int) -> Iterator[tuple[str, str]]:
    for name, path in QUESTIONS.items():
        yield name, path.format(camera=cameras[turn % len(cameras)])


def _ask(place: Place, cameras: list[str], runs: int, rounds: int) -> _Asked:
    asked = _Asked()
    for _ in range(runs):
        for name in QUESTIONS:
            asked.runs[name].append([])
        for turn in range(rounds):
            _round(place, cameras, turn, asked)
    return asked


def _ask_newly(place: Place, cameras: list[str]) -> _Asked:
    """One run, for as long as the dead node counts as heard."""
    asked = _Asked({name: [[]] for name in QUESTIONS})
    until, turn = time.monotonic() + _SILENT_S, 0
    while time.monotonic() < until:
        _round(place, cameras, turn, asked)
        turn += 1
        time.sleep(_PAUSE_S)
    return asked


def _round(place: Place, cameras: list[str], turn: int, asked: _Asked) -> None:
    since = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    for name, path in _addresses(cameras, turn):
        span = {"from": since.isoformat()} if "timeline" in path else None
        begun = time.perf_counter()
        answer = place.client.get(path, params=span, headers={"accept": "*/*"})
        asked.runs[name][-1].append((time.perf_counter() - begun) * 1000)
        asked.broken += answer.status_code != 200


def _wait_known(nodes: Cluster, dead: Place) -> None:
    """Until the first node says that it does not hear the dead one."""

    def known() -> bool:
        told = nodes.first.client.get("/api/nodes/").raise_for_status().json()
        return not next(one["reachable"] for one in told if one["name"] == dead.name)

    nodes.wait(known, f"{dead.name} is still heard", _LOOK_S)


def _add(result: Result, what: str, asked: _Asked, budget: float | None) -> None:
    for name in SHOWN:
        for share in (0.5, 0.99):
            result.add(
                f"{what}: {name}, p{share * 100:.0f}",
                "ms",
                [percentile(run, share) for run in asked.runs[name]],
                budget=budget if share > 0.5 else None,
            )
    worst = {
        name: [percentile(run, 0.99) for run in runs]
        for name, runs in asked.runs.items()
        if name not in SHOWN
    }
    slowest = max(worst, key=lambda name: median(worst[name]))
    result.add(
        f"{what}: the slowest of all others, p99", "ms", worst[slowest], budget=budget, note=slowest
    )
