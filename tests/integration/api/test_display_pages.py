"""The pages by which an admin adds, changes, pairs and removes displays; without scripts."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from falconeye.accounts.attempts import FREE_PER_ADDRESS
from falconeye.accounts.displays import ShownWall
from falconeye.accounts.model import Role
from falconeye.accounts.users import Rights
from falconeye.base.secret import Secret
from falconeye.web.security.credentials import SESSION_COOKIE
from falconeye.web.security.csrf import make_csrf_token
from tests.integration.api.conftest import Served
from tests.integration.api.test_displays import add_camera, code_of, screen_of, state_of
from tests.nodes import NO_TLS

pytestmark = pytest.mark.timeout(30)
PASSWORD = "four words in a row"
LIST = "/people/displays"


class Admin:
    """Somebody who is signed in, and their forms."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, status: int = 200) -> str:
        answer = await self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    async def post(self, path: str, status: int = 303, **fields: str | list[str]) -> httpx.Response:
        token = make_csrf_token(self.client.cookies[SESSION_COOKIE])
        answer = await self.client.post(path, data={"_csrf": token, **fields})
        assert answer.status_code == status, answer.text
        return answer


async def signed_in(served: Served, name: str, role: Role) -> httpx.AsyncClient:
    accounts = served.services.accounts
    await accounts.users.add(name, Secret(PASSWORD), Rights(role))
    cookie, _ = await accounts.login(name, PASSWORD, "127.0.0.1")
    return httpx.AsyncClient(
        base_url=served.url, cookies={SESSION_COOKIE: cookie}, timeout=8, trust_env=False,
        verify=NO_TLS,
    )  # fmt: skip


@pytest.fixture
async def admin(served: Served) -> AsyncIterator[Admin]:
    async with await signed_in(served, "anna", Role.ADMIN) as client:
        yield Admin(client)


def only_id(served: Served) -> str:
    (display,) = served.services.accounts.displays.list()
    return display.id


async def test_a_display_is_added_by_a_link_changed_and_removed(
    served: Served, admin: Admin
) -> None:
    door = await add_camera(served, "Door")
    assert "No display yet" in await admin.get(LIST)
    assert "Displays" in await admin.get("/settings")
    assert "Door" in await admin.get(f"{LIST}/add")
    made = await admin.post(
        f"{LIST}/add", 200, name="Kitchen", what="cameras", camera=[door], password=PASSWORD
    )
    link = re.search(r'value="http://[^/]+(/display/link/[\w-]+)"', made.text)
    assert link, made.text
    async with screen_of(served) as screen:
        assert (await screen.post(link[1])).status_code == 303
        assert "Door" in (await screen.get("/display")).text
    shown = await admin.get(LIST)
    assert "Kitchen" in shown
    assert "127.0.0.1" in shown
    path = f"{LIST}/{only_id(served)}"
    assert f'value="{door}" checked' in await admin.get(path)
    answer = await admin.post(path, name="Hall", what="all", until="2036-05-01T10:00")
    assert answer.headers["location"] == f"{LIST}?done=saved"
    (display,) = served.services.accounts.displays.list()
    assert (display.name, display.shown.cameras) == ("Hall", None)
    until = datetime(2036, 5, 1, 8, tzinfo=UTC)  # the site is in Vienna
    assert display.shown.expires_at_us == until.timestamp() * 1e6
    assert 'value="2036-05-01T10:00"' in await admin.get(path)
    assert "goes dark at once" in await admin.get(f"{path}/remove")
    answer = await admin.post(f"{path}/remove")
    assert answer.headers["location"] == f"{LIST}?done=display-removed"
    assert served.services.accounts.displays.list() == []
    await admin.get(path, 404)
    await admin.post(f"{path}/remove", 404)


async def test_what_is_wrong_stands_at_its_field_and_nothing_is_made(
    served: Served, admin: Admin
) -> None:
    add = f"{LIST}/add"
    right = {"name": "Kitchen", "what": "all", "password": PASSWORD}
    for field, given in (
        ("password", {"password": "guess"}), ("code", {"code": "ACDE-FGHJ"}),
        ("code", {"code": "0"}), ("name", {"name": ""}), ("cameras", {"what": "cameras"}),
        ("cameras", {"what": "cameras", "camera": "nothing"}), ("until", {"until": "soon"}),
        ("cameras", {"what": "wall", "wall": "none"}),
    ):  # fmt: skip
        answer = await admin.post(add, 422, **{**right, **given})
        assert f'id="{field}-error"' in answer.text, (field, given)
    assert served.services.accounts.displays.list() == []
    await admin.post(add, 200, **right)
    answer = await admin.post(add, 422, **{**right, "name": "KITCHEN"})
    assert 'id="name-error"' in answer.text


async def test_a_screen_is_paired_anew_by_its_code(served: Served, admin: Admin) -> None:
    await admin.post(f"{LIST}/add", 200, name="Kitchen", what="all", password=PASSWORD)
    path = f"{LIST}/{only_id(served)}/pair"
    async with screen_of(served) as screen:
        code = await code_of(screen)
        answer = await admin.post(path, 422, code=code, password="guess")
        assert 'id="password-error"' in answer.text
        answer = await admin.post(path, 422, code="ACDE-FGHJ", password=PASSWORD)
        assert 'id="code-error"' in answer.text
        answer = await admin.post(path, code=code.replace("-", " "), password=PASSWORD)
        assert answer.headers["location"] == f"{LIST}?done=display-paired"
        assert await state_of(screen) == "paired"
    assert "goes dark as soon as another one" in await admin.get(path)
    assert "/display/link/" in (await admin.post(path, 200, password=PASSWORD)).text


async def test_a_saved_wall_can_be_chosen(served: Served, admin: Admin) -> None:
    door = await add_camera(served, "Door")

    async def saved() -> dict[str, ShownWall]:
        return {"w": ShownWall("Front side", (door,))}

    served.services.accounts.displays.walls = saved
    assert "Front side" in await admin.get(f"{LIST}/add")
    right = {"name": "Kitchen", "what": "wall", "wall": "w", "password": PASSWORD}
    await admin.post(f"{LIST}/add", 200, **right)
    assert "the wall “Front side”" in await admin.get(LIST)
    assert 'value="w" selected' in await admin.get(f"{LIST}/{only_id(served)}")


async def test_only_admins_see_the_pages(served: Served) -> None:
    async with await signed_in(served, "otto", Role.OPERATOR) as client:
        otto = Admin(client)
        for path in (LIST, f"{LIST}/add"):
            await otto.get(path, 403)
        await otto.post(f"{LIST}/add", 403, name="Mine", what="all", password=PASSWORD)
        assert LIST not in await otto.get("/settings")
    assert served.services.accounts.displays.list() == []


async def test_a_form_of_another_page_changes_nothing(served: Served, admin: Admin) -> None:
    fields = {"_csrf": "x", "name": "Kitchen", "what": "all", "password": PASSWORD}
    answer = await admin.client.post(f"{LIST}/add", data=fields)
    assert answer.status_code == 403
    assert served.services.accounts.displays.list() == []


async def test_wrong_pairing_links_of_one_address_have_to_wait(
    served: Served, admin: Admin
) -> None:
    made = await admin.post(f"{LIST}/add", 200, name="Kitchen", what="all", password=PASSWORD)
    link = re.search(r'value="http://[^/]+(/display/link/[\w-]+)"', made.text)
    assert link, made.text
    async with screen_of(served) as screen:
        tries = [await screen.get(f"/display/link/{n}") for n in range(FREE_PER_ADDRESS - 1)]
        tries.append(await screen.post("/display/link/wrong"))
        assert {answer.status_code for answer in tries} == {404}
        for answer in (await screen.get(link[1]), await screen.post(link[1])):
            assert answer.status_code == 429, answer.text
            assert int(answer.headers["retry-after"]) > 0
        assert (await screen.get("/display")).status_code == 200  # a code is shown all the same
