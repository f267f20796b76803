"""Nodes that hold one cluster key are one cluster; who holds another, or none, is not in it."""

from pathlib import Path

import httpx
import pytest

from falconeye.cluster.pod import CLUSTER_KEY_LINE
from tests.end_to_end.keyed_nodes import (
    KEY,
    free_ports,
    keyed_node,
    keyed_nodes,
    ready,
    secret,
    sign_in,
    until_ready,
)
from tests.nodes import NO_TLS, PASSWORD

pytestmark = [pytest.mark.timeout(120), pytest.mark.fault]


async def test_nodes_that_start_together_are_one_cluster(tmp_path: Path) -> None:
    async with keyed_nodes(tmp_path, 3) as nodes:
        names = {"pi-0", "pi-1", "pi-2"}
        for node in nodes:
            await node.until(
                "/api/nodes/",
                lambda r: {n["name"] for n in r} == names and all(n["reachable"] for n in r),
                60,
            )
        one, two, three = nodes
        code, token, err = await one.command("token", "add", "test", "--role", "admin")
        assert code == 0, err
        answer = await one.client.post(
            "/api/cameras/",
            json={
                "name": "Door", "protocol": "rtsp", "source_url": "rtsp://127.0.0.1:1/a",
                "username": "eve", "password": PASSWORD,
            },
            headers={"authorization": f"Bearer {token.strip()}"},
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        door = answer.json()["id"]
        for node in (two, three):
            await node.until("/api/cameras/", lambda r: [c["id"] for c in r["cameras"]] == [door])
        # A login at one node holds at the others; there is one admin, not three.
        two.client.cookies = one.client.cookies
        assert (await two.client.get("/api/cameras/")).status_code == 200
        users = await one.command("user", "list", "--json")
        assert users[1].count('"admin"') == 2, users[1]  # its name and its role
        assert len({(node.data_dir / "data.key").read_text() for node in nodes}) == 1
        assert (one.data_dir / "data.key").read_text().count("\n") == 1
    log = [line for node in nodes for line in node.lines if "changed here and on" in line]
    assert log == []


async def test_another_key_is_refused_and_shown_and_the_right_one_lets_in(tmp_path: Path) -> None:
    ports = free_ports(2)
    right, wrong = secret(tmp_path / "right"), secret(tmp_path / "wrong", key="x" + KEY)
    one = keyed_node(tmp_path / "pi-1", ports[0], ports, right, alone_s=0)
    two = keyed_node(tmp_path / "pi-2", ports[1], ports, wrong, alone_s=0)
    try:
        for node in (one, two):
            await node.start()
            await until_ready(node)
            await sign_in(node)
            if node is one:  # two that hold another key each are the first of two clusters
                await one.terminate()
        await one.start()
        await sign_in(one)
        for node in (one, two):
            await node.line("another cluster key")
            page = await node.client.get("/nodes")
            assert "another cluster key" in page.text
        assert [n["name"] for n in await one.json("/api/nodes/")] == ["pi-1"]
        # The Secret is the same everywhere now: nobody has to be started again.
        secret(tmp_path / "wrong")
        for node in (one, two):
            await node.until("/api/nodes/", lambda r: len(r) == 2 and r[1]["reachable"], 60)
        # Another key: members stay members.
        for folder in ("right", "wrong"):
            secret(tmp_path / folder, key="rotated" + KEY)
        await one.line(r"belongs to the cluster of its cluster key")
        await two.terminate()
        await two.start()
        await sign_in(two)
        for node in (one, two):
            await node.until("/api/nodes/", lambda r: len(r) == 2 and r[1]["reachable"], 60)
    finally:
        await one.stop()
        await two.stop()


async def test_without_the_key_or_an_admin_a_node_is_not_ready_and_says_what_to_do(
    tmp_path: Path,
) -> None:
    ports, empty = free_ports(1), secret(tmp_path / "secret", key=None, password=None)
    node = keyed_node(tmp_path / "pi-1", ports[0], ports, empty)
    try:
        await node.start()
        answer = await ready(node)
        assert answer.status_code == 503
        assert CLUSTER_KEY_LINE in answer.json()["detail"]
        assert CLUSTER_KEY_LINE in "".join(node.lines)
        async with httpx.AsyncClient(base_url=node.url, trust_env=False, verify=NO_TLS) as client:
            assert (await client.get("/healthz")).status_code == 200
        secret(empty, key="short", password=None)
        while "too short" not in (answer := await ready(node)).text:
            assert answer.status_code == 503
        secret(empty, password=None)
        while "admin-password" not in (answer := await ready(node)).json()["detail"].split(".")[0]:
            assert answer.status_code == 503
        secret(empty)
        await until_ready(node)
        await sign_in(node)
        # Who is told another password keeps it: the Secret's counts for the first start alone.
        code, _, err = await node.command(
            "user", "passwd", "admin", "--password-stdin", stdin="another one to know\n"
        )
        assert code == 0, err
        await node.terminate()
        await node.start()
        await until_ready(node)
        with pytest.raises(AssertionError):
            await sign_in(node)
    finally:
        await node.stop()


async def test_a_node_that_comes_later_brings_no_old_password_back(tmp_path: Path) -> None:
    ports, secrets = free_ports(2), secret(tmp_path / "secret")
    one, two = (
        keyed_node(tmp_path / f"pi-{n}", port, ports, secrets, alone_s=0)
        for n, port in enumerate(ports)
    )
    try:
        await one.start()
        await until_ready(one)
        code, _, err = await one.command(
            "user", "passwd", "admin", "--password-stdin", stdin="another one to know\n"
        )
        assert code == 0, err
        code, token, err = await one.command("token", "add", "test", "--role", "admin")
        assert code == 0, err
        await two.start()
        headers = {"authorization": f"Bearer {token.strip()}"}
        for node in (one, two):
            await node.client.aclose()
            node.client = httpx.AsyncClient(
                base_url=node.url, headers=headers, timeout=20, trust_env=False, verify=NO_TLS
            )
        await one.until("/api/nodes/", lambda r: len(r) == 2 and r[1]["reachable"], 60)
        while (await two.client.get("/api/nodes/")).status_code == 401:
            pass
        for node in (one, two):
            with pytest.raises(AssertionError):
                await sign_in(node)
    finally:
        await one.stop()
        await two.stop()
