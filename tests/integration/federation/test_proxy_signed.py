"""The proxy over the signed transport: two whole applications, the owner's listener for nodes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from falconeye.accounts.model import Role
from falconeye.accounts.users import Rights
from falconeye.base.clock import SystemClock
from falconeye.base.secret import Secret
from falconeye.federation.peer_address import KnownPeers, PeerAddress
from falconeye.federation.peer_clients import PeerClients
from falconeye.web.listening_socket import open_socket
from falconeye.web.peers.listener import PeerListener
from falconeye.web.peers.proxy_upstream import Elsewhere
from falconeye.web.security.credentials import SESSION_COOKIE
from falconeye.web.security.csrf import csrf_token_is_valid, make_csrf_token
from tests.integration.api.conftest import Served, serve
from tests.integration.api.test_recordings import CAMERA, footage
from tests.integration.federation.test_proxy_nodes import control, shown, started_camera
from tests.integration.federation.two_nodes import new_keys
from tests.integration.web_security.site import PASSWORD, csrf_in
from tests.nodes import NO_TLS

pytestmark = pytest.mark.timeout(30)


@dataclass
class Placed:
    """Who records what is said here; every peer is heard."""

    own_id: str
    owner_id: str
    recorders: dict[str, str] = field(default_factory=dict)

    def recorder_of(self, camera_id: str) -> str | None:
        return self.recorders.get(camera_id)

    def peers(self) -> Sequence[str]:
        return [self.owner_id]

    def name_of(self, node_id: str) -> str:
        assert node_id == self.owner_id
        return "pi-2"

    def unreachable_since_us(self, node_id: str) -> int | None:
        assert node_id == self.owner_id
        return None


@dataclass
class Cluster:
    """`entry` asks `owner` through its listener."""

    entry: Served
    owner: Served
    placed: Placed
    known: KnownPeers  # to the owner

    async def replicate(self) -> None:
        """Users, sessions and tokens of the entry node stand in the owner's directory too."""
        rows = await self.entry.services.accounts._store.load()
        store = self.owner.services.accounts._store
        there = await store.load()
        have = {user.id for user in there.users} | {one.id for one in there.sessions}
        have |= {one.id for one in there.tokens}
        for user in rows.users:
            if user.id not in have:
                await store.add_user(user)
        for session in rows.sessions:
            if session.id not in have:
                await store.add_session(session, rows.users[0].password_hash)
        for token in rows.tokens:
            if token.id not in have and token.name not in {one.name for one in there.tokens}:
                await store.add_token(token)
        await self.owner.services.accounts.reload()


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with AsyncExitStack() as stack:
        for name in ("owner", "entry"):
            await asyncio.to_thread((tmp_path / name).mkdir)
        owner = await serve(stack, tmp_path / "owner")
        owner_keys = await new_keys(tmp_path / "owner-keys")
        own_keys = await new_keys(tmp_path / "entry-keys")
        known = KnownPeers()
        known.update([PeerAddress(own_keys.node_id, own_keys.certificate, ())])
        listener = PeerListener(owner.app, open_socket("127.0.0.1", 0), owner_keys, known)
        await listener.start()
        stack.push_async_callback(listener.stop)
        clients = PeerClients(own_keys.node_id, lambda: own_keys.private_key, SystemClock())
        address = f"127.0.0.1:{listener.port}"
        clients.update([PeerAddress(owner_keys.node_id, owner_keys.certificate, (address,))])
        stack.push_async_callback(clients.stop)
        placed = Placed(own_keys.node_id, owner_keys.node_id)
        entry = await serve(stack, tmp_path / "entry", Elsewhere(placed, clients))
        yield Cluster(entry, owner, placed, known)


async def token(cluster: Cluster, role: Role) -> tuple[str, str]:
    """A token that both nodes know: itself, and its id."""
    plain, made = await cluster.entry.services.accounts.tokens.add(f"both {role}", role)
    await cluster.replicate()
    return plain, made.id


def client(cluster: Cluster, plain: str = "") -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {plain}"} if plain else None
    return httpx.AsyncClient(
        base_url=cluster.entry.url, headers=headers, timeout=8, trust_env=False, verify=NO_TLS
    )


async def test_a_download_is_the_same_over_pinned_tls(cluster: Cluster) -> None:
    made = await footage(cluster.owner, gops=3)
    url = f"/api/recordings/{made}/download"
    plain, _ = await token(cluster, Role.VIEWER)
    asked: list[dict[str, str]] = [
        {}, {"range": "bytes=7-99"}, {"range": "bytes=-9"}, {"range": "bytes=999999999-"},
        {"range": "bytes=7-99", "if-range": '"x"'}, {"x-custom": "gr\xfc\xdf"},
    ]  # fmt: skip
    async with client(cluster, plain) as through:
        for headers in asked:
            raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
            for method in ("GET", "HEAD"):
                answer = await through.request(method, url, headers=raw)
                direct = await cluster.owner.viewer.request(method, url, headers=raw)
                assert shown(answer) == shown(direct), (method, headers)
    entries = (await cluster.owner.admin.get("/api/audit")).json()["entries"]
    downloads = [one for one in entries if one["action"] == "recording.downloaded"]
    assert {one["address"] for one in downloads} == {"127.0.0.1"}
    assert "both viewer" in str(downloads)


async def test_live_pictures_come_and_end_with_the_right(cluster: Cluster) -> None:
    plain, token_id = await token(cluster, Role.VIEWER)
    async with started_camera(cluster.owner) as camera:
        cluster.placed.recorders[camera] = cluster.placed.owner_id
        url = f"{cluster.entry.url}/api/cameras/{camera}/live?stream=main"
        login = {"authorization": f"Bearer {plain}"}
        async with (
            client(cluster, plain) as through,
            through.stream("GET", f"/api/cameras/{camera}/live.mp4") as answer,
            connect(
                url.replace("http:", "ws:"), additional_headers=login, proxy=None, max_size=None
            ) as viewer,
        ):
            chunks = answer.aiter_raw()
            assert (await anext(chunks))[4:8] == b"ftyp"
            await control(viewer, "hello")
            for _ in range(3):
                assert isinstance(await viewer.recv(), bytes)
            await cluster.entry.services.accounts.tokens.remove(token_id)
            with pytest.raises(ConnectionClosed):
                await control(viewer, "never")
            assert viewer.close_code == 4401
            async for _ in chunks:
                pass  # it ends


async def test_the_owner_decides_by_its_own_rows(cluster: Cluster) -> None:
    plain, token_id = await token(cluster, Role.OPERATOR)
    async with started_camera(cluster.owner) as camera, client(cluster, plain) as through:
        cluster.placed.recorders[camera] = cluster.placed.owner_id
        url = f"/api/cameras/{camera}/recording/start"
        assert (await through.post(url)).status_code == 200
        await cluster.owner.services.accounts.tokens.remove(token_id)
        answer = await through.post(url)
        assert answer.status_code == 503
        assert "not known there" in answer.json()["detail"]
        cluster.known.update([], [cluster.placed.own_id])
        answer = await through.get(f"/api/cameras/{camera}/snapshot.jpg")
        assert answer.status_code == 503
        words = "the node pi-2 refused: it says that this node was removed from the cluster"
        assert answer.json()["detail"] == words
        live = f"{cluster.entry.url}/api/cameras/{camera}/live".replace("http:", "ws:")
        login = {"authorization": f"Bearer {plain}"}
        async with connect(live, additional_headers=login, proxy=None) as viewer:
            await viewer.wait_closed()
        assert (viewer.close_code, viewer.close_reason) == (4503, words)


async def test_a_refused_socket_keeps_its_status(cluster: Cluster) -> None:
    plain, made = await cluster.entry.services.accounts.tokens.add("half", Role.VIEWER)
    token_id, owner_accounts = made.id, cluster.owner.services.accounts
    row = next(
        one for one in (await cluster.entry.services.accounts._store.load()).tokens
        if one.id == token_id
    )  # fmt: skip
    await owner_accounts._store.add_token(replace(row, cameras=frozenset({"other"})))
    await owner_accounts.reload()
    cluster.placed.recorders[CAMERA] = cluster.placed.owner_id
    live = f"{cluster.entry.url}/api/cameras/{CAMERA}/live".replace("http:", "ws:")
    login = {"authorization": f"Bearer {plain}"}
    with pytest.raises(InvalidStatus) as refused:
        async with connect(live, additional_headers=login, proxy=None):
            pass
    assert refused.value.response.status_code == 403


async def test_a_page_of_the_owner_has_forms_that_work_here(cluster: Cluster) -> None:
    made = await footage(cluster.owner)
    accounts = cluster.entry.services.accounts
    await accounts.users.add("ann", Secret(PASSWORD), Rights(Role.OPERATOR))
    async with client(cluster) as ann:
        signed = await ann.post("/login", data={"name": "ann", "password": PASSWORD})
        assert signed.status_code == 303
        await cluster.replicate()
        page = await ann.get(f"/recordings/{made}", headers={"accept": "text/html"})
        assert page.status_code == 200, page.text
        assert "set-cookie" not in page.headers
        form_token = csrf_in(page.text)
        assert csrf_token_is_valid(form_token, ann.cookies[SESSION_COOKIE])
        url = f"/recordings/{made}/protection"
        form = {"_csrf": form_token, "protected": "1"}
        answer = await ann.post(url, data=form)
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"].startswith(f"/recordings/{made}")
        refused = await ann.post(url, data={**form, "_csrf": make_csrf_token("another")})
        assert refused.status_code == 403
    one = (await cluster.owner.viewer.get(f"/api/recordings/{made}")).json()
    assert one["protected"], one
