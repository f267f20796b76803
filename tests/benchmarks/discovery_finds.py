"""A scan of a network of 254 addresses, and how long a camera that moved is not recorded."""

import time
from contextlib import ExitStack
from typing import Any

from falconeye.cameras.whereabouts.following import ASK_S
from tests.benchmarks import processes
from tests.benchmarks.figures import Plan, Result
from tests.benchmarks.lan import LanCamera, lan
from tests.benchmarks.node import Node
from tests.benchmarks.start_stop import Footage
from tests.peers.site import Site

NAME = "discovery_finds"
_SCAN_LIMIT_S = 60.0
_MOVE_LIMIT_S = 400.0
_APART_S = 12.0
_FARTHER = 100
_RUN_S = 5.0
_POLL_S = 0.05


def measure(plan: Plan) -> Result:
    """Both are of a node that looks for cameras as it does by default."""
    result = Result(NAME, "Found in a network of 254 addresses")
    with lan() as site:
        _scans(result, site, plan.runs(5))
        for polite, first in ((True, 40), (False, 50))[: plan.runs(2, 1)]:
            how = "says Bye and Hello" if polite else "says nothing"
            took = _moves(site, plan.runs(5), first, polite=polite)
            result.add(f"a camera gets another address, {how} → footage", "s", took)
    result.note(
        "A scan: hosts with RTSP and ONVIF, with RTSP alone, with a web page; nobody at the other"
        " 250 addresses. Packets are those of the node's interface, ARP among them."
    )
    result.note(
        "A camera that moved keeps its hardware address and endpoint reference; its old connections"
        f" hear nothing any more. One that says nothing is asked for every {ASK_S:.0f} s while it"
        f" is away. Moves are {_APART_S:.0f} s apart. Footage: the first fragment of a new file on"
        " the disk."
    )
    return result


def _scans(result: Result, site: Site, runs: int) -> None:
    _ = site.host(30, tcp={"554": "rtsp", "80": "onvif"})
    _ = site.host(31, tcp={"8554": "rtsp"})
    _ = site.host(32, tcp={"80": {"http": "<title>a page</title>"}})
    rows: dict[str, tuple[str, list[float]]] = {
        "a scan": ("s", []),
        "a scan: packets sent": ("", []),
        "a scan: connects": ("", []),
        "a scan: CPU": ("s", []),
    }
    with Node(discovery="true") as node:
        for _ in range(runs):
            sent, cpu_s = site.sent("lan0"), processes.cpu_s(node.pid)
            done = _scan(node)
            values = (
                done["seconds"],
                site.sent("lan0") - sent,
                done["connects"],
                processes.cpu_s(node.pid) - cpu_s,
            )
            for (_, row), value in zip(rows.values(), values, strict=True):
                row.append(value)
    for name, (unit, row) in rows.items():
        result.add(name, unit, row)


def _scan(node: Node) -> dict[str, Any]:
    """The answer of one that has ended; it found what is there."""
    node.client.post("/api/nodes/scan", json={}).raise_for_status()
    give_up = time.monotonic() + _SCAN_LIMIT_S
    while time.monotonic() < give_up:
        time.sleep(_POLL_S)
        told: dict[str, Any] = node.client.get("/api/nodes/scan").raise_for_status().json()
        if told["state"] != "running":
            break
    if told["state"] != "done" or (told["hosts_there"], len(told["found"])) != (3, 3):
        msg = f"the scan came to something else: {told}"
        raise RuntimeError(msg)
    return told


def _moves(site: Site, count: int, first: int, *, polite: bool) -> list[float]:
    """Seconds from a camera's move to its footage, of so many cameras one after the other."""
    with ExitStack() as stack:
        cameras = [LanCamera(site, first + number, polite=polite) for number in range(count)]
        for camera in cameras:
            _ = stack.enter_context(camera)
        node = stack.enter_context(Node(discovery="true"))
        ids = [_add(node, camera) for camera in cameras]
        node.wait_streams(2 * count)
        time.sleep(_RUN_S)
        return _followed(node, dict(zip(ids, cameras, strict=True)))


def _followed(node: Node, cameras: dict[str, LanCamera]) -> list[float]:
    """Move each in its turn, and wait for footage of all."""
    files = {each: Footage(node.data_dir / "media" / each) for each in cameras}
    moved: dict[str, float] = {}
    took: dict[str, float] = {}
    began = time.perf_counter()
    while len(took) < len(cameras):
        now = time.perf_counter()
        if now - began > _MOVE_LIMIT_S:
            raise TimeoutError("a camera that moved was not followed")
        if len(moved) < len(cameras) and now - began >= len(moved) * _APART_S:
            camera_id = list(cameras)[len(moved)]
            files[camera_id].forget()
            moved[camera_id] = time.perf_counter()
            cameras[camera_id].move(cameras[camera_id].number + _FARTHER)
        for camera_id in moved.keys() - took.keys():
            if files[camera_id].cameras():
                took[camera_id] = time.perf_counter() - moved[camera_id]
        time.sleep(_POLL_S)
    return list(took.values())


def _add(node: Node, camera: LanCamera) -> str:
    wanted = {"name": f"Yard {camera.number}", "start": True, **camera.login}
    return str(node.client.post("/api/cameras", json=wanted).raise_for_status().json()["id"])
