"""What it costs to look for cameras all the time: a node that does beside one that does not."""

import time

from tests.benchmarks import processes
from tests.benchmarks.figures import Plan, Result
from tests.benchmarks.lan import LanCamera, lan
from tests.benchmarks.node import Node
from tests.peers.site import Site

NAME = "discovery_idle"
_WINDOW_S = 60.0  # of WS-Discovery, one round
_SETTLED_S = 10.0  # mDNS has asked its first questions
_LOADED_S = 2.0
_ROWS = {
    "CPU of looking": ("% of a core", 0.5),
    "packets sent in a minute": ("", None),
    "memory (RSS) of looking": ("MB", None),
    "the same with ONVIF loaded": ("MB", 20.0),
}


def measure(plan: Plan) -> Result:
    """Both nodes run at the same time, on the same core, in the same network."""
    result = Result(NAME, "Looking for cameras, three of them there, nothing new")
    found: dict[str, list[float]] = {name: [] for name in _ROWS}
    with lan() as site:
        _neighbours(site)
        with LanCamera(site, 20) as camera:
            for _ in range(plan.runs(5)):
                for name, value in _pair(site, camera).items():
                    found[name].append(value)
    for name, (unit, budget) in _ROWS.items():
        result.add(name, unit, found[name], budget=budget)
    result.note(
        "The difference of two nodes without cameras, in network namespaces: one looks (by"
        " WS-Discovery once a minute, by mDNS), one does not. A window is a minute."
    )
    result.note(
        "ONVIF is loaded by adding a camera that way, which the other node adds by its stream's"
        " address; both then delete it."
    )
    return result


def _neighbours(site: Site) -> None:
    """One that answers probes, and one that is announced."""
    said = {"reference": "urn:uuid:21", "xaddrs": [f"http://{site.subnet}.21/onvif/device_service"]}
    _ = site.host(21, onvif=[said])
    _ = site.host(22, mdns=[{"type": "_rtsp._tcp.local.", "name": "Door", "port": 554}])


def _pair(site: Site, camera: LanCamera) -> dict[str, float]:
    with Node(discovery="true") as looking, Node() as other:
        time.sleep(_SETTLED_S)
        _require_found(looking, 3)
        idle_mb = _more_mb(looking, other)
        before, sent = _more_cpu_s(looking, other), site.sent("lan0")
        time.sleep(_WINDOW_S)
        cpu_s, sent = _more_cpu_s(looking, other) - before, site.sent("lan0") - sent
        _add_and_delete(looking, camera.login)
        _add_and_delete(other, camera.login | camera.stream)
        time.sleep(_LOADED_S)
        loaded_mb = _more_mb(looking, other)
    return dict(zip(_ROWS, (cpu_s / _WINDOW_S * 100, sent, idle_mb, loaded_mb), strict=True))


def _add_and_delete(node: Node, camera: dict[str, str]) -> None:
    added = node.client.post("/api/cameras", json={"name": "Yard", **camera})
    camera_id = added.raise_for_status().json()["id"]
    node.client.delete(f"/api/cameras/{camera_id}").raise_for_status()


def _require_found(node: Node, count: int) -> None:
    """A node that finds nothing would cost nothing."""
    total = node.client.get("/api/candidates").raise_for_status().json()["total"]
    if total != count:
        msg = f"{total} cameras were found instead of {count}"
        raise RuntimeError(msg)


def _more_mb(looking: Node, other: Node) -> float:
    more = processes.resident_bytes(looking.pid) - processes.resident_bytes(other.pid)
    return more / 1e6


def _more_cpu_s(looking: Node, other: Node) -> float:
    return processes.cpu_s(looking.pid) - processes.cpu_s(other.pid)
