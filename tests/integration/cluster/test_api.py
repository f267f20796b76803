"""Whatever answers in the API server's place: it is told, and nothing waits or grows for it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from falconeye.base.clock import SystemClock
from falconeye.cluster import api
from falconeye.cluster.api import Access, ApiRefused, ApiServer, ApiUnreachable
from tests.kube.pki import Authority

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def says(code: int, body: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n" % (code, len(body)) + body)
        await writer.drain()

    return answer


async def closes(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def hangs(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{")
    await writer.drain()


async def never_ends(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(50):
        writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
    await writer.drain()


@asynccontextmanager
async def answering(tmp_path: Path, answer: Answer) -> AsyncIterator[ApiServer]:
    opened: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        _ = await reader.readuntil(b"\r\n\r\n")
        with suppress(ConnectionError):  # the other side may have had enough
            await answer(writer)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    (tmp_path / "token").write_text("secret-token\n")
    access = Access(f"http://127.0.0.1:{port}", Authority(tmp_path).file, tmp_path / "token")
    server = ApiServer(access, SystemClock())
    try:
        yield server
    finally:
        await server.close()
        listening.close()
        for writer in opened:
            writer.close()
        await asyncio.gather(*(one.wait_closed() for one in opened), return_exceptions=True)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (says(200, b"<html>a page</html>"), "no Kubernetes API server"),
        (says(200, b"[1, 2]"), "no Kubernetes API server"),
        (says(200, b"\xff\xfe"), "no Kubernetes API server"),
        (says(503, b"upstream is away"), "not able to answer"),
        (says(429, b'{"message": "too many"}'), "too many"),
        (closes, "cannot be reached"),
        (hangs, "did not answer within"),
        (never_ends, "too large"),
        (says(200, b"[" * 90_000), "no Kubernetes API server"),
    ],
    ids=[
        "page",
        "list",
        "noise",
        "away",
        "too many",
        "closes",
        "hangs",
        "never ends",
        "nested",
    ],
)
async def test_what_cannot_be_believed_is_asked_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer, words: str
) -> None:
    monkeypatch.setattr(api, "ANSWER_S", 0.5 if answer is hangs else 5.0)
    monkeypatch.setattr(api, "MAX_ANSWER_BYTES", 100_000)
    async with answering(tmp_path, answer) as server:
        # Loading the library is no part of the half second.
        _ = await server._opened()
        with pytest.raises(ApiUnreachable, match=words) as told:
            _ = await server.get("/api/v1/nodes")
    assert "secret-token" not in str(told.value)


@pytest.mark.parametrize("body", [b'{"kind": "Status", "message": "may not"}', b"", b"[]"])
async def test_a_refusal_is_told_in_the_server_s_words(tmp_path: Path, body: bytes) -> None:
    async with answering(tmp_path, says(403, body)) as server:
        with pytest.raises(ApiRefused) as refused:
            _ = await server.get("/api/v1/nodes")
    assert refused.value.code == 403
    assert ("may not" in str(refused.value)) is (b"may not" in body)


async def test_a_large_answer_is_read_whole(tmp_path: Path) -> None:
    body = json.dumps({"items": ["x" * 100] * 5000}).encode()
    async with answering(tmp_path, says(200, body)) as server:
        assert len((await server.get("/api/v1/nodes"))["items"]) == 5000


async def test_a_pod_without_a_token_says_so(tmp_path: Path) -> None:
    async with answering(tmp_path, closes) as server:
        (tmp_path / "token").unlink()
        with pytest.raises(ApiUnreachable, match="token cannot be read"):
            _ = await server.get("/api/v1/nodes")
