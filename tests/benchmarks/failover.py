"""(s) Footage that is lost when the node dies that records a camera."""

import datetime as dt
import time
from typing import Any

from tests.benchmarks.cluster import Cluster, Place, cluster
from tests.benchmarks.figures import Plan, Result
from tests.peers.media_samples import audio_clip, video_clip
from tests.peers.replay_rtsp import ReplayServer

NAME = "failover"
NODES = 3
BUDGET_S = 20.0
_RECORDED_S = 5.0  # footage of the owner before it dies
_LIMIT_S = 60.0


def measure(plan: Plan) -> Result:
    """The owner dies without a word, another records, the owner comes back and records again."""
    result = Result(NAME, f"A node dies that records a camera; {NODES} nodes")
    lost: list[float] = []
    noticed: list[float] = []
    doubled: list[float] = []
    with cluster() as nodes, ReplayServer(address=nodes.address) as server:
        server.add("door", video=video_clip(gop=25), audio=audio_clip())
        camera = _set_up(nodes, server.url("door"))
        owner = nodes.places[-1]
        for _ in range(plan.runs(4)):
            time.sleep(_RECORDED_S)
            owner.die()
            died = time.time()
            begun = _recorded_by_another(nodes, camera, owner, died)
            noticed.append(begun - died)
            nodes.revive(owner)
            back = _recorded_by_itself(nodes, camera, owner, died)
            lost.append(begun - _last_second(nodes, camera, owner, died))
            doubled.append(_others_end(nodes, camera, owner) - back)
    result.add("footage lost at the node's death", "s", lost, budget=BUDGET_S)
    result.add("death → first picture that another records", "s", noticed)
    result.add("the owner records again → the other one has stopped", "s", doubled)
    result.note(
        "The owner's cable is pulled, then it is killed: nobody is told, and it counts as heard "
        "for 15 s. Lost is what is in no file: from the end of its last footage, as its index has "
        "it after the next start, to the first picture of another. The camera sends a keyframe a "
        "second."
    )
    result.note(
        "A leader's death: 0 s by construction, not measured here. Who records is decided by each "
        "node from what it hears, without a leader, and outside Kubernetes there is none. Death of "
        "a leader's node that also records is therefore the row above."
    )
    return result


def _set_up(nodes: Cluster, url: str) -> str:
    """The camera's id; the last node owns it, because it had it before it joined."""

    def add(place: Place) -> None:
        if place is nodes.places[NODES - 1]:
            place.node.add_camera("door", url)

    nodes.grow(NODES, add)
    (camera,) = nodes.first.client.get("/api/cameras").raise_for_status().json()["cameras"]
    identity = str(camera["id"])
    nodes.wait(lambda: _state(nodes.first, identity)["recording"], "the camera is not recorded")
    return identity


def _state(place: Place, camera: str) -> dict[str, Any]:
    found: dict[str, Any] = place.client.get(f"/api/cameras/{camera}").raise_for_status().json()
    return found


def _recordings(place: Place, camera: str) -> list[dict[str, Any]]:
    """Of all nodes that this one hears, the newest first."""
    answer = place.client.get("/api/recordings", params={"camera_id": camera})
    found: list[dict[str, Any]] = answer.raise_for_status().json()["recordings"]
    return found


def _recorded_by_another(nodes: Cluster, camera: str, owner: Place, died: float) -> float:
    """Since when (epoch seconds)."""
    begun: list[float] = []

    def found() -> bool:
        begun[:] = [
            _seconds(one["start_time"])
            for one in _recordings(nodes.first, camera)
            if one["node_name"] != owner.name and _seconds(one["start_time"]) > died - 1
        ]
        return bool(begun)

    nodes.wait(found, "nobody else records", _LIMIT_S)
    return min(begun)


def _recorded_by_itself(nodes: Cluster, camera: str, owner: Place, died: float) -> float:
    """Since when the owner records again (epoch seconds)."""
    begun: list[float] = []

    def found() -> bool:
        begun[:] = [
            _seconds(one["start_time"])
            for one in _recordings(owner, camera)
            if one["node_name"] == owner.name and _seconds(one["start_time"]) > died
        ]
        return bool(begun)

    nodes.wait(found, "the owner does not record again", _LIMIT_S)
    return min(begun)


def _last_second(nodes: Cluster, camera: str, owner: Place, died: float) -> float:
    """The end of what the owner recorded before it died (epoch seconds)."""
    ends: list[float] = []

    def ended() -> bool:
        ends[:] = [
            _seconds(one["end_time"])
            for one in _recordings(owner, camera)
            if one["node_name"] == owner.name and _seconds(one["start_time"]) < died
            and one["end_time"]
        ]  # fmt: skip
        return bool(ends)

    nodes.wait(ended, "the owner's footage of before is not there", _LIMIT_S)
    return max(ends)


def _others_end(nodes: Cluster, camera: str, owner: Place) -> float:
    """When all but the owner stopped (epoch seconds)."""
    ends: list[float] = []

    def stopped() -> bool:
        others = [one for one in _recordings(owner, camera) if one["node_name"] != owner.name]
        ends[:] = [_seconds(one["end_time"]) for one in others if one["end_time"]]
        return len(ends) == len(others)

    nodes.wait(stopped, "another one goes on", _LIMIT_S)
    return max(ends)


def _seconds(told: str) -> float:
    return dt.datetime.fromisoformat(told).timestamp()
