"""A whole node behind real reverse proxies, as the README sets them up: nothing gets lost."""

import asyncio
import hashlib
import json
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from falconeye.web.server import uvicorn_config
from tests.end_to_end.test_viewers import resident_bytes
from tests.integration.web_security.site import csrf_in, csrf_token
from tests.nodes import PASSWORD, RunningNode, running_node
from tests.peers.reverse_proxies import (
    BASE,
    ReverseProxy,
    caddy,
    needs_caddy,
    needs_nginx,
    nginx,
    told_in_readme,
)

pytestmark = [pytest.mark.timeout(90), pytest.mark.proxy]
USER: Final = "anna"
PERSON: Final = "127.0.0.9"  # the proxies are 127.0.0.1
DOWNLOAD_BYTES: Final = 100_000_000
HELD_BYTES: Final = 40_000_000  # beside what the node holds anyway
MOST_PAGES: Final = 150
# Attributes that hold an address which a browser or our scripts ask for.
_ADDRESS: Final = re.compile(
    r'\s(href|src|action|formaction|poster|hx-[a-z:-]+|data-[a-z-]+)="(/[^"]*)"'
)
_FOLLOWED: Final = frozenset({"href", "src", "data-still", "data-src", "hx-get"})


@dataclass(frozen=True, slots=True)
class Behind:
    """A node with a demo camera, its proxy, and a browser's client that is signed in there."""

    node: RunningNode
    proxy: ReverseProxy
    client: httpx.AsyncClient
    base: str

    async def camera(self) -> str:
        """Its id, once pictures come."""
        listed = await self.node.until("/api/cameras/", lambda it: it["cameras"][0]["online"])
        found: str = listed["cameras"][0]["id"]
        return found


Running = Callable[[Path, int], AbstractAsyncContextManager[ReverseProxy]]
KINDS: Final = [
    pytest.param((nginx, BASE), marks=needs_nginx, id="nginx-tls-path"),
    pytest.param((partial(nginx, base="", tls=False), ""), marks=needs_nginx, id="nginx-plain"),
    pytest.param((caddy, BASE), marks=needs_caddy, id="caddy-tls-path"),
]


@pytest.fixture(params=KINDS)
async def behind(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Behind]:
    run: Running
    run, base = request.param
    (tmp_path / "imports").mkdir()
    monkeypatch.setenv("FALCONEYE_IMPORT_ROOT", str(tmp_path / "imports"))
    options = ["--demo", "--trusted-proxy", "127.0.0.1"] + (["--base-path", base] if base else [])
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(running_node(tmp_path / "node", *options))
        port = urlsplit(node.url).port
        assert port
        proxy = await stack.enter_async_context(run(tmp_path / "proxy", port))
        way = httpx.AsyncHTTPTransport(verify=proxy.tls, local_address=PERSON)
        client = httpx.AsyncClient(
            base_url=proxy.url, transport=way, timeout=20, headers={"origin": proxy.origin}
        )
        await stack.enter_async_context(client)
        link = proxy.origin + urlsplit(node.setup_link).path
        answer = await client.post(link, data={"name": USER, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"] == f"{base}/"
        cookie = answer.headers["set-cookie"]
        assert ("; Secure" in cookie) is proxy.origin.startswith("https:")
        assert f"Path={base or '/'};" in f"{cookie};"
        yield Behind(node, proxy, client, base)


def test_proxies_end_idle_connections_before_the_node_does() -> None:
    """Else a form that comes in the moment in which the node hangs up is answered 502."""

    async def nothing(_scope: Any, _receive: Any, _send: Any) -> None: ...

    ends_s = uvicorn_config(nothing).timeout_keep_alive
    for language, pattern in (
        ("nginx", r"keepalive_timeout (\d+)s"),
        ("caddyfile", r"keepalive (\d+)s"),
    ):
        found = re.search(pattern, told_in_readme(language))
        assert found
        assert int(found[1]) < ends_s


@pytest.mark.parametrize("behind", KINDS[:2], indirect=True)  # pages know nothing of the proxy
async def test_a_person_walks_through_all_pages(behind: Behind) -> None:
    """Every address on every page lies below the path, and is answered there."""
    await behind.camera()
    client = behind.client
    recordings = await behind.node.until("/api/recordings/", lambda it: it["count"])
    recorded = f"/recordings/{recordings['recordings'][0]['id']}"
    waiting = deque([f"{behind.base}/", f"{behind.base}{recorded}", f"{behind.base}/schema"])
    seen: set[str] = set(waiting)
    acted: set[str] = set()
    shown = 0
    while waiting and shown < MOST_PAGES:
        path = waiting.popleft()
        status, text = await _looked_at(client, behind.proxy.origin + path)
        assert status in {200, 303, 404, 503}, (path, status)
        assert status != 404 or "/footage?" in path or "/still.jpg" in path, path
        shown += 1
        for name, found in _ADDRESS.findall(text):
            address = unescape(found).partition("#")[0]
            assert address == behind.base or address.startswith(f"{behind.base}/"), (
                path,
                name,
                found,
            )
            if name in {"action", "formaction"}:
                acted.add(address)
            elif name in _FOLLOWED and address not in seen and "logout" not in address:
                seen.add(address)
                waiting.append(address)
    assert shown > 40
    for address in acted:  # there is something at each, whatever it takes
        answer = await client.get(behind.proxy.origin + address)
        assert answer.status_code != 404, address


async def _looked_at(client: httpx.AsyncClient, url: str) -> tuple[int, str]:
    """Status and, of a page, its text; of all else no more than its beginning is taken."""
    async with client.stream("GET", url) as answer:
        if answer.is_redirect:
            where = urljoin(url, answer.headers["location"])
            assert where.startswith(str(client.base_url).rstrip("/")), (url, where)
        if not answer.headers.get("content-type", "").startswith("text/html"):
            return answer.status_code, ""
        await answer.aread()
        return answer.status_code, answer.text


async def test_forms_sessions_and_the_clients_address(behind: Behind) -> None:
    client = behind.client
    answer = await client.get("/settings")
    token = csrf_in(answer.text)
    changed = {"_csrf": token, "default_framerate": "20"}
    forged = {"x-forwarded-for": "6.6.6.6", "x-real-ip": "6.6.6.6", "forwarded": "for=6.6.6.6"}
    saved = await client.post("/settings", data=changed, headers=forged)
    assert saved.status_code == 303, saved.text
    assert saved.headers["location"] == f"{behind.base}/settings?done=saved"
    refused = await client.post(
        "/settings", data=changed, headers={"origin": "https://evil.example"}
    )
    assert refused.status_code == 403
    without = await client.post("/settings", data={"default_framerate": "10"})
    assert without.status_code == 403
    entries = (await behind.node.json("/api/audit/"))["entries"]
    address = next(each["address"] for each in entries if each["action"] == "settings.changed")
    assert address == PERSON
    large = {"x-large": "a" * 6000}
    assert (await client.get("/about", headers=large)).status_code == 200
    too_large = await client.get("/about", headers={f"x-{n}": "a" * 7000 for n in range(8)})
    assert too_large.status_code in {400, 431, 494}
    left = await client.post("/logout", data={"_csrf": token})
    assert left.headers["location"] == f"{behind.base}/login"
    gone = await client.get("/settings")
    assert gone.headers["location"] == f"{behind.base}/login?next=%2Fsettings"


async def test_streams_pass_as_they_come(behind: Behind) -> None:
    camera = await behind.camera()
    api = f"{behind.proxy.url}/api/cameras/{camera}"
    async with asyncio.timeout(15), behind.client.stream("GET", "/events?page=wall") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            if f'src="{behind.base}/' in line or f'href="{behind.base}/' in line:
                break
    for path, kind in (("live.mp4", "video/mp4"), ("stream", "multipart/x-mixed-replace")):
        async with asyncio.timeout(15), behind.client.stream("GET", f"{api}/{path}") as answer:
            assert answer.headers["content-type"].startswith(kind)
            size = 0
            async for chunk in answer.aiter_raw():
                size += len(chunk)
                if size > 20_000:
                    break
    await _live(behind, f"{api}/live")


async def _live(behind: Behind, url: str) -> None:
    secure = url.startswith("https:")
    address = "ws" + url.removeprefix("http")
    cookie = "; ".join(f"{name}={value}" for name, value in behind.client.cookies.items())
    open_it = partial(
        connect, address, ssl=behind.proxy.tls if secure else None, proxy=None,
        additional_headers={"cookie": cookie},
    )  # fmt: skip
    with pytest.raises(InvalidStatus):
        await open_it(origin=Origin("https://evil.example"))
    async with open_it(origin=Origin(behind.proxy.origin)) as socket, asyncio.timeout(15):
        offer = json.loads(await socket.recv())
        assert offer["type"] == "offer"
        await socket.send('{"type":"choose","stream":"main","focused":true,"audio":false}')
        pictures = 0
        while pictures < 10:
            pictures += isinstance(await socket.recv(), bytes)


async def test_ranges_downloads_and_uploads(behind: Behind, tmp_path: Path) -> None:
    file = tmp_path / "imports" / "large.mp4"
    await asyncio.to_thread(_write_large, file)
    body = {"camera_id": "c", "file_path": file.name, "start_time": "2026-07-01T12:00:00Z"}
    headers = {"x-csrf-token": csrf_token(behind.client)}
    made = await behind.client.post("/api/recordings/", json=body, headers=headers)
    assert made.status_code == 201, made.text
    url = made.json()["download_url"]
    assert url.startswith(f"{behind.base}/api/recordings/")
    url = behind.proxy.origin + url
    part = await behind.client.get(url, headers={"range": "bytes=-4"})
    assert (part.status_code, part.content) == (206, b"last")
    assert part.headers["content-range"].endswith(f"/{DOWNLOAD_BYTES}")
    same = {"range": "bytes=0-3", "if-range": part.headers["etag"]}
    assert (await behind.client.get(url, headers=same)).status_code == 206
    known = await behind.client.get(url, headers={"if-none-match": part.headers["etag"]})
    assert known.status_code == 304
    await _downloaded_whole(behind, url, file)
    await _uploaded(behind)


async def _downloaded_whole(behind: Behind, url: str, file: Path) -> None:
    pid = behind.node.process.pid
    before = await asyncio.to_thread(resident_bytes, pid)
    digest, most = hashlib.sha256(), before
    async with behind.client.stream("GET", url) as answer:
        assert answer.headers["content-length"] == str(DOWNLOAD_BYTES)
        async for chunk in answer.aiter_raw(4 << 20):
            digest.update(chunk)
            most = max(most, await asyncio.to_thread(resident_bytes, pid))
    assert most - before < HELD_BYTES
    whole = await asyncio.to_thread(file.read_bytes)
    assert digest.digest() == hashlib.sha256(whole).digest()


async def _uploaded(behind: Behind) -> None:
    """A backup with its passphrase, back through the same proxy."""
    passphrase = "four words in a row"
    page = csrf_in((await behind.client.get("/settings/backup")).text)
    fields: dict[str, Any] = {
        "passphrase": passphrase, "again": passphrase, "password": PASSWORD, "_csrf": page,
    }  # fmt: skip
    backup = await behind.client.post("/settings/backup", data=fields)
    assert backup.status_code == 200, backup.text
    looked = await behind.client.post(
        "/api/backups/look",
        data={"password": PASSWORD, "passphrase": passphrase, "_csrf": page},
        files={"file": ("node.backup", backup.content)},
    )
    assert looked.status_code == 200, looked.text


def _write_large(path: Path) -> None:
    block = bytes(range(256)) * 4096
    with path.open("wb") as file:
        while file.tell() < DOWNLOAD_BYTES - 4:
            file.write(block[: DOWNLOAD_BYTES - 4 - file.tell()])
        file.write(b"last")
