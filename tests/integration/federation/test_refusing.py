"""Who is let in at the door for nodes, and what is said to all others."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings

from falconeye.accounts.model import Role
from falconeye.base.clock import SystemClock
from falconeye.base.times import SECOND_US
from falconeye.federation.node_keys import client_context
from falconeye.federation.peer_address import KnownPeers, PeerAddress
from falconeye.federation.peer_client import PeerClient
from falconeye.federation.peer_errors import PeerRefused, PeerUnreachable
from falconeye.federation.refusals import Refusals, Refused
from falconeye.federation.signatures import Signer, Verifier
from falconeye.web.listening_socket import open_socket
from falconeye.web.peers import authentication
from falconeye.web.peers.authentication import PeerDoor
from tests.clock import FakeClock
from tests.integration.federation.routes import UNSIGNED_PATH
from tests.integration.federation.two_nodes import TwoNodes, new_keys
from tests.unit.federation.test_hostile_signatures import headers as hostile_headers


@asynccontextmanager
async def raw_client(nodes: TwoNodes) -> AsyncIterator[httpx.AsyncClient]:
    """Anybody who speaks TLS to the port, and signs nothing."""
    async with httpx.AsyncClient(
        base_url=f"https://127.0.0.1:{nodes.listener.port}",
        verify=client_context(nodes.keys.certificate),
        trust_env=False,
        timeout=5,
    ) as client:
        yield client


def kept(nodes: TwoNodes) -> list[tuple[str, str, Refused, int]]:
    return [
        (one.address, one.claimed_id, one.why, one.count)
        for one in nodes.listener.refusals.newest()
    ]


@pytest.fixture
def unsigned_route(monkeypatch: pytest.MonkeyPatch) -> None:
    """Joining, by a code or the cluster key, has its own tests; here a route stands for it."""
    paths = {"/peer/join", "/peer/join/look", "/peer/key"}
    assert {("POST", path) for path in paths} == authentication.UNSIGNED
    monkeypatch.setattr(authentication, "UNSIGNED", frozenset({("POST", UNSIGNED_PATH)}))


@pytest.mark.usefixtures("unsigned_route")
async def test_nothing_unsigned_is_answered_but_joining(nodes: TwoNodes) -> None:
    token = await nodes.site.token(Role.ADMIN)
    async with raw_client(nodes) as client:
        for path in ("/peer/hello", "/api/cameras/", "/healthz", "/login", "/nothing", "/static/x"):
            answer = await client.get(path, headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == 401, path
            assert answer.headers["falconeye-refused"] == "stranger"
            assert "falconeye-time" not in answer.headers
        joined = await client.post(UNSIGNED_PATH, content=b"code")
        assert (joined.status_code, joined.json()) == (200, {"bytes": 4})
        for method, path in (
            ("GET", UNSIGNED_PATH),
            ("POST", f"{UNSIGNED_PATH}/"),
            ("POST", f"/{UNSIGNED_PATH}"),
        ):
            assert (await client.request(method, path)).status_code == 401
    assert kept(nodes)[0][:3] == ("127.0.0.1", "", Refused.STRANGER)


async def test_what_is_for_nodes_does_not_exist_at_the_web_port(nodes: TwoNodes) -> None:
    token = await nodes.site.token(Role.ADMIN)
    nodes.site.client.headers["authorization"] = f"Bearer {token}"
    for path in ("/peer/hello", "/peer/join", "//peer/hello", "/peer//hello", "/%70eer/hello",
                 "/peer/test/who", "/peer/"):  # fmt: skip
        for method in ("GET", "POST", "DELETE"):
            answer = await nodes.site.client.request(method, f"{nodes.site.base}{path}")
            assert answer.status_code == 404, (method, path)
    # Not even with a member's signature, nor by claiming to be one.
    signed = nodes.signer.headers("GET", "/peer/hello", to=nodes.keys.node_id, created_s=_now_s())
    answer = await nodes.site.client.get("/peer/hello", headers={**signed, "peer": "x"})
    assert answer.status_code == 404


async def test_the_guard_refuses_what_the_web_port_let_through(
    nodes: TwoNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two locks: an address that one of them spells otherwise must not open the door."""
    monkeypatch.setattr("falconeye.web.authentication.is_peer_path", lambda _: False)
    token = await nodes.site.token(Role.ADMIN)
    answer = await nodes.site.client.get(
        "/peer/hello", headers={"authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 404


def _now_s() -> int:
    return SystemClock().utc_us() // SECOND_US


async def test_a_stranger_is_told_and_kept(nodes: TwoNodes, tmp_path: Path) -> None:
    keys = await new_keys(tmp_path / "stranger")
    stranger = PeerClient(nodes.place, Signer(keys.node_id, keys.private_key), SystemClock())
    with pytest.raises(PeerRefused) as caught:
        await stranger.request("GET", "/peer/hello")
    await stranger.close()
    assert caught.value.reason is Refused.STRANGER
    assert kept(nodes) == [("127.0.0.1", keys.node_id, Refused.STRANGER, 1)]


async def test_a_removed_node_is_out_at_once(nodes: TwoNodes) -> None:
    acting = await nodes.session("anna", Role.VIEWER)
    async with (
        nodes.asker.websocket("/api/test/socket", acting=acting) as socket,
        nodes.asker.stream("GET", "/api/test/endless", acting=acting) as answer,
    ):
        pieces = answer.aiter_raw()
        assert await anext(pieces) == b"first"
        nodes.known.update([], removed=[nodes.asking.node_id])
        nodes.listener.hang_up(nodes.asking.node_id)
        assert [piece async for piece in pieces] == []
        await socket.wait_closed()
        assert socket.close_code == 4401
    with pytest.raises(PeerRefused) as caught:
        await nodes.asker.request("GET", "/peer/hello")
    assert caught.value.reason is Refused.REMOVED
    assert kept(nodes) == [("127.0.0.1", nodes.asking.node_id, Refused.REMOVED, 1)]


async def test_captured_bytes_count_once(nodes: TwoNodes) -> None:
    signed = nodes.signer.headers(
        "GET", "/peer/test/who", to=nodes.keys.node_id, created_s=_now_s()
    )
    lines = ["GET /peer/test/who HTTP/1.1", "Host: x", "Connection: close"]
    captured = "\r\n".join([*lines, *(f"{k}: {v}" for k, v in signed.items()), "", ""]).encode()

    async def play() -> bytes:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", nodes.listener.port, ssl=client_context(nodes.keys.certificate)
        )
        writer.write(captured)
        answer = await reader.read()
        writer.close()
        return answer

    assert (await play()).startswith(b"HTTP/1.1 200 ")
    for _ in range(2):
        again = await play()
        assert again.startswith(b"HTTP/1.1 401 ")
        assert b"falconeye-refused: replay" in again
    assert kept(nodes) == [("127.0.0.1", nodes.asking.node_id, Refused.REPLAY, 2)]


async def test_a_body_that_was_exchanged_is_not_taken(nodes: TwoNodes) -> None:
    acting = await nodes.session("anna", Role.OPERATOR)

    async def post(path: str, body: bytes, other: bytes) -> httpx.Response:
        signed = nodes.signer.headers(
            "POST", path, to=nodes.keys.node_id, created_s=_now_s(), acting=acting, body=body
        )
        headers = {**signed, "content-type": "application/json"}
        async with raw_client(nodes) as client:
            return await client.post(path, content=other, headers=headers)

    good = b'{"name": "door"}'
    for path in ("/api/test/things", "/api/test/upload"):
        assert (await post(path, good, good)).status_code in {200, 201}
        answer = await post(path, good, b'{"name": "gate"}')
        assert answer.status_code == 401
        assert answer.headers["falconeye-refused"] == "signature"
    big = b"x" * 300_000
    assert (await post("/api/test/upload", big, big[:-1] + b"y")).status_code == 401
    assert (await post("/api/test/upload", big, big)).json() == {"bytes": len(big)}


@pytest.mark.usefixtures("unsigned_route")
async def test_a_clock_of_1970_learns_the_time_from_one_refusal(nodes: TwoNodes) -> None:
    clock = FakeClock(utc_us=20 * SECOND_US)
    young = PeerClient(nodes.place, nodes.signer, clock)
    answer = await young.request("POST", UNSIGNED_PATH, json={"code": "x"})
    assert answer.status_code == 200  # unsigned requests have no time
    answer = await young.request("GET", "/peer/test/who")
    assert answer.json() == {"peer": nodes.asking.node_id}
    assert kept(nodes) == [("127.0.0.1", nodes.asking.node_id, Refused.TIME, 1)]
    # Then NTP sets its clock, in the middle of everything: nothing is refused a second time.
    clock.step_utc(_now_s() - 20)
    for _ in range(3):
        assert (await young.request("GET", "/peer/hello")).status_code == 200
    await young.close()
    assert kept(nodes) == [("127.0.0.1", nodes.asking.node_id, Refused.TIME, 1)]


async def test_a_clock_of_1970_streams_and_opens_web_sockets(nodes: TwoNodes) -> None:
    acting = await nodes.session("anna", Role.OPERATOR)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"abc"

    young = PeerClient(nodes.place, nodes.signer, FakeClock(utc_us=20 * SECOND_US))
    async with young.stream(
        "POST", "/api/test/upload", content=body(), acting=acting
    ) as answer:  # which cannot be sent twice
        assert await answer.aread() == b'{"bytes":9}'
    await young.close()
    young = PeerClient(nodes.place, nodes.signer, FakeClock(utc_us=20 * SECOND_US))
    async with young.websocket("/api/test/socket", acting=acting) as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"
    await young.close()


async def test_a_receiver_of_1970_is_asked_as_well(nodes: TwoNodes) -> None:
    """Both ways: the time that counts is the receiver's, whatever it is."""
    verifier: Any = nodes.listener._door.verifier
    verifier._clock = nodes.listener._door._clock = FakeClock(utc_us=300 * SECOND_US)
    verifier._started_us = 0
    assert (await nodes.asker.request("GET", "/peer/hello")).status_code == 200
    assert [one[2] for one in kept(nodes)] == [Refused.TIME]


async def test_the_wrong_certificate_is_shown_not_a_byte(nodes: TwoNodes, tmp_path: Path) -> None:
    """The address leads to the site; the member we mean has another certificate."""
    got = bytearray()
    ended = asyncio.Event()
    impostor = await new_keys(tmp_path / "impostor")

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.extend(await reader.read())
        writer.close()
        ended.set()

    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=impostor.server_context)
    port = server.sockets[0].getsockname()[1]
    expected = PeerAddress(nodes.keys.node_id, nodes.keys.certificate, (f"127.0.0.1:{port}",))
    client = PeerClient(expected, nodes.signer, SystemClock())
    for asked in (
        client.request("POST", "/peer/beat", json={"secret": 1}, acting="session=x"),
        _open(client),
    ):
        with pytest.raises(PeerUnreachable) as caught:
            await asked
        assert caught.value.is_another
    assert not got
    # The next address is asked instead.
    client.move((f"127.0.0.1:{port}", f"127.0.0.1:{nodes.listener.port}"))
    assert (await client.request("GET", "/peer/hello")).status_code == 200
    await client.close()
    server.close()
    await server.wait_closed()
    assert not got


async def _open(client: PeerClient) -> None:
    async with client.websocket("/api/test/socket", acting="session=x"):
        pass


async def test_old_tls_is_not_spoken(nodes: TwoNodes) -> None:
    context = client_context(nodes.keys.certificate)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", nodes.listener.port, ssl=context)


async def test_whoever_says_nothing_or_nonsense_is_let_go(
    nodes: TwoNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falconeye.web.tls_server.HANDSHAKE_S", 0.2)
    silent, _ = quiet = await asyncio.open_connection("127.0.0.1", nodes.listener.port)
    plain, writer = await asyncio.open_connection("127.0.0.1", nodes.listener.port)
    writer.write(b"GET /peer/hello HTTP/1.1\r\nHost: x\r\n\r\n")
    assert not (await plain.read()).startswith(b"HTTP")
    assert await _until_closed(silent) == b""
    for opened in (quiet[1], writer):
        opened.close()
    assert (await nodes.asker.request("GET", "/peer/hello")).status_code == 200


async def _until_closed(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - it is another's state, which tells nobody
            await asyncio.sleep(0)


async def test_those_who_never_shake_hands_are_bounded(
    nodes: TwoNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falconeye.web.tls_server.max_peer_connections", lambda: 3)
    held = [await asyncio.open_connection("127.0.0.1", nodes.listener.port) for _ in range(3)]
    server: Any = nodes.listener._server
    await _until(lambda: server.shaking == 3)
    # The fourth is a member: the oldest of those who say nothing gives way to it, and no more.
    assert (await nodes.asker.request("GET", "/peer/hello")).status_code == 200
    assert await _until_closed(held[0][0]) == b""
    assert (server.shaking, len(server.server_state.connections)) == (2, 1)
    for _, writer in held:
        writer.close()
        await writer.wait_closed()
    await _until(lambda: not server.shaking)
    assert (await nodes.asker.request("GET", "/peer/hello")).status_code == 200


@given(sent=hostile_headers)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_header_is_an_error_of_the_node(sent: list[tuple[str, str]]) -> None:
    answered = asyncio.run(_ask_a_door(sent))
    assert answered in {401, 414, 431, 503}


async def _ask_a_door(sent: list[tuple[str, str]]) -> int:
    clock = FakeClock()
    unused: Any = None
    door = PeerDoor(unused, Verifier("me", KnownPeers(), clock), Refusals(clock), unused, clock)
    scope: Any = {
        "type": "http", "method": "GET", "path": "/x", "raw_path": b"/x", "query_string": b"a",
        "headers": [(k.encode("latin-1"), v.encode("latin-1")) for k, v in sent],
        "client": ("10.0.0.1", 5), "state": {},
    }  # fmt: skip
    answers: list[Any] = []

    async def send(message: Any) -> None:
        answers.append(message)

    await door(scope, unused, send)
    status: int = answers[0]["status"]
    return status


async def test_one_listener_a_port(nodes: TwoNodes) -> None:
    with pytest.raises(Exception, match="try --peer-port"):
        open_socket("127.0.0.1", nodes.listener.port, "--peer-port")
