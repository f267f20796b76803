"""Nodes that are one cluster because they hold one key, as the pods of `k3s/` are."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from tests.nodes import LOOK_S, NO_TLS, PASSWORD, RunningNode

KEY = "kV0r1vGJm8i0m0b8b4q0x2Yb3d1l5n7p9r1t3v5x7z8="


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def secret(folder: Path, *, key: str | None = KEY, password: str | None = PASSWORD) -> Path:
    """The directory of a Secret, as a pod has it; None: without that file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("cluster-key", key), ("admin-password", password)):
        if text is not None:
            (folder / name).write_text(text)
    return folder


def keyed_node(
    folder: Path, port: int, ports: list[int], secrets: Path, *, alone_s: float | None = None
) -> RunningNode:
    """One that knows where the others may be; not started.

    `alone_s`: how long it waits for those who do not answer, before it makes the first admin.
    """
    others = ",".join(f"127.0.0.1:{one}" for one in ports)
    node = RunningNode(
        folder, "--node-name", folder.name, "--peer-port", str(port), "--peers", others
    )
    node.environment = {
        "FALCONEYE_CLUSTER_KEY_FILE": str(secrets / "cluster-key"),
        "FALCONEYE_ADMIN_PASSWORD_FILE": str(secrets / "admin-password"),
    }
    if alone_s is not None:
        node.program = (sys.executable, "-m", "tests.peers.quick_node")
        node.environment["QUICK_ALONE_S"] = str(alone_s)
    return node


async def ready(node: RunningNode) -> httpx.Response:
    """What `/readyz` says."""
    async with httpx.AsyncClient(base_url=node.url, trust_env=False, verify=NO_TLS) as client:
        return await client.get("/readyz")


async def until_ready(node: RunningNode) -> None:
    """The test's time limit ends it."""
    while (await ready(node)).status_code != 200:  # noqa: ASYNC110 - another process
        await asyncio.sleep(LOOK_S)


async def sign_in(node: RunningNode) -> None:
    """As the first admin, by the password of the Secret."""
    answer = await tried_to_sign_in(node)
    assert answer.status_code in {302, 303}, answer.text


async def tried_to_sign_in(node: RunningNode, password: str = PASSWORD) -> httpx.Response:
    """The answer to the form, as "admin"."""
    await node.client.aclose()
    node.client = httpx.AsyncClient(base_url=node.url, timeout=20, trust_env=False, verify=NO_TLS)
    node.client.headers["origin"] = node.url
    return await node.client.post("/login", data={"name": "admin", "password": password})


@contextlib.asynccontextmanager
async def keyed_nodes(folder: Path, count: int) -> AsyncIterator[list[RunningNode]]:
    """Started together, each signed in to."""
    ports, secrets = free_ports(count), secret(folder / "secret")
    nodes = [keyed_node(folder / f"pi-{n}", port, ports, secrets) for n, port in enumerate(ports)]
    async with AsyncExitStack() as stack:
        for node in nodes:
            stack.push_async_callback(node.stop)
            await node.start()
        for node in nodes:
            await until_ready(node)
            await sign_in(node)
        yield nodes
