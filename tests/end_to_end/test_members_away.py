"""Members that are away while one is removed and the key changes; one whose clock is off."""

import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.nodes import NO_TLS, RunningNode, running_node

pytestmark = [pytest.mark.timeout(240), pytest.mark.fault]
URL = "rtsp://127.0.0.1:9/door"  # nobody is there: it is the password that matters

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


async def joined(member: RunningNode, other: RunningNode) -> None:
    code, out, err = await member.command("node", "code")
    assert code == 0, err
    code, out, err = await other.command("join", out.split()[-1], "--yes")
    assert code == 0, out + err
    other.client.headers["authorization"] = member.client.headers["authorization"]


async def started_again(node: RunningNode, headers: dict[str, str]) -> None:
    await node.start()
    node.client = httpx.AsyncClient(
        base_url=node.url, headers=headers, timeout=20, trust_env=False, verify=NO_TLS
    )


def with_password(listed: Any) -> bool:
    return [camera["has_password"] for camera in listed["cameras"]] == [True]


async def test_who_was_removed_while_away_reads_it_on_its_own_page_and_who_stayed_has_the_new_key(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        one, gone, away = [
            await stack.enter_async_context(running_node(tmp_path / name, "--node-name", name))
            for name in ("pi-1", "pi-2", "pi-3")
        ]
        await joined(one, gone)
        await joined(one, away)
        headers = {"authorization": one.client.headers["authorization"]}
        await gone.until("/api/nodes/", lambda r: len(r) == 3 and all(n["ready"] for n in r))
        await gone.terminate()
        await away.terminate()
        code, out, err = await one.command("node", "remove", "pi-2", "--yes")
        assert code == 0, out + err
        # Encrypted with the key that was made at the removal.
        answer = await one.client.post(
            "/api/cameras/",
            json={
                "name": "Door", "protocol": "rtsp", "source_url": URL, "start": False,
                "username": "admin", "password": "of the door",
            },
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        await started_again(away, headers)
        await away.until("/api/cameras/", with_password, 30)
        assert (away.data_dir / "data.key").read_bytes().split()[0] == (
            one.data_dir / "data.key"
        ).read_bytes().split()[0]
        names = {"pi-1", "pi-3"}
        await away.until("/api/nodes/", lambda r: {each["name"] for each in r} == names)
        await started_again(gone, headers)
        await gone.line("refused: it says that this node was removed from the cluster")
        async with httpx.AsyncClient(base_url=gone.url, trust_env=False, verify=NO_TLS) as browser:
            page = await browser.get("/nodes", headers=headers)
        assert page.status_code == 200, page.text
        assert "This node was removed from its cluster" in page.text
        assert (await gone.json("/api/cameras/"))["cameras"] == []  # nothing came there since
        assert (gone.data_dir / "data.key").read_bytes().split()[0] != (
            one.data_dir / "data.key"
        ).read_bytes().split()[0]
        page = await one.client.get("/nodes")
        assert "asked, which was removed." in page.text


@pytest.mark.skipif(LIBRARY is None, reason="needs faketime (Debian: faketime)")
async def test_a_pi_that_boots_in_1970_joins_and_is_heard(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(
            running_node(tmp_path / "pi-1", "--node-name", "pi-1")
        )
        two = RunningNode(tmp_path / "pi-2", "--node-name", "pi-2")
        two.environment = os.environ | {
            "LD_PRELOAD": str(LIBRARY), "FAKETIME": "@1970-01-02 00:00:00",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }  # fmt: skip
        await two.start()
        stack.push_async_callback(two.stop)
        await joined(one, two)
        headers = {"authorization": one.client.headers["authorization"]}
        two.client = httpx.AsyncClient(
            base_url=two.url, headers=headers, timeout=20, trust_env=False, verify=NO_TLS
        )
        for node in (one, two):
            await node.until("/api/nodes/", lambda r: len(r) == 2 and all(n["ready"] for n in r))
        answer = await two.client.patch("/api/settings/", json={"keep_days": 9})
        assert answer.status_code == 200, answer.text
        await one.until("/api/settings/", lambda r: r["keep_days"] == 9)
