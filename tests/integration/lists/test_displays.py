"""A screen that asks one node, and an admin at another: paired, shown, ended on both."""

import asyncio
import re
from contextlib import suppress

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from falconeye.web.security.display_cookies import DISPLAY_COOKIE
from tests.integration.lists.conftest import Two, until
from tests.nodes import NO_TLS

pytestmark = pytest.mark.timeout(60)
JSON = {"accept": "application/json"}


def screen_at(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=8, trust_env=False, verify=NO_TLS)


async def test_a_code_is_typed_at_another_node_than_the_screen_asks(nodes: Two) -> None:
    answer = await nodes.one.admin.post(
        "/api/cameras/", json={"name": "Door", "protocol": "demo", "start": True}
    )
    door = answer.json()["id"]
    await until(lambda: bool(nodes.two.services.cameras.list()))
    async with screen_at(nodes.two.url) as screen:
        found = re.search(r"[A-Z0-9]{4}-[A-Z0-9]{4}(?=</p>)", (await screen.get("/display")).text)
        assert found
        wrong = await nodes.one.admin.post("/api/displays", json={"name": "X", "code": "ACDEFGHJ"})
        assert wrong.status_code == 422
        body = {"name": "Kitchen", "code": found[0], "cameras": [door]}
        made = await nodes.one.admin.post("/api/displays", json=body)
        assert made.status_code == 201, made.text

        async def is_paired() -> bool:
            answer = await screen.post("/display/pairing", headers=JSON)
            return str(answer.json()["state"]) == "paired"

        await until(is_paired)
        assert f"/display/api/cameras/{door}/live" in (await screen.get("/display")).text

        async def has_picture() -> bool:
            picture = await screen.get(f"/display/api/cameras/{door}/snapshot.jpg")
            return picture.content.startswith(b"\xff\xd8")

        await until(has_picture)
        # The camera is at the other node, which decides again for whom it is asked.
        url = nodes.two.url.replace("http", "ws", 1) + f"/display/api/cameras/{door}/live"
        cookie = {"cookie": f"{DISPLAY_COOKIE}={screen.cookies[DISPLAY_COOKIE]}"}
        async with connect(url, additional_headers=cookie, proxy=None) as live:
            assert '"offer"' in str(await live.recv())
            path = f"/api/displays/{made.json()['id']}"
            await until(lambda: bool(nodes.one.services.accounts.displays.list()[0].paired_at_us))
            assert (await nodes.one.admin.delete(path)).status_code == 200
            async with asyncio.timeout(10):
                with suppress(ConnectionClosed):
                    while True:
                        await live.recv()
            assert live.close_code == 4401
        await until(lambda: not nodes.two.services.accounts.displays.list())
        assert (await screen.get("/display/api/events")).status_code == 401
    await nodes.one.services.cameras.stop(door, by="anna")


async def test_a_link_made_at_one_node_is_used_at_another(nodes: Two) -> None:
    made = await nodes.one.admin.post("/api/displays", json={"name": "Hall"})
    path = made.json()["pairing_path"]
    await until(lambda: bool(nodes.two.services.accounts.displays.list()))
    async with screen_at(nodes.two.url) as screen:

        async def is_there() -> bool:
            return (await screen.get(path)).status_code == 200

        await until(is_there)
        assert (await screen.post(path)).status_code == 303
        assert 'id="display"' in (await screen.get("/display")).text
        cookie = {"cookie": f"{DISPLAY_COOKIE}={screen.cookies[DISPLAY_COOKIE]}"}
    async with screen_at(nodes.one.url) as elsewhere:

        async def is_known() -> bool:
            return 'id="display"' in (await elsewhere.get("/display", headers=cookie)).text

        await until(is_known)
        assert (await elsewhere.post(path)).status_code == 404
