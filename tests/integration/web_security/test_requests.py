"""What other sites, broken programs and attackers send, and what every answer carries."""

import asyncio
import gzip
import json
import logging
from contextlib import AsyncExitStack

import httpx
import pytest
from litestar._parsers import parse_cookie_string, parse_url_encoded_form_data

from falconeye.accounts.model import Role
from falconeye.web import http_protocol
from tests.integration.web_security.site import Site

THINGS = "/api/test/things"


@pytest.fixture
async def signed_in(site: Site) -> str:
    """An operator is signed in; the CSRF token."""
    await site.add_user("otto", Role.OPERATOR)
    return await site.sign_in(site.client, "otto")


async def test_a_cookie_alone_changes_nothing(site: Site, signed_in: str) -> None:
    body = {"name": "x"}
    assert (await site.client.post(THINGS, json=body)).status_code == 403
    for wrong in ("", "x", signed_in[:-4] + "AAAA"):
        headers = {"x-csrf-token": wrong}
        assert (await site.client.post(THINGS, json=body, headers=headers)).status_code == 403
    answer = await site.client.post(THINGS, json=body, headers={"x-csrf-token": signed_in})
    assert (answer.status_code, answer.json()) == (200, {"name": "x", "size": 1})


async def test_a_form_carries_its_token_as_a_field(site: Site, signed_in: str) -> None:
    data = {"word": "hello", "_csrf": signed_in}
    assert (await site.client.post("/test/form", data=data)).json() == {"word": "hello"}
    files = {"word": (None, b"hello"), "_csrf": (None, signed_in.encode())}
    assert (await site.client.post("/test/form", files=files)).json() == {"word": "hello"}
    assert (await site.client.post("/test/form", data={"word": "hello"})).status_code == 403
    assert (await site.client.post(f"/test/form?_csrf={signed_in}")).status_code == 403


async def test_a_form_with_a_large_file_carries_it_before_the_file(
    site: Site, signed_in: str
) -> None:
    """The handler reads it by itself: the guard would take all of the file first."""
    address, token, file = "/exports/check", (None, signed_in.encode()), ("a.mp4", b"x")
    for files in (
        {"file": file},
        {"file": file, "_csrf": token},
        {"_csrf": (None, b"x"), "file": file},
        {"sha256": (None, b"12")},
    ):
        assert (await site.client.post(address, files=files)).status_code == 403, files
    for headers in ({}, {"x-csrf-token": signed_in}):
        files = (
            {"_csrf": token, "sha256": (None, b"12")} if not headers else {"sha256": (None, b"1")}
        )
        answer = await site.client.post(address, files=files, headers=headers)
        assert answer.status_code == 422
    wrong = {"x-csrf-token": "x"}
    answer = await site.client.post(address, files={"_csrf": token, "file": file}, headers=wrong)
    assert answer.status_code == 403


async def test_the_token_of_another_session_is_worth_nothing(site: Site, signed_in: str) -> None:
    async with site.new_client() as other:
        await site.add_user("olga", Role.OPERATOR)
        await site.sign_in(other, "olga")
        answer = await other.post(THINGS, json={"name": "x"}, headers={"x-csrf-token": signed_in})
        assert answer.status_code == 403


FOREIGN = [
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:1"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
]


async def test_another_site_changes_nothing_even_with_a_token(site: Site, signed_in: str) -> None:
    bearer = {"authorization": f"Bearer {await site.token(Role.OPERATOR)}"}
    async with site.new_client() as program:
        for headers in FOREIGN:
            sent = {"x-csrf-token": signed_in, **headers}
            page = await site.client.post(THINGS, json={"name": "x"}, headers=sent)
            token = await program.post(THINGS, json={"name": "x"}, headers={**bearer, **headers})
            login = await program.post("/login", data={"name": "otto"}, headers=headers)
            assert {page.status_code, token.status_code, login.status_code} == {403}


async def test_the_own_page_and_programs_do(site: Site, signed_in: str) -> None:
    sent = {"x-csrf-token": signed_in, "origin": site.base, "sec-fetch-site": "same-origin"}
    assert (await site.client.post(THINGS, json={"name": "x"}, headers=sent)).status_code == 200
    plain = await site.token(Role.OPERATOR)
    async with site.new_client() as program:
        for sent in (
            {"authorization": f"Bearer {plain}"},
            {"authorization": httpx.BasicAuth("any", plain)._auth_header},
        ):
            answer = await program.post(THINGS, json={"name": "x"}, headers=sent)
            assert answer.status_code == 200


async def test_a_token_beats_the_cookie_also_when_it_is_bad(site: Site, signed_in: str) -> None:
    sent = {"authorization": "Bearer fe_wrong", "x-csrf-token": signed_in}
    assert (await site.client.get("/api/test/who", headers=sent)).status_code == 401


async def test_a_token_in_the_address_is_nobody(site: Site) -> None:
    plain = await site.token(Role.ADMIN)
    assert (await site.client.get(f"/api/test/who?token={plain}")).status_code == 401


async def test_a_401_tells_programs_how_and_gives_browsers_no_login_box(site: Site) -> None:
    program = await site.client.get("/api/test/who")
    offered = program.headers["www-authenticate"]
    assert program.status_code == 401
    assert "Basic realm=" in offered
    assert "Bearer realm=" in offered
    assert program.json() == {"detail": "sign in first"}
    page = await site.client.get(
        "/api/test/who", headers={"user-agent": "Mozilla/5.0", "accept": "*/*"}
    )
    assert "Basic" not in page.headers["www-authenticate"]


BAD_BODIES = [
    (b"{", 400, "JSON"),
    (b"", 422, ""),
    (b"[]", 422, ""),
    (b'{"name": "", "size": 1}', 422, "name"),
    (b'{"name": "x", "size": 10}', 422, "size"),
    (b'{"name": "x", "size": "ten"}', 422, "size"),
    (b'{"name": "\xff"}', 400, ""),
    (b"null", 422, ""),
    (b'{"name": 1e999}', 400, "JSON"),
    (b"[" * 100_000, 400, "JSON"),
]


async def test_bad_json_is_told_apart_from_bad_values(site: Site, signed_in: str) -> None:
    headers = {"x-csrf-token": signed_in, "content-type": "application/json"}
    for body, status, words in BAD_BODIES:
        answer = await site.client.post(THINGS, content=body, headers=headers)
        assert answer.status_code == status, (body[:30], answer.text)
        assert words in answer.json()["detail"], (body[:30], answer.text)


async def test_a_body_over_a_megabyte_is_refused(site: Site, signed_in: str) -> None:
    headers = {"x-csrf-token": signed_in, "content-type": "application/json"}
    body = json.dumps({"name": "x" * 1_100_000}).encode()
    answer = await site.client.post(THINGS, content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (
        413,
        {"detail": "the request is larger than 1 MB"},
    )

    async def pieces() -> object:
        for _ in range(20):
            yield b"x" * 100_000

    answer = await site.client.post(THINGS, content=pieces(), headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 413
    form = await site.client.post("/login", data={"name": "x" * 1_100_000})
    assert form.status_code == 413


async def test_what_is_refused_as_too_large_is_told_the_limit_of_its_address(
    site: Site, signed_in: str
) -> None:
    headers = {"x-csrf-token": signed_in, "content-type": "application/octet-stream"}
    body = bytes(3 << 20)
    answer = await site.client.post("/api/test/larger", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"bytes": len(body)})
    body += b"x"
    answer = await site.client.post("/api/test/larger", content=body, headers=headers)
    words = "the request is larger than 3 MiB"
    assert (answer.status_code, answer.json()) == (413, {"detail": words})
    page = await site.client.post("/test/larger", content=body, headers=headers)
    assert page.status_code == 413
    assert "The request is larger than 3 MiB" in page.text


async def test_forms_that_cannot_be_read_are_400(site: Site) -> None:
    for kind, body, status in (
        ("application/x-www-form-urlencoded", b"name=%ff&password=%fe\xff", 401),
        ("application/x-www-form-urlencoded", b"&&&===", 401),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense", 400),
        ("multipart/form-data; boundary=" + "b" * 300, b"--x", 400),
        ("text/plain", b"name=x", 401),
        ("nonsense", b"", 401),
    ):
        answer = await site.client.post("/login", content=body, headers={"content-type": kind})
        assert answer.status_code in {status, 422}, (kind, body, answer.status_code, answer.text)


async def test_a_long_form_is_refused_before_it_is_taken_apart(site: Site) -> None:
    form = await site.client.post("/login", data={"name": "x" * (128 * 1024)})
    assert form.status_code == 413
    assert "The form is larger than 128 kB" in form.text
    kind = {"content-type": "application/x-www-form-urlencoded"}
    form = await site.client.post("/login", content=b"a=1&" * 201, headers=kind)
    assert form.status_code == 400
    assert (await site.client.get("/login?" + "a=1&" * 64)).status_code == 414
    assert (await site.client.get("/login?" + "a=1&" * 63)).status_code in {200, 303}


async def test_nothing_that_is_sent_stays_in_memory(site: Site, signed_in: str) -> None:
    """Litestar would keep 1024 forms, with their passwords, and as many cookie headers."""
    caches = (parse_url_encoded_form_data, parse_cookie_string)
    before = [cache.cache_info().currsize for cache in caches]
    for number in range(3):
        data = {"name": f"anna{number}", "password": "a secret"}
        headers = {"cookie": f"number={number}"}
        assert (await site.client.post("/login", data=data, headers=headers)).status_code == 401
    data = {"word": "hello", "_csrf": signed_in}
    assert (await site.client.post("/test/form", data=data)).status_code == 200
    assert [cache.cache_info().currsize for cache in caches] == before


async def raw(site: Site, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.server.port)
    writer.write(request)
    answer = await reader.read(65536)
    writer.close()
    await writer.wait_closed()
    return answer


MALFORMED = [
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 70_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 9_000 + b"\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS to a plain port\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n0\r\n",
    b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
]


async def test_malformed_http_is_refused(site: Site) -> None:
    for request in MALFORMED:
        answer = await raw(site, request)
        assert int(answer.split(b" ", 2)[1]) in {400, 414, 431}, (request[:60], answer[:200])


async def test_a_connection_too_many_is_refused_and_the_others_are_served(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "max_connections", lambda: 2)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.server.port)
            stack.push_async_callback(writer.wait_closed)
            stack.callback(writer.close)
        assert await raw(site, b"") == b""
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " in await reader.readline()


async def test_a_connection_on_which_nothing_comes_is_ended(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "FIRST_BYTE_S", 0.01)
    assert await raw(site, b"") == b""


TRICKS = [
    "/static/../pyproject.toml",
    "/static/..%2f..%2fpyproject.toml",
    "/static/%2e%2e/%2e%2e/x",
    "/static//etc/passwd",
    "/static/app.css%00.js",
    "/static/",
    "/static",
    "/static/vendor/",
    "/static/....//x",
    "/static/%5c..%5cx",
    "/static/vendor/VERSIONS",
    "/%ff%fe",
    "/\u00e9",
    "/cameras/..%2f..%2fetc%2fpasswd/x/y/z",
    "/" + "a/" * 400,
]


async def test_path_tricks_find_nothing(site: Site) -> None:
    for path in TRICKS:
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answer = await raw(site, request.encode())
        assert int(answer.split(b" ", 2)[1]) in {303, 400, 404}, (path, answer[:200])
        assert b"root:" not in answer
        assert b"[project]" not in answer


async def test_every_answer_carries_the_headers(site: Site) -> None:
    for path in ("/login", "/nowhere", "/api/nowhere", "/api/test/who", "/api/test/fail/bug"):
        headers = (await site.client.get(path)).headers
        assert headers["content-security-policy"].startswith(
            "default-src 'none'; script-src 'self'"
        )
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert "camera=()" in headers["permissions-policy"]
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


async def test_static_files_are_kept_for_ever_and_asked_for_by_etag(site: Site) -> None:
    url = site.shell.assets.url("app.css")
    answer = await site.client.get(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    plain = await site.client.get(url, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == answer.content
    assert plain.headers["etag"] != answer.headers["etag"]
    known = await site.client.get(url, headers={"if-none-match": answer.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    head = await site.client.head(url)
    assert (head.status_code, head.content) == (200, b"")
    unhashed = await site.client.get("/static/app.css")
    assert unhashed.headers["cache-control"] == "no-cache"


async def test_long_answers_are_compressed_where_asked(site: Site) -> None:
    packed = await site.client.get("/api/test/big")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert int(packed.headers["content-length"]) < 2000
    plain = await site.client.get("/api/test/big", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json() == packed.json()
    short = await site.client.get("/api/test/nowhere")
    assert "content-encoding" not in short.headers


async def test_a_trailing_slash_is_accepted(site: Site) -> None:
    plain = await site.token(Role.VIEWER)
    headers = {"authorization": f"Bearer {plain}"}
    for path in ("/api/test/who", "/api/test/who/"):
        assert (await site.client.get(path, headers=headers)).status_code == 200


FAILURES = [
    ("input", 422, "the name is too long"),
    ("conflict", 409, "it is there already"),
    ("wait", 429, "wait a little"),
    ("off", 503, "rtsp://10.0.0.9/ is off"),
]


async def test_errors_keep_their_status_and_lose_credentials(site: Site) -> None:
    for how, status, detail in FAILURES:
        answer = await site.client.get(f"/api/test/fail/{how}")
        assert (answer.status_code, answer.json()) == (status, {"detail": detail})
        page = await site.client.get(f"/test/fail/{how}", headers={"accept": "text/html"})
        assert page.status_code == status
        assert page.headers["content-type"].startswith("text/html")
        assert detail[1:] in page.text
        part = await site.client.get(f"/test/fail/{how}", headers={"hx-request": "true"})
        assert part.text == f'<p class="error" role="alert">{detail}</p>'
        if how == "wait":
            assert answer.headers["retry-after"] == "7"


async def test_a_bug_is_a_500_with_an_id_that_stands_in_the_log(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await site.client.get("/api/test/fail/bug")
        page = await site.client.get("/test/fail/bug")
    assert answer.status_code == page.status_code == 500
    error_id = answer.json()["detail"].rsplit(" ", 1)[1]
    assert error_id in caplog.text
    assert error_id not in page.text
    assert "The log holds the details under" in page.text
    assert "Traceback" not in answer.text + page.text
    assert "hunter2" not in answer.text + page.text


async def test_bad_parameters_and_methods(site: Site) -> None:
    wrong = await site.client.get("/api/test/number?value=x")
    assert wrong.status_code == 422
    assert "value" in wrong.json()["detail"]
    assert (await site.client.get("/api/test/number")).status_code == 422
    method = await site.client.put("/api/test/number")
    assert method.status_code == 405
    assert "allow" in method.headers
    unknown = await site.client.get("/api/nowhere")
    assert (unknown.status_code, unknown.json()) == (
        404,
        {"detail": "there is nothing at this address"},
    )


async def test_other_sites_may_use_the_api_where_an_admin_listed_them(site: Site) -> None:
    origin = "https://home.example"
    bearer = {"authorization": f"Bearer {await site.token(Role.OPERATOR)}", "origin": origin}
    preflight = {"origin": origin, "access-control-request-method": "POST"}
    off = await site.client.options(THINGS, headers=preflight)
    assert off.status_code == 401
    assert "access-control-allow-origin" not in off.headers
    await site.services.stored_settings.patch({"cors_origins": [origin]})
    on = await site.client.options(THINGS, headers=preflight)
    assert (on.status_code, on.headers["access-control-allow-origin"]) == (204, origin)
    assert "Authorization" in on.headers["access-control-allow-headers"]
    sent = {**bearer, "sec-fetch-site": "cross-site"}
    answer = await site.client.post(THINGS, json={"name": "x"}, headers=sent)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin)
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers
    other = {**bearer, "origin": "https://evil.example"}
    assert (await site.client.post(THINGS, json={"name": "x"}, headers=other)).status_code == 403


async def test_a_listed_site_cannot_use_the_cookie(site: Site, signed_in: str) -> None:
    origin = "https://home.example"
    await site.services.stored_settings.patch({"cors_origins": [origin]})
    headers = {"origin": origin, "x-csrf-token": signed_in}
    answer = await site.client.post(THINGS, json={"name": "x"}, headers=headers)
    assert answer.status_code == 403


async def test_compressed_bytes_are_what_they_say(site: Site) -> None:
    async with site.client.stream("GET", "/api/test/big") as answer:
        packed = b"".join([piece async for piece in answer.aiter_raw()])
    assert json.loads(gzip.decompress(packed))["text"].startswith("falcon")
