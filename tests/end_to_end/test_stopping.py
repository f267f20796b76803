"""How a node goes: viewers are told, recordings are closed, then the rest."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.nodes import RunningNode

pytestmark = [pytest.mark.timeout(90), pytest.mark.fault]


async def test_viewers_are_told_and_recordings_closed_before_the_web_stops(tmp_path: Path) -> None:
    connected = asyncio.Event()
    ended = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await ended.wait()
        writer.close()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    node = RunningNode(tmp_path, "--log-level", "debug")
    await node.start()
    try:
        await node.sign_in()
        body = {"name": "Demo", "protocol": "demo", "start": True}
        camera = (await node.client.post("/api/cameras/", json=body)).json()
        assert camera["stream_port"] == int(node.url.rpartition(":")[2])
        path = f"/api/cameras/{camera['id']}"
        await node.until(path, lambda answer: answer["recording"])
        assert (await node.client.get("/readyz")).status_code == 200
        trial = asyncio.create_task(
            node.client.post(
                "/cameras/test",
                data={
                    "name": "x", "record": "off", "transport": "auto", "allow_local": "true",
                    "source_url": f"rtsp://127.0.0.1:{listening.sockets[0].getsockname()[1]}/",
                },
            )
        )  # fmt: skip
        await connected.wait()
        said = await watch_the_end(node, path)
        answer = await trial
    finally:
        ended.set()
        await node.stop()
        listening.close()
        await listening.wait_closed()
    assert answer.status_code == 503
    assert said == ["closing"]
    log = "".join(node.lines)
    assert "Traceback" not in log
    stops = [log.index(f"{part}: stopped") for part in ("viewers", "recording", "web", "footage")]
    assert stops == sorted(stops)


async def watch_the_end(node: RunningNode, path: str) -> list[str]:
    """What a live viewer is told from SIGTERM on."""
    headers = {"authorization": node.client.headers["authorization"]}
    url = f"{node.url}{path}/live?stream=main".replace("http:", "ws:")
    said: list[str] = []
    async with connect(url, additional_headers=headers, proxy=None, max_size=None) as live:
        while not isinstance(await live.recv(), bytes):
            pass
        node.process.terminate()
        with suppress(ConnectionClosed):
            async for message in live:
                if isinstance(message, str):
                    said.append(json.loads(message)["type"])  # noqa: PERF401 - kept at the close
    assert live.close_code == 1012
    return said
