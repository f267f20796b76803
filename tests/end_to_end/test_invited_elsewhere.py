"""An invitation that one node made is redeemed at another, once, and is removed from both."""

from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.test_cluster import joined
from tests.nodes import NO_TLS, RunningNode, running_node

pytestmark = [pytest.mark.timeout(120), pytest.mark.fault]

THEIRS = "another long one"


def browser(node: RunningNode) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=node.url, timeout=20, trust_env=False, verify=NO_TLS)


async def test_a_link_works_at_every_node(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(running_node(tmp_path / name, "--node-name", name))
            for name in ("pi-1", "pi-2")
        ]
        await joined(one, two)
        two.client.headers["authorization"] = one.client.headers["authorization"]
        answer = await one.client.post("/api/invitations/", json={"name": "Eve"})
        assert answer.status_code == 201, answer.text
        invitation = answer.json()
        await two.until("/api/invitations/", lambda r: r["total"] == 1)
        form = {"new_password": THEIRS, "again_password": THEIRS}
        at_two = await stack.enter_async_context(browser(two))
        assert "Welcome, Eve" in (await at_two.get(invitation["path"])).text
        chosen = await at_two.post(invitation["path"], data=form)
        assert (chosen.status_code, chosen.headers["location"]) == (303, "/")
        await one.until("/api/invitations/", lambda r: r["total"] == 0)
        at_one = await stack.enter_async_context(browser(one))
        assert (await at_one.post(invitation["path"], data=form)).status_code == 404
        login = await at_one.post("/login", data={"name": "Eve", "password": THEIRS})
        assert (login.status_code, login.headers["location"]) == (303, "/")
        # Her sessions of both nodes are one list, and end everywhere.
        path = f"/api/users/{invitation['id']}"
        await two.until(f"{path}/sessions", lambda r: r["total"] == 2)
        assert (await one.client.delete(path)).status_code == 200
        await two.until("/api/users/", lambda r: "Eve" not in [u["name"] for u in r["users"]])
        assert (await at_two.get("/api/cameras/")).status_code == 401
        assert (await at_one.get("/api/cameras/")).status_code == 401
