"""(t) Two halves of a cluster that do not hear each other, change, and become one again."""

import time
from typing import Any

from tests.benchmarks.cluster import Cluster, Place, cluster
from tests.benchmarks.figures import Plan, Result

NAME = "partition"
CAMERAS = 4  # a node; stopped
_LIMIT_S = 60.0


def measure(plan: Plan) -> Result:
    """Cut in the middle; each half edits what the other edits, too; healed."""
    nodes_count = 2 if plan.is_quick else 4
    parted_s = plan.seconds(60.0, 20.0)  # more than the 15 s for which a node counts as heard
    result = Result(NAME, f"Parted for {parted_s:.0f} s, {nodes_count} nodes, two halves")
    agreed: list[float] = []
    heard: list[float] = []
    with cluster() as nodes:
        nodes.grow(nodes_count, lambda place: place.add_cameras(CAMERAS))
        middle = nodes_count // 2
        for turn in range(plan.runs(2)):
            halves = nodes.places[:middle], nodes.places[middle:]
            begun = time.monotonic()
            with nodes.parted(*halves):
                for half in halves:
                    _change(half[0], turn)
                time.sleep(max(0.0, parted_s - (time.monotonic() - begun)))
                _check_parted(nodes, halves[0][0], halves[1][0])
            healed = time.monotonic()
            _wait_agreed(nodes, turn)
            agreed.append(time.monotonic() - healed)
            nodes.wait_whole()
            heard.append(time.monotonic() - healed)
    result.add("healed → all nodes have the same configuration", "s", agreed)
    result.add("healed → every node hears every other one", "s", heard)
    result.note(
        "nftables drops what one half sends the other. Meanwhile each half renames all "
        f"{CAMERAS * nodes_count} cameras and adds one; afterwards each node must have one name "
        "for each camera, the same as all others, and both new ones. Each is asked every 0.1 s."
    )
    return result


def _cameras(place: Place) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        place.client.get("/api/cameras").raise_for_status().json()["cameras"]
    )
    return found


def _change(place: Place, turn: int) -> None:
    for number, camera in enumerate(_cameras(place)):
        name = f"{number} as {place.name} says in turn {turn}"
        place.client.patch(f"/api/cameras/{camera['id']}", json={"name": name}).raise_for_status()
    body = {
        "name": f"new at {place.name} in turn {turn}",
        "protocol": "rtsp",
        "source_url": f"rtsp://{place.address}/new/{turn}",
        "start": False,
    }
    place.client.post("/api/cameras", json=body).raise_for_status()


def _names(place: Place) -> dict[str, str]:
    return {str(camera["id"]): str(camera["name"]) for camera in _cameras(place)}


def _check_parted(nodes: Cluster, one: Place, other: Place) -> None:
    """What is measured must have been: each half has what the other lacks."""
    if len(nodes.places) > 1 and not set(_names(one)) ^ set(_names(other)):
        raise RuntimeError("the halves were not parted")


def _wait_agreed(nodes: Cluster, turn: int) -> None:
    def agree() -> bool:
        told = [_names(place) for place in nodes.places]
        new = [name for name in told[0].values() if name.endswith(f"turn {turn}") and "new" in name]
        return len(new) == 2 and all(one == told[0] for one in told)

    nodes.wait(agree, "the nodes do not agree", _LIMIT_S)
