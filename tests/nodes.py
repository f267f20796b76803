"""A whole node as a process of its own, as a user starts it, and clients for it."""

import asyncio
import contextlib
import json
import os
import re
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx

from falconeye.accounts.model import Role
from falconeye.base.clock import SystemClock
from falconeye.cli.rights import opened_accounts
from tests.databases import closed_database

PASSWORD = "correct horse battery"
# `verify` of a client of plain HTTP: without it each one reads all authorities of the web, 30 ms.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
LOOK_S = 0.05


class RunningNode:
    """`falconeye serve` in `folder`, from `start()` to `stop()` or `kill()`; may start again."""

    program: tuple[str, ...] = (sys.executable, "-m", "falconeye")

    def __init__(self, folder: Path, *options: str) -> None:
        self.data_dir = folder / "data"
        self.media_dir = folder / "media"
        self._options = options
        self.environment: dict[str, str] = {}  # beside this process' own
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self.lines: list[str] = []
        self._changed = asyncio.Event()
        self.url = ""
        self.setup_link = ""
        self._token = ""
        self.started_at = 0.0
        self.trusts = NO_TLS
        self.client = httpx.AsyncClient(timeout=20, trust_env=False, verify=NO_TLS)

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process
        return self._process

    async def start(self, *, port: int = 0) -> None:
        """Start, and wait until it serves; the first start leaves `setup_link`."""
        self.lines.clear()
        self.started_at = time.monotonic()
        self._process = await asyncio.create_subprocess_exec(
            *self.program, "serve", "--port", str(port),
            "--data-dir", str(self.data_dir), "--media-dir", str(self.media_dir), *self._options,
            stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            env=os.environ | self.environment,
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read(), name="node-log")
        found = await self.line(r"serves (https?://\S+)")
        self.url = found.group(1).rstrip("/")

    async def line(self, pattern: str) -> re.Match[str]:
        """The first line of its log that matches, waited for."""
        while True:
            for line in self.lines:
                if found := re.search(pattern, line):
                    return found
            assert self.process.returncode is None, "".join(self.lines)
            self._changed.clear()
            await self._changed.wait()

    async def sign_in(self) -> None:
        """Redeem the set-up link, make an admin's token and use it from now on."""
        link = (await self.line(r"(https?://\S+/setup/\S+)")).group(1)
        self.setup_link = link
        if not self._token:
            self._token = await self._add_token()
        self.client = httpx.AsyncClient(
            base_url=self.url,
            headers={"authorization": f"Bearer {self._token}"},
            timeout=20,
            trust_env=False,
            verify=self.trusts,
        )
        # What another has just added counts at once.
        answer = await self.client.get("/api/cameras/")
        assert answer.status_code == 200, answer.text

    async def _add_token(self) -> str:
        """As `falconeye token add` does beside the node, without a second for its process."""
        database = closed_database(self.data_dir, SystemClock())
        await database.open()
        try:
            async with opened_accounts(database) as accounts:
                plain, token = await accounts.tokens.add("test", Role.ADMIN)
                await accounts.audit.record(None, "token.added", "token", token.id, token.name)
        finally:
            await database.close()
        return plain

    async def command(self, *words: str, stdin: str = "") -> tuple[int | None, str, str]:
        """Another `falconeye` command on the same data."""
        process = await asyncio.create_subprocess_exec(
            *self.program, *words, "--data-dir", str(self.data_dir),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, env=os.environ | self.environment,
        )  # fmt: skip
        out, err = await process.communicate(stdin.encode())
        return process.returncode, out.decode(), err.decode()

    async def terminate(self) -> float:
        """SIGTERM; how long it took to end, in seconds."""
        before = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        await self.process.wait()
        took = time.monotonic() - before
        await self._ended()
        return took

    async def kill(self) -> None:
        """SIGKILL, as a crash."""
        self.process.kill()
        await self._ended()

    async def _ended(self) -> None:
        if self._reading:
            await self._reading
        self._process = None
        await self.client.aclose()

    async def stop(self) -> None:
        """End it if it still runs."""
        if self._process is not None:
            await self.terminate()

    async def json(self, path: str, **parameters: Any) -> Any:
        answer = await self.client.get(path, params=parameters or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def add(self, name: str, url: str, **fields: Any) -> str:
        """A camera by the API, started, its sound recorded; its id."""
        body = {
            "name": name, "protocol": "rtsp", "source_url": url, "start": True, "audio": True,
            **fields,
        }  # fmt: skip
        answer = await self.client.post("/api/cameras/", json=body)
        assert answer.status_code == 201, answer.text
        camera_id: str = answer.json()["id"]
        return camera_id

    async def until(self, path: str, good: Callable[[Any], bool], limit_s: float = 20.0) -> Any:
        """Ask until the answer is good; the last answer is in the failure."""
        answer: Any = None
        try:
            async with asyncio.timeout(limit_s):
                while True:
                    answer = await self.json(path)
                    if good(answer):
                        return answer
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            msg = f"{path}: {json.dumps(answer)[:2000]}"
            raise AssertionError(msg) from None

    async def _read(self) -> None:
        stream = self.process.stderr
        assert stream
        async for line in stream:
            self.lines.append(line.decode())
            self._changed.set()
        await self.process.wait()
        self._changed.set()


@contextlib.asynccontextmanager
async def running_node(folder: Path, *options: str) -> AsyncIterator[RunningNode]:
    """A node that serves and lets the test in."""
    node = RunningNode(folder, *options)
    await node.start()
    try:
        await node.sign_in()
        yield node
    finally:
        await node.stop()
