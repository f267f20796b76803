"""What is put into addresses, names and cookies to reach what it should not, over every route."""

import gzip
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

import pytest

from falconeye.accounts.model import Role
from falconeye.web.security.credentials import SESSION_COOKIE
from tests.integration.api.conftest import Served, serve
from tests.integration.safety.asking import REFUSED, ask, bearer
from tests.integration.safety.needs import TABLE, Need
from tests.integration.web_security.site import PASSWORD, running_site

pytestmark = pytest.mark.timeout(60)
CANARY: Final = "nobody reads this"
# Encoded once and twice, with the other slash, with an end in the middle; up from wherever it is.
UP: Final = (
    "..", "%2e%2e", "..%2f" * 12 + "{file}", "%2e%2e%2f" * 12 + "{file}", "..%5c" * 4, "....//",
    "%252e%252e%252f" * 4 + "{file}", "{file}", "%2f{file}", "x%00.mp4", "%00",
    "a%0d%0aX-Injected:%201", "%20", "~",
    "%c0%ae%c0%ae%c0%af" * 4, "%e2%80%ae", "9" * 40, "-1", "-", "main-1-..%2f..%2f1.m4s",
)  # fmt: skip

IN_QUERIES: Final = (
    "camera_id", "camera", "cameras", "from", "to", "at", "day", "node", "limit", "offset",
    "status", "page", "kind", "who", "action", "q", "layout", "size", "height", "stream", "next",
    "sha256", "width", "speed", "view",
)  # fmt: skip
BAD: Final = (
    "a" * 100, "9" * 5000, "-1", "0", "9" * 30, "\x00", "\r\nX-Injected: 1",
    "\u202e\U0001f4a9", "2026-13-45T99:99",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "../../etc/passwd", "[", "%",
    "rtsp://[::1", "on", "1", "",
)  # fmt: skip
ENDLESS: Final = frozenset({"/events"})


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        yield await serve(stack, tmp_path)


async def test_no_parameter_of_an_address_leads_out(served: Served, tmp_path: Path) -> None:
    """Every route with a parameter, as an admin, who may most: nothing breaks, nothing is read."""
    canary = tmp_path / "canary.txt"
    canary.write_text(CANARY)
    token, _ = await served.services.accounts.tokens.add("all", Role.ADMIN)
    mistakes: list[str] = []
    count = 0
    for method, path in TABLE:
        parts = path.split("/")
        for place in [n for n, part in enumerate(parts) if part.startswith("{")]:
            for words in UP:
                told = words.replace("{file}", str(canary).lstrip("/").replace("/", "%2f"))
                filled = ["1" if part.startswith("{") else part for part in parts]
                filled[place] = unquote(told)  # as the server decodes it
                found = await ask(served.app, method, "/".join(filled).split("?")[0], bearer(token))
                count += 1
                if found.status == 500 or CANARY.encode() in found.body or "\n" in found.location:
                    mistakes.append(f"{method} {path} with {words}: {found.status}")
    assert not mistakes, "\n".join(mistakes)
    assert count > 1000
    assert canary.read_text() == CANARY


async def test_an_id_that_is_longer_than_any_is_that_of_no_camera(served: Served) -> None:
    token, _ = await served.services.accounts.tokens.add("all", Role.ADMIN)
    for (method, path), need in TABLE.items():
        if "{camera_id}" in path:
            where = "/".join(
                "a" * 65 if part == "{camera_id}" else "1" if part.startswith("{") else part
                for part in path.split("/")
            )
            found = await ask(served.app, method, where, bearer(token))
            # Screens have a cookie of their own: no other credential counts there.
            unknown = 401 if need is Need.SCREEN else 404
            assert found.status == (REFUSED if method == "WS" else unknown), (method, path)


async def test_no_query_breaks_a_page_or_the_api(served: Served) -> None:
    """What addresses take behind the question mark, each with what is no good value of it."""
    token, _ = await served.services.accounts.tokens.add("all", Role.ADMIN)
    mistakes: list[str] = []
    for method, path in TABLE:
        if method == "GET" and path not in ENDLESS and "{" not in path:
            for words in BAD:
                query = "&".join(f"{name}={quote(words)}" for name in IN_QUERIES)
                found = await ask(served.app, method, f"{path}?{query}", bearer(token))
                if found.status == 500:
                    mistakes.append(f"{path}?={words[:20]}")
    assert not mistakes


async def test_no_form_breaks_a_page(served: Served) -> None:
    """Every field that any form of ours has, sent to every address that takes a form."""
    token, _ = await served.services.accounts.tokens.add("all", Role.ADMIN)
    names = sorted(fields_of_forms())
    assert len(names) > 60
    mistakes: list[str] = []
    for method, path in TABLE:
        if method == "POST" and not path.startswith("/api/"):
            where = "/".join("1" if part.startswith("{") else part for part in path.split("/"))
            for words in BAD:
                if where != "/logout":
                    form = "&".join(f"{name}={quote(words)}" for name in names).encode()
                    found = await ask(served.app, method, where, bearer(token), form)
                    if found.status == 500 or b"X-Injected" in found.location.encode():
                        mistakes.append(f"{path} with {words[:20]}: {found.body[:200]!r}")
    assert not mistakes, "\n".join(mistakes)


def fields_of_forms() -> set[str]:
    templates = (Path(__file__).parents[3] / "templates").rglob("*.html")
    texts = [path.read_text(encoding="utf-8") for path in templates]
    return {name for text in texts for name in re.findall(r'<[^>]* name="([a-z0-9_]+)"', text)}


async def test_a_name_with_a_line_end_makes_no_header(served: Served) -> None:
    """In file names, in redirects, in the address to go on to."""
    for hostile, status in (
        ("a\r\nX-Injected: 1", 422),
        ("a\u202eb", 422),
        ('Tür"; filename="x.exe"%0d%0aX-Injected: 1', 201),
    ):
        new = {"name": hostile, "protocol": "demo"}
        answer = await served.admin.post("/api/cameras/", json=new)
        assert answer.status_code == status, answer.text
    camera = answer.json()["id"]
    for path in (
        f"/cameras/{camera}",
        f"/api/cameras/{camera}",
        f"/api/cameras/{camera}/still.jpg?save=true",
        f"/api/cameras/{camera}/playback.m3u8",
        f"/footage?cameras={camera}%0d%0aX-Injected:%201",
        "/login?next=/%0d%0aX-Injected:%201",
        "/login?next=//evil.example",
        "/api/audit/download?q=%0d%0aX-Injected:%201",
        "/metrics",
    ):
        found = await served.admin.get(path)
        assert "x-injected" not in found.headers, path
        assert found.status_code != 500, path
        assert not found.headers.get("location", "/").startswith(("//", "http")), path


async def test_a_packed_body_is_not_unpacked(served: Served) -> None:
    """A gigabyte in a megabyte: what is packed is no JSON, no form and no file of ours."""
    packed = gzip.compress(bytes(1 << 26))
    assert len(packed) < 100_000
    for method, path in (("POST", "/api/cameras/"), ("PATCH", "/api/settings/")):
        for encoding in ("gzip", "deflate", "br", "gzip, gzip"):
            headers = {"content-encoding": encoding, "content-type": "application/json"}
            answer = await served.admin.request(method, path, content=packed, headers=headers)
            assert answer.status_code in {400, 422}, (path, encoding)


async def test_a_cookie_that_somebody_planted_is_not_taken_up(tmp_path: Path) -> None:
    """Session fixation: who signs in gets another one than the browser brought."""
    async with running_site(tmp_path) as site:
        await site.add_user("anna", Role.ADMIN)
        planted = "x" * 43
        client = site.client
        client.cookies.set(SESSION_COOKIE, planted, domain="127.0.0.1")
        answer = await client.post("/login", data={"name": "anna", "password": PASSWORD})
        assert answer.status_code == 303
        given = answer.cookies[SESSION_COOKIE]
        assert given != planted
        async with site.new_client() as other:
            headers = {"cookie": f"{SESSION_COOKIE}={planted}"}
            assert (await other.get("/api/cameras", headers=headers)).status_code == 401
