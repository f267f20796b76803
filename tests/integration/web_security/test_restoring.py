"""Restoring by page and API: who may, what is asked for, and what is said when it cannot be."""

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from falconeye.storage.backups.snapshot import snapshot
from tests.integration.web_security.site import csrf_in
from tests.integration.web_security.test_backup import PASSPHRASE, form, node, signed_in
from tests.nodes import PASSWORD, RunningNode

__all__ = ["node"]  # the fixture
pytestmark = pytest.mark.timeout(60)
NIGHT = "nightly-20261120T020000Z.sqlite3"
LOOK, RESTORE = "/settings/backup/look", "/settings/backup/restore"


async def look(
    client: httpx.AsyncClient, content: bytes | None = None, **fields: str
) -> httpx.Response:
    page = await client.get("/settings/backup")
    values = {"_csrf": csrf_in(page.text), "password": PASSWORD, **fields}
    files: dict[str, Any] = {name: (None, value) for name, value in values.items()}
    if content is not None:
        files["file"] = ("node.backup", content)
    return await client.post(LOOK, files=files)


def left(node: RunningNode) -> list[str]:
    """What an upload, a look or a restore leaves in the data directory."""
    names = [path.name for path in node.data_dir.iterdir()]
    return [name for name in names if name.startswith((".backup", "restore."))]


def of_a_newer_release(folder: Path) -> bytes:
    path = folder / "newer.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
    return path.read_bytes()


async def test_what_cannot_be_restored_is_said(node: RunningNode, tmp_path: Path) -> None:
    newer = await asyncio.to_thread(of_a_newer_release, tmp_path)
    async with signed_in(node, "anna") as client:
        good = (await form(client)).content
        for content, fields, words in (
            (good, {"passphrase": "another passphrase"}, "The passphrase is wrong."),
            (good, {}, "This backup needs its passphrase."),
            (good[:-20], {"passphrase": PASSPHRASE}, "damaged"),
            (b"a picture of a cat" * 99, {}, "The file node.backup is no backup of FalconEye."),
            (newer, {}, "Install that release first."),
            (None, {}, "Choose a file, or one of the nights; not both."),
            (good, {"kept": NIGHT}, "Choose a file, or one of the nights; not both."),
            (b"", {}, "Choose a file, or one of the nights; not both."),
        ):
            answer = await look(client, content, **fields)
            assert (answer.status_code, words in answer.text) == (422, True), (words, answer.text)
            assert PASSPHRASE not in answer.text
        away = await look(client, kept="../data.key")
        assert (away.status_code, "no such nightly backup" in away.text) == (404, True)
    assert await asyncio.to_thread(left, node) == []


async def test_nothing_is_taken_from_who_does_not_know_the_password(node: RunningNode) -> None:
    async with signed_in(node, "anna") as client:
        good = (await form(client)).content
        for fields in ({"password": "not the password"}, {"password": ""}):
            answer = await look(client, good, passphrase=PASSPHRASE, **fields)
            assert (answer.status_code, "This is not your password." in answer.text) == (422, True)
        page = await client.get("/settings/backup")
        files: list[tuple[str, Any]] = [  # the password behind the file
            ("_csrf", (None, csrf_in(page.text))),
            ("passphrase", (None, PASSPHRASE)),
            ("file", ("node.backup", good)),
            ("password", (None, PASSWORD)),
        ]
        behind = await client.post(LOOK, files=files)
        assert behind.status_code in {422, 429}
        guesses = [await look(client, good, password=f"guess {number}") for number in range(4)]
        assert guesses[-1].status_code == 429
    assert await asyncio.to_thread(left, node) == []


async def test_only_an_admin_with_a_password_and_a_page_of_ours(node: RunningNode) -> None:
    fields: dict[str, Any] = {"password": (None, PASSWORD), "file": ("x", b"x")}
    async with signed_in(node, "otto") as client:
        for method, path in (
            ("POST", LOOK), ("POST", "/api/backups/look"), ("POST", RESTORE),
            ("POST", "/api/backups/restore"), ("GET", "/api/backups/"),
            ("DELETE", "/api/backups/restore"), ("POST", "/settings/backup/forget"),
        ):  # fmt: skip
            assert (await client.request(method, path)).status_code == 403, path
    for path in (LOOK, "/api/backups/look"):
        by_token = await node.client.post(path, files=fields)
        assert (by_token.status_code, "only a person may" in by_token.text.lower()) == (403, True)
    async with signed_in(node, "anna") as client:
        for path in (LOOK, "/api/backups/look"):
            foreign = await client.post(path, files=fields)
            assert (foreign.status_code, "not made here" in foreign.text) == (403, True)


async def test_a_look_is_of_one_session(node: RunningNode) -> None:
    """Another browser of the same person has not shown the password."""
    async with signed_in(node, "anna") as client, signed_in(node, "anna") as other:
        good = (await form(client)).content
        answer = await look(client, good, passphrase=PASSPHRASE)
        found = re.search(r'name="id" value="([^"]+)"', answer.text)
        assert found, answer.text
        page = await other.get("/settings/backup")
        taken = await other.post(RESTORE, data={"id": found[1], "_csrf": csrf_in(page.text)})
        assert (taken.status_code, "look at it again" in taken.text) == (404, True)
        assert [name for name in await asyncio.to_thread(left, node) if "restore" in name] == []


async def test_a_nightly_copy_needs_no_passphrase(node: RunningNode) -> None:
    folder = node.data_dir / "backups"
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    await asyncio.to_thread(snapshot, node.data_dir / "falconeye.sqlite3", folder / NIGHT)
    async with signed_in(node, "anna") as client:
        answer = await look(client, kept=NIGHT)
        assert (answer.status_code, NIGHT in answer.text) == (200, True), answer.text
        assert "Demo" in answer.text
        listed = (await client.get("/api/backups/")).json()
        assert [one["name"] for one in listed["backups"]] == [NIGHT]
        assert listed["restore_waits"] is False


async def test_both_logs_say_who_restored(node: RunningNode) -> None:
    async with signed_in(node, "anna") as client:
        good = (await form(client)).content
        answer = await look(client, good, passphrase=PASSPHRASE)
        found = re.search(r'name="id" value="([^"]+)"', answer.text)
        assert found
        fields = {"id": found[1], "_csrf": csrf_in(answer.text)}
        assert (await client.post(RESTORE, data=fields)).status_code == 200

    def entries(path: Path) -> list[Any]:
        query = "SELECT who_name, detail FROM audit WHERE action LIKE 'backup.restore%'"
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute(query).fetchall()

    for folder in (node.data_dir, node.data_dir / "restore.pending"):
        path = folder / "falconeye.sqlite3"
        assert await asyncio.to_thread(entries, path) == [("anna", "node.backup")]
