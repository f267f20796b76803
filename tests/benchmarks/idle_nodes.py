"""(r) What nodes say to each other while nothing happens, and what that costs, by their number."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median

from tests.benchmarks import processes
from tests.benchmarks.cluster import Cluster, Place, cluster
from tests.benchmarks.figures import Plan, Result, number

NAME = "idle_nodes"
SIZES = (1, 2, 4, 8)
CAMERAS = 8  # a node; stopped
FORESEEN = (50, 500)
MOST = 10_000  # that are asked about
SHARE_MS_S = 100.0  # of a core, for the others
_BEATS_S = 4.75  # `beats`: five seconds, less a jitter of 10 %
_SETTLE_S = 6.0  # what joining brings is told by then


@dataclass(slots=True)
class _Idle:
    """Of a node in one window: each list has a value per node and window."""

    sent: list[float] = field(default_factory=list)  # bytes/s, both ways
    packets: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)  # ms/s
    memory: list[float] = field(default_factory=list)  # MB


def measure(plan: Plan) -> Result:
    """One cluster that grows; nobody watches, and no camera records."""
    result = Result(NAME, f"Idle nodes, {CAMERAS} stopped cameras each: what each one costs")
    sizes = SIZES[:2] if plan.is_quick else SIZES
    found: dict[int, _Idle] = {}
    with cluster() as nodes:
        for size in sizes:
            nodes.grow(size, lambda place: place.add_cameras(CAMERAS))
            time.sleep(_SETTLE_S)
            found[size] = _windows(nodes, plan.runs(3), plan.seconds(10.0, 5.0))
    for size, idle in found.items():
        what = f"{size} node{'s' * (size > 1)}, each"
        result.add(f"{what}: CPU", "ms/s", idle.cpu)
        result.add(f"{what}: sent and received", "kB/s", [one / 1000 for one in idle.sent])
        result.add(f"{what}: packets", "1/s", idle.packets)
        asked = (size - 1) / _BEATS_S
        result.add(f"{what}: exchanges begun, by the period", "1/s", [asked])
        result.add(f"{what}: RSS", "MB", idle.memory)
    result.note(
        "A node's own interface counts; both ways, TCP and TLS included. Cameras are stopped and "
        "nobody watches. CPU is user and system time, in thousandths of a core."
    )
    result.note(foreseen({size: Cost.of(idle) for size, idle in found.items()}))
    return result


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one node."""

    bytes_s: float
    cpu_ms_s: float

    @classmethod
    def of(cls, idle: _Idle) -> "Cost":
        return cls(median(idle.sent), median(idle.cpu))


def foreseen(costs: Mapping[int, Cost]) -> str:
    """What the figures say about more nodes, on paper: a paragraph. `costs`: by number of nodes.

    Each node talks to each other one, so its exchanges grow with their number. Of every camera of
    the cluster each says what it has, so an exchange grows, too, as long as nodes bring cameras.
    """
    least, most = min(costs), max(costs)
    cpu_ms = _of_peer({size: cost.cpu_ms_s for size, cost in costs.items()})
    sent = _of_peer({size: cost.bytes_s for size, cost in costs.items()})
    words = (
        f"On paper, from {least} to {most} nodes: of {most} each peer costs a node "
        f"{number(cpu_ms(most))} ms/s of CPU and {number(sent(most) / 1000)} kB/s, because "
        "everybody exchanges with everybody; and more of more nodes, because each says of every "
        "camera what it has. "
    )
    for size in FORESEEN:
        all_cpu_ms = costs[least].cpu_ms_s + cpu_ms(size) * (size - least)
        node_kbit = sent(size) * (size - least) * 8 / 1000
        all_mbit = node_kbit * size / 2 / 1000  # what one sends another one receives
        words += (
            f"{size} nodes would take {number(all_cpu_ms / 10)} % of a core and "
            f"{number(node_kbit)} kb/s of each node, {number(all_mbit)} Mb/s together. "
        )
    sizes = (size for size in range(least, MOST) if cpu_ms(size) * (size - least) >= SHARE_MS_S)
    limit = next(sizes, None)
    return words + (
        "The limit that is foreseen is where the others take a tenth of a core: "
        f"{'any number of' if limit is None else f'about {limit}'} nodes of this machine's speed, "
        "and fewer of slower ones. Memory grows by what each tells of itself, and lists that are "
        "gathered wait for the slowest of all nodes. Beyond the limit exchanges would have to go "
        "by way of some nodes, not from each to each, and be of what has changed."
    )


def _of_peer(costs: Mapping[int, float]) -> Callable[[int], float]:
    """What one peer costs a node, by the number of nodes, on a line through what was measured."""
    least, most = min(costs), max(costs)
    each = {n: (cost - costs[least]) / (n - least) for n, cost in costs.items() if n > least}
    first = min(each)
    growth = (each[most] - each[first]) / (most - first) if most > first else 0.0
    return lambda size: each[most] + max(0.0, growth) * (size - most)


def _windows(nodes: Cluster, runs: int, window_s: float) -> _Idle:
    idle = _Idle()
    for _ in range(runs):
        begun = time.perf_counter()
        before = [_taken(place) for place in nodes.places]
        time.sleep(window_s)
        after = [_taken(place) for place in nodes.places]
        took_s = time.perf_counter() - begun
        for one, other in zip(before, after, strict=True):
            cpu_s, sent, packets = (b - a for a, b in zip(one, other, strict=True))
            idle.cpu.append(cpu_s / took_s * 1000)
            idle.sent.append(sent / took_s)
            idle.packets.append(packets / took_s)
    idle.memory += [processes.resident_bytes(place.node.pid) / 1e6 for place in nodes.places]
    return idle


def _taken(place: Place) -> tuple[float, float, float]:
    """CPU seconds, bytes, packets since the node's start."""
    sent, packets = place.traffic()
    return processes.cpu_s(place.node.pid), sent, packets
