"""A leader goes on whatever answers: one answer without sense must not end its placing for good."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from falconeye.cluster.api import Access
from tests.kube.pki import Authority
from tests.kube.placing import leading

_LEASES, _LEASE = "/leases", "/falconeye-leader"


class Strange:
    """In the API server's place: leases as it should, if it is to, all else as `{}`."""

    def __init__(self, *, knows_leases: bool) -> None:
        self.asked: Counter[str] = Counter()
        self._knows_leases = knows_leases
        self._lease: dict[str, object] | None = None
        self._news = asyncio.Event()
        self._opened: list[asyncio.StreamWriter] = []

    async def close(self) -> None:
        for writer in self._opened:
            writer.close()
        ends = (writer.wait_closed() for writer in self._opened)
        _ = await asyncio.gather(*ends, return_exceptions=True)

    async def until(self, path: str, times: int) -> None:
        """Wait until this has been asked for so often; the time limit of the test ends it."""
        while self.asked[path] < times:
            self._news.clear()
            _ = await self._news.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._opened.append(writer)
        while head := await self._head(reader):
            method, target, length = head
            body = await reader.readexactly(length)
            path = "/" + target.rpartition("/")[2].partition("?")[0]
            self.asked[path] += 1
            self._news.set()
            code, answer = self._answer(method, target, body)
            said = json.dumps(answer).encode()
            writer.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n" % (code, len(said)) + said)
            await writer.drain()

    @staticmethod
    async def _head(reader: asyncio.StreamReader) -> tuple[str, str, int] | None:
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        method, target, _ = lines[0].split(" ")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        return method, target, int(fields.get("content-length", "0"))

    def _answer(self, method: str, target: str, body: bytes) -> tuple[int, object]:
        if not self._knows_leases or _LEASES not in target:
            return 200, {}
        if method == "GET":
            return (404, {}) if self._lease is None else (200, self._lease)
        self._lease = json.loads(body)
        self._lease["metadata"] = {"name": "falconeye-leader", "resourceVersion": "1"}
        return 200, self._lease


@asynccontextmanager
async def answering(folder: Path, *, knows_leases: bool) -> AsyncIterator[tuple[Strange, Access]]:
    strange = Strange(knows_leases=knows_leases)
    listening = await asyncio.start_server(strange.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    (folder / "token").write_text("secret-token\n")
    access = Access(f"http://127.0.0.1:{port}", Authority(folder).file, folder / "token")
    try:
        yield strange, access
    finally:
        listening.close()
        await strange.close()


async def test_a_lease_without_sense_is_asked_for_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        answering(tmp_path, knows_leases=False) as (strange, access),
        leading(access, "pi-1") as led,
    ):
        await strange.until(_LEASE, 3)
        assert not led.state.is_leader
        assert "cannot be understood" in led.state.problem
    told = [one for one in caplog.records if one.exc_info]
    assert len(told) == 1  # once, until it is over


async def test_a_leader_looks_again_after_an_answer_without_sense(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        answering(tmp_path, knows_leases=True) as (strange, access),
        leading(access, "pi-1") as led,
    ):
        await strange.until("/falconeye", 3)
        assert led.state.is_leader
        assert "cannot be understood" in led.state.problem
    told = [one for one in caplog.records if one.exc_info]
    assert len(told) == 1
