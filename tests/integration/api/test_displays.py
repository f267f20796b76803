"""Displays by API and at the screen: pairing, what is reached and what is not, and the end."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Any, Final

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from falconeye.accounts.displays import ShownWall
from falconeye.accounts.model import Role
from falconeye.accounts.users import Rights
from falconeye.base.secret import Secret
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import Protocol
from falconeye.storage.stores.audit_store import AuditFilter
from falconeye.web.security.access import access_of, routes_of
from falconeye.web.security.csrf import make_csrf_token
from falconeye.web.security.display_cookies import DISPLAY_COOKIE, PAIRING_COOKIE
from tests.integration.api.conftest import Served
from tests.nodes import NO_TLS

pytestmark = pytest.mark.timeout(30)
PASSWORD = "four words in a row"
JSON: Final = {"accept": "application/json"}
# All that a screen reaches with its cookie, beside what everybody does.
FOR_DISPLAYS: Final = {
    ("GET", "/display/api/events"),
    ("GET", "/display/api/cameras/{camera_id:str}/snapshot.jpg"),
    ("WS", "/display/api/cameras/{camera_id:str}/live"),
}
_CODE: Final = re.compile(r'class="pairing-code"[^>]*>([A-Z0-9]{4}-[A-Z0-9]{4})<')


def screen_of(served: Served) -> httpx.AsyncClient:
    """A browser on a wall; the test closes it."""
    return httpx.AsyncClient(base_url=served.url, timeout=8, trust_env=False, verify=NO_TLS)


@pytest.fixture
async def screen(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with screen_of(served) as client:
        yield client


async def add_camera(served: Served, name: str) -> str:
    new = NewCamera(name=name, protocol=Protocol.DEMO, source_url="demo:", start=False)
    return (await served.services.cameras.add(new)).config.id


async def code_of(screen: httpx.AsyncClient) -> str:
    answer = await screen.get("/display")
    assert answer.status_code == 200, answer.text
    found = _CODE.search(answer.text)
    assert found, answer.text
    return found[1]


async def state_of(screen: httpx.AsyncClient) -> str:
    answer = await screen.post("/display/pairing", headers=JSON)
    assert answer.status_code == 200, answer.text
    state: str = answer.json()["state"]
    return state


async def paired(served: Served, screen: httpx.AsyncClient, **values: Any) -> dict[str, Any]:
    """The screen becomes a display by its code; the display as the API has it."""
    body = {"name": "Kitchen", "code": await code_of(screen), **values}
    answer = await served.admin.post("/api/displays", json=body)
    assert answer.status_code == 201, answer.text
    assert await state_of(screen) == "paired"
    made: dict[str, Any] = answer.json()
    return made


async def audited(served: Served) -> list[tuple[str, str, str]]:
    entries, _ = await served.services.accounts.audit.list(AuditFilter(object_kind="display"))
    return [(one.action, one.who_kind, one.who_name) for one in reversed(entries)]


class Events:
    """The stream of changes of one screen."""

    def __init__(self, answer: httpx.Response) -> None:
        self._chunks = answer.aiter_text()
        self._text = ""

    async def next(self) -> tuple[str, Any]:
        """Name and data of the next event; ("", None) at the end."""
        while "\n\n" not in self._text:
            try:
                self._text += await anext(self._chunks)
            except StopAsyncIteration:
                return "", None
        event, _, self._text = self._text.partition("\n\n")
        name, data = event.split("\n")
        words = data.removeprefix("data: ")
        return name.removeprefix("event: "), json.loads(words) if words[0] == "{" else words


def socket_of(served: Served, screen: httpx.AsyncClient, camera_id: str) -> connect:
    url = served.url.replace("http", "ws", 1) + f"/display/api/cameras/{camera_id}/live"
    cookie = f"{DISPLAY_COOKIE}={screen.cookies[DISPLAY_COOKIE]}"
    return connect(url, additional_headers={"cookie": cookie}, proxy=None)


async def closed(opened: ClientConnection) -> int:
    """The code by which the server ends it."""
    with suppress(ConnectionClosed):
        while True:
            await opened.recv()
    assert opened.close_code is not None
    return opened.close_code


async def test_a_screen_is_paired_by_its_code(served: Served, screen: httpx.AsyncClient) -> None:
    door = await add_camera(served, "Door")
    assert await code_of(screen) == await code_of(screen)  # loaded again, it shows the same
    assert await state_of(screen) == "waiting"
    made = await paired(served, screen, cameras=[door])
    assert (made["cameras"], made["pairing_path"]) == ([door], None)
    page = await screen.get("/display")
    assert page.status_code == 200
    assert f"/display/api/cameras/{door}/live" in page.text
    cookie = screen.cookies[DISPLAY_COOKIE]
    kept = [one for one in page.headers.get_list("set-cookie") if one.startswith(DISPLAY_COOKIE)]
    words = "HttpOnly; Max-Age=34560000; Path=/display; SameSite=lax"
    assert kept == [f"{DISPLAY_COOKIE}={cookie}; {words}"]
    assert PAIRING_COOKIE not in screen.cookies
    told = (await served.admin.get(f"/api/displays/{made['id']}")).json()
    assert told["paired_at"]
    assert told["last_seen_at"]
    assert (told["address"], told["encrypted"]) == ("127.0.0.1", False)
    assert "python-httpx" in told["user_agent"]
    assert await audited(served) == [
        ("display.added", "token", "admin []"),
        ("display.paired", "token", "admin []"),
        ("display.began", "display", "Kitchen"),
    ]


async def test_without_scripts_a_button_goes_on(served: Served, screen: httpx.AsyncClient) -> None:
    code = await code_of(screen)
    assert (await screen.post("/display/pairing")).headers["location"] == "/display"
    await served.admin.post("/api/displays", json={"name": "Kitchen", "code": code})
    answer = await screen.post("/display/pairing")
    assert (answer.status_code, answer.headers["location"]) == (303, "/display")
    assert DISPLAY_COOKIE in screen.cookies


async def test_a_screen_is_paired_by_a_link_that_is_good_once(
    served: Served, screen: httpx.AsyncClient
) -> None:
    answer = await served.admin.post("/api/displays", json={"name": "Hall"})
    assert answer.status_code == 201, answer.text
    path = answer.json()["pairing_path"]
    assert answer.json()["pairing_until"]
    assert "pairing_path" not in (await served.admin.get("/api/displays")).text.replace(
        '"pairing_path":null', ""
    )
    page = await screen.get(path)
    assert page.status_code == 200
    assert "“Hall”" in page.text
    assert DISPLAY_COOKIE not in screen.cookies  # looking at it uses nothing up
    used = await screen.post(path)
    assert (used.status_code, used.headers["location"]) == (303, "/display")
    assert (await screen.get("/display/api/cameras/x/snapshot.jpg")).status_code == 404
    async with screen_of(served) as other:
        assert (await other.get(path)).status_code == 404
        assert (await other.post(path)).status_code == 404
        assert DISPLAY_COOKIE not in other.cookies


async def test_wrong_codes_make_nothing_and_have_to_wait(
    served: Served, screen: httpx.AsyncClient
) -> None:
    code = await code_of(screen)
    for wrong in ("ACDE", "0000-0000"):
        answer = await served.admin.post("/api/displays", json={"name": "K", "code": wrong})
        assert answer.status_code == 422, wrong
    for _ in range(10):
        answer = await served.admin.post("/api/displays", json={"name": "K", "code": "ACDE-FGHJ"})
        assert answer.status_code == 422
    answer = await served.admin.post("/api/displays", json={"name": "K", "code": code})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 1
    assert (await served.admin.get("/api/displays")).json()["total"] == 0
    assert await state_of(screen) == "waiting"


async def test_admins_alone_know_of_displays(served: Served, screen: httpx.AsyncClient) -> None:
    made = await paired(served, screen)
    limited = await served.client(Role.ADMIN, cameras=frozenset({"x"}))
    asks = [
        ("GET", "/api/displays", None),
        ("POST", "/api/displays", {"name": "Another"}),
        ("GET", f"/api/displays/{made['id']}", None),
        ("PATCH", f"/api/displays/{made['id']}", {"name": "Third"}),
        ("POST", f"/api/displays/{made['id']}/pairing", {}),
        ("DELETE", f"/api/displays/{made['id']}", None),
    ]
    async with limited:
        for method, path, body in asks:
            for client, status in (
                (served.nobody, 401), (served.viewer, 403), (served.operator, 403), (limited, 403),
            ):  # fmt: skip
                answer = await client.request(method, path, json=body)
                assert answer.status_code == status, (method, path)
    for method, path, body in asks:
        answer = await served.admin.request(method, path, json=body)
        assert answer.is_success, (method, path, answer.text)
    for method, path, body in asks[2:]:
        answer = await served.admin.request(method, path, json=body)
        assert answer.status_code == 404, (method, path)


async def test_what_a_display_shows_can_be_changed(served: Served) -> None:
    door, yard = await add_camera(served, "Door"), await add_camera(served, "Yard")
    made = (await served.admin.post("/api/displays", json={"name": "Hall"})).json()
    path = f"/api/displays/{made['id']}"

    async def patched(**values: Any) -> dict[str, Any]:
        answer = await served.admin.patch(path, json=values)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    assert (await patched(cameras=[yard, door]))["cameras"] == sorted([door, yard])
    renamed = await patched(name="Landing", expires_at="2036-01-01T00:00:00Z")
    assert (renamed["name"], renamed["cameras"]) == ("Landing", sorted([door, yard]))
    assert renamed["expires_at"].startswith("2036-01-01T00:00:00")
    assert (await patched(expires_at=None))["expires_at"] is None

    async def saved() -> dict[str, ShownWall]:
        return {"w": ShownWall("Front", (door,))}

    served.services.accounts.displays.walls = saved
    on_wall = await patched(wall_id="w")
    assert (on_wall["wall_id"], on_wall["cameras"]) == ("w", None)
    assert (await patched(cameras=None))["wall_id"] is None
    wrongs: list[dict[str, Any]] = [
        {"cameras": ["nothing"]}, {"cameras": []}, {"wall_id": "x"}, {"name": ""},
        {"expires_at": "soon"}, {"wall_id": "w", "cameras": [door]}, {"colour": "red"},
        {"cameras": "all"},
    ]  # fmt: skip
    for wrong in wrongs:
        answer = await served.admin.patch(path, json=wrong)
        assert answer.status_code == 422, (wrong, answer.text)
    await served.admin.post("/api/displays", json={"name": "Hall"})
    assert (await served.admin.patch(path, json={"name": "hall"})).status_code == 409


async def test_a_camera_that_was_deleted_may_stay_in_the_list(served: Served) -> None:
    door, yard = await add_camera(served, "Door"), await add_camera(served, "Yard")
    body = {"name": "Hall", "cameras": [door, yard]}
    made = (await served.admin.post("/api/displays", json=body)).json()
    await served.services.cameras.delete(yard)
    path = f"/api/displays/{made['id']}"
    answer = await served.admin.patch(path, json={"cameras": [yard, door]})
    assert answer.status_code == 200, answer.text


async def test_a_session_gives_the_password_again(
    served: Served, screen: httpx.AsyncClient
) -> None:
    accounts = served.services.accounts
    await accounts.users.add("anna", Secret(PASSWORD), Rights(Role.ADMIN))
    cookie, _ = await accounts.login("anna", PASSWORD, "127.0.0.1")
    headers = {"cookie": f"falconeye_session={cookie}", "x-csrf-token": make_csrf_token(cookie)}
    body = {"name": "Kitchen"}
    answer = await screen.post("/api/displays", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "confirm_password")
    confirm = "/api/account/confirm"
    for password, status in (("not it", 422), (PASSWORD, 200)):
        shown = await screen.post(confirm, json={"password": password}, headers=headers)
        assert shown.status_code == status, shown.text
    answer = await screen.post("/api/displays", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    made = answer.json()["id"]
    answer = await screen.post(f"/api/displays/{made}/pairing", json={}, headers=headers)
    assert answer.status_code == 200, answer.text


async def test_the_cookie_opens_its_own_addresses_and_no_other(
    served: Served, screen: httpx.AsyncClient
) -> None:
    """Every route of the application, with the cookie sent everywhere."""
    door = await add_camera(served, "Door")
    made = await paired(served, screen, cameras=[door])
    cookie = screen.cookies[DISPLAY_COOKIE]
    headers = {"cookie": f"{DISPLAY_COOKIE}={cookie}; falconeye_session={cookie}"}
    opened = set()
    async with screen_of(served) as everywhere:
        for method, path, handler in routes_of(served.app):
            declared = access_of(handler)
            assert declared is not None
            if declared.displays:
                opened.add((method, path))
            if declared.public or declared.displays or method in {"WS", "ASGI"}:
                continue
            address = re.sub(r"\{display_id[^}]*\}", made["id"], path)
            address = re.sub(r"\{[^}]*\}", door, re.sub(r"\{[^}]*:int\}", "1", address))
            for extra in ({}, {"authorization": f"Bearer {cookie}"}):
                answer = await everywhere.request(method, address, headers={**headers, **extra})
                to_login = answer.headers.get("location", "").startswith("/login")
                refused = answer.status_code in {401, 404} or (
                    answer.status_code == 303 and to_login
                )
                assert refused, (method, path, answer.status_code)
                assert answer.status_code != 404 or declared.peers, (method, path)
    assert opened == FOR_DISPLAYS
    url = served.url.replace("http", "ws", 1) + f"/api/cameras/{door}/live"
    with pytest.raises(InvalidStatus):
        async with connect(url, additional_headers=headers, proxy=None):
            pass


async def test_who_is_signed_in_stays_that_beside_a_display(
    served: Served, screen: httpx.AsyncClient
) -> None:
    """The cookies of a screen's browser: below /display it is a display, elsewhere a person."""
    await paired(served, screen)
    accounts = served.services.accounts
    await accounts.users.add("anna", Secret(PASSWORD), Rights(Role.VIEWER))
    cookie, _ = await accounts.login("anna", PASSWORD, "127.0.0.1")
    screen.cookies.set("falconeye_session", cookie)
    assert (await screen.get("/api/cameras")).status_code == 200
    page = await screen.get("/display")
    assert 'id="display"' in page.text
    screen.cookies.delete(DISPLAY_COOKIE)
    assert _CODE.search((await screen.get("/display")).text)


async def test_a_screen_is_told_of_its_cameras_and_of_the_end(
    served: Served, screen: httpx.AsyncClient
) -> None:
    door = await add_camera(served, "Door")
    await add_camera(served, "Bath")
    made = await paired(served, screen, cameras=[door])
    page = (await screen.get("/display")).text
    async with asyncio.timeout(15), screen.stream("GET", "/display/api/events") as answer:
        assert answer.status_code == 200
        assert f"{DISPLAY_COOKIE}=" in answer.headers["set-cookie"]
        events = Events(answer)
        name, hello = await events.next()
        assert name == "hello"
        assert f'data-version="{hello["version"]}"' in page
        assert f'data-layout="{hello["layout"]}"' in page
        name, state = await events.next()
        assert name == "state"
        assert list(state["tiles"]) == [door]
        assert "Stopped" in state["tiles"][door]
        await served.admin.patch(f"/api/cameras/{door}", json={"name": "Front door"})
        name, state = await events.next()
        assert name == "state"
        assert "Front door" in state["tiles"][door]
        assert state["layout"] != hello["layout"]
        await served.admin.delete(f"/api/displays/{made['id']}")
        while name not in {"signed-out", ""}:
            name, data = await events.next()
        assert (name, data) == ("signed-out", "revoked")
    assert (await screen.get("/display/api/events")).status_code == 401
    assert _CODE.search((await screen.get("/display")).text)


async def test_other_cameras_end_what_is_open_and_let_the_new_ones_in(
    served: Served, screen: httpx.AsyncClient
) -> None:
    door, yard = await add_camera(served, "Door"), await add_camera(served, "Yard")
    made = await paired(served, screen, cameras=[door])
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(socket_of(served, screen, door))
        with pytest.raises(InvalidStatus) as caught:
            await stack.enter_async_context(socket_of(served, screen, yard))
        assert caught.value.response.status_code == 403
        path = f"/api/displays/{made['id']}"
        await served.admin.patch(path, json={"cameras": [yard]})
        async with asyncio.timeout(5):
            assert await closed(opened) == 4401
        other = await stack.enter_async_context(socket_of(served, screen, yard))
        assert (await screen.get(f"/display/api/cameras/{door}/snapshot.jpg")).status_code == 403
        assert (await screen.get(f"/display/api/cameras/{yard}/snapshot.jpg")).status_code == 503
        await served.admin.delete(path)
        async with asyncio.timeout(5):
            assert await closed(other) == 4401


async def test_another_screen_takes_the_place_of_the_first(
    served: Served, screen: httpx.AsyncClient
) -> None:
    made = await paired(served, screen)
    async with screen_of(served) as other:
        code = await code_of(other)
        answer = await served.admin.post(f"/api/displays/{made['id']}/pairing", json={"code": code})
        assert answer.status_code == 200, answer.text
        assert 'id="display"' in (await screen.get("/display")).text  # until that one is there
        assert await state_of(other) == "paired"
        assert 'id="display"' in (await other.get("/display")).text
    assert _CODE.search((await screen.get("/display")).text)


async def test_another_sites_page_can_pair_nothing(
    served: Served, screen: httpx.AsyncClient
) -> None:
    code = await code_of(screen)
    await served.admin.post("/api/displays", json={"name": "Kitchen", "code": code})
    evil = {**JSON, "origin": "http://evil.example", "sec-fetch-site": "cross-site"}
    assert (await screen.post("/display/pairing", headers=evil)).status_code == 403
    assert await state_of(screen) == "paired"
