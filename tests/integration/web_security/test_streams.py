"""WebSockets and endless answers: let in by origin and role, ended by revocation and at stop."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from falconeye.accounts.model import Role
from falconeye.web.security.credentials import SESSION_COOKIE
from tests.integration.web_security.routes import ROUTES
from tests.integration.web_security.site import Site, running_site

SOCKET = "/api/test/socket"


@asynccontextmanager
async def socket(site: Site, path: str = SOCKET, **headers: str) -> AsyncIterator[ClientConnection]:
    url = f"ws://127.0.0.1:{site.server.port}{path}"
    origin = headers.pop("origin", None)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with connect(url, additional_headers=sent, origin=origin, proxy=None) as opened:  # type: ignore[arg-type]
        yield opened


@pytest.fixture
async def cookie(site: Site) -> str:
    await site.add_user("anna", Role.VIEWER)
    await site.sign_in(site.client, "anna")
    return f"{SESSION_COOKIE}={site.client.cookies[SESSION_COOKIE]}"


async def refused(site: Site, **headers: str) -> int:
    with pytest.raises(InvalidStatus) as caught:
        async with socket(site, **headers):
            pass
    return caught.value.response.status_code


async def test_a_web_socket_is_for_the_own_page(site: Site, cookie: str) -> None:
    async with socket(site, cookie=cookie, origin=site.base) as opened:
        await opened.send("hello")
        assert await opened.recv() == "hello"
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
        assert await refused(site, cookie=cookie, origin=origin) == 403
    assert await refused(site, cookie=cookie, sec_fetch_site="cross-site") == 403


async def test_a_web_socket_of_nobody_is_refused_before_it_opens(site: Site) -> None:
    assert await refused(site) == 403
    assert await refused(site, authorization="Bearer fe_wrong") == 403
    assert await refused(site, x_long="a" * 40_000) == 431
    assert await refused(site, **{f"x_{number}": "a" for number in range(140)}) == 431


async def test_a_program_needs_no_origin(site: Site) -> None:
    plain = await site.token(Role.VIEWER)
    async with socket(site, authorization=f"Bearer {plain}") as opened:
        await opened.send("hello")
        assert await opened.recv() == "hello"


async def test_video_is_not_compressed_again(site: Site) -> None:
    plain = await site.token(Role.VIEWER)
    async with socket(site, authorization=f"Bearer {plain}") as opened:
        assert "Sec-WebSocket-Extensions" not in opened.response.headers  # type: ignore[union-attr]


async def test_a_large_message_ends_the_connection(site: Site) -> None:
    plain = await site.token(Role.VIEWER)
    async with socket(site, authorization=f"Bearer {plain}") as opened:
        await opened.send("x" * 70_000)
        with pytest.raises(ConnectionClosed) as caught:
            await opened.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009


async def test_a_broken_handler_is_logged_and_closes(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    plain = await site.token(Role.VIEWER)
    async with socket(site, authorization=f"Bearer {plain}") as opened:
        await opened.send("break")
        with pytest.raises(ConnectionClosed):
            await opened.recv()
    assert "broken on purpose" in caplog.text


async def test_signing_out_closes_what_the_session_holds_open(site: Site, cookie: str) -> None:
    who = await site.accounts.authenticate_session(cookie.partition("=")[2])
    assert who is not None
    async with (
        socket(site, cookie=cookie, origin=site.base) as polite,
        socket(site, "/api/test/silent-socket", cookie=cookie, origin=site.base) as silent,
        site.client.stream("GET", "/api/test/endless") as endless,
    ):
        pieces = endless.aiter_raw()
        assert await anext(pieces) == b"first"
        assert site.shell.streams.streaming == 3
        await site.accounts.logout(who)
        assert json.loads(await polite.recv()) == {"type": "closing", "reason": "revoked"}
        for opened in (polite, silent):
            with pytest.raises(ConnectionClosed) as caught:
                await opened.recv()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 4401
        assert [piece async for piece in pieces] == []  # a clean end
    assert site.shell.streams.streaming == 0


async def test_only_those_concerned_are_closed(site: Site, cookie: str) -> None:
    plain, token = await site.accounts.tokens.add("script", Role.VIEWER)
    async with (
        socket(site, cookie=cookie, origin=site.base) as person,
        socket(site, authorization=f"Bearer {plain}") as program,
    ):
        await site.accounts.tokens.remove(token.id)
        assert json.loads(await program.recv())["type"] == "closing"
        await person.send("still here")
        assert await person.recv() == "still here"


async def test_a_lost_role_closes_too(site: Site, cookie: str) -> None:
    await site.add_user("olga", Role.OPERATOR)
    user = site.accounts.users.find("anna")
    async with socket(site, cookie=cookie, origin=site.base) as opened:
        await site.accounts.users.remove(user.id)
        assert json.loads(await opened.recv()) == {"type": "closing", "reason": "revoked"}


async def test_a_client_that_leaves_is_forgotten(site: Site) -> None:
    plain = await site.token(Role.VIEWER)
    headers = {"authorization": f"Bearer {plain}"}
    async with site.client.stream("GET", "/api/test/endless", headers=headers) as endless:
        assert await anext(endless.aiter_raw()) == b"first"
        assert site.shell.streams.streaming == 1
    await site.shell.streams.none_left()
    assert site.shell.streams.streaming == 0


async def test_stop_says_goodbye_and_does_not_wait_for_ever(tmp_path: Path) -> None:
    async with running_site(tmp_path, list(ROUTES)) as site:
        plain = await site.token(Role.VIEWER)
        headers = {"authorization": f"Bearer {plain}"}
        async with (
            socket(site, authorization=f"Bearer {plain}") as polite,
            socket(site, "/api/test/silent-socket", authorization=f"Bearer {plain}") as silent,
            site.client.stream("GET", "/api/test/endless", headers=headers) as endless,
        ):
            pieces = endless.aiter_raw()
            assert await anext(pieces) == b"first"
            port = site.server.port
            await site.server.stop()
            assert json.loads(await polite.recv()) == {"type": "closing", "reason": "stopping"}
            for opened in (polite, silent):
                with pytest.raises(ConnectionClosed) as caught:
                    await opened.recv()
                assert caught.value.rcvd is not None
                assert caught.value.rcvd.code == 1012
            assert [piece async for piece in pieces] == []
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
