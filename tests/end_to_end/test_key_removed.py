"""A node that was removed does not come back by the cluster key, however often it asks."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.keyed_nodes import keyed_nodes
from tests.nodes import LOOK_S, NO_TLS

pytestmark = [pytest.mark.timeout(150), pytest.mark.fault]


async def test_a_removed_node_stays_out_until_it_has_a_new_id(tmp_path: Path) -> None:
    async with keyed_nodes(tmp_path, 2) as (one, two):
        for node in (one, two):
            await node.until("/api/nodes/", lambda r: len(r) == 2 and r[1]["reachable"], 60)
        before = (one.data_dir / "data.key").read_text().split()
        code, _, err = await one.command("node", "remove", "pi-1", "--yes")
        assert code == 0, err
        await one.until("/api/nodes/", lambda r: [n["name"] for n in r] == ["pi-0"])
        # It hears of it from a last exchange, or is refused at the next.
        while (  # noqa: ASYNC110 - other processes change it
            "which was removed" not in (await one.client.get("/nodes")).text
            and "was removed from its cluster" not in (await two.client.get("/nodes")).text
        ):
            await asyncio.sleep(LOOK_S)
        # The data key was changed, and the derived one is not the newest any more.
        after = (one.data_dir / "data.key").read_text().split()
        assert after[1:] == before
        await two.terminate()
        code, _, err = await two.command("node", "new-id")
        assert code == 0, err
        await two.start()
        await one.until("/api/nodes/", lambda r: len(r) == 2 and r[1]["reachable"], 60)
        await one.line("is a member")
        async with httpx.AsyncClient(base_url=two.url, trust_env=False, verify=NO_TLS) as client:
            async with asyncio.timeout(20):
                while (answer := await client.get("/readyz")).status_code != 200:
                    assert answer.status_code == 503
                    await asyncio.sleep(LOOK_S)
        while (two.data_dir / "data.key").read_text().split()[0] != after[0]:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
        assert (one.data_dir / "data.key").read_text().split() == after
