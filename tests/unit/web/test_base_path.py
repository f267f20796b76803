"""The base path: what is taken off, what is put before, and what is left as it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from falconeye.base.errors import StartError
from falconeye.config.settings import NodeSettings
from falconeye.web.base_path import OwnAddress, answer_below, inward, outward
from falconeye.web.behind_proxy import behind_proxy
from falconeye.web.security.paths import login_url, safe_next
from falconeye.web.security.peer import PEER_KEY

BASE = "/falconeye"


class Answer(BaseModel):
    link: OwnAddress
    other: OwnAddress | None


@pytest.fixture
def below() -> Iterator[None]:
    answer_below(BASE)
    yield
    answer_below("")


def test_without_one_nothing_changes() -> None:
    assert (outward("/x"), inward("/x"), inward(BASE)) == ("/x", "/x", BASE)
    answer = Answer(link="/x", other=None)
    assert answer.model_dump() == {"link": "/x", "other": None}


@pytest.mark.usefixtures("below")
def test_addresses_in_answers_carry_it_once() -> None:
    answer = Answer(link="/x", other="/y")
    assert answer.model_dump(mode="json") == {"link": f"{BASE}/x", "other": f"{BASE}/y"}
    assert answer.link == "/x"  # as a peer told it, and as it is told to one


@pytest.mark.usefixtures("below")
@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (f"{BASE}/cameras/1?a=b", "/cameras/1?a=b"),
        ("/cameras/1", "/cameras/1"),
        (f"{BASE}/", "/"),
        (BASE, "/"),
        (f"{BASE}?layout=4", "/?layout=4"),
        (f"{BASE}er/x", f"{BASE}er/x"),
        (f"{BASE}//evil.example", "/"),
        (f"{BASE}/\\evil.example", "/"),
        (f"{BASE}https://evil.example", f"{BASE}https://evil.example"),
    ],
)
def test_one_is_sent_back_below_it(wanted: str, kept: str) -> None:
    assert safe_next(wanted) == kept
    assert login_url(BASE) == "/login"


class Inner:
    """What the layer lets in, and what it is answered."""

    def __init__(self, *headers: tuple[bytes, bytes]) -> None:
        self.headers = list(headers)
        self.scope: Any = None
        self.sent: list[Any] = []

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        self.scope = scope
        self.outward = outward("/x")
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await send({"type": "http.response.body", "body": b""})

    async def send(self, message: Any) -> None:
        self.sent.append(message)


def settings(tmp_path: Path, **values: Any) -> NodeSettings:
    return NodeSettings(data_dir=tmp_path, media_dir=tmp_path, **values)


async def ask(
    inner: Inner, tmp_path: Path, path: str, raw: bytes | None = None, **more: Any
) -> Any:
    scope = {
        "type": "http", "path": path, "raw_path": path.encode() if raw is None else raw,
        "headers": [], "state": {}, "client": ("127.0.0.1", 1), "scheme": "http", **more,
    }  # fmt: skip
    app: Any = behind_proxy(inner, settings(tmp_path, base_path=BASE), ["/cameras"])
    try:
        await app(scope, None, inner.send)
    finally:
        answer_below("")
    return scope


@pytest.mark.parametrize(
    ("path", "raw", "inside", "inside_raw"),
    [
        (f"{BASE}/cameras/1", None, "/cameras/1", b"/cameras/1"),
        ("/cameras/1", None, "/cameras/1", b"/cameras/1"),  # the proxy took it off
        (BASE, None, "/", b"/"),
        (f"{BASE}/", None, "/", b"/"),
        (f"{BASE}er", None, f"{BASE}er", b"/falconeyeer"),
        (f"{BASE}/a/b", b"/falconeye/a%2Fb", "/a/b", b"/a%2Fb"),
        (f"{BASE}{BASE}", None, BASE, BASE.encode()),  # once only
        (f"{BASE}/x", b"/falcon%65ye/x", f"{BASE}/x", b"/falcon%65ye/x"),
    ],
)
async def test_it_is_taken_off(
    tmp_path: Path, path: str, raw: bytes | None, inside: str, inside_raw: bytes
) -> None:
    inner = Inner()
    await ask(inner, tmp_path, path, raw)
    assert (inner.scope["path"], inner.scope["raw_path"]) == (inside, inside_raw)
    assert inner.outward == f"{BASE}/x"


async def test_headers_of_the_answer_carry_it(tmp_path: Path) -> None:
    inner = Inner(
        (b"location", b"/login?next=%2F"),
        (b"HX-Redirect", b"/login"),
        (b"location", b"https://elsewhere.example/"),
        (b"location", b"//elsewhere.example/"),
        (b"set-cookie", b"a=b; HttpOnly; Path=/; SameSite=lax"),
        (b"set-cookie", b"a=b; Path=/deeper"),
        (b"content-type", b"/"),
    )
    await ask(inner, tmp_path, "/")
    assert inner.sent[0]["headers"] == [
        (b"location", b"/falconeye/login?next=%2F"),
        (b"HX-Redirect", b"/falconeye/login"),
        (b"location", b"https://elsewhere.example/"),
        (b"location", b"//elsewhere.example/"),
        (b"set-cookie", b"a=b; HttpOnly; Path=/falconeye; SameSite=lax"),
        (b"set-cookie", b"a=b; Path=/deeper"),
        (b"content-type", b"/"),
    ]


async def test_what_a_peer_asks_passes_untouched(tmp_path: Path) -> None:
    inner = Inner((b"location", b"/x"))
    scope = await ask(inner, tmp_path, f"{BASE}/x", state={PEER_KEY: "2"})
    assert scope["path"] == f"{BASE}/x"
    assert inner.sent[0]["headers"] == [(b"location", b"/x")]
    assert inner.outward == "/x"


def test_a_node_with_neither_setting_has_no_such_layer(tmp_path: Path) -> None:
    inner = Inner()
    assert behind_proxy(inner, settings(tmp_path), []) is inner


@pytest.mark.parametrize("base", ["/cameras", "/cameras/falconeye", "/api"])
def test_a_base_path_that_is_an_address_of_ours_is_refused(tmp_path: Path, base: str) -> None:
    with pytest.raises(StartError, match="is taken"):
        behind_proxy(Inner(), settings(tmp_path, base_path=base), ["/cameras/{id}", "/api/x"])
