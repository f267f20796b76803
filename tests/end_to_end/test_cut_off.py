"""An owner that hears its peers and not its camera, on a real network: who reaches it records."""

import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.cluster import Cluster
from tests.chaos.judging import BLIND_S
from tests.chaos.network import Network
from tests.chaos.plan import Fault, Kind

pytestmark = [
    pytest.mark.timeout(300), pytest.mark.fault, pytest.mark.root,
    pytest.mark.skipif(
        os.geteuid() != 0 or any(shutil.which(each) is None for each in ("ip", "tc", "nft")),
        reason="networks of its own need root, iproute2 and nftables",
    ),
]  # fmt: skip
OWNER = 1  # of camera 0, by `Cluster.begin`
BUSY_S = 15.0  # this machine is shared; the bounds themselves are those of `tests/chaos`


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """Two nodes and a camera; the second node owns it, and records it."""
    with ExitStack() as stack:
        network = Network(2, 1)
        stack.callback(network.close)
        stack.enter_context(network.inside())
        network.cameras[0].switch_on()
        made = Cluster(tmp_path, network)
        try:
            await made.begin()
            yield made
        finally:
            await made.end()


async def test_a_standby_records_while_the_owner_does_not_reach_the_camera(
    cluster: Cluster,
) -> None:
    standby, owner = cluster.nodes
    path = f"/api/cameras/{cluster.cameras[0]}"
    await standby.until(f"{path}/timeline", _ends_within_footage)
    with cluster.network.fault(Fault(0, 0, Kind.BLIND, OWNER)):
        stood_in = {"standby_node": standby.name, "recording": True, "online": True}
        for node in (standby, owner):  # whoever is asked: the owner sees nothing itself
            camera = await node.until(
                path, lambda c: {key: c[key] for key in stood_in} == stood_in, BLIND_S + BUSY_S
            )
            assert camera["node_name"] == owner.name
            picture = await node.client.get(f"{path}/snapshot.jpg")
            assert picture.status_code == 200, picture.text
        for node in cluster.nodes:
            assert all(one["reachable"] for one in await node.json("/api/nodes/"))
        await standby.line(f"{cluster.cameras[0]}: standby, because: owner_unable")
        # The ledger of each: what was lost, because the owner did not reach it; then the standby.
        for node in (standby, owner):
            line = await node.until(f"{path}/timeline", _has_footage_of(standby.name), 40)
            lost = _lost(line)
            assert {gap["reason"] for gap in lost} == {"camera_offline"}, json.dumps(lost)
            lost_s = sum(map(_seconds, lost))
            assert lost_s < BLIND_S + BUSY_S, json.dumps(lost)
    # It reaches the camera again: both record until the owner has ten seconds, then it alone.
    back = {"standby_node": None, "node_name": owner.name, "recording": True, "online": True}
    for node in (standby, owner):
        await node.until(path, lambda c: {key: c[key] for key in back} == back, 90)
    await standby.line(f"{cluster.cameras[0]}: not, because: elsewhere")
    for node in (standby, owner):
        line = await node.until(f"{path}/timeline", _is_handed_back(standby.name, owner.name), 40)
        # Nothing was lost by giving it back.
        assert sum(map(_seconds, _lost(line))) < lost_s + 1, json.dumps(line["gaps"])
        both = [one for one in line["spans"] if len(one["nodes"]) == 2]
        assert sum(map(_seconds, both)) > 9, line["spans"]


def _ends_within_footage(line: Any) -> bool:
    return bool(line["spans"]) and sum(map(_seconds, line["spans"])) > 5


def _has_footage_of(name: str) -> Any:
    """Of that node alone, after the last gap; and all of what others had to tell."""

    def known(line: Any) -> bool:
        if any("node" in gap for gap in line["gaps"]):
            return False
        last = max((one["to"] for one in line["gaps"]), default="")
        return any(
            names == [name] and one["from"] >= last and _seconds(one) > 1
            for one, names in _named(line)
        )

    return known


def _is_handed_back(standby: str, owner: str) -> Any:
    """First the standby alone, then both, then the owner alone."""

    def known(line: Any) -> bool:
        if any("node" in gap for gap in line["gaps"]):
            return False
        spans = [tuple(sorted(names)) for one, names in _named(line) if _seconds(one) > 1]
        return spans[-3:] == [(standby,), tuple(sorted((standby, owner))), (owner,)]

    return known


def _lost(line: Any) -> list[Any]:
    """The gaps since it was recorded first; one may be told in several pieces."""
    first = min(one["from"] for one in line["spans"])
    return [gap for gap in line["gaps"] if gap["from"] >= first]


def _named(line: Any) -> list[tuple[Any, list[str]]]:
    """The spans, each with the names of the nodes that have it."""
    names = {each["id"]: each["name"] for each in line["nodes"]}
    return [(one, [names[node_id] for node_id in one["nodes"]]) for one in line["spans"]]


def _seconds(piece: Any) -> float:
    begin, end = (datetime.fromisoformat(piece[name]) for name in ("from", "to"))
    return (end - begin).total_seconds()
