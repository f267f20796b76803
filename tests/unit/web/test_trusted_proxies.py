"""Whose words on who asks count, and what is read of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falconeye.web.security.trusted_proxies import MalformedForwarding, TrustedProxies

PROXY, SECOND, PERSON, OTHER = "10.0.0.2", "10.0.0.3", "203.0.113.7", "198.51.100.9"


def request(client: str | None = PROXY, kind: str = "http", **headers: str | list[str]) -> Any:
    pairs = [(b"host", b"node:8900")]
    for name, values in headers.items():
        several = [values] if isinstance(values, str) else values
        pairs += [(name.replace("_", "-").encode(), each.encode("latin-1")) for each in several]
    scheme = "ws" if kind == "websocket" else "http"
    return {
        "type": kind, "scheme": scheme, "headers": pairs,
        "client": None if client is None else (client, 1234),
    }  # fmt: skip


def host_of(scope: Any) -> list[bytes]:
    return [value for name, value in scope["headers"] if name == b"host"]


def applied(scope: Any, *networks: str) -> Any:
    TrustedProxies(networks or (f"{PROXY}/32", f"{SECOND}/32", "fd00::/64")).apply(scope)
    return scope


FORGED = {
    "x_forwarded_for": PERSON,
    "x_forwarded_proto": "https",
    "x_forwarded_host": "evil.example",
    "forwarded": f"for={PERSON};proto=https;host=evil.example",
}


@pytest.mark.parametrize("client", [PERSON, "10.0.0.4", "fd01::1", "::ffff:10.0.0.4", "x", None])
def test_nobody_else_is_believed(client: str | None) -> None:
    scope = applied(request(client, **FORGED))
    assert scope["client"] == (None if client is None else (client, 1234))
    assert scope["scheme"] == "http"
    assert host_of(scope) == [b"node:8900"]


def test_without_networks_nobody_is() -> None:
    scope = request(**FORGED)
    TrustedProxies(()).apply(scope)
    assert (scope["client"][0], scope["scheme"]) == (PROXY, "http")


def test_a_trusted_proxy_is_believed() -> None:
    scope = applied(request(**FORGED))
    assert scope["client"] == (PERSON, 0)
    assert scope["scheme"] == "https"
    assert host_of(scope) == [b"evil.example"]


def test_the_other_standard_header_is_not_read() -> None:
    scope = applied(request(forwarded=f"for={PERSON};proto=https"))
    assert (scope["client"][0], scope["scheme"]) == (PROXY, "http")


@pytest.mark.parametrize("client", ["::ffff:10.0.0.2", "fd00::5", "fd00::5%eth0"])
def test_a_proxy_is_known_in_every_spelling(client: str) -> None:
    assert applied(request(client, x_forwarded_for=PERSON))["client"][0] == PERSON


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (PERSON, PERSON),
        (f"{OTHER}, {PERSON}", PERSON),  # what a client wrote itself stands on the left
        (f"{OTHER}, {PERSON}, {SECOND}", PERSON),
        ([OTHER, PERSON, f"{SECOND}, {PROXY}"], PERSON),  # several header lines are one list
        (f"not an address, {PERSON}", PERSON),  # nothing left of the client is looked at
        (f"{SECOND}, {PROXY}", SECOND),  # a proxy's own question
        (f"{PERSON}:4711", PERSON),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        (f"::ffff:{PERSON}", PERSON),
        (f"{PERSON},", PERSON),
        ("", PROXY),
        (" , ", PROXY),
        (",".join([OTHER] * 100 + [PERSON]), PERSON),
    ],
)
def test_the_client_is_the_right_most_that_is_no_proxy(
    header: str | list[str], client: str
) -> None:
    assert applied(request(x_forwarded_for=header))["client"][0] == client


@pytest.mark.parametrize(
    "header",
    ["unknown", f"{PERSON}, _hidden", "1.2.3", "[::1", "fe80::1%eth0", f"x, {SECOND}",
     f"{PERSON}, , {SECOND}", "<script>", ",".join([SECOND] * 40)],
)  # fmt: skip
def test_what_a_proxy_cannot_have_meant_counts_as_nothing(header: str) -> None:
    with pytest.raises(MalformedForwarding):
        applied(request(x_forwarded_for=header))


@pytest.mark.parametrize(
    ("kind", "header", "scheme"),
    [
        ("http", "https", "https"), ("http", "HTTPS", "https"), ("http", "http", "http"),
        ("http", "wss", "https"), ("websocket", "https", "wss"), ("websocket", "wss", "wss"),
        ("websocket", "http", "ws"), ("http", "https, http", "http"), ("http", "", "http"),
    ],
)  # fmt: skip
def test_the_scheme_is_what_the_nearest_proxy_says(kind: str, header: str, scheme: str) -> None:
    assert applied(request(kind=kind, x_forwarded_proto=header))["scheme"] == scheme


@pytest.mark.parametrize("header", ["gopher", "https;x", "1"])
def test_another_scheme_is_refused(header: str) -> None:
    with pytest.raises(MalformedForwarding):
        applied(request(x_forwarded_proto=header))


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("cameras.example.org", b"cameras.example.org"), ("nvr:8443", b"nvr:8443"),
        ("[2001:db8::1]:443", b"[2001:db8::1]:443"), ("evil.example, nvr", b"nvr"),
        ("", b"node:8900"),
    ],
)  # fmt: skip
def test_the_host_is_what_the_nearest_proxy_says(header: str, host: bytes) -> None:
    assert host_of(applied(request(x_forwarded_host=header))) == [host]


@pytest.mark.parametrize("header", ["a b", "user@host", "host/path", "a:b:c", "[x]", "h\u00e4"])
def test_what_is_no_host_is_refused(header: str) -> None:
    with pytest.raises(MalformedForwarding):
        applied(request(x_forwarded_host=header))


@given(st.text(st.characters(max_codepoint=255)), st.sampled_from(sorted(FORGED)))
def test_any_header_is_believed_or_refused(value: str, name: str) -> None:
    scope = request(**{name: value})
    try:
        applied(scope)
    except MalformedForwarding:
        return
    assert scope["scheme"] in {"http", "https"}
    assert len(host_of(scope)) == 1
