"""Static files of another release, asked of the node that shows a peer's page."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from falconeye.web.assets import MANIFEST
from falconeye.web.headers import IMMUTABLE
from falconeye.web.peers.proxy_upstream import Elsewhere
from tests.integration.federation.plain_peers import (
    PlainCluster,
    PlainPeer,
    RawServer,
    raw_server,
)
from tests.integration.web_security.site import Site, running_site

PEER = "2" * 32
FILES = {"live.js": b"export const release = 2;", "app.css": b"body {}"}


def short(content: bytes, length: int) -> str:
    return hashlib.sha256(content).hexdigest()[:length]


def manifest() -> bytes:
    return "\n".join(f"{name} {short(body, 16)}" for name, body in FILES.items()).encode()


@asynccontextmanager
async def with_peer(folder: Path, forged: bytes = b"") -> AsyncIterator[tuple[Site, RawServer]]:
    """A node beside one of another release, which answers `forged` for its files."""

    async def script(
        head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        name = head.split(b" ")[1].decode().rpartition("/")[2]
        body = manifest() if name == MANIFEST else forged or FILES.get(name, b"")
        status = b"200 OK" if body else b"404 Not Found"
        length = b"content-length: %d" % len(body)
        writer.write(b"\r\n".join([b"HTTP/1.1 " + status, length, b"", body]))

    async with raw_server(script) as peer:
        cluster = PlainCluster(members={PEER: PlainPeer(peer.port)})
        async with running_site(folder, elsewhere=Elsewhere(cluster, cluster)) as site:
            yield site, peer


async def test_a_file_of_the_peers_release_comes_from_it_once(tmp_path: Path) -> None:
    version = short(manifest(), 12)
    async with with_peer(tmp_path) as (site, peer):
        for _ in range(3):
            answer = await site.client.get(f"/static/{version}/live.js")
            assert (answer.status_code, answer.content) == (200, FILES["live.js"])
            assert answer.headers["content-type"].startswith("text/javascript")
            assert answer.headers["cache-control"] == IMMUTABLE
            assert "content-security-policy" in answer.headers
        assert len(peer.heads) == 2  # its manifest, the file
        head = await site.client.head(f"/static/{version}/live.js")
        assert (head.content, head.headers["content-length"]) == (b"", "25")
        own = await site.client.get(f"/static/{site.shell.assets.version}/app.css")
        assert own.content != FILES["app.css"]
        assert len(peer.heads) == 2


async def test_a_file_with_another_hash_is_not_taken(tmp_path: Path) -> None:
    version = short(manifest(), 12)
    async with with_peer(tmp_path, forged=b"alert(1)") as (site, _):
        answer = await site.client.get(f"/static/{version}/app.css")
        assert answer.status_code == 200
        assert b"alert" not in answer.content  # this release's own, as before
        assert answer.headers["cache-control"] != IMMUTABLE


async def test_hashes_that_never_were_do_not_make_peers_busy(tmp_path: Path) -> None:
    async with with_peer(tmp_path) as (site, peer):
        for number in range(20):
            answer = await site.client.get(f"/static/{number:012x}/none.js")
            assert answer.status_code == 404
        assert len(peer.heads) == 1


async def test_the_manifest_is_what_the_hash_is_over(tmp_path: Path) -> None:
    async with running_site(tmp_path) as site:
        listed = (await site.client.get(f"/static/{MANIFEST}")).content
        assert short(listed, 12) == site.shell.assets.version
        for line in listed.decode().splitlines():
            name, _, etag = line.rpartition(" ")
            body = (await site.client.get(f"/static/{name}")).content
            assert short(body, 16) == etag
