"""A whole site on a loopback socket: the real application, database and accounts, in this loop.

The shell never touches cameras or footage, so those parts are absent; what uses them fails.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import argon2
import httpx
from litestar import Litestar
from litestar.types import ControllerRouterHandler

from falconeye.accounts.model import Role
from falconeye.accounts.passwords import PasswordHasher
from falconeye.accounts.service import Accounts
from falconeye.accounts.users import Rights
from falconeye.alerts.service import Alerts
from falconeye.base.clock import SystemClock
from falconeye.base.node_name import NodeName
from falconeye.base.secret import Secret
from falconeye.config.settings import NodeSettings
from falconeye.discovery.candidates import Candidates
from falconeye.events.bus import EventBus
from falconeye.storage.footage import StorageParts
from falconeye.storage.ledger.ledger import Ledger
from falconeye.storage.segments.index_state import IndexState
from falconeye.storage.stores.ignored_store import IgnoredStore
from falconeye.storage.stores.node_store import load_identity
from falconeye.storage.stores.notice_store import NoticeStore
from falconeye.storage.stores.settings_store import SettingsStore
from falconeye.web.app import create_app
from falconeye.web.listening_socket import open_socket
from falconeye.web.peers.proxy_upstream import Elsewhere
from falconeye.web.security.credentials import SECURE_SESSION_COOKIE, SESSION_COOKIE
from falconeye.web.security.csrf import make_csrf_token
from falconeye.web.server import WebServer
from falconeye.web.services import Services
from falconeye.web.shell import STATE_KEY, Shell
from tests.databases import closed_database, lay_new_database
from tests.nodes import NO_TLS
from tests.templates import compiled_once

PASSWORD = "four words in a row"
CHEAP = argon2.Parameters(
    type=argon2.Type.ID, version=19, salt_len=16, hash_len=32, time_cost=1, memory_cost=64,
    parallelism=1,
)  # fmt: skip
_TOKEN_FIELD = re.compile(r'name="_csrf" value="([^"]+)"')


@dataclass
class Site:
    """A running site and a client without a session."""

    app: Litestar
    server: WebServer
    services: Services
    client: httpx.AsyncClient

    @property
    def accounts(self) -> Accounts:
        return self.services.accounts

    @property
    def shell(self) -> Shell:
        shell: Shell = self.app.state[STATE_KEY]
        return shell

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def new_client(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.base, timeout=5, trust_env=False, verify=NO_TLS, **options
        )

    async def add_user(self, name: str, role: Role, **rights: Any) -> None:
        await self.accounts.users.add(name, Secret(PASSWORD), Rights(role, **rights))

    async def sign_in(self, client: httpx.AsyncClient, name: str) -> str:
        """Sign in by the form; the CSRF token of the session."""
        answer = await client.post("/login", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return csrf_token(client)

    async def token(self, role: Role, **rights: Any) -> str:
        plain, _ = await self.accounts.tokens.add(f"token-{role}", role, **rights)
        return plain


def csrf_token(client: httpx.AsyncClient) -> str:
    """What a page of this session would carry."""
    by_tls = client.cookies.get(SECURE_SESSION_COOKIE)
    return make_csrf_token(by_tls or client.cookies[SESSION_COOKIE])


def csrf_in(html: str) -> str:
    """The token in a page's form."""
    found = _TOKEN_FIELD.search(html)
    assert found, html
    return found[1]


@asynccontextmanager
async def running_site(
    data_dir: Path,
    extra_routes: list[ControllerRouterHandler] | None = None,
    elsewhere: Elsewhere | None = None,
    **settings: Any,
) -> AsyncIterator[Site]:
    """Started, with a client; everything is stopped at the end. `settings`: of the node."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        await lay_new_database(data_dir)
        database = closed_database(data_dir, clock)
        await database.open()
        stack.push_async_callback(database.close)
        identity = await load_identity(database, clock)
        accounts = Accounts(database, clock, hasher=PasswordHasher(CHEAP))
        await accounts.start(serving=True)
        stack.push_async_callback(accounts.stop)
        stored = SettingsStore(database)
        await stored.load()
        bus = EventBus()
        alerts = Alerts(
            NoticeStore(database), Ledger(database, clock), stored, bus, clock,
            node_id=identity.node_id, node_name="test-node", name_of=str,
        )  # fmt: skip
        absent = cast("Any", None)
        ignored = IgnoredStore(database, clock)
        services = Services(
            node_id=identity.node_id,
            called=NodeName("test-node"),
            started_at_us=clock.utc_us(),
            settings=NodeSettings(data_dir=data_dir, media_dir=data_dir / "media", **settings),
            stored_settings=stored,
            clock=clock,
            bus=bus,
            accounts=accounts,
            alerts=alerts,
            cameras=absent,
            finding=cast("Any", SimpleNamespace(candidates=Candidates(clock, ignored))),
            onvif=absent,
            recordings=absent,
            timelines=absent,
            coverage=absent,
            events=absent,
            playback=absent,
            stills=absent,
            volumes=absent,
            storage=StorageParts(absent, absent, absent, absent, IndexState(), absent, absent),
            exports=absent,
            jobs=absent,
            works=absent,
            backups=absent,
            restores=absent,
            restart=None,
            patient=absent,
        )
        app = await asyncio.to_thread(_make_app, services, extra_routes or [], elsewhere)
        server = WebServer(app, open_socket("127.0.0.1", 0))
        await server.start()
        stack.push_async_callback(server.stop)
        site = Site(app, server, services, cast("Any", None))
        site.client = await stack.enter_async_context(site.new_client())
        yield site


def _make_app(
    services: Services, extra_routes: list[ControllerRouterHandler], elsewhere: Elsewhere | None
) -> Litestar:
    with compiled_once():
        app = create_app(services, elsewhere)
    for handler in extra_routes:
        app.register(handler)
    return app
