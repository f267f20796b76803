"""A backup is brought back by the page and by the API, of a node that runs, by real HTTP."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.web_security.site import csrf_in
from tests.nodes import PASSWORD, RunningNode, running_node

pytestmark = pytest.mark.timeout(120)
PASSPHRASE = "four words in a row"
SECOND = "another horse battery"


async def ran(node: RunningNode, *words: str, stdin: str = "") -> str:
    code, out, err = await node.command(*words, stdin=stdin)
    assert code == 0, out + err
    return out


@asynccontextmanager
async def signed_in(
    node: RunningNode, name: str = "anna", password: str = PASSWORD
) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=node.url, timeout=20, trust_env=False) as client:
        answer = await client.post("/login", data={"name": name, "password": password})
        assert answer.status_code == 303, answer.text
        yield client


async def filled(node: RunningNode) -> None:
    """A camera, an admin and a viewer; the node knows them at once."""
    await ran(node, "user", "add", "anna", "--role", "admin", "--password-stdin", stdin=PASSWORD)
    await ran(node, "user", "add", "otto", "--role", "viewer", "--password-stdin", stdin=PASSWORD)
    token = await ran(node, "token", "add", "look", "--role", "viewer")
    bearer = {"authorization": f"Bearer {token.strip()}"}  # a new token lets the node look
    assert (await node.client.get("/api/cameras/", headers=bearer)).status_code == 200
    answer = await node.client.post(
        "/api/cameras/",
        json={"name": "Door", "protocol": "rtsp", "source_url": "rtsp://192.0.2.9/door",
              "start": False},
    )  # fmt: skip
    assert answer.status_code == 201, answer.text


async def downloaded(client: httpx.AsyncClient) -> bytes:
    page = await client.get("/settings/backup")
    fields = {"passphrase": PASSPHRASE, "again": PASSPHRASE, "password": PASSWORD}
    answer = await client.post("/settings/backup", data={**fields, "_csrf": csrf_in(page.text)})
    assert answer.status_code == 200, answer.text
    return answer.content


async def changed(node: RunningNode) -> None:
    """What the backup does not know: another camera, another password, one person less."""
    [door] = await names(node)
    assert door == "Door"
    found = (await node.json("/api/cameras/"))["cameras"]
    gone = await node.client.delete(f"/api/cameras/{found[0]['id']}")
    assert gone.status_code in {200, 204}, gone.text
    await node.add("Cellar", "rtsp://192.0.2.9/cellar", start=False)
    await ran(node, "user", "remove", "otto")
    await ran(node, "user", "add", "eve", "--role", "viewer", "--password-stdin", stdin=SECOND)


async def names(node: RunningNode) -> list[str]:
    found = (await node.json("/api/cameras/"))["cameras"]
    return sorted(one["name"] for one in found)


async def looked(client: httpx.AsyncClient, content: bytes | None, **fields: str) -> httpx.Response:
    """The form as a browser sends it: all fields before the file."""
    page = await client.get("/settings/backup")
    values = {"_csrf": csrf_in(page.text), "password": PASSWORD, "passphrase": PASSPHRASE, **fields}
    files: dict[str, Any] = {name: (None, value) for name, value in values.items()}
    if content is not None:
        files["file"] = ("node.backup", content, "application/octet-stream")
    return await client.post("/settings/backup/look", files=files)


async def restored(client: httpx.AsyncClient, page: httpx.Response) -> httpx.Response:
    look_id = re.search(r'name="id" value="([^"]+)"', page.text)
    assert look_id, page.text
    fields = {"id": look_id[1], "_csrf": csrf_in(page.text)}
    return await client.post("/settings/backup/restore", data=fields)


async def is_as_before(node: RunningNode) -> None:
    """The old camera and people are back, with their passwords; who was signed in is not."""
    async with signed_in(node), signed_in(node, "otto"):
        pass
    node.client = httpx.AsyncClient(
        base_url=node.url, headers={"authorization": f"Bearer {node._token}"}, timeout=20,
        trust_env=False,
    )  # fmt: skip
    assert await names(node) == ["Door"]
    async with httpx.AsyncClient(base_url=node.url, timeout=20, trust_env=False) as eve:
        answer = await eve.post("/login", data={"name": "eve", "password": SECOND})
        assert answer.status_code != 303


async def test_a_managed_node_comes_back_with_the_old_things(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under systemd: the process ends in order by itself, and is started again."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        async with running_node(tmp_path) as node:
            await filled(node)
            async with signed_in(node) as client:
                content = await downloaded(client)
                await changed(node)
                page = await looked(client, content)
                assert page.status_code == 200, page.text
                for words in ("Door", "anna, otto", "Cellar", "eve", "signed out", "restarts"):
                    assert words in page.text
                assert await names(node) == ["Cellar"]  # a look changes nothing
                answer = await restored(client, page)
                assert (answer.status_code, "restarts now" in answer.text) == (200, True)
                assert await asyncio.wait_for(node.process.wait(), 60) == 0
            await node._ended()
            await node.start()
            async with httpx.AsyncClient(base_url=node.url, cookies=client.cookies) as before:
                assert (await before.get("/settings/backup")).status_code == 303
            await is_as_before(node)
            code, out, err = await node.command("check", "--media-dir", str(node.media_dir))
            assert code == 0, out + err
            left = [path.name for path in node.data_dir.iterdir()]
            assert not [name for name in left if name.startswith((".backup", "restore."))]
            assert [name for name in left if "-replaced-" in name]  # what was there is kept


async def test_by_hand_it_is_said_what_to_do(tmp_path: Path) -> None:
    """By the API, and a person starts the node again."""
    async with running_node(tmp_path) as node:
        await filled(node)
        async with signed_in(node) as client:
            content = await downloaded(client)
            await changed(node)
            page = await client.get("/settings/backup")
            header = {"x-csrf-token": csrf_in(page.text)}
            fields: dict[str, Any] = {
                "password": (None, PASSWORD), "passphrase": (None, PASSPHRASE),
                "file": ("node.backup", content),
            }  # fmt: skip
            answer = await client.post("/api/backups/look", files=fields, headers=header)
            assert answer.status_code == 200, answer.text
            look = answer.json()
            assert (look["cameras"], look["users"], look["admins"]) == (
                ["Door"], ["anna", "otto"], ["anna"],
            )  # fmt: skip
            assert (look["cameras_gone"], look["users_gone"]) == (["Cellar"], ["eve"])
            assert look["node_name"]
            body = {"id": look["id"]}
            asked = await client.post("/api/backups/restore", json=body, headers=header)
            assert (asked.status_code, asked.json()["restarts"]) == (202, False)
            again = await client.post("/api/backups/restore", json=body, headers=header)
            assert again.status_code == 404
            listed = await client.get("/api/backups/")
            assert listed.json()["restore_waits"] is True
            assert "A restore waits" in (await client.get("/settings/backup")).text
            assert await names(node) == ["Cellar"]  # it goes on with the present data
        await node.terminate()
        await node.start()
        await is_as_before(node)


async def test_by_hand_the_page_says_it_and_drops_it(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node:
        await filled(node)
        async with signed_in(node) as client:
            content = await downloaded(client)
            await changed(node)
            page = await looked(client, content)
            assert "started by hand" in page.text
            answer = await restored(client, page)
            assert (answer.status_code, "Ctrl+C" in answer.text) == (200, True)
            page = await client.get("/settings/backup")
            dropped = await client.post(
                "/settings/backup/forget", data={"_csrf": csrf_in(page.text)}
            )
            assert dropped.status_code == 303
            assert "A restore waits" not in (await client.get("/settings/backup")).text
        await node.terminate()
        await node.start()
        node.client = httpx.AsyncClient(
            base_url=node.url, headers={"authorization": f"Bearer {node._token}"}, timeout=20,
            trust_env=False,
        )  # fmt: skip
        assert await names(node) == ["Cellar"]
