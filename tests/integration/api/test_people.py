"""People, tokens, sessions and invitations by the API: who may, what ends, what is never told."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from falconeye.accounts.model import Role
from falconeye.storage.stores.audit_store import AuditFilter
from tests.integration.api.conftest import Served
from tests.integration.api.signed_in import PASSWORD, add_person, browser, carry_token, sign_in

pytestmark = pytest.mark.timeout(40)  # each password takes 64 MB and its time

THEIRS = "another long one"
SECRETS = {"password", "password_hash", "secret_hash", "invitation_hash", "token", "secret"}


async def camera(served: Served, name: str) -> str:
    answer = await served.admin.post("/api/cameras/", json={"name": name, "protocol": "demo"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def actions(served: Served) -> list[tuple[str, str]]:
    found, _ = await served.services.accounts.audit.list(AuditFilter(), limit=50)
    return [(entry.action, entry.detail) for entry in reversed(found)]


@pytest.fixture
async def anna(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    """An admin's browser."""
    await add_person(served, "anna", Role.ADMIN)
    async with browser(served) as client:
        await sign_in(client, "anna")
        yield client


async def test_a_person_is_added_limited_and_removed(served: Served) -> None:
    door, yard = await camera(served, "Door"), await camera(served, "Yard")
    ends = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    made = await served.admin.post(
        "/api/users/",
        json={"name": "Otto", "password": PASSWORD, "cameras": [door, yard], "live_only": True,
              "expires_at": ends.isoformat()},
    )  # fmt: skip
    assert made.status_code == 201, made.text
    otto = made.json()
    assert (otto["role"], otto["live_only"], otto["invited"]) == ("viewer", True, False)
    assert sorted(otto["cameras"]) == sorted([door, yard])
    assert datetime.fromisoformat(otto["expires_at"]) == ends
    assert not SECRETS & otto.keys()
    path = f"/api/users/{otto['id']}"
    changed = await served.admin.patch(path, json={"cameras": [door], "expires_at": None})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["cameras"], changed.json()["expires_at"]) == ([door], None)
    assert changed.json()["live_only"] is True  # what is absent stays
    listed = (await served.admin.get("/api/users/")).json()
    assert (listed["total"], [each["name"] for each in listed["users"]]) == (1, ["Otto"])
    assert (await served.admin.delete(path)).json() == {"id": otto["id"], "name": "Otto"}
    assert (await served.admin.get(path)).status_code == 404
    assert [action for action, _ in await actions(served)][2:] == [
        "user.added", "user.changed", "user.removed",
    ]  # fmt: skip
    assert ("user.changed", "Otto: viewer; live only; only Door") in await actions(served)


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"name": "Otto", "password": "short"}, 422),
        ({"name": "", "password": PASSWORD}, 422),
        ({"name": "Otto"}, 422),
        ({"name": "Otto", "password": PASSWORD, "role": "king"}, 422),
        ({"name": "Otto", "password": PASSWORD, "role": None}, 422),
        ({"name": "Otto", "password": PASSWORD, "cameras": []}, 422),
        ({"name": "Otto", "password": PASSWORD, "cameras": ["none"]}, 422),
        ({"name": "Otto", "password": PASSWORD, "expires_at": "soon"}, 422),
        ({"name": "Otto", "password": PASSWORD, "expires_at": "2020-01-01T00:00:00Z"}, 422),
        ({"name": "Otto", "password": PASSWORD, "expires_at": "2500-01-01T00:00:00Z"}, 422),
        ({"name": "Otto", "password": PASSWORD, "is_king": True}, 422),
        ({"name": "ANNA", "password": PASSWORD}, 409),
    ],
)
async def test_what_is_wrong_with_a_person_is_said(
    served: Served, given: dict[str, Any], status: int
) -> None:
    await add_person(served, "anna", Role.ADMIN)
    answer = await served.admin.post("/api/users/", json=given)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]
    assert PASSWORD not in answer.text
    assert len(served.services.accounts.users.list()) == 1


async def test_the_last_admin_stays(served: Served, anna: httpx.AsyncClient) -> None:
    [user] = (await anna.get("/api/users/")).json()["users"]
    assert (user["online"], user["sessions"]) == (True, 1)
    path = f"/api/users/{user['id']}"
    for answer in (
        await served.admin.delete(path),
        await served.admin.patch(path, json={"role": "operator"}),
        await served.admin.patch(path, json={"live_only": True}),
    ):
        assert answer.status_code == 409, answer.text
        assert "last unlimited admin" in answer.json()["detail"]


async def test_a_browser_left_open_is_asked_for_the_password(
    served: Served, anna: httpx.AsyncClient
) -> None:
    otto = await add_person(served, "otto", Role.VIEWER)
    plain = (await served.admin.post("/api/tokens/", json={"name": "vlc"})).json()
    unsafe = [
        ("POST", "/api/users/", {"name": "eve", "password": PASSWORD}),
        ("PATCH", f"/api/users/{otto.id}", {"role": "operator"}),
        ("POST", f"/api/users/{otto.id}/password", {"password": THEIRS}),
        ("DELETE", f"/api/users/{otto.id}", None),
        ("POST", "/api/invitations/", {"name": "eve"}),
        ("POST", f"/api/invitations/{otto.id}/renew", None),
        ("DELETE", f"/api/invitations/{otto.id}", None),
        ("POST", "/api/tokens/", {"name": "ha"}),
        ("PATCH", f"/api/tokens/{plain['id']}", {"role": "operator"}),
        ("DELETE", f"/api/tokens/{plain['id']}", None),
    ]
    for method, path, body in unsafe:
        answer = await anna.request(method, path, json=body)
        assert answer.status_code == 403, (path, answer.text)
        assert answer.json()["code"] == "confirm_password"
    wrong = await anna.post("/api/account/confirm", json={"password": "guess number 1"})
    assert wrong.status_code == 422
    assert (await anna.get("/api/account/")).json()["confirmed"] is False
    right = await anna.post("/api/account/confirm", json={"password": PASSWORD})
    assert right.json() == {"seconds": 600}
    assert (await anna.get("/api/account/")).json()["confirmed"] is True
    for method, path, body in unsafe:
        answer = await anna.request(method, path, json=body)
        assert answer.status_code in {200, 201, 404, 409}, (path, answer.text)
    async with browser(served) as other:  # another browser of the same person is asked again
        await sign_in(other, "anna")
        answer = await other.post("/api/invitations/", json={"name": "mia"})
        assert answer.json()["code"] == "confirm_password"


async def test_only_unlimited_admins_see_and_change_people(served: Served) -> None:
    door = await camera(served, "Door")
    otto = await add_person(served, "otto", Role.VIEWER)
    listed = await served.client(Role.ADMIN, cameras=frozenset({door}))
    live = await served.client(Role.ADMIN, live_only=True)
    routes = [
        ("GET", "/api/users/"), ("POST", "/api/users/"), ("GET", f"/api/users/{otto.id}"),
        ("PATCH", f"/api/users/{otto.id}"), ("DELETE", f"/api/users/{otto.id}"),
        ("POST", f"/api/users/{otto.id}/password"), ("GET", f"/api/users/{otto.id}/sessions"),
        ("GET", "/api/invitations/"), ("POST", "/api/invitations/"),
        ("DELETE", f"/api/invitations/{otto.id}"), ("POST", f"/api/invitations/{otto.id}/renew"),
        ("GET", "/api/tokens/"), ("POST", "/api/tokens/"), ("GET", "/api/tokens/x"),
        ("DELETE", "/api/tokens/x"), ("PATCH", "/api/tokens/x"),
        ("GET", "/people"), ("GET", "/people/add"), ("POST", "/people/add"),
        ("GET", f"/people/{otto.id}"), ("POST", f"/people/{otto.id}/remove"),
        ("GET", "/people/tokens"), ("POST", "/people/tokens/add"),
    ]  # fmt: skip
    async with listed, live:
        for method, path in routes:
            for client in (served.viewer, served.operator, listed, live):
                answer = await client.request(method, path)
                assert answer.status_code == 403, (method, path)
            nobody = await served.nobody.request(method, path)
            assert nobody.status_code == (401 if path.startswith("/api") else 303), (method, path)


async def test_an_invitation_is_good_once(served: Served) -> None:
    door = await camera(served, "Door")
    made = await served.admin.post("/api/invitations/", json={"name": "Eve", "cameras": [door]})
    assert made.status_code == 201, made.text
    link = made.json()
    assert link["url"] == served.url + link["path"]
    assert (link["invited"], link["password_changed_at"], link["sessions"]) == (True, None, 0)
    for path in ("/api/users/", "/api/invitations/"):
        told = (await served.admin.get(path)).text
        assert "Eve" in told
        assert link["path"].rpartition("/")[2] not in told
    async with browser(served) as eve:
        page = await eve.get(link["path"])
        assert (page.status_code, "Welcome, Eve" in page.text) == (200, True)
        assert page.headers["cache-control"] == "no-store"
        given = {"new_password": THEIRS, "again_password": "something else"}
        assert (await eve.post(link["path"], data=given)).status_code == 422
        given["again_password"] = THEIRS
        assert (await eve.post(link["path"], data=given)).headers["location"] == "/"
        carry_token(eve)
        account = (await eve.get("/api/account/")).json()
        assert (account["name"], account["role"], account["cameras"]) == ("Eve", "viewer", [door])
        for method in ("GET", "POST"):
            again = await served.nobody.request(method, link["path"], data=given)
            assert (again.status_code, "no longer good" in again.text) == (404, True)
    assert ("invitation.accepted", "Eve") in await actions(served)
    assert link["path"].rpartition("/")[2] not in str(await actions(served))


async def test_links_are_made_anew_and_taken_back(served: Served) -> None:
    first = (await served.admin.post("/api/invitations/", json={"name": "Eve"})).json()
    second = (await served.admin.post(f"/api/invitations/{first['id']}/renew")).json()
    assert (await served.nobody.get(first["path"])).status_code == 404
    assert (await served.nobody.get(second["path"])).status_code == 200
    back = await served.admin.delete(f"/api/invitations/{first['id']}")
    assert back.json() == {"id": first["id"], "name": "Eve"}
    assert (await served.nobody.get(second["path"])).status_code == 404
    assert (await served.admin.delete(f"/api/invitations/{first['id']}")).status_code == 404
    otto = await add_person(served, "otto", Role.VIEWER)
    assert (await served.admin.post(f"/api/invitations/{otto.id}/renew")).status_code == 409
    assert (await served.admin.delete(f"/api/invitations/{otto.id}")).status_code == 404


async def test_guessing_a_link_is_told_to_wait(served: Served) -> None:
    statuses = [(await served.nobody.get(f"/invitation/{n}")).status_code for n in range(11)]
    assert statuses == [404] * 10 + [429]
    posted = await served.nobody.post("/invitation/12", data={"new_password": THEIRS})
    assert (posted.status_code, int(posted.headers["retry-after"]) >= 1) == (429, True)


async def test_a_token_is_shown_once(served: Served) -> None:
    made = await served.admin.post("/api/tokens/", json={"name": "Home", "live_only": True})
    assert made.status_code == 201, made.text
    token = made.json()
    assert token["created_by"] == "admin []"
    path = f"/api/tokens/{token['id']}"
    for told in (await served.admin.get("/api/tokens/"), await served.admin.get(path)):
        assert token["token"] not in told.text
    bearer = {"authorization": f"Bearer {token['token']}"}
    who = await served.nobody.get("/api/account/", headers=bearer)
    assert (who.json()["kind"], who.json()["live_only"]) == ("token", True)
    assert (await served.nobody.get("/api/recordings/", headers=bearer)).status_code == 403
    changed = await served.admin.patch(path, json={"live_only": False})
    assert changed.json()["last_used_at"] is not None
    assert (await served.nobody.get("/api/recordings/", headers=bearer)).status_code == 200
    assert (await served.admin.delete(path)).status_code == 200
    assert (await served.nobody.get("/api/account/", headers=bearer)).status_code == 401
    assert (await served.admin.delete(path)).status_code == 404
    assert (await served.admin.post("/api/tokens/", json={"name": "vlc"})).status_code == 201
    assert (await served.admin.post("/api/tokens/", json={"name": "VLC"})).status_code == 409


async def test_sessions_are_seen_and_ended(served: Served, anna: httpx.AsyncClient) -> None:
    await add_person(served, "otto", Role.VIEWER)
    async with browser(served) as otto, browser(served) as phone:
        phone.headers["user-agent"] = "Mozilla/5.0 (Android 15; Mobile) Firefox/140.0"
        await sign_in(otto, "otto")
        await sign_in(phone, "otto")
        own = (await otto.get("/api/account/sessions")).json()["sessions"]
        assert sorted((each["device"], each["this"]) for each in own) == [
            ("Firefox, Android", False), (own[0]["user_agent"], True),
        ]  # fmt: skip
        [annas] = (await anna.get("/api/account/sessions")).json()["sessions"]
        refused = await otto.delete(f"/api/sessions/{annas['id']}")
        assert refused.status_code == 404  # not even that there is one
        assert (await anna.get("/api/account/")).status_code == 200
        assert (await otto.delete("/api/account/sessions")).json() == {"ended": 1}
        assert (await phone.get("/api/account/")).status_code == 401
        user_id = (await otto.get("/api/account/")).json()["id"]
        [left] = (await anna.get(f"/api/users/{user_id}/sessions")).json()["sessions"]
        assert (await anna.delete(f"/api/sessions/{left['id']}")).json() == {"ended": 1}
        assert (await otto.get("/api/account/")).status_code == 401
        assert (await anna.delete(f"/api/sessions/{left['id']}")).status_code == 404
    assert ("session.ended", "otto: 1 session") in await actions(served)


async def test_ones_own_password(served: Served, anna: httpx.AsyncClient) -> None:
    async with browser(served) as other:
        await sign_in(other, "anna")
        wrong = {"present_password": "guess number 1", "password": THEIRS}
        assert (await anna.post("/api/account/password", json=wrong)).status_code == 422
        weak = {"present_password": PASSWORD, "password": "short"}
        assert (await anna.post("/api/account/password", json=weak)).status_code == 422
        right = {"present_password": PASSWORD, "password": THEIRS}
        assert (await anna.post("/api/account/password", json=right)).status_code == 200
        assert (await anna.get("/api/account/")).status_code == 200
        assert (await other.get("/api/account/")).status_code == 401
        await sign_in(other, "anna", THEIRS)
    for path in ("/api/account/sessions", "/account"):
        assert (await served.admin.get(path)).status_code == 403  # a token has no account
    confirm = await served.admin.post("/api/account/confirm", json={"password": PASSWORD})
    assert confirm.status_code == 403


async def test_signing_out_ends_a_stream_of_changes(served: Served) -> None:
    otto = await add_person(served, "otto", Role.VIEWER)
    async with browser(served) as client:
        await sign_in(client, "otto")
        async with client.stream("GET", "/events", timeout=8) as events:
            chunks = events.aiter_bytes()
            _ = await anext(chunks)
            [session] = (await served.admin.get(f"/api/users/{otto.id}/sessions")).json()[
                "sessions"
            ]
            assert (await served.admin.delete(f"/api/sessions/{session['id']}")).status_code == 200
            rest = b"".join([chunk async for chunk in chunks])  # it comes to its end
        assert b"signed-out" in rest


async def test_tokens_go_with_who_made_them_if_asked(
    served: Served, anna: httpx.AsyncClient
) -> None:
    mia = await add_person(served, "mia", Role.ADMIN)
    async with browser(served) as client:
        await sign_in(client, "mia")
        await client.post("/api/account/confirm", json={"password": PASSWORD})
        made = await client.post("/api/tokens/", json={"name": "hers"})
        assert made.status_code == 201, made.text
    await anna.post("/api/account/confirm", json={"password": PASSWORD})
    page = await anna.get(f"/people/{mia.id}/remove")
    assert "go on without: hers" in page.text
    gone = await anna.delete(f"/api/users/{mia.id}", params={"tokens": "true"})
    assert gone.status_code == 200
    names = [token["name"] for token in (await anna.get("/api/tokens/")).json()["tokens"]]
    assert "hers" not in names
    assert "admin []" in names


async def test_the_document_says_what_is_asked(served: Served) -> None:
    document = (await served.admin.get("/schema/openapi.json")).json()
    for path, method in (
        ("/api/users", "post"), ("/api/users/{user_id}", "delete"), ("/api/tokens", "post"),
        ("/api/invitations", "post"),
    ):  # fmt: skip
        operation = document["paths"][path][method]
        assert operation["description"].startswith("Role: admin.")
        assert "confirm_password" in operation["description"]
    assert document["paths"]["/api/account"]["get"]["x-falconeye-role"] == "viewer"
