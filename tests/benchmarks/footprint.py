"""(f) Memory of a small node, the time to its first page, and what its imports cost."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.benchmarks import processes
from tests.benchmarks.figures import Plan, Result
from tests.benchmarks.lan import is_possible, lan
from tests.benchmarks.load import Load
from tests.benchmarks.node import Node

NAME = "footprint"
_SLOWEST = 8
_IDLE_S = 5.0


def measure(plan: Plan) -> Result:
    """Idle, with four cameras, cold start, imports."""
    result = Result(NAME, "Memory, cold start, imports")
    runs = plan.runs(5, 2)
    _memory(result, plan, runs)
    _first_page(result, runs)
    _imports(result, runs)
    return result


def _memory(result: Result, plan: Plan, runs: int) -> None:
    idle: list[float] = []
    cpu: list[float] = []
    busy: list[float] = []
    with _surroundings() as discovery, Load() as load:
        for _ in range(min(runs, 3)):
            with Node(discovery=discovery) as node:
                node.stop()  # its first start makes the node's key: 4 MB more, once
                node.start()
                idle.append(_resident_mb(node, 2.0))
                started = processes.cpu_s(node.pid)
                time.sleep(_IDLE_S)
                cpu.append((processes.cpu_s(node.pid) - started) / _IDLE_S * 1000)
                for camera in range(4):
                    node.add_camera(f"camera {camera}", load.main_url(camera), load.sub_url(camera))
                node.wait_streams(8)
                _look_around(node)
                busy.append(_resident_mb(node, plan.seconds(20.0, 8.0)))
    result.add("RSS without cameras", "MB", idle)
    result.add("CPU without cameras", "ms/s", cpu)
    result.add(
        "RSS, 4 cameras 1080p25 with substream, all default features", "MB", busy, budget=160
    )
    result.note("The four cameras record both streams, and each gave one still.")
    if discovery == "true":
        result.note("It looks for cameras, in a network of its own where nobody else is.")
    else:
        result.note("Without looking for cameras: a network of its own needs root.")
    result.note("The database exists before the start: a start that migrates it takes more.")


@contextmanager
def _surroundings() -> Iterator[str]:
    """Whether the node shall look for cameras: as it does by default, but not in our network."""
    if not is_possible():
        yield "false"
        return
    with lan():
        yield "true"


def _resident_mb(node: Node, after_s: float) -> float:
    time.sleep(after_s)
    return processes.resident_bytes(node.pid) / 1e6


def _look_around(node: Node) -> None:
    """What the wall's page asks for: the cameras, and a poster of each."""
    cameras = node.client.get("/api/cameras").raise_for_status().json()["cameras"]
    for camera in cameras:
        node.client.get(
            f"/api/cameras/{camera['id']}/snapshot.jpg", params={"height": 360}
        ).raise_for_status()
    node.client.get("/metrics").raise_for_status()


def _first_page(result: Result, runs: int) -> None:
    """Process start to the sign-in page's last byte, with data of an earlier start."""
    took: list[float] = []
    with Node() as node:
        node.stop()
        for _ in range(runs):
            node.start()
            httpx.get(f"{node.url}/login", timeout=30).raise_for_status()
            took.append(time.perf_counter() - node.started)
            node.stop()
    result.add("process start → first page", "s", took, budget=3)


def _imports(result: Result, runs: int) -> None:
    interpreter = _walls(("-c", "pass"), runs)
    result.add("bare interpreter", "s", interpreter)
    result.add("`falconeye version`", "s", _walls(("-m", "falconeye", "version"), runs))
    result.add("`import falconeye.node`", "s", _walls(("-c", "import falconeye.node"), runs))
    slowest = ", ".join(f"{name} {ms:.0f} ms" for name, ms in _slowest_packages())
    result.note(f"Own import time by package (one run of -X importtime): {slowest}.")


def _walls(arguments: tuple[str, ...], runs: int) -> list[float]:
    took: list[float] = []
    for _ in range(runs):
        started = time.perf_counter()
        process = subprocess.Popen(
            ["taskset", "-c", str(processes.MEASURED_CORE), sys.executable, *arguments],
            stdout=subprocess.DEVNULL,
        )
        if process.wait() != 0:
            msg = f"python {arguments} failed"
            raise RuntimeError(msg)
        took.append(time.perf_counter() - started)
    return took


def _slowest_packages() -> list[tuple[str, float]]:
    """Top-level packages by the time that their own modules took, in ms."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import falconeye.node"],
        capture_output=True,
        text=True,
        check=True,
    )
    spent: dict[str, float] = {}
    for line in done.stderr.splitlines():
        own, _, module = line.removeprefix("import time:").split("|")
        if own.strip().isdigit():
            package = module.strip().partition(".")[0]
            spent[package] = spent.get(package, 0.0) + int(own) / 1000
    return sorted(spent.items(), key=lambda item: -item[1])[:_SLOWEST]
