"""Every route against everybody: nobody, each role, limited access, tokens; from the app's list."""

import re
from typing import Final

import httpx
import pytest
from litestar import Litestar, get

from falconeye.accounts.model import LOWEST_ROLE, Role
from falconeye.base.errors import StartError
from falconeye.web.openapi import ROLE_KEY
from falconeye.web.security.access import (
    access_of,
    check_declarations,
    for_peers,
    public,
    routes_of,
)
from falconeye.web.security.paths import is_page_path
from tests.integration.web_security.site import PASSWORD, Site

# Open to everybody, each for a reason. A route that joins them must be added here, knowingly.
OPEN: Final = {
    ("GET", "/healthz"),  # orchestrators have no account; it names nothing
    ("GET", "/readyz"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/setup"),
    ("GET", "/setup/{secret:str}"),
    ("POST", "/setup/{secret:str}"),
    ("GET", "/invitation/{secret:str}"),
    ("POST", "/invitation/{secret:str}"),
    ("GET", "/static/{path:path}"),
    ("HEAD", "/static/{path:path}"),
    ("GET", "/schema/initializer.js"),
    ("GET", "/display"),  # a screen that is no display yet has nobody to sign in
    ("POST", "/display/pairing"),
    ("GET", "/display/link/{secret:str}"),
    ("POST", "/display/link/{secret:str}"),
    ("GET", "/ca"),  # who does not trust the recorder yet must be able to read it
    ("GET", "/ca.crt"),
    ("GET", "/ca.pem"),
    ("GET", "/offline"),  # kept by an installed page for when no recorder is reached
    ("GET", "/worker.js"),
}
_PARAMETER: Final = re.compile(r"\{[^}]*\}")


def address(path: str) -> str:
    return _PARAMETER.sub("1", path)


async def test_open_routes_are_the_listed_ones(site: Site) -> None:
    found = {
        (method, path)
        for method, path, handler in routes_of(site.app)
        if (declared := access_of(handler)) is not None and declared.public
    }
    assert {route for route in found if "/test/" not in route[1]} <= OPEN


async def test_every_route_declares_what_it_needs(site: Site) -> None:
    check_declarations(site.app)
    assert len(list(routes_of(site.app))) > 15


async def test_a_route_without_a_declaration_stops_the_start_and_is_refused(site: Site) -> None:
    @get("/api/test/forgotten", sync_to_thread=False)
    def forgotten() -> str:
        return "secret"

    site.app.register(forgotten)
    with pytest.raises(StartError, match="GET /api/test/forgotten"):
        check_declarations(site.app)
    assert (await site.client.get("/api/test/forgotten")).status_code == 401


def test_a_route_for_nodes_lies_where_only_nodes_ask() -> None:
    @get("/api/x", opt=for_peers(), sync_to_thread=False)
    def outside() -> str:
        return ""

    @get("/peer/x", opt=public(), sync_to_thread=False)
    def inside() -> str:
        return ""

    for mistaken in (outside, inside):
        with pytest.raises(StartError, match="under /peer/"):
            check_declarations(Litestar([mistaken], openapi_config=None, logging_config=None))


def test_an_undeclared_option_is_no_declaration() -> None:
    @get("/x", opt={"access": "everybody"}, sync_to_thread=False)
    def mistaken() -> str:
        return ""

    with pytest.raises(StartError):
        check_declarations(Litestar([mistaken], openapi_config=None, logging_config=None))


def refused(answer: httpx.Response, path: str) -> bool:
    """Whether somebody who is known was told that they may not (or nobody to sign in)."""
    if answer.status_code in {401, 403}:
        return True
    to_login = answer.headers.get("location", "").startswith("/login")
    return is_page_path(path) and answer.status_code == 303 and to_login


@pytest.mark.timeout(60)
async def test_nobody_is_refused_everywhere_else(site: Site) -> None:
    await site.add_user("anna", Role.ADMIN)
    for method, path, handler in routes_of(site.app):
        declared = access_of(handler)
        assert declared is not None
        if declared.public or method in {"WS", "ASGI"}:
            continue
        answer = await site.client.request(method, address(path))
        if declared.peers:
            assert answer.status_code == 404, (method, path, answer.status_code)
            continue
        assert refused(answer, path), (method, path, answer.status_code)
        bad = {"authorization": "Bearer fe_unknown"}
        answer = await site.client.request(method, address(path), headers=bad)
        assert refused(answer, path), (method, path, answer.status_code)


@pytest.mark.timeout(60)
async def test_who_may_not_is_refused_and_nothing_happens(site: Site) -> None:
    """Roles below a route's own get 403, by session (with a CSRF token) and by token."""
    checked = 0
    for role in Role:
        await site.add_user(role.value, role)
        bearer = {"authorization": f"Bearer {await site.token(role)}"}
        async with site.new_client() as session, site.new_client() as program:
            csrf = {"x-csrf-token": await site.sign_in(session, role.value)}
            for method, path, handler in routes_of(site.app):
                declared = access_of(handler)
                action = declared.action if declared is not None else None
                if action is None or method == "WS" or role.includes(LOWEST_ROLE[action]):
                    continue
                by_session = await session.request(method, address(path), headers=csrf)
                by_token = await program.request(method, address(path), headers=bearer)
                assert by_session.status_code == 403, (role, method, path)
                assert by_token.status_code == 403, (role, method, path)
                checked += 1
    assert checked > 3


async def test_whoever_may_passes_the_guard(site: Site) -> None:
    for role in Role:
        bearer = {"authorization": f"Bearer {await site.token(role)}"}
        answer = await site.client.post("/api/test/things", json={"name": "x"}, headers=bearer)
        assert (answer.status_code == 200) == role.includes(Role.OPERATOR)
        assert (await site.client.get("/api/test/who", headers=bearer)).status_code == 200


async def test_limited_access_reaches_its_cameras_only(site: Site) -> None:
    listed = await site.token(Role.ADMIN, cameras=frozenset({"front"}))
    for camera, status in (("front", 200), ("back", 403), ("front ", 403), ("FRONT", 403)):
        answer = await site.client.get(
            f"/api/test/cameras/{camera}", headers={"authorization": f"Bearer {listed}"}
        )
        assert answer.status_code == status, camera


async def test_a_token_past_its_date_is_nobody(site: Site) -> None:
    past = site.services.clock.utc_us() - 1
    plain = await site.token(Role.ADMIN, expires_at_us=past)
    headers = {"authorization": f"Bearer {plain}"}
    assert (await site.client.get("/api/test/who", headers=headers)).status_code == 401


async def test_a_session_is_no_token_and_a_token_no_session(site: Site) -> None:
    await site.add_user("anna", Role.ADMIN)
    answer = await site.client.post("/login", data={"name": "anna", "password": PASSWORD})
    cookie = answer.cookies["falconeye_session"]
    plain = await site.token(Role.ADMIN)
    async with site.new_client() as other:
        for headers in (
            {"authorization": f"Bearer {cookie}"},
            {"cookie": f"falconeye_session={plain}"},
        ):
            assert (await other.get("/api/test/who", headers=headers)).status_code == 401


async def test_the_document_names_the_role_of_every_route(site: Site) -> None:
    bearer = {"authorization": f"Bearer {await site.token(Role.VIEWER)}"}
    document = (await site.client.get("/schema/openapi.json", headers=bearer)).json()
    assert document["openapi"].startswith("3.1")
    assert set(document["components"]["securitySchemes"]) == {"bearer", "basic", "session"}
    operations = [
        operation
        for item in document["paths"].values()
        for method, operation in item.items()
        if method in {"get", "post", "put", "patch", "delete", "head"}
    ]
    assert operations
    assert {operation[ROLE_KEY] for operation in operations} <= {
        "viewer",
        "operator",
        "admin",
        "none",
    }
    things = document["paths"]["/api/test/things"]["post"]
    assert things[ROLE_KEY] == "operator"
    assert document["paths"]["/api/test/number"]["get"]["security"] == []
    assert not [path for path in document["paths"] if path.startswith(("/login", "/static"))]


async def test_the_document_page_takes_everything_from_here(site: Site) -> None:
    await site.add_user("anna", Role.VIEWER)
    assert (await site.client.get("/schema")).headers["location"].startswith("/login")
    assert (await site.client.get("/schema/openapi.json")).status_code == 401
    await site.sign_in(site.client, "anna")
    for path in ("/schema", "/schema/"):
        page = await site.client.get(path)
        assert page.status_code == 200
        addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert len(addresses) == 4
        for found in addresses:
            assert found.startswith("/")
            assert (await site.client.get(found)).status_code == 200
        assert "<style" not in page.text
        assert not re.search(r"<script(?![^>]*src=)", page.text)
    assert (await site.client.get("/schema/redoc")).status_code == 404
