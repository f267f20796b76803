"""Two whole nodes, one time line: what a dead node has told, and what it has not."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.test_cluster import joined
from tests.nodes import running_node

pytestmark = [pytest.mark.timeout(180), pytest.mark.fault]


async def test_a_dead_node_is_named_with_what_it_holds_and_is_whole_when_it_returns(
    tmp_path: Path,
) -> None:
    async with (
        running_node(tmp_path / "pi-1", "--node-name", "pi-1") as one,
        running_node(tmp_path / "pi-2", "--node-name", "pi-2") as two,
    ):
        created = {"name": "Yard", "protocol": "demo", "start": True}
        answer = await two.client.post("/api/cameras/", json=created)
        yard = answer.json()["id"]
        await joined(one, two)
        two.client.headers["authorization"] = one.client.headers["authorization"]
        await one.until("/api/nodes/", lambda r: len(r) == 2)

        await one.until("/api/cameras/", lambda r: len(r["cameras"]) == 1)
        line = await one.until(f"/api/cameras/{yard}/timeline", _has(5), 40)
        span = next(each for each in line["spans"] if each["stream"] == "main")
        names = {each["id"]: each["name"] for each in line["nodes"]}
        assert [names[node_id] for node_id in span["nodes"]] == ["pi-2"] == [span["node"]]
        assert span["reachable"]
        assert not any("node" in gap for gap in line["gaps"])

        port = int(two.url.rsplit(":", 1)[1])
        await two.kill()
        line = await one.until(f"/api/cameras/{yard}/timeline", _is_untold, 60)
        untold = line["gaps"][-1]
        assert (untold["reason"], untold["node"]) == ("unknown", "pi-2")
        held = r"\d\d:\d\d(:\d\d)?–\d\d:\d\d(:\d\d)?"  # in seconds within one minute
        words = rf"^unknown, pi-2 unreachable since \d\d:\d\d; it holds {held}$"
        assert re.match(words, untold["detail"]), untold["detail"]
        assert untold["holds"][-1]["to"] == untold["from"]
        assert untold["unreachable_since"] is not None
        assert all(not each["reachable"] for each in line["spans"])
        for page in (f"/cameras/{yard}/footage", f"/footage?cameras={yard}"):
            shown = (await one.client.get(page)).text
            assert untold["detail"] in shown
            assert "recorded by pi-2, unreachable since" in shown
        shown = (await one.client.get(f"/footage/days?cameras={yard}")).text
        assert "pi-2 is unreachable since" in shown
        died_at = untold["from"]

        await two.start(port=port)
        # All of it is there again: of the time before it died, and of its standby after.
        line = await one.until(f"/api/cameras/{yard}/timeline", _is_whole(died_at), 60)
        (crash,) = [gap for gap in line["gaps"] if died_at <= gap["from"]]
        assert crash["reason"] == "node_crashed", line["gaps"]
        shown = (await one.client.get(f"/cameras/{yard}/footage")).text
        assert "unreachable" not in shown.replace("{node}, unreachable", "")


def _has(seconds: int) -> Any:
    def known(line: Any) -> bool:
        return any(_length(each) > seconds for each in line["spans"])

    return known


def _length(piece: Any) -> float:
    begin, end = (datetime.fromisoformat(piece[name]) for name in ("from", "to"))
    return (end - begin).total_seconds()


def _is_untold(line: Any) -> bool:
    last = line["gaps"][-1] if line["gaps"] else {}
    return last.get("unreachable_since") is not None


def _is_whole(died_at: str) -> Any:
    def known(line: Any) -> bool:
        is_known = not any("node" in gap for gap in line["gaps"])
        names = {each["id"]: each["name"] for each in line["nodes"]}
        again = {
            names[node_id]
            for each in line["spans"]
            for node_id in each["nodes"]
            if each["to"] > died_at and each["reachable"]
        }
        return is_known and again == {"pi-1", "pi-2"}

    return known
