"""The page of backups and the doctor's: who may, what they ask for, what comes."""

import asyncio
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from falconeye.accounts.model import Role
from falconeye.base.secret import Secret
from falconeye.storage.backups.restore import Restored, needs_passphrase, restore
from tests.clock import START_US
from tests.integration.web_security.site import csrf_in
from tests.nodes import PASSWORD, RunningNode, running_node

pytestmark = pytest.mark.timeout(60)
PASSPHRASE = "four words in a row"


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[RunningNode]:
    async with running_node(tmp_path, "--demo") as running:
        for name, role in (("anna", Role.ADMIN), ("otto", Role.OPERATOR)):
            words = ("user", "add", name, "--role", role.value, "--password-stdin")
            code, _, err = await running.command(*words, stdin=PASSWORD)
            assert code == 0, err
        code, out, err = await running.command("token", "add", "new", "--role", "viewer")
        assert code == 0, err
        bearer = {"authorization": f"Bearer {out.strip()}"}  # a new token lets the node look
        answer = await running.client.get("/api/cameras/", headers=bearer)
        assert answer.status_code == 200
        yield running


@asynccontextmanager
async def signed_in(node: RunningNode, name: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=node.url, timeout=20, trust_env=False) as client:
        answer = await client.post("/login", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        yield client


async def form(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    page = await client.get("/settings/backup")
    assert page.status_code == 200
    values: dict[str, Any] = {
        "passphrase": PASSPHRASE, "again": PASSPHRASE, "password": PASSWORD,
        "_csrf": csrf_in(page.text), **fields,
    }  # fmt: skip
    return await client.post("/settings/backup", data=values)


async def test_what_is_downloaded_can_be_restored(node: RunningNode, tmp_path: Path) -> None:
    async with signed_in(node, "anna") as client:
        answer = await form(client)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"].startswith('attachment; filename="falconeye-')
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["content-length"]) == len(answer.content)
    file = tmp_path / "node.backup"

    def back() -> Restored:
        file.write_bytes(answer.content)
        assert needs_passphrase(file)
        return restore(
            file, tmp_path / "new", Secret(PASSPHRASE), other_key=None, has_settings=False,
            utc_us=START_US,
        )  # fmt: skip

    assert (await asyncio.to_thread(back)).in_place
    left = [path.name for path in node.data_dir.iterdir() if path.name.startswith(".backup")]
    assert left == []


async def test_a_browser_left_open_is_not_enough(node: RunningNode) -> None:
    async with signed_in(node, "anna") as client:
        for fields, words in (
            ({"passphrase": "short", "again": "short"}, "12 characters"),
            ({"again": "other words in a row"}, "differ"),
            ({"password": "not the password"}, "This is not your password."),
        ):
            answer = await form(client, **fields)
            assert (answer.status_code, words in answer.text) == (422, True)
            assert PASSPHRASE not in answer.text
        guesses = [await form(client, password=f"guess number {guess}") for guess in range(4)]
    assert 429 in {guess.status_code for guess in guesses}


async def test_only_an_admin_with_a_password(node: RunningNode) -> None:
    async with signed_in(node, "otto") as client:
        for path in ("/settings/backup", "/doctor", "/doctor/bundle"):
            assert (await client.get(path)).status_code == 403
    fields = {"passphrase": PASSPHRASE, "again": PASSPHRASE, "password": PASSWORD}
    by_token = await node.client.post("/settings/backup", data=fields)
    assert by_token.status_code == 403


async def test_the_doctor_looks_and_leaves_an_archive(node: RunningNode) -> None:
    async with signed_in(node, "anna") as client:
        page = await client.get("/doctor")
        assert page.status_code == 200
        assert "Demo" in page.text
        assert "revision" in page.text
        answer = await client.get("/doctor/bundle")
    assert answer.status_code == 200
    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        text = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert node._token not in text
    assert PASSWORD not in text
