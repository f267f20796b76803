"""Requests through an entry node to a peer whose answers the test writes byte by byte."""

import asyncio
import gzip
import resource
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from litestar.types import Receive, Scope, Send

from falconeye.accounts.model import Role
from falconeye.web.peers.proxy_upstream import Elsewhere
from falconeye.web.security.credentials import SESSION_COOKIE
from falconeye.web.security.csrf import csrf_token_is_valid
from tests.integration.federation.plain_peers import (
    PlainCluster,
    PlainPeer,
    RawServer,
    Script,
    raw_server,
)
from tests.integration.web_security.site import Site, running_site

PEER = "2" * 32
LIVE = "/api/cameras/door/live.mp4"
SNAPSHOT = "/api/cameras/door/snapshot.jpg"
MOVE = "/api/cameras/door/ptz"


def whole(body: bytes, *more: bytes, status: bytes = b"200 OK") -> Script:
    """A script that answers each request with `body`."""

    async def script(
        _head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = [b"HTTP/1.1 " + status, b"content-length: %d" % len(body), *more, b"", b""]
        writer.write(b"\r\n".join(head) + body)

    return script


def csrf_is_for(token: str, client: httpx.AsyncClient) -> bool:
    return csrf_token_is_valid(token, client.cookies[SESSION_COOKIE])


def memory_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def until_still(figure: Callable[[], int]) -> None:
    """Until a figure has not grown for a while: nobody tells of what does not happen."""
    last = -1
    while figure() != last:
        last = figure()
        await asyncio.sleep(0.3)


@asynccontextmanager
async def entry(folder: Path, port: int) -> AsyncIterator[tuple[Site, PlainCluster]]:
    """A node whose camera "door" is a peer's, at that port."""
    cluster = PlainCluster(recorders={"door": PEER}, members={PEER: PlainPeer(port)})
    async with running_site(folder, elsewhere=Elsewhere(cluster, cluster)) as site:
        site.client.headers["authorization"] = f"Bearer {await site.token(Role.OPERATOR)}"
        yield site, cluster


@asynccontextmanager
async def between(folder: Path, script: Script) -> AsyncIterator[tuple[Site, RawServer]]:
    async with raw_server(script) as peer, entry(folder, peer.port) as (site, _):
        yield site, peer


@asynccontextmanager
async def streamed(
    site: Site, path: str, headers: dict[str, str] | None = None
) -> AsyncIterator[AsyncGenerator[bytes, None]]:
    """The chunks of an answer as they come."""
    async with site.client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code in {200, 206}

        async def each() -> AsyncGenerator[bytes, None]:
            async for chunk in answer.aiter_raw():
                yield chunk

        async with aclosing(each()) as chunks:
            yield chunks


async def test_an_answer_passes_as_it_is(tmp_path: Path) -> None:
    script = whole(
        b"picture", b"content-type: image/jpeg", b"etag: \"a\"", b"x-picture-time: now",
        b"cache-control: private, max-age=3",
    )  # fmt: skip
    async with between(tmp_path, script) as (site, peer):
        answer = await site.client.get(f"{SNAPSHOT}?height=%39%30&a=b%2Fc")
    assert (answer.status_code, answer.content) == (200, b"picture")
    assert answer.headers["etag"] == '"a"'
    assert answer.headers["x-picture-time"] == "now"
    assert answer.headers["cache-control"] == "private, max-age=3"
    assert answer.headers["content-length"] == "7"
    assert peer.heads[0].startswith(b"GET /api/cameras/door/snapshot.jpg?height=%39%30&a=b%2Fc ")


async def test_what_binds_a_browser_to_the_peer_does_not_pass(tmp_path: Path) -> None:
    script = whole(
        b"x", b"set-cookie: falconeye_session=evil", b"server: peer", b"date: never",
        b"strict-transport-security: max-age=9", b"content-security-policy: default-src *",
        b"access-control-allow-origin: *", b"connection: keep-alive, x-hop", b"x-hop: 1",
        b"keep-alive: timeout=5", b"x-content-type-options: nothing",
    )  # fmt: skip
    async with between(tmp_path, script) as (site, _):
        answer = await site.client.get(SNAPSHOT)
        own = await site.client.get("/healthz")
    assert answer.status_code == 200
    for name in ("set-cookie", "server", "strict-transport-security", "x-hop", "keep-alive"):
        assert name not in answer.headers
    assert "access-control-allow-origin" not in answer.headers
    for name in ("content-security-policy", "x-content-type-options", "referrer-policy"):
        assert answer.headers.get_list(name) == own.headers.get_list(name)
    assert answer.headers["date"] != "never"


async def test_a_request_keeps_its_conditions_and_loses_its_secrets(tmp_path: Path) -> None:
    async with between(tmp_path, whole(b"")) as (site, peer):
        token = site.client.headers["authorization"]
        await site.client.get(
            SNAPSHOT,
            headers={
                "range": "bytes=3-", "if-range": '"a"', "if-none-match": '"b"',
                "accept-encoding": "br", "cookie": "falconeye_theme=dark; falconeye_session=s",
                "falconeye-acting": "token=admin", "falconeye-client": "1.2.3.4",
                "x-form-token": "mine",
                "x-forwarded-for": "9.9.9.9", "connection": "close, if-match", "if-match": "*",
                "origin": site.base, "sec-fetch-site": "same-origin", "te": "trailers",
            },
        )  # fmt: skip
        sent = peer.head()
    assert (sent["range"], sent["if-range"], sent["if-none-match"]) == ("bytes=3-", '"a"', '"b"')
    assert sent["accept-encoding"] == "br"
    assert sent["cookie"] == "falconeye_theme=dark"
    for name in (
        "authorization", "falconeye-acting", "x-forwarded-for", "if-match", "origin", "te",
        "sec-fetch-site", "falconeye-client", "x-form-token",
    ):  # fmt: skip
        assert name not in sent
    assert token.encode() not in peer.heads[0]
    assert sent["host"] == f"127.0.0.1:{peer.port}"


async def test_the_peer_is_told_who_asks_by_id(tmp_path: Path) -> None:
    async with raw_server(whole(b"")) as peer, entry(tmp_path, peer.port) as (site, cluster):
        await site.client.get(SNAPSHOT)
        plain, token = await site.accounts.tokens.add("other", Role.VIEWER)
        await site.client.get(SNAPSHOT, headers={"authorization": f"Bearer {plain}"})
        await site.add_user("ann", Role.VIEWER)
        async with site.new_client() as ann:
            await site.sign_in(ann, "ann")
            await ann.get(SNAPSHOT)
        acting = [one.acting for one in cluster.members[PEER].asked]
    assert acting[0] != acting[1] == f"token={token.id}"
    assert acting[2] is not None
    assert acting[2].startswith("session=")


async def test_nothing_is_unpacked(tmp_path: Path) -> None:
    packed = gzip.compress(b"words " * 1000)
    async with (
        between(tmp_path, whole(packed, b"content-encoding: gzip")) as (site, _),
        site.client.stream("GET", SNAPSHOT) as answer,
    ):
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert raw == packed
    assert answer.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (b"206 Partial Content", [b"content-range: bytes 3-5/9"]),
        (b"304 Not Modified", [b'etag: "a"']),
        (b"404 Not Found", [b"content-type: application/json"]),
        (b"412 Precondition Failed", []),
        (b"416 Range Not Satisfiable", [b"content-range: bytes */9"]),
        (b"503 Service Unavailable", [b"retry-after: 3"]),
    ],
)
async def test_every_status_passes(tmp_path: Path, status: bytes, headers: list[bytes]) -> None:
    body = b"" if status.startswith(b"304") else b"{}!"
    async with between(tmp_path, whole(body, *headers, status=status)) as (site, _):
        answer = await site.client.get(SNAPSHOT)
    assert (answer.status_code, answer.content) == (int(status[:3]), body)
    for line in headers:
        name, _, value = line.decode().partition(": ")
        assert answer.headers[name] == value


async def test_a_body_goes_up_whole_and_in_pieces(tmp_path: Path) -> None:
    bodies: list[bytes] = []

    async def script(
        head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if b"content-length: 3" in head.lower():
            bodies.append(await reader.readexactly(3))
        else:
            assert b"transfer-encoding: chunked" in head.lower()
            bodies.append(await reader.readuntil(b"0\r\n\r\n"))
        await whole(b"{}")(head, reader, writer)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"ab"
        yield b"cd"

    async with between(tmp_path, script) as (site, _):
        first = await site.client.post(MOVE, content=b"abc")
        second = await site.client.post(MOVE, content=pieces())
    assert (first.status_code, second.status_code) == (200, 200)
    assert bodies[0] == b"abc"
    assert b"ab" in bodies[1]
    assert bodies[1].endswith(b"cd\r\n0\r\n\r\n")


async def test_a_body_that_is_too_long_goes_nowhere(tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield bytes(64 * 1024)

    async def swallow(
        _head: bytes, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter
    ) -> None:
        while await reader.read(1 << 16):
            pass

    async with between(tmp_path, swallow) as (site, peer):
        told = await site.client.post(MOVE, content=bytes(2_000_000))
        assert (told.status_code, peer.heads) == (413, [])
        untold = await site.client.post(MOVE, content=endless())
        assert untold.status_code == 413
        await peer.left.wait()


async def test_each_chunk_comes_at_once_and_the_client_ends_it(tmp_path: Path) -> None:
    more = asyncio.Event()

    async def script(
        _head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await more.wait()
        writer.write(b"6\r\nsecond\r\n")
        assert await reader.read() == b""  # until the entry node hangs up

    async with between(tmp_path, script) as (site, peer):
        async with streamed(site, LIVE) as chunks:
            assert await anext(chunks) == b"first"
            more.set()
            assert await anext(chunks) == b"second"
            assert site.shell.streams.streaming == 1
            assert not peer.left.is_set()
        await peer.left.wait()
        await site.shell.streams.none_left()


@pytest.mark.parametrize(
    "begun",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 206 Partial Content\r\ncontent-length: 9\r\n\r\nhalf",
    ],
)
async def test_a_peer_that_dies_in_the_middle_cuts_the_answer(tmp_path: Path, begun: bytes) -> None:
    async def script(
        _head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(begun)

    async with between(tmp_path, script) as (site, _), streamed(site, LIVE) as chunks:
        assert await anext(chunks) == b"half"
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(chunks)


async def test_a_peer_that_is_not_there_is_a_503_with_words(tmp_path: Path) -> None:
    async with between(tmp_path, whole(b"")) as (site, peer):
        port = peer.port
    async with entry(tmp_path / "2", port) as (site, cluster):
        answer = await site.client.get(SNAPSHOT)
        assert (answer.status_code, answer.json()) == (503, {"detail": "pi-2 is unreachable"})
        # 2026-11-20 14:02 UTC; the site has no zone of its own yet
        cluster.members[PEER].unreachable_since_us = 1_795_183_320_000_000
        asked = len(cluster.members[PEER].asked)
        answer = await site.client.get(SNAPSHOT)
        words = "pi-2 is unreachable since 2026-11-20 14:02"
        assert (answer.status_code, answer.json()) == (503, {"detail": words})
        page = await site.client.get("/cameras/door/ptz", headers={"accept": "text/html"})
        assert page.status_code == 503
        assert f"The node {words}." in page.text
        assert "<h1" in page.text
        assert len(cluster.members[PEER].asked) == asked  # nobody waits for the dead


async def test_a_recorder_that_is_no_member_any_more_is_a_503(tmp_path: Path) -> None:
    async with between(tmp_path, whole(b"")) as (_, peer), entry(tmp_path / "2", peer.port) as two:
        site, cluster = two
        cluster.members.clear()
        answer = await site.client.get(SNAPSHOT)
        assert answer.status_code == 503
        assert answer.json() == {"detail": "the node that has it is no member any more"}


async def test_a_peer_heard_no_more_ends_what_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falconeye.web.peers.proxy_upstream.PEER_LOOK_S", 0.01)

    async def script(
        _head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        await reader.read()

    async with (
        raw_server(script) as peer,
        entry(tmp_path, peer.port) as (site, cluster),
        streamed(site, LIVE) as chunks,
    ):
        assert await anext(chunks) == b"half"
        cluster.members[PEER].unreachable_since_us = 1
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(chunks)


async def test_a_revoked_token_ends_the_stream(tmp_path: Path) -> None:
    async def script(
        _head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nlive\r\n")
        await reader.read()

    async with between(tmp_path, script) as (site, peer):
        plain, token = await site.accounts.tokens.add("wall", Role.VIEWER)
        bearer = {"authorization": f"Bearer {plain}"}
        async with streamed(site, LIVE, bearer) as chunks:
            assert await anext(chunks) == b"live"
            await site.accounts.tokens.remove(token.id)
            assert await anext(chunks, None) is None
        await peer.left.wait()


async def test_who_may_not_is_refused_before_the_peer_hears_of_it(tmp_path: Path) -> None:
    async with between(tmp_path, whole(b"{}")) as (site, peer):
        async with site.new_client() as nobody:
            assert (await nobody.get(SNAPSHOT)).status_code == 401
        viewer = {"authorization": f"Bearer {await site.token(Role.VIEWER)}"}
        assert (await site.client.post(MOVE, headers=viewer)).status_code == 403
        limited, _ = await site.accounts.tokens.add(
            "limited", Role.OPERATOR, cameras=frozenset({"other"})
        )
        bearer = {"authorization": f"Bearer {limited}"}
        assert (await site.client.get(SNAPSHOT, headers=bearer)).status_code == 403
        foreign = {"origin": "http://evil.example"}
        assert (await site.client.post(MOVE, headers=foreign)).status_code == 403
        await site.add_user("ann", Role.OPERATOR)
        async with site.new_client() as ann:
            csrf = await site.sign_in(ann, "ann")
            assert (await ann.post(MOVE, json={})).status_code == 403
            assert (await ann.post("/cameras/door/ptz", data={"x": "1"})).status_code == 403
            assert peer.heads == []
            good = await ann.post(MOVE, json={}, headers={"x-csrf-token": csrf})
            assert good.status_code == 200
            assert "x-csrf-token" not in peer.head()


async def test_a_form_whose_token_was_read_here_goes_on_whole(tmp_path: Path) -> None:
    bodies: list[bytes] = []

    async def script(
        head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        bodies.append(await reader.readexactly(length))
        await whole(b"moved")(head, reader, writer)

    async with between(tmp_path, script) as (site, peer):
        await site.add_user("ann", Role.OPERATOR)
        async with site.new_client() as ann:
            csrf = await site.sign_in(ann, "ann")
            answer = await ann.post("/cameras/door/ptz", data={"_csrf": csrf, "x": "left"})
        assert (answer.status_code, answer.text) == (200, "moved")
        assert bodies[0].endswith(b"x=left")
        assert csrf_is_for(peer.head()["x-form-token"], ann)


async def test_what_came_from_a_peer_is_answered_here(tmp_path: Path) -> None:
    async with between(tmp_path, whole(b"")) as (site, peer):
        inner = site.app.asgi_handler

        async def by_peer(scope: Scope, receive: Receive, send: Send) -> None:
            if "state" in scope:
                scope["state"]["peer"] = PEER
            await inner(scope, receive, send)

        site.app.asgi_handler = by_peer
        # This site has no cameras, so that its own handler breaks: it was that one.
        assert (await site.client.get(SNAPSHOT)).status_code == 500
        assert peer.heads == []


async def test_a_gigabyte_that_nobody_reads_is_held_nowhere(tmp_path: Path) -> None:
    sent = 0

    async def script(
        _head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n")
        chunk = bytes(1 << 20)
        for _ in range(1024):
            writer.write(chunk)
            await writer.drain()
            sent += len(chunk)

    async with between(tmp_path, script) as (site, peer):
        before = memory_bytes()
        async with site.client.stream("GET", LIVE) as answer:
            assert answer.status_code == 200
            await until_still(lambda: sent)
            assert sent < 32 << 20  # the kernel's buffers of two connections
            assert memory_bytes() - before < 24 << 20
        await peer.left.wait()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"no protocol\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"\0" * 1000,
    ],
)
async def test_an_answer_that_is_none_is_a_503(tmp_path: Path, answer: bytes) -> None:
    async def script(
        _head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(answer)

    async with between(tmp_path, script) as (site, _):
        got = await site.client.get(SNAPSHOT)
        assert got.status_code == 503, got.text
        assert got.json()["detail"] == "pi-2 is unreachable"


async def test_a_status_of_no_name_passes(tmp_path: Path) -> None:
    async with between(tmp_path, whole(b"x", status=b"299 Strange")) as (site, _):
        assert (await site.client.get(SNAPSHOT)).status_code == 299


async def test_who_waits_for_100_continue_is_told(tmp_path: Path) -> None:
    bodies: list[bytes] = []

    async def script(
        head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        bodies.append(await reader.readexactly(5))
        await whole(b"{}")(head, reader, writer)

    async with between(tmp_path, script) as (site, peer):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.server.port)
        login = site.client.headers["authorization"].encode()
        lines = [
            b"POST " + MOVE.encode() + b" HTTP/1.1", b"host: x", b"authorization: " + login,
            b"content-length: 5", b"expect: 100-continue", b"connection: close", b"", b"",
        ]  # fmt: skip
        writer.write(b"\r\n".join(lines))
        assert (await reader.readline()).startswith(b"HTTP/1.1 100 ")
        writer.write(b"hello")
        assert b"HTTP/1.1 200 OK" in await reader.read()
        writer.close()
        await writer.wait_closed()
        assert bodies == [b"hello"]
        assert "expect" not in peer.head()
