"""Who is believed on where a request came from, and what follows from that.

127.0.0.2 is the reverse proxy; all else, 127.0.0.1 as well, is whoever reached the port.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from falconeye.accounts.attempts import FREE_PER_USER
from falconeye.accounts.model import Role
from tests.integration.web_security.routes import ROUTES
from tests.integration.web_security.site import PASSWORD, Site, csrf_in, running_site

pytestmark = pytest.mark.timeout(30)
PROXY: Final = "127.0.0.2"
BASE: Final = "/falconeye"
FORGED: Final = {
    "x-forwarded-for": "203.0.113.7",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "cameras.example.org",
    "forwarded": "for=203.0.113.7;proto=https;host=cameras.example.org",
    "x-forwarded-prefix": "/evil",
    "x-real-ip": "203.0.113.7",
    "x-base-path": "/evil",
}


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[Site]:
    """Behind a proxy that serves it below a path."""
    routes = list(ROUTES)
    async with running_site(tmp_path, routes, trusted_proxy=(f"{PROXY}/32",), base_path=BASE) as on:
        await on.add_user("anna", Role.ADMIN)
        yield on


def from_(site: Site, address: str, **options: Any) -> httpx.AsyncClient:
    return site.new_client(
        transport=httpx.AsyncHTTPTransport(local_address=address, verify=False), **options
    )


async def sign_in(client: httpx.AsyncClient, path: str = BASE, **headers: str) -> httpx.Response:
    form = {"name": "anna", "password": PASSWORD}
    return await client.post(f"{path}/login", data=form, headers=headers)


async def last_login(site: Site) -> str | None:
    entries, _ = await site.accounts.audit.list(limit=10)
    return next(each.address for each in entries if each.action == "login")


async def test_forged_headers_get_nothing(behind: Site) -> None:
    async with from_(behind, "127.0.0.1", headers=FORGED) as client:
        answer = await sign_in(client)
        assert answer.status_code == 303
        assert "secure" not in answer.headers["set-cookie"].lower()
        assert await last_login(behind) == "127.0.0.1"
        page = await client.get(f"{BASE}/login")
        assert "evil" not in page.text
        # The origin is compared with what was asked, not with what is claimed.
        refused = await sign_in(client, origin="https://cameras.example.org")
        assert refused.status_code == 403


async def test_forged_addresses_do_not_get_round_the_back_off(behind: Site) -> None:
    statuses = []
    async with from_(behind, "127.0.0.1") as client:
        for number in range(FREE_PER_USER + 1):
            answer = await client.post(
                "/login",
                data={"name": "anna", "password": "wrong"},
                headers={"x-forwarded-for": f"203.0.113.{number}"},
            )
            statuses.append(answer.status_code)
    assert statuses == [401] * FREE_PER_USER + [429]


async def test_what_the_proxy_says_counts(behind: Site) -> None:
    async with from_(
        behind, PROXY, headers=FORGED | {"x-forwarded-for": "6.6.6.6, 203.0.113.7"}
    ) as client:
        answer = await sign_in(client, origin="https://cameras.example.org")
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"] == f"{BASE}/"
        cookie = answer.headers["set-cookie"]
        assert "; Secure" in cookie
        assert f"Path={BASE};" in cookie
        assert "SameSite=lax" in cookie
        assert await last_login(behind) == "203.0.113.7"
        # A page that came by plain HTTP is anybody's, who stands on the way.
        refused = await sign_in(client, origin="http://cameras.example.org")
        assert refused.status_code == 403


async def test_a_session_page_and_its_form_work_below_the_path(behind: Site) -> None:
    async with from_(behind, PROXY, headers={"x-forwarded-proto": "http"}) as client:
        assert (await sign_in(client)).status_code == 303
        page = await client.get(f"{BASE}/settings")
        assert page.status_code == 200
        token = csrf_in(page.text)
        saved = await client.post(
            f"{BASE}/settings", data={"_csrf": token, "frame_ancestors": "https://home.example"}
        )
        assert saved.headers["location"] == f"{BASE}/settings?done=saved"
        framed = await client.get(f"{BASE}/settings")
        assert "frame-ancestors https://home.example;" in framed.headers["content-security-policy"]
        left = await client.post(f"{BASE}/logout", data={"_csrf": token})
        assert left.headers["location"] == f"{BASE}/login"
        assert f"Path={BASE}" in left.headers["set-cookie"]
        assert not client.cookies


async def test_what_a_device_chose_over_tls_can_be_chosen_otherwise_without(behind: Site) -> None:
    """A page without TLS writes over no cookie that is Secure."""
    headers = {"x-forwarded-proto": "https", "x-forwarded-host": "cameras.example.org"}
    async with from_(behind, PROXY, headers=headers) as client:
        session = (await sign_in(client)).headers["set-cookie"].partition(";")[0]
        headers = {"cookie": session}
        token = csrf_in((await client.get(f"{BASE}/settings", headers=headers)).text)
        theme = await client.post(
            f"{BASE}/settings/theme", data={"_csrf": token, "theme": "dark"}, headers=headers
        )
        language = await client.post(
            f"{BASE}/settings/language", data={"_csrf": token, "language": "de"}, headers=headers
        )
    for answer in (theme, language):
        cookie = answer.headers["set-cookie"]
        assert "Max-Age=31536000" in cookie
        assert "HttpOnly" in cookie
        assert f"Path={BASE}" in cookie
        assert "Secure" not in cookie


async def test_words_that_cannot_be_read_are_refused(behind: Site) -> None:
    async with from_(behind, PROXY) as client:
        for name, value in (
            ("x-forwarded-for", "unknown"),
            ("x-forwarded-proto", "gopher"),
            ("x-forwarded-host", "a b"),
        ):
            answer = await client.get("/login", headers={name: value})
            assert answer.status_code == 400
            assert name in answer.json()["detail"].lower()


async def test_nobody_has_to_come_by_the_proxy(behind: Site) -> None:
    """Probes and people in the house ask the node itself; both spellings lead to one place."""
    for path in ("/healthz", f"{BASE}/healthz"):
        assert (await behind.client.get(path)).status_code == 200
    for path in ("/recordings", f"{BASE}/recordings"):
        answer = await behind.client.get(path)
        assert answer.headers["location"] == f"{BASE}/login?next=%2Frecordings"
    assert (await behind.client.get(f"{BASE}{BASE}/healthz")).status_code in {303, 404}


async def test_what_is_for_nodes_is_not_there_below_the_path_either(behind: Site) -> None:
    for path in (f"{BASE}/peer/beat", f"{BASE}//peer/beat", "/peer/beat"):
        assert (await behind.client.post(path, content=b"{}")).status_code == 404


async def test_a_websocket_of_another_site_is_refused_behind_the_proxy(behind: Site) -> None:
    token = await behind.token(Role.VIEWER)
    url = f"ws://127.0.0.1:{behind.server.port}{BASE}/api/cameras/x/live"
    headers = {
        "authorization": f"Bearer {token}",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "cameras.example.org",
    }
    for origin in ("https://evil.example", "http://cameras.example.org"):
        with pytest.raises(InvalidStatus):
            await connect(
                url, additional_headers=headers | {"origin": origin}, proxy=None,
                local_addr=(PROXY, 0),
            )  # fmt: skip


async def test_documents_carry_it(behind: Site) -> None:
    async with from_(behind, PROXY) as client:
        await sign_in(client)
        document = (await client.get(f"{BASE}/schema/openapi.json")).json()
        assert document["servers"] == [{"url": BASE}]
        page = (await client.get(f"{BASE}/schema")).text
        assert page.count('src="/') == page.count(f'src="{BASE}/') == 2
        assert page.count('href="/') == page.count(f'href="{BASE}/') > 0
        script = (await client.get(f"{BASE}/schema/initializer.js")).text
        assert f'url: "{BASE}/schema/openapi.json"' in script


async def test_htmx_is_led_to_sign_in_below_it(behind: Site) -> None:
    headers = {"hx-request": "true", "hx-current-url": f"https://x{BASE}/recordings?a=1"}
    answer = await behind.client.get(f"{BASE}/settings", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == f"{BASE}/login?next=%2Frecordings%3Fa%3D1"


async def test_a_node_that_nobody_told_of_a_proxy_believes_nothing(site: Site) -> None:
    await site.add_user("anna", Role.ADMIN)
    async with from_(site, PROXY, headers=FORGED) as client:
        answer = await sign_in(client, "")
        assert "secure" not in answer.headers["set-cookie"].lower()
        assert await last_login(site) == PROXY
        assert "/evil" not in (await client.get("/login", follow_redirects=True)).text
