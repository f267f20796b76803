"""The web port with TLS: browsers by TLS, and an answer for who comes without."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from falconeye.base.clock import SystemClock
from falconeye.web import http_protocol
from falconeye.web.https.files import FileCertificates
from falconeye.web.https.plain_door import PlainDoor
from falconeye.web.https.server import HttpsServer
from falconeye.web.listening_socket import open_socket
from falconeye.web.server import uvicorn_config
from tests.certificates import Files, files, self_signed, trusting
from tests.nodes import NO_TLS

SHORT_S = 0.2  # instead of half a minute
HTML = {"accept": "text/html,application/xhtml+xml"}


async def echo(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    """Tells what it was asked, and sends back what a WebSocket sends."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": f"{scope['scheme']} {message['text']}"})
        return
    body = json.dumps({"scheme": scope["scheme"], "path": scope["path"]}).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Served:
    """A server, its files, and how to ask it."""

    def __init__(self, pair: Files, server: HttpsServer, certificates: FileCertificates) -> None:
        self.pair, self.server, self.certificates = pair, server, certificates
        self.port = 0

    def client(self, scheme: str = "https") -> httpx.AsyncClient:
        verify = trusting(self.pair.certificate.read_text()) if scheme == "https" else NO_TLS
        return httpx.AsyncClient(
            base_url=f"{scheme}://localhost:{self.port}", verify=verify, trust_env=False
        )

    async def plain(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        async with self.client("http") as client:
            return await client.request(method, path, headers=headers)


@asynccontextmanager
async def serving(
    folder: Path, *, explains: bool = False, base_path: str = ""
) -> AsyncIterator[Served]:
    pair = files(folder)
    pair.write(*self_signed("localhost"))
    certificates = FileCertificates(pair.certificate, pair.key, SystemClock())
    await certificates.open()
    plain: Any = PlainDoor(echo, explains=explains, base_path=base_path)
    app: Any = echo
    server = HttpsServer(
        uvicorn_config(app, lifespan="off"),
        uvicorn_config(plain, lifespan="off"),
        lambda: certificates.context,
    )
    listening = open_socket("127.0.0.1", 0)
    async with asyncio.TaskGroup() as group:
        _ = group.create_task(server.serve([listening]))
        await server.serving
        served = Served(pair, server, certificates)
        served.port = listening.getsockname()[1]
        try:
            yield served
        finally:
            await server.stop_accepting()
            server.should_exit = True


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path) as made:
        yield made


async def test_browsers_are_served_by_tls(served: Served) -> None:
    async with served.client() as client:
        answer = await client.get("/x")
        assert answer.json() == {"scheme": "https", "path": "/x"}
        assert (await client.get("/y")).json()["path"] == "/y"  # on the same connection


async def test_websockets_are_served_by_tls(served: Served) -> None:
    trusted = trusting(served.pair.certificate.read_text())
    async with connect(f"wss://localhost:{served.port}/live", ssl=trusted, proxy=None) as opened:
        await opened.send("hello")
        assert await opened.recv() == "wss hello"


async def test_a_socket_by_tls_stays_open(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound on slow requests looks at the transport's protocol: here that of TLS."""
    monkeypatch.setattr(http_protocol, "OWED_S", SHORT_S)
    trusted = trusting(served.pair.certificate.read_text())
    async with connect(f"wss://localhost:{served.port}/live", ssl=trusted, proxy=None) as opened:
        await asyncio.sleep(SHORT_S * 3)
        await opened.send("still there")
        assert await opened.recv() == "wss still there"


async def test_a_page_without_tls_leads_to_the_same_with_it(served: Served) -> None:
    answer = await served.plain("/cameras/a%20b?x=1&y=%2F", **HTML)
    assert answer.status_code == 307
    assert answer.headers["location"] == (
        f"https://localhost:{served.port}/cameras/a%20b?x=1&y=%2F"
    )
    assert answer.headers["cache-control"] == "no-store"
    assert (await served.plain("/", method="HEAD")).status_code == 307


async def test_with_an_own_authority_a_page_leads_to_its_explanation(tmp_path: Path) -> None:
    async with serving(tmp_path, explains=True) as served:
        answer = await served.plain("/cameras/1?x=1", **HTML)
        assert (answer.status_code, answer.headers["location"]) == (
            307,
            "/ca?to=%2Fcameras%2F1%3Fx%3D1",
        )
        program = await served.plain("/api/cameras")
        assert program.headers["location"] == f"https://localhost:{served.port}/api/cameras"


async def test_below_a_base_path_a_page_leads_to_its_explanation_there(tmp_path: Path) -> None:
    async with serving(tmp_path, explains=True, base_path="/eye") as served:
        answer = await served.plain("/eye/cameras/1?x=1", **HTML)
        assert answer.headers["location"] == "/eye/ca?to=%2Feye%2Fcameras%2F1%3Fx%3D1"
        program = await served.plain("/eye/api/cameras")
        assert program.headers["location"] == f"https://localhost:{served.port}/eye/api/cameras"
        for path in ("/eye/ca", "/eye/ca.pem", "/eye/static/a.css", "/eye/readyz", "/ca"):
            assert (await served.plain(path)).json() == {"scheme": "http", "path": path}
        assert (await served.plain("/eyes/ca")).status_code == 307


@pytest.mark.parametrize(
    "path", ["/ca", "/ca.crt", "/ca.pem", "/healthz", "/readyz", "/static/a.css"]
)
async def test_what_leads_to_trust_is_open_without_tls(served: Served, path: str) -> None:
    assert (await served.plain(path)).json() == {"scheme": "http", "path": path}


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/login", HTML),
        ("POST", "/ca", HTML),
        ("DELETE", "/api/cameras/1", {}),
        ("GET", "/api/cameras", {"authorization": "Bearer secret"}),
        ("GET", "/", {"host": "a/b"}),
        ("GET", "/", {"host": "a@b"}),
        ("GET", "/", {"host": ""}),
    ],
)
async def test_what_must_not_go_on_is_refused(
    served: Served, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = await served.plain(path, method, **headers)
    assert answer.status_code == 400
    if headers.get("host", "x"):
        assert "https://" in answer.json()["detail"] or "location" not in answer.headers


async def test_a_websocket_without_tls_is_refused(served: Served) -> None:
    with pytest.raises(InvalidStatus, match="400"):
        async with connect(f"ws://localhost:{served.port}/live", proxy=None):
            pass


async def test_a_new_certificate_serves_new_connections_and_cuts_none(served: Served) -> None:
    async with served.client() as before:
        assert (await before.get("/")).status_code == 200
        served.pair.write(*self_signed("localhost"))
        assert await served.certificates.check()
        assert (await before.get("/")).status_code == 200  # it stands, and trusts the old one only
        async with served.client() as after:
            assert (await after.get("/")).status_code == 200
    with pytest.raises(httpx.ConnectError, match="verify"):
        async with httpx.AsyncClient(verify=trusting(self_signed()[0].decode())) as stranger:
            await stranger.get(f"https://localhost:{served.port}/")


@pytest.mark.parametrize("said", [b"", b"\x16", b"\x16\x03\x01nonsense", b"\x00\x01\x02", b"GET /"])
async def test_nonsense_and_silence_hold_nobody_up(
    served: Served, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falconeye.web.https.server.FIRST_BYTE_S", 0.2)
    monkeypatch.setattr("falconeye.web.tls_server.HANDSHAKE_S", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(said)
    if said == b"GET /":
        writer.write_eof()
    with contextlib.suppress(ConnectionError):
        await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    async with served.client() as client:
        assert (await client.get("/")).status_code == 200


async def test_silent_connections_are_bounded_and_end_with_the_server(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falconeye.web.https.server.max_connections", lambda: 3)
    held = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(3)]
    async with asyncio.timeout(5):
        while served.server.shaking < 3:  # noqa: ASYNC110 - another's state, which tells nobody
            await asyncio.sleep(0)
    with pytest.raises(httpx.TransportError):
        async with served.client() as client:
            await client.get("/")
    held.pop().close()
    async with asyncio.timeout(5):
        while served.server.shaking == 3:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
    async with served.client() as client:
        assert (await client.get("/")).status_code == 200
    await served.server.stop_accepting()
    for each in held:
        assert each.recv(1) == b""
        each.close()
