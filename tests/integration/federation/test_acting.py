"""Persons who ask another node than the one they are signed in at: the receiver decides again."""

import asyncio

import pytest
from websockets.exceptions import ConnectionClosed

from falconeye.accounts.displays import Shown
from falconeye.accounts.model import Role
from falconeye.accounts.service import Accounts
from falconeye.base.errors import InvalidInput, Unavailable
from falconeye.federation.peer_errors import PeerDenied, PeerRefused
from falconeye.federation.refusals import Refused
from falconeye.storage.index.database import Database
from falconeye.storage.stores.display_store import Seen
from falconeye.web.security.credentials import SESSION_COOKIE
from tests.databases import closed_database
from tests.integration.federation.two_nodes import TwoNodes
from tests.integration.web_security.site import PASSWORD, Site


async def test_who_may_not_is_refused_by_the_receiver(nodes: TwoNodes) -> None:
    acting = await nodes.session("anna", Role.VIEWER, cameras=frozenset({"front"}))
    expected = {"front": 200, "back": 403}
    for camera, status in expected.items():
        answer = await nodes.asker.request("GET", f"/api/test/cameras/{camera}", acting=acting)
        assert answer.status_code == status
    answer = await nodes.asker.request(
        "POST", "/api/test/things", json={"name": "x"}, acting=acting
    )
    assert (answer.status_code, "falconeye-refused" in answer.headers) == (403, False)
    for path in ("/api/test/who", "/api/test/cameras/front", "/api/cameras/"):
        assert (await nodes.asker.request("GET", path)).status_code == 401  # nobody acts
    assert (await nodes.asker.request("GET", "/api/nothing")).status_code == 404


async def test_cookies_and_tokens_count_for_nothing_here(nodes: TwoNodes) -> None:
    """A proxied request may still carry them, of another node's making."""
    await nodes.session("anna", Role.ADMIN)
    cookie, _ = await nodes.site.accounts.login("anna", PASSWORD, "10.0.0.9")
    token = await nodes.site.token(Role.ADMIN)
    for name, value in (
        ("cookie", f"{SESSION_COOKIE}={cookie}"),
        ("authorization", f"Bearer {token}"),
    ):
        async with nodes.asker.stream("GET", "/api/test/who", headers=[(name, value)]) as answer:
            assert answer.status_code == 401


async def test_what_the_sender_cannot_have_checked_here_is_not_asked_again(nodes: TwoNodes) -> None:
    """Neither an Origin of the other node's page nor a CSRF token of its session."""
    acting = await nodes.session("anna", Role.OPERATOR)
    headers = [("origin", "http://other-node:8900"), ("sec-fetch-site", "same-site"),
               ("content-type", "application/json")]  # fmt: skip
    async with nodes.asker.stream(
        "POST", "/api/test/things", headers=headers, content=b'{"name":"x"}', acting=acting
    ) as answer:
        assert answer.status_code == 200
    # At the web port the same is refused.
    cookie, _ = await nodes.site.accounts.login("anna", PASSWORD, "10.0.0.9")
    refused = await nodes.site.client.post(
        "/api/test/things", content=b'{"name":"x"}',
        headers=[*headers, ("cookie", f"{SESSION_COOKIE}={cookie}")],
    )  # fmt: skip
    assert refused.status_code == 403


@pytest.mark.parametrize(
    "acting",
    ["session=nobody", "token=nobody", "session=", "user=anna", "anna", "", "session=" + "x" * 80],
)
async def test_who_is_not_known_is_told_so(nodes: TwoNodes, acting: str) -> None:
    with pytest.raises(PeerRefused) as caught:
        await nodes.asker.request("GET", "/api/test/who", acting=acting)
    assert caught.value.reason is Refused.PERSON
    possible = acting.endswith("=nobody")
    assert nodes.looked == [nodes.asking.node_id] * possible


async def test_who_has_signed_in_a_moment_ago_is_looked_for_once(nodes: TwoNodes) -> None:
    """The row is on its way: another process has made it, this one has not read it."""
    await nodes.site.add_user("anna", Role.VIEWER)
    other = await _other_accounts(nodes.site)
    accounts, database = other
    try:
        _, who = await accounts.login("anna", PASSWORD, "10.0.0.9")
        acting = f"session={who.session_id}"
        answers = await asyncio.gather(
            *(nodes.asker.request("GET", "/api/test/who", acting=acting) for _ in range(10))
        )
        assert {answer.status_code for answer in answers} == {200}
        # Ten at once: one look for those who waited, and one for those who came after it began.
        assert 1 <= len(nodes.looked) <= 2
        await nodes.asker.request("GET", "/api/test/who", acting=acting)
        assert len(nodes.looked) <= 2
    finally:
        await accounts.stop()
        await database.close()


async def _other_accounts(site: Site) -> tuple[Accounts, Database]:
    database = closed_database(site.services.settings.data_dir, site.services.clock)
    await database.open()
    accounts = Accounts(database, site.services.clock)
    await accounts.start(serving=False)
    return accounts, database


async def test_a_look_that_fails_leaves_what_is_known(
    nodes: TwoNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting = await nodes.session("anna", Role.VIEWER)

    async def failing(_: str) -> None:
        raise Unavailable("that node is away")

    monkeypatch.setattr(nodes.listener._door._acting, "_look_again", failing)
    assert (await nodes.asker.request("GET", "/api/test/who", acting=acting)).status_code == 200
    with pytest.raises(PeerRefused):
        await nodes.asker.request("GET", "/api/test/who", acting="session=x")


async def test_who_signs_out_is_out_here_and_their_streams_end(nodes: TwoNodes) -> None:
    acting = await nodes.session("anna", Role.VIEWER)
    async with (
        nodes.asker.websocket("/api/test/socket", acting=acting) as socket,
        nodes.asker.websocket("/api/test/silent-socket", acting=acting) as silent,
        nodes.asker.stream("GET", "/api/test/endless", acting=acting) as answer,
    ):
        await socket.send("hello")
        assert await socket.recv() == "hello"
        pieces = answer.aiter_raw()
        assert await anext(pieces) == b"first"
        who = await nodes.site.accounts.principal_by_session_id(acting.removeprefix("session="))
        assert who
        await nodes.site.accounts.logout(who)
        assert '"closing"' in str(await socket.recv())
        for opened in (socket, silent):
            with pytest.raises(ConnectionClosed):
                await opened.recv()
            assert opened.close_code == 4401
        assert [piece async for piece in pieces] == []
    with pytest.raises(PeerRefused) as caught:
        await nodes.asker.request("GET", "/api/test/who", acting=acting)
    assert caught.value.reason is Refused.PERSON


async def test_who_still_may_keeps_the_stream_at_the_minutely_look(nodes: TwoNodes) -> None:
    acting = await nodes.session("anna", Role.VIEWER)
    async with nodes.asker.websocket("/api/test/socket", acting=acting) as socket:
        await nodes.site.shell.streams.recheck()
        await socket.send("still here")
        assert await socket.recv() == "still here"


async def test_a_web_socket_that_is_denied_says_why(nodes: TwoNodes) -> None:
    acting = await nodes.session("anna", Role.VIEWER)
    expected = {"/api/test/nothing": (404, 403), "/api/test/things": (404, 405, 403)}
    for path, statuses in expected.items():
        with pytest.raises(PeerDenied) as denied:
            async with nodes.asker.websocket(path, acting=acting):
                pass
        assert denied.value.http_status in statuses
    for path in ("/api/test/socket;x", "/api/test/socket#x", "/api/ä", "x"):
        with pytest.raises(InvalidInput):
            async with nodes.asker.websocket(path, acting=acting):
                pass
    with pytest.raises(PeerDenied):  # nobody acts
        async with nodes.asker.websocket("/api/test/socket"):
            pass
    with pytest.raises(PeerRefused) as refused:
        async with nodes.asker.websocket("/api/test/socket", acting="session=x"):
            pass
    assert refused.value.reason is Refused.PERSON


async def test_the_audit_log_knows_the_persons_own_address(nodes: TwoNodes) -> None:
    acting = await nodes.session("anna", Role.VIEWER)

    async def seen(client: str | None = None) -> str:
        answer = await nodes.asker.request("GET", "/api/test/address", acting=acting, client=client)
        found: str = answer.json()["address"]
        return found

    assert await seen() == "127.0.0.1"
    assert await seen("192.168.1.77") == "192.168.1.77"
    assert await seen("fe80::1%eth0") == "fe80::1"
    assert await seen("fe80::1%<script>") == "fe80::1"
    assert await seen("<script>") == "127.0.0.1"


async def test_a_display_reaches_its_own_addresses_alone(nodes: TwoNodes) -> None:
    """Whatever address the node that names it asks for: only its cameras, below /display."""
    displays = nodes.site.accounts.displays
    display = await displays.add("Hall", Shown(cameras=frozenset({"front"})), created_by="anna")
    acting = f"display={display.id}"
    with pytest.raises(PeerRefused):  # no screen yet
        await nodes.asker.request("GET", "/api/test/who", acting=acting)
    now_us = nodes.site.services.clock.utc_us()
    await displays.pair(display.id, Seen(now_us, "10.0.0.9", "a tablet", is_secure=False))
    for path in ("/api/test/who", "/api/test/cameras/front", "/api/cameras/", "/"):
        answer = await nodes.asker.request("GET", path, acting=acting)
        assert answer.status_code == 403, path
    own = "/display/api/cameras/{}/snapshot.jpg"
    answer = await nodes.asker.request("GET", own.format("back"), acting=acting)
    assert answer.status_code == 403
    answer = await nodes.asker.request("GET", own.format("front"), acting=acting)
    assert answer.status_code == 500  # past the guard: this site has no cameras
    session = await nodes.session("anna", Role.ADMIN)
    answer = await nodes.asker.request("GET", own.format("front"), acting=session)
    assert answer.status_code == 403
