"""A node's SD card was copied: two whole nodes with one id and one key."""

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.test_standbys import back, ids, joined
from tests.nodes import RunningNode, running_node

pytestmark = [pytest.mark.timeout(180), pytest.mark.fault]


async def test_the_copy_is_refused_until_it_has_an_id_of_its_own(tmp_path: Path) -> None:
    async with (
        running_node(tmp_path / "pi-1", "--node-name", "pi-1") as one,
        running_node(tmp_path / "pi-2", "--node-name", "pi-2") as two,
    ):
        await joined(one, two)
        headers = {"authorization": one.client.headers["authorization"]}
        _ = await two.terminate()
        await asyncio.to_thread(shutil.copytree, tmp_path / "pi-2", tmp_path / "copy")
        await back(two)
        await one.until("/api/nodes/", lambda r: all(n["reachable"] for n in r))
        copy = RunningNode(tmp_path / "copy", "--node-name", "pi-2")
        copy.client.headers.update(headers)
        await back(copy)
        try:
            nodes = await one.until("/api/nodes/", lambda r: len(r[1]["twin_at"]) > 1, 60)
            assert (nodes[1]["name"], nodes[1]["reachable"]) == ("pi-2", True)
            page = (await one.client.get("/nodes", headers={"accept": "text/html"})).text
            assert "The same node id is at two nodes" in page
            assert "falconeye node new-id" in page
            # The copy hears so itself.
            await copy.until("/api/nodes/", lambda r: r[0]["twin_at"], 30)
            code, out, err = await one.command("node", "list")
            assert code == 0, err
            assert "the same node id at" in out
            # The first one is heard throughout, the copy is not.
            assert (await two.json("/api/nodes/"))[1]["reachable"]
            await copy.until("/api/nodes/", lambda r: not r[1]["reachable"], 30)
            assert (await copy.command("node", "new-id"))[0] != 0  # a recorder runs on it
            assert (await copy.json("/api/nodes/"))[0]["this_node"] is True
        finally:
            await copy.stop()
        before = (await ids(one))["pi-2"]
        code, out, err = await copy.command("node", "new-id", "--json")
        assert code == 0, err
        await back(copy)
        try:
            own = await copy.json("/api/nodes/")
            assert len(own) == 1
            assert own[0]["id"] != before
        finally:
            await copy.stop()
        assert (await ids(one))["pi-2"] == before
