"""The pages about people as a browser without scripts uses them: forms, answers, and the words."""

import re
from collections.abc import AsyncIterator
from datetime import datetime

import httpx
import pytest

from falconeye.accounts.model import Role
from tests.integration.api.conftest import Served
from tests.integration.api.signed_in import PASSWORD, add_person, browser, sign_in
from tests.integration.api.test_people import THEIRS, camera

pytestmark = pytest.mark.timeout(40)  # each password takes 64 MB and its time

NEW = {"role": "viewer", "scope": "all", "name": "Eve"}
SHOWN = re.compile(r'value="([^"]+)" readonly')


@pytest.fixture
async def anna(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    await add_person(served, "anna", Role.ADMIN)
    async with browser(served) as client:
        await sign_in(client, "anna")
        yield client


async def test_a_viewer_is_invited_who_sees_one_camera(
    served: Served, anna: httpx.AsyncClient
) -> None:
    door, _ = await camera(served, "Door"), await camera(served, "Yard")
    assert 'href="/people"' in (await anna.get("/settings")).text
    assert 'name="password"' in (await anna.get("/people/add")).text
    form = {**NEW, "scope": "listed", "cameras": door, "expires_at": "2031-05-01T18:00"}
    asked = await anna.post("/people/add", data=form)
    assert (asked.status_code, "This is not your password." in asked.text) == (422, True)
    assert f'value="{door}" checked' in asked.text  # what was typed stays
    assert 'value="2031-05-01T18:00"' in asked.text
    made = await anna.post("/people/add", data={**form, "password": PASSWORD})
    assert made.status_code == 200, made.text
    [link] = SHOWN.findall(made.text)
    assert link.startswith(f"{served.url}/invitation/")
    assert "leads to this machine only" in made.text
    [eve] = [user for user in served.services.accounts.users.list() if user.name == "Eve"]
    zone = served.services.stored_settings.zone
    assert eve.expires_at_us == datetime(2031, 5, 1, 18, tzinfo=zone).timestamp() * 1_000_000
    listed = (await anna.get("/people")).text
    assert "Invited" in listed
    assert "Only Door" in listed
    assert 'name="password"' not in (await anna.get("/people/add")).text  # for ten minutes
    async with browser(served) as client:
        page = await client.get(link)
        assert "Only Door" in page.text
        weak = {"new_password": "short", "again_password": "short"}
        again = await client.post(link, data=weak)
        assert (again.status_code, "at least 10 characters" in again.text) == (422, True)
        chosen = {"new_password": THEIRS, "again_password": THEIRS}
        assert (await client.post(link, data=chosen)).headers["location"] == "/"
        wall = (await client.get("/")).text
        assert ("Door" in wall, "Yard" in wall) == (True, False)
        account = (await client.get("/account")).text
        assert "Only Door" in account
        assert "This device" in account
        assert "2031-05-01 18:00:00" in account
        assert (await client.get("/people")).status_code == 403


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "A name has 1 to 64 characters."),
        ({"name": "ANNA"}, "There is already a user named “ANNA”"),
        ({"role": "king"}, "Choose a role."),
        ({"scope": "listed"}, "Choose at least one camera."),
        ({"scope": "listed", "cameras": "none"}, "There is no camera none."),
        ({"expires_at": "soon"}, "This is no date and time."),
        ({"expires_at": "2020-01-01T00:00"}, "This end is over already."),
        ({"way": "password", "new_password": "short"}, "at least 10 characters"),
        ({"password": "guess number 1"}, "This is not your password."),
    ],
)
async def test_what_is_wrong_stands_at_its_field(
    anna: httpx.AsyncClient, wrong: dict[str, str], words: str
) -> None:
    answer = await anna.post("/people/add", data={**NEW, "password": PASSWORD, **wrong})
    assert answer.status_code in {409, 422}
    assert words in answer.text
    assert 'class="field-error"' in answer.text


async def test_rights_are_changed_and_a_deleted_camera_is_shown_as_such(
    served: Served, anna: httpx.AsyncClient
) -> None:
    door, yard = await camera(served, "Door"), await camera(served, "Yard")
    otto = await add_person(served, "otto", Role.VIEWER, cameras=frozenset({door, yard}))
    assert (await served.admin.delete(f"/api/cameras/{yard}")).status_code == 200
    assert "Only Door, a deleted camera" in (await anna.get(f"/people/{otto.id}")).text
    path = f"/people/{otto.id}/rights"
    page = (await anna.get(path)).text
    assert "A deleted camera" in page
    assert f'value="{yard}" checked' in page
    form = {"role": "operator", "scope": "listed", "cameras": [door, yard], "password": PASSWORD}
    saved = await anna.post(path, data=form)
    assert (saved.status_code, saved.headers["location"]) == (303, f"/people/{otto.id}?done=saved")
    user = served.services.accounts.users.by_id(otto.id)
    assert (user.role, user.cameras) == (Role.OPERATOR, frozenset({door, yard}))
    saved = await anna.post(path, data={**form, "cameras": [door]})
    assert served.services.accounts.users.by_id(otto.id).cameras == frozenset({door})
    anna_id = next(u.id for u in served.services.accounts.users.list() if u.name == "anna")
    last = await anna.post(f"/people/{anna_id}/rights", data={"role": "viewer", "scope": "all"})
    assert (last.status_code, "last unlimited admin" in last.text) == (409, True)


async def test_a_password_is_set_and_a_person_removed(
    served: Served, anna: httpx.AsyncClient
) -> None:
    otto = await add_person(served, "otto", Role.VIEWER)
    async with browser(served) as client:
        await sign_in(client, "otto")
        page = (await anna.get(f"/people/{otto.id}")).text
        assert "python-httpx" in page
        weak = {"new_password": "short", "password": PASSWORD}
        refused = await anna.post(f"/people/{otto.id}/password", data=weak)
        assert (refused.status_code, "at least 10" in refused.text) == (422, True)
        done = await anna.post(f"/people/{otto.id}/password", data={"new_password": f" {THEIRS} "})
        assert done.status_code == 303
        assert (await client.get("/account")).status_code == 303  # to the sign-in
        await sign_in(client, "otto", f" {THEIRS} ")  # as it was typed
        question = (await anna.get(f"/people/{otto.id}/remove")).text
        assert "1 device is signed out at once" in question
        done = await anna.post(f"/people/{otto.id}/remove")
        assert done.headers["location"] == "/people?done=person-removed"
        assert (await client.get("/")).status_code == 303
    assert (await anna.get(f"/people/{otto.id}")).status_code == 404
    anna_id = next(u.id for u in served.services.accounts.users.list() if u.name == "anna")
    last = await anna.post(f"/people/{anna_id}/remove")
    assert (last.status_code, "last unlimited admin" in last.text) == (409, True)


async def test_links_are_renewed_and_taken_back(served: Served, anna: httpx.AsyncClient) -> None:
    made = await anna.post("/people/add", data={**NEW, "password": PASSWORD})
    [first] = SHOWN.findall(made.text)
    [eve] = [user for user in served.services.accounts.users.list() if user.name == "Eve"]
    assert "Make another link" in (await anna.get(f"/people/{eve.id}")).text
    [second] = SHOWN.findall((await anna.post(f"/people/{eve.id}/invitation")).text)
    assert [(await anna.get(link)).status_code for link in (first, second)] == [404, 200]
    assert "This browser is signed in as anna" in (await anna.get(second)).text
    back = await anna.post(f"/people/{eve.id}/remove")
    assert back.headers["location"] == "/people?done=invitation-withdrawn"
    assert (await anna.get(second)).status_code == 404


async def test_ones_own_account(served: Served, anna: httpx.AsyncClient) -> None:
    async with browser(served) as phone:
        await sign_in(phone, "anna")
        page = (await anna.get("/account")).text
        assert page.count("Sign out</button>") >= 2
        form = {"password": PASSWORD, "new_password": THEIRS, "again_password": PASSWORD}
        differ = await anna.post("/account/password", data=form)
        assert (differ.status_code, "The two passwords differ." in differ.text) == (422, True)
        wrong = await anna.post("/account/password", data={**form, "password": "guess number 1"})
        assert "This is not your password." in wrong.text
        assert (await phone.get("/account")).status_code == 200
        assert (await anna.post("/account/sessions/others/end")).status_code == 303
        assert (await phone.get("/account")).status_code == 303
        await sign_in(phone, "anna")
        done = await anna.post("/account/password", data={**form, "again_password": THEIRS})
        assert done.headers["location"] == "/account?done=password-set"
        assert (await phone.get("/account")).status_code == 303
        otto = await add_person(served, "otto", Role.VIEWER)
        await sign_in(phone, "otto")
        [session] = served.services.accounts.sessions.list(otto.id)
        assert (await anna.post(f"/account/sessions/{session.id}/end")).status_code == 303
        assert (await phone.get("/account")).status_code == 200  # another person's is not one's own
        assert (await anna.post(f"/people/{otto.id}/sessions/{session.id}/end")).status_code == 303
        assert (await phone.get("/account")).status_code == 303


async def test_a_token_is_made_limited_and_removed(served: Served, anna: httpx.AsyncClient) -> None:
    door = await camera(served, "Door")
    assert "Prometheus" in (await anna.get("/people/tokens/add")).text
    form = {**NEW, "name": "Home Assistant", "password": PASSWORD}
    made = await anna.post("/people/tokens/add", data=form)
    [secret] = SHOWN.findall(made.text)
    bearer = {"authorization": f"Bearer {secret}"}
    assert (await served.nobody.get("/api/recordings/", headers=bearer)).status_code == 200
    again = await anna.post("/people/tokens/add", data=form)
    assert (again.status_code, "already a token named" in again.text) == (409, True)
    listed = (await anna.get("/people/tokens")).text
    assert secret not in listed
    assert "made by anna" in listed
    token = served.services.accounts.tokens.find("Home Assistant")
    path = f"/people/tokens/{token.id}"
    limits = {"role": "viewer", "scope": "listed", "cameras": door, "live_only": "yes"}
    assert (await anna.post(path, data=limits)).status_code == 303
    assert "Only Door" in (await anna.get("/people/tokens")).text
    assert (await served.nobody.get("/api/recordings/", headers=bearer)).status_code == 403
    assert "It was last used" in (await anna.get(f"{path}/remove")).text
    assert (await anna.post(f"{path}/remove")).status_code == 303
    assert (await served.nobody.get("/api/cameras/", headers=bearer)).status_code == 401
    assert (await anna.get(path)).status_code == 404
