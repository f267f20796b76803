"""A camera at its owner's own loopback address stays there: others have another thing at theirs."""

from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.test_standbys import back, ids, joined, owned
from tests.nodes import RunningNode, running_node
from tests.peers.media_samples import video_clip
from tests.peers.own_address import own_address
from tests.peers.replay_rtsp import ReplayServer

pytestmark = [pytest.mark.timeout(180), pytest.mark.fault]


async def test_nobody_else_records_a_camera_at_127_0_0_1(tmp_path: Path) -> None:
    """The other node would get pictures there: both are on one machine."""
    clip = video_clip(gop=25)
    with ReplayServer() as own, ReplayServer(address=own_address()) as lan:
        inner, _ = own.add("inner", video=clip), lan.add("yard", video=clip)
        async with (
            running_node(tmp_path / "pi-1", "--node-name", "pi-1") as one,
            running_node(tmp_path / "pi-2", "--node-name", "pi-2") as two,
        ):
            inner_id = await two.add("Inner", own.url("inner"), audio=False)
            # The same address means another camera there: both have it, and none is one too many.
            same = await one.add("Same", own.url("inner"), audio=False, start=False)
            await joined(one, two)
            yard_id = await owned(one, "Yard", lan.url("yard"), "pi-2")
            path = f"/api/cameras/{inner_id}"
            there = await one.until(path, lambda c: c["recording"], 30)
            assert (there["node_name"], inner.sessions) == ("pi-2", 1)
            # One that is added at this node is this node's, whatever the settings prefer.
            late = await one.add("Late", own.url("inner") + "?late", audio=False, start=False)
            for camera in (same, late):
                shown = await one.json(f"/api/cameras/{camera}")
                assert (shown["node_name"], shown["same_address"]) == ("pi-1", [])
            await refuse_to_move(one, inner_id)
            connections = inner.connections

            await two.kill()
            # The one in the network is stood in for, so this one could have been by now.
            stood_in = {"standby_node": "pi-1", "recording": True}
            await one.until(
                f"/api/cameras/{yard_id}",
                lambda c: {key: c[key] for key in stood_in} == stood_in,
                40,
            )
            told = await one.json(path)
            assert (told["recording"], told["online"], told["standby_node"]) == (False, False, None)
            # Nobody tried its port either.
            assert (inner.sessions, inner.connections) == (0, connections)
            listed = (await one.json("/api/recordings/", camera_id=inner_id))["recordings"]
            assert {each["node_name"] for each in listed} <= {"pi-2"}
            line = await one.until(f"{path}/timeline", _is_untold, 30)
            untold = line["gaps"][-1]
            assert (untold["reason"], untold["node"]) == ("unknown", "pi-2")
            died_at = untold["from"]
            said = "No other node can stand in for it: at this address each node reaches only"
            assert said in (await one.client.get(f"/cameras/{inner_id}")).text
            assert said not in (await one.client.get(f"/cameras/{yard_id}")).text

            await back(two)
            await one.until(path, lambda c: c["recording"] and c["node_name"] == "pi-2", 30)
            line = await one.until(f"{path}/timeline", _is_told, 30)
            (crash,) = [gap for gap in line["gaps"] if gap["to"] > died_at]
            assert crash["reason"] == "node_crashed", line["gaps"]
            names = {each["id"]: each["name"] for each in line["nodes"]}
            assert {names[one] for each in line["spans"] for one in each["nodes"]} == {"pi-2"}


async def refuse_to_move(node: RunningNode, camera_id: str) -> None:
    wish = {"camera": camera_id, "node": (await ids(node))["pi-1"]}
    answer = await node.client.post("/nodes/move", data=wish)
    assert answer.status_code == 409, answer.text
    assert "loopback address of that node" in answer.text


def _is_untold(line: Any) -> bool:
    last = line["gaps"][-1] if line["gaps"] else {}
    return last.get("unreachable_since") is not None


def _is_told(line: Any) -> bool:
    """All of it: what its node has told since it is back has its times before and after."""
    is_known = not any("node" in gap for gap in line["gaps"])
    return is_known and any(gap["reason"] == "node_crashed" for gap in line["gaps"])
