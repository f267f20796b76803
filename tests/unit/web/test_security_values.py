"""CSRF tokens, origins, credentials, addresses to go on to: the pure parts of the shell."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.connection import ASGIConnection
from litestar.datastructures import Headers

from falconeye.base.errors import NotAllowed
from falconeye.web.security.challenge import challenges, is_page_fetch
from falconeye.web.security.cookies import cookie_of
from falconeye.web.security.credentials import (
    SECURE_SESSION_COOKIE,
    SESSION,
    SESSION_COOKIE,
    TOKEN,
    Credential,
    CredentialKind,
    credential_of,
    ended_session_cookie,
    session_cookie,
)
from falconeye.web.security.csrf import csrf_token_is_valid, make_csrf_token
from falconeye.web.security.display_cookies import display_cookie
from falconeye.web.security.origin import check_origin, is_own_origin
from falconeye.web.security.paths import is_page_path, login_url, safe_next


def request(path: str = "/", **headers: str) -> ASGIConnection[Any, Any, Any, Any]:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope: Any = {"type": "http", "path": path, "headers": raw, "state": {}}
    return ASGIConnection(scope)


def test_a_csrf_token_belongs_to_one_session_and_is_never_the_same() -> None:
    first, second = make_csrf_token("session-a"), make_csrf_token("session-a")
    assert first != second
    assert csrf_token_is_valid(first, "session-a")
    assert csrf_token_is_valid(second, "session-a")
    assert not csrf_token_is_valid(first, "session-b")


@pytest.mark.parametrize("index", range(0, 48, 5))
def test_a_changed_csrf_token_is_refused(index: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(make_csrf_token("s")))
    raw[index] ^= 1
    assert not csrf_token_is_valid(base64.urlsafe_b64encode(raw).decode(), "s")


@given(st.text())
def test_any_text_as_csrf_token_is_refused_without_an_error(text: str) -> None:
    assert not csrf_token_is_valid(text, "session")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://nvr:8900", "nvr:8900"),
        ("http://NVR", "nvr"),
        ("http://nvr", "nvr:80"),
        ("https://nvr", "nvr:443"),
        ("https://nvr:443", "nvr"),
        ("http://[::1]:8900", "[::1]:8900"),
    ],
)
def test_own_origins(origin: str, host: str) -> None:
    assert is_own_origin(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("null", "nvr:8900"),
        ("", "nvr"),
        ("http://evil", "nvr"),
        ("http://nvr:8901", "nvr:8900"),
        ("http://nvr:8900.evil", "nvr:8900"),
        ("http://nvr:8900@evil", "nvr:8900"),
        ("http://evil/nvr:8900", "nvr:8900"),
        ("file://", ""),
        ("http://", ""),
        ("http://[::1", "[::1"),
        ("http://nvr:99999", "nvr:99999"),
        ("chrome-extension://nvr", "nvr"),
    ],
)
def test_other_origins(origin: str, host: str) -> None:
    assert not is_own_origin(origin, host)


def test_a_page_of_plain_http_is_not_that_of_a_site_with_tls() -> None:
    headers = Headers({"host": "nvr", "origin": "http://nvr"})
    for scheme in ("https", "wss"):
        check_origin(Headers({"host": "nvr", "origin": "https://nvr"}), (), scheme)
        with pytest.raises(NotAllowed):
            check_origin(headers, (), scheme)
    for scheme in ("http", "ws", ""):  # a proxy that nobody told of may have had TLS, or not
        check_origin(headers, (), scheme)


@given(st.text(), st.text())
def test_any_origin_is_judged_without_an_error(origin: str, host: str) -> None:
    assert is_own_origin(origin, host) in {True, False}


@pytest.mark.parametrize("site", ["cross-site", "same-site", "SOMETHING"])
def test_another_site_is_refused_by_fetch_metadata(site: str) -> None:
    with pytest.raises(NotAllowed):
        check_origin(Headers({"host": "nvr", "sec-fetch-site": site}))


def test_a_second_origin_header_does_not_hide_the_first() -> None:
    headers = Headers([(b"host", b"nvr"), (b"origin", b"http://evil"), (b"origin", b"http://nvr")])
    with pytest.raises(NotAllowed):
        check_origin(headers)


@pytest.mark.parametrize(
    "headers",
    [{"host": "nvr"}, {"host": "nvr", "origin": "http://nvr"}, {"sec-fetch-site": "none"}],
)
def test_programs_and_own_pages_pass(headers: dict[str, str]) -> None:
    check_origin(Headers(headers))


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "header", ["Bearer fe_x", "bearer fe_x", basic("any:fe_x"), basic(":fe_x"), "BEARER  fe_x "]
)
def test_a_token_is_found(header: str) -> None:
    assert credential_of(request(authorization=header)) == Credential(TOKEN, "fe_x")


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic !!!", basic("fe_x"), basic("any:"), "Digest x", "Basic /w==",
     "Basic é", "Bearer " + "x" * 2000],
)  # fmt: skip
def test_a_bad_authorization_is_nobody_even_beside_a_cookie(header: str) -> None:
    asked = request(authorization=header, cookie=f"{SESSION_COOKIE}=value")
    assert credential_of(asked) is None


def test_the_cookie_is_found_and_nothing_prints_it() -> None:
    found = credential_of(request(cookie=f"a=b; {SESSION_COOKIE}=value; c=d"))
    assert found == Credential(SESSION, "value")
    assert "value" not in repr(found)


@pytest.mark.parametrize("scheme", ["https", "wss"])
def test_over_tls_the_cookie_is_one_that_only_tls_can_set(scheme: str) -> None:
    both = f"{SESSION_COOKIE}=planted; {SECURE_SESSION_COOKIE}=value"
    asked = request(cookie=both)
    assert credential_of(asked) == Credential(SESSION, "planted")
    asked.scope["scheme"] = scheme
    assert credential_of(asked) == Credential(SESSION, "value")
    asked = request(cookie=f"{SESSION_COOKIE}=planted")
    asked.scope["scheme"] = scheme
    assert credential_of(asked) is None
    assert session_cookie("value", secure=True).key == SECURE_SESSION_COOKIE
    assert ended_session_cookie(secure=False).key == SESSION_COOKIE


def test_a_screen_that_was_paired_over_tls_can_be_paired_without() -> None:
    """Nothing that a page without TLS sets has the name of a cookie that is Secure."""
    by_tls, plain = (display_cookie("v", "", secure=secure) for secure in (True, False))
    assert by_tls.secure
    assert by_tls.key != plain.key
    for key, cookie in (("wss", by_tls), ("https", by_tls), ("https", plain), ("http", plain)):
        asked = request(path="/display", cookie=f"{cookie.key}=v")
        asked.scope["scheme"] = key
        assert credential_of(asked) == Credential(CredentialKind.DISPLAY, "v")
    asked = request(path="/display", cookie=f"{plain.key}=old; {by_tls.key}=new")
    asked.scope["scheme"] = "https"
    assert credential_of(asked) == Credential(CredentialKind.DISPLAY, "new")
    asked.scope["scheme"] = "http"
    assert credential_of(asked) == Credential(CredentialKind.DISPLAY, "old")


@pytest.mark.parametrize(
    ("header", "value"),
    [("x=1", "1"), (" x = 1 ;y=2", "1"), ("xx=1", ""), ("x", ""), ("", ""), ("x=a=b==", "a=b=="),
     ("x=1; x=2", "1"), ("y=x=1", "")],
)  # fmt: skip
def test_one_cookie_of_many(header: str, value: str) -> None:
    assert cookie_of(request(cookie=header), "x") == value


def test_the_cookie_is_for_http_only_and_lax() -> None:
    header = session_cookie("v", secure=True).to_header(header="")
    assert "HttpOnly" in header
    assert "SameSite=lax" in header
    assert "Secure" in header
    assert "Path=/" in header
    assert "Secure" not in session_cookie("v", secure=False).to_header(header="")


@pytest.mark.parametrize(
    "wanted",
    ["//evil", "/\\evil", "\\\\evil", "https://evil/", "http:evil", "javascript:alert(1)", "", None,
     "evil", "/\t/evil", "/\n/evil", "\t//evil", "/a\r\nSet-Cookie: x=1", "/é", "/login", "/logout",
     "/setup/secret", "/api/cameras", "/static/x", "///evil", "/x" * 2000, " /a", "/a b"],
)  # fmt: skip
def test_nobody_is_sent_elsewhere(wanted: str | None) -> None:
    assert safe_next(wanted) == "/"


@pytest.mark.parametrize("wanted", ["/", "/cameras/1", "/recordings?camera=1&from=2%20x", "/a//b"])
def test_a_page_of_this_site_is_gone_on_to(wanted: str) -> None:
    assert safe_next(wanted) == wanted


@given(st.text())
def test_whatever_is_asked_one_stays_here(wanted: str) -> None:
    kept = safe_next(wanted)
    assert kept.startswith("/")
    assert not kept.startswith(("//", "/\\"))
    assert kept.isascii()
    assert kept.isprintable()


def test_the_login_address_leads_back() -> None:
    assert login_url("/recordings?camera=1") == "/login?next=%2Frecordings%3Fcamera%3D1"
    assert login_url("/") == "/login"
    assert login_url("//evil") == "/login"


@pytest.mark.parametrize("path", ["/", "/login", "/cameras/x", "/schema", "/apiary", "/metricsx"])
def test_pages(path: str) -> None:
    assert is_page_path(path)


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/cameras/", "/metrics/", "/healthz", "/events", "/static/x",
             "/schema/openapi.json"],
)  # fmt: skip
def test_programs_get_json(path: str) -> None:
    assert not is_page_path(path)


BROWSER = "Mozilla/5.0 (X11; Linux x86_64)"


@pytest.mark.parametrize(
    "headers",
    [
        {"hx_request": "true", "accept": "text/html"},
        {"sec_fetch_mode": "cors"},
        {"sec_fetch_mode": "no-cors"},
        {"user_agent": BROWSER, "accept": "image/avif,image/webp,*/*"},
        {"user_agent": BROWSER, "accept": "*/*"},
    ],
)
def test_a_page_gets_no_login_box(headers: dict[str, str]) -> None:
    assert is_page_fetch(request(**headers))
    assert not any(challenge.startswith("Basic") for challenge in challenges(request(**headers)))


@pytest.mark.parametrize(
    "headers",
    [
        {"user_agent": "VLC/3.0.20 LibVLC/3.0.20", "accept": "*/*"},
        {"user_agent": "Lavf/61.7.100"},
        {"user_agent": "curl/8.5.0", "accept": "*/*"},
        {"user_agent": BROWSER, "accept": "text/html,*/*", "sec_fetch_mode": "navigate"},
        {"user_agent": BROWSER, "accept": "text/html,application/xhtml+xml"},
    ],
)
def test_programs_are_told_how_to_log_in(headers: dict[str, str]) -> None:
    assert challenges(request(**headers))[0].startswith("Basic")
